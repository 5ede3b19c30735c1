const collator = new Intl.Collator("en", { numeric: true });

/** By the numbers of a column where it has any, else by its text; what is missing comes last either way. */
function sortBy(header) {
  const table = header.closest("table");
  const at = header.cellIndex;
  const next = { none: "ascending", ascending: "descending", descending: "none" }[header.getAttribute("aria-sort")];
  for (const other of table.querySelectorAll("thead th")) other.setAttribute("aria-sort", "none");
  header.setAttribute("aria-sort", next);
  table.classList.toggle("sorted", next !== "none");
  const sign = next === "descending" ? -1 : 1;
  const numeric = header.classList.contains("number");
  const key = (row) => (numeric ? Number(row.cells[at].dataset.number ?? NaN) : row.cells[at].textContent.trim());
  const missing = (value) => (numeric ? Number.isNaN(value) : value === "" || value === "–");
  const compare = (a, b) => {
    const [one, other] = [key(a), key(b)];
    if (missing(one) || missing(other)) return missing(one) - missing(other);
    return sign * (numeric ? one - other : collator.compare(one, other));
  };
  const body = table.tBodies[0];
  const before = (a, b) => a.dataset.order - b.dataset.order;
  body.append(...[...body.rows].sort((a, b) => (next === "none" ? 0 : compare(a, b)) || before(a, b)));
}
