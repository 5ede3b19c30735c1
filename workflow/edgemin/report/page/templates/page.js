(() => {
  const { points, figures, scales, runtimes, marks, meanings } = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const chosen = new Set();
  const dashes = Object.fromEntries(runtimes.map(({ name }, at) => [name, DASHES[at % DASHES.length]]));
  let view = null;
  /** What a pointer or a screen reader reads of a point, before its figures. */
  const DESCRIBED = ["cell", "mark", "recipe", "runtime"];
  const known = Object.keys(figures).filter((name) => points.some((point) => point.values[name] != null));

  // -- which points are visible ------------------------------------------------------------------------------------

  const ticked = (name) => all(`input[name=${name}]:checked`).map((input) => input.value);
  const task = () => byId("task")?.value ?? points[0]?.task;

  function visiblePoints() {
    const runtimes = ticked("runtime");
    const stages = ticked("stage");
    const variant = byId("variant")?.value ?? "";
    return points.filter(
      (point) =>
        point.task === task() &&
        runtimes.includes(point.runtime) &&
        stages.every((stage) => point.stages.includes(stage)) &&
        (!variant || point.variants.includes(variant)),
    );
  }

  // -- the plot ------------------------------------------------------------------------------------------------------

  const axes = () => ({ x: byId("axis-x").value, y: byId("axis-y").value, log: byId("log").checked });

  /** Of the visible points those that have both figures, as the plot wants them. */
  function rows() {
    const { x, y, log } = axes();
    const complete = visiblePoints().filter(({ values }) => values[x] != null && values[y] != null && (!log || values[x] > 0));
    const best = new Set(runtimes.flatMap(({ name }) => frontier(complete.filter((point) => point.runtime === name && point.accepted), x, y, figures[x].less)).map((point) => point.id));
    const roles = marks[`${x}/${y}`];
    return complete.map((point) => {
      const one = point.values;
      const row = { id: point.id, cell: point.cell + (point.accepted ? "" : "†"), runtime: point.runtime, last: point.last, recipe: point.recipe, x: one[x], y: one[y] };
      for (const [axis, name] of [["x", x], ["y", y]]) {
        const ends = [one[`${name}_low`], one[`${name}_high`]];
        const drawn = ends.every((end) => end != null && (axis === "y" || !log || end > 0));
        [row[`${axis}_low`], row[`${axis}_high`]] = drawn ? ends : [row[axis], row[axis]];
      }
      for (const name of Object.keys(figures)) row[`text_${name}`] = point.texts[name];
      row.dash = dashes[point.runtime];
      row.best = best.has(point.id);
      row.chosen = chosen.has(point.id);
      row.faint = chosen.size > 0 && !row.chosen;
      row.role = roles[point.id] ?? "";
      row.mark = meanings[row.role] ?? "–";
      row.description = [...DESCRIBED.map((name) => `${name}: ${row[name]}`), ...known.map((name) => `${wordsOf(name)}: ${point.texts[name]}`)].join("; ");
      row.weight = row.role ? "bold" : "normal";
      row.named = row.chosen || (chosen.size === 0 && (row.best || row.role !== ""));
      return row;
    });
  }

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  function wordsOf(name) {
    const label = scales[task()]?.label ?? "quality";
    return { quality: `test ${label}`, validation: `validation ${label}`, change: `change to the teacher, ${label}` }[name] ?? figures[name].words;
  }

  function specification() {
    const { x, y, log } = axes();
    const scale = log ? { type: "log", nice: false, padding: 36 } : { zero: false, nice: true, padding: 24 };
    const place = {
      x: { field: "x", type: "quantitative", title: wordsOf(x) + (log ? " (logarithmic)" : ""), scale, axis: { format: "~g", labelOverlap: true, tickCount: 8 } },
      y: { field: "y", type: "quantitative", title: wordsOf(y), scale: { zero: false, nice: true, padding: 24 }, axis: { tickCount: 6 } },
    };
    const narrow = byId("chart").clientWidth < 520;
    const crowded = rows().length > 30;
    const stages = ["baseline", "teacher", "distill", "prune", "quantize"].filter((stage) => points.some((point) => point.last === stage));
    const colours = { field: "last", type: "nominal", title: "last stage", scale: { domain: stages, range: stages.map(colour) } };
    const marked = rolesOf(points.filter((point) => point.task === task()), marks[`${x}/${y}`]);
    const faint = (rest) => ({ condition: { test: "datum.faint", value: 0.15 }, value: rest });
    const rule = (axis) => ({
      mark: { type: "rule", strokeWidth: 1.25, color: colour("quiet") },
      encoding: {
        ...place,
        [axis]: { ...place[axis], field: `${axis}_low` },
        [`${axis}2`]: { field: `${axis}_high` },
        opacity: faint(crowded ? 0.25 : 0.45),
      },
    });
    const label = (look) => ({
      data: { name: "names" },
      mark: { type: "text", fontSize: NAME_SIZE, dx: { expr: "datum.dx" }, dy: { expr: "datum.dy" }, align: { expr: "datum.align" }, fontWeight: { expr: "datum.weight" }, baseline: "middle", ...look },
      encoding: { ...place, text: { field: "name", type: "nominal" } },
    });
    return {
      width: "container",
      height: 400,
      autosize: { type: "fit-x", contains: "padding" },
      datasets: { points: rows(), frontier: line(rows()), names: unnamed(rows()) },
      data: { name: "points" },
      layer: [
        {
          data: { name: "frontier" },
          mark: { type: "line", strokeWidth: 1.5, strokeDash: { expr: "datum.dash" }, color: colour("quiet") },
          encoding: { ...place, detail: { field: "runtime" }, order: { field: "x" }, opacity: { value: 0.75 } },
        },
        rule("x"),
        rule("y"),
        ...(marked.length ? [markLayer({ place, marked, meanings, crowded, narrow, ink: colour("ink"), paper: colour("paper"), opacity: faint(1) })] : []),
        {
          params: [{ name: "brush", select: { type: "interval", mark: { fill: colour("focus"), fillOpacity: 0.1, stroke: colour("focus") } } }],
          mark: { type: "point", filled: true, size: crowded || narrow ? 60 : 110, cursor: "pointer" },
          encoding: {
            ...place,
            color: colours,
            shape: {
              field: "runtime",
              type: "nominal",
              scale: { domain: runtimes.map((runtime) => runtime.name), range: runtimes.map((runtime) => runtime.shape) },
              legend: { symbolFillColor: colour("ink"), labelExpr: `(${JSON.stringify(Object.fromEntries(runtimes.map((runtime) => [runtime.name, runtime.label])))})[datum.label]` },
            },
            opacity: faint(1),
            stroke: { condition: { test: "datum.chosen", value: colour("ink") }, value: colour("paper") },
            strokeWidth: { condition: { test: "datum.chosen", value: 2.5 }, value: 1 },
            tooltip: [
              ...DESCRIBED.map((field) => ({ field, type: "nominal" })),
              ...known.map((name) => ({ field: `text_${name}`, type: "nominal", title: wordsOf(name) })),
            ],
            description: { field: "description", type: "nominal" },
          },
        },
        label({ stroke: colour("paper"), strokeWidth: 4, strokeJoin: "round" }),
        label({ color: colour("ink") }),
      ],
      resolve: { scale: { shape: "independent" } },
      config: {
        background: null,
        font: getComputedStyle(document.body).fontFamily,
        view: { stroke: null },
        axis: { labelColor: colour("quiet"), titleColor: colour("ink"), gridColor: colour("line"), domainColor: colour("strong-line"), tickColor: colour("strong-line"), labelFontSize: 12, titleFontSize: 12, titleFontWeight: 500, titlePadding: 10 },
        legend: { orient: "bottom", labelColor: colour("ink"), titleColor: colour("quiet"), labelFontSize: 12, titleFontSize: 12, titleFontWeight: 400, columns: narrow ? 2 : 8, titleOrient: narrow ? "top" : "left", symbolStrokeWidth: 0, layout: { bottom: { direction: "vertical", margin: 8 } } },
      },
    };
  }

  let drawing = 0;
  async function draw() {
    const mine = ++drawing;
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const result = await vegaEmbed(byId("chart"), specification(), {
      mode: "vega-lite",
      renderer: "svg",
      ast: true, // expressions are interpreted: the page allows no eval
      actions: { export: true, source: false, compiled: false, editor: false },
      tooltip: { theme: dark ? "dark" : "light" },
    });
    if (mine !== drawing) return void result.finalize();
    view?.finalize();
    view = result.view;
    view.addSignalListener("width", name);
    keys.drawn(view);
    name();
    let brushed = false;
    view.addSignalListener("brush", (_, box) => {
      const ends = Object.keys(box).length === 2 ? [box.x, box.y].map((pair) => [Math.min(...pair), Math.max(...pair)]) : null;
      if (!ends && !brushed) return;
      brushed = ends !== null;
      const within = ([low, high], value) => low <= value && value <= high;
      choose(ends ? rows().filter((row) => within(ends[0], row.x) && within(ends[1], row.y)).map((row) => row.id) : []);
    });
    view.addEventListener("click", (event, item) => {
      const id = item?.datum?.id;
      if (id === undefined) return void (brushed || choose([]));
      if (event.shiftKey || event.ctrlKey || event.metaKey) toggle([id]);
      else choose(chosen.size === 1 && chosen.has(id) ? [] : [id]);
    });
    byId("chart").dataset.drawn = String(mine);
  }

  /** New data in the existing plot. */
  function refresh() {
    if (!view) return;
    const current = rows();
    view.data("points", current).data("frontier", line(current)).data("names", unnamed(current)).runAsync().then(() => (name(), keys.again()));
  }

  /** Names beside points of the plot as it is: their places depend on its width and scales. */
  function name() {
    const current = rows();
    byId("finding").textContent = [finding(current, runtimes), markedIn(current, meanings)].join(" ").trim();
    const [left, down] = [view.scale("x"), view.scale("y")];
    const drawn = current.map((row) => ({ ...row, left: left(row.x), down: down(row.y) }));
    const font = `${NAME_SIZE}px ${getComputedStyle(document.body).fontFamily}`;
    view.data("names", placed(drawn, view.width(), view.height(), font)).runAsync();
  }

  // -- the choice ------------------------------------------------------------------------------------------------------

  function choose(ids) {
    chosen.clear();
    for (const id of ids) chosen.add(id);
    update();
  }

  /** All of them chosen: none is after it; else all are. */
  function toggle(ids) {
    const on = !ids.every((id) => chosen.has(id));
    for (const id of ids) on ? chosen.add(id) : chosen.delete(id);
    update();
  }

  /** The points that a row of a table is about: one, or one per runtime where the table does not name it. */
  function idsOf({ dataset }) {
    return points
      .filter((point) => point.cell === dataset.cell && (!dataset.runtime || point.runtime === dataset.runtime) && (!dataset.task || point.task === dataset.task))
      .map((point) => point.id);
  }

  function update() {
    const count = chosen.size;
    byId("chosen").textContent = count ? `${count} ${count === 1 ? "point" : "points"} chosen` : "nothing chosen";
    for (const row of all("tr[data-cell]")) {
      const on = idsOf(row).some((id) => chosen.has(id));
      row.classList.toggle("chosen", on);
      row.querySelector(".pick")?.setAttribute("aria-pressed", String(on));
    }
    filterTables();
    refresh();
  }

  // -- tables ------------------------------------------------------------------------------------------------------------

  function filterTables() {
    const visible = new Set(visiblePoints().map((point) => point.id));
    const only = byId("only").checked && chosen.size > 0;
    for (const table of all(".table")) {
      const words = table.querySelector("input[type=search]").value.toLowerCase().split(/\s+/).filter(Boolean);
      const body = all("tbody tr", table);
      for (const row of body) {
        const text = row.textContent.toLowerCase();
        const matches = words.every((word) => text.includes(word));
        const ids = row.dataset.cell ? idsOf(row) : [];
        const plotted = table.dataset.table !== "cells" || ids.some((id) => visible.has(id));
        row.hidden = !(matches && plotted && (!only || !row.dataset.cell || ids.some((id) => chosen.has(id))));
      }
      table.querySelector(".count").textContent = `${body.filter((row) => !row.hidden).length} of ${body.length} rows`;
    }
  }

  for (const table of all("table")) [...(table.tBodies[0]?.rows ?? [])].forEach((row, order) => (row.dataset.order = order));
  for (const header of all("th[aria-sort]")) header.querySelector("button").addEventListener("click", () => sortBy(header));
  for (const button of all(".pick")) {
    button.addEventListener("click", () => toggle(idsOf(button.closest("tr"))));
    button.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const near = all("tbody tr:not([hidden]) .pick", button.closest("table"));
      near[near.indexOf(button) + step]?.focus();
    });
  }
  for (const input of all("input[type=search]")) input.addEventListener("input", filterTables);

  // -- what the controls do --------------------------------------------------------------------------------------------

  byId("controls").addEventListener("change", (event) => {
    filterTables();
    if (["axis-x", "axis-y", "log", "task"].includes(event.target.id)) draw();
    else refresh();
  });
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  byId("controls").addEventListener("reset", () => setTimeout(() => (choose([]), draw())));
  byId("clear").addEventListener("click", () => choose([]));
  for (const select of all("#axis-x option, #axis-y option")) select.hidden = select.disabled = !points.some((point) => point.values[select.value] != null);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  const keys = pointsByKeyboard(byId("chart"), byId("spoken"), (id) => toggle([id]));

  function openTarget() {
    const target = location.hash ? byId(decodeURIComponent(location.hash.slice(1))) : null;
    if (target instanceof HTMLDetailsElement) target.open = true;
  }
  addEventListener("hashchange", openTarget);
  openTarget();
  draw();
})();
