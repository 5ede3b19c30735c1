/**
 * The plot by keyboard: arrows go from point to point in their order across, a tooltip opens at each, and a screen reader reads it; Enter chooses.
 * output: the element whose text a screen reader reads. Returns drawn(view), for a new plot, and again(), for new data in it.
 */
function pointsByKeyboard(chart, output, choose) {
  const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity };
  let view = null;
  let current = null;
  const datum = (mark) => mark.__data__.datum;
  const marks = () =>
    [...chart.querySelectorAll("path[aria-roledescription=point]")].sort((a, b) => datum(a).x - datum(b).x || datum(b).y - datum(a).y);

  function tell(points, mark) {
    for (const one of points) one.classList.toggle("current", one === mark);
    const box = mark?.getBoundingClientRect();
    const at = box ? { clientX: box.x + box.width / 2, clientY: box.y + box.height / 2 } : {};
    view.tooltip()(view, at, mark?.__data__, mark?.__data__.tooltip);
    output.textContent = mark?.getAttribute("aria-label") ?? "";
  }

  function step(by) {
    const points = marks();
    const at = points.findIndex((mark) => datum(mark).id === current);
    const next = points[Math.max(0, Math.min(points.length - 1, at < 0 ? 0 : at + by))];
    current = next ? datum(next).id : null;
    tell(points, next);
  }

  const here = () => view !== null && document.activeElement === chart;
  chart.addEventListener("focus", () => here() && chart.matches(":focus-visible") && step(0));
  chart.addEventListener("blur", () => view && tell(marks()));
  chart.addEventListener("keydown", (event) => {
    if (event.target !== chart || !view) return;
    if (event.key in STEPS) step(STEPS[event.key]);
    else if (event.key === "Escape") tell(marks());
    else if (["Enter", " "].includes(event.key) && current !== null) choose(current);
    else return;
    event.preventDefault();
  });
  return { drawn: (one) => void (view = one), again: () => here() && current !== null && step(0) };
}
