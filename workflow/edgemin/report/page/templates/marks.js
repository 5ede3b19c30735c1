/** Role -> what is drawn behind its point, within the unit square: a star, a cross, a ring with a hole for the point. */
const SHAPES = {
  winner: "M0,-1L.26,-.36L.95,-.31L.42,.14L.59,.81L0,.44L-.59,.81L-.42,.14L-.95,-.31L-.26,-.36Z",
  end: "M-.27,-.85H.27V-.27H.85V.27H.27V.85H-.27V.27H-.85V-.27H-.27Z",
  teacher: "M.8,0A.8,.8,0,1,1,-.8,0A.8,.8,0,1,1,.8,0ZM.64,0A.64,.64,0,1,0,-.64,0A.64,.64,0,1,0,.64,0Z",
};

/** The roles that some of these points have, in the order of the legend. roles: of points by their id. */
const rolesOf = (points, roles) => Object.keys(SHAPES).filter((role) => points.some((point) => roles[point.id] === role));

/** Each meaning of a mark and the cells that have it, in a sentence; empty without marks. In a narrow plot not every name fits beside its point. */
function markedIn(rows, meanings) {
  const cells = (role) => [...new Set(rows.filter((row) => row.role === role).map(({ cell }) => cell))].join(", ");
  const parts = Object.keys(SHAPES).filter(cells).map((role) => (cells(role) === meanings[role] ? meanings[role] : `${meanings[role]} (${cells(role)})`));
  return parts.length ? `Marked: ${parts.join("; ")}.` : "";
}

/** A layer of the plot: what stands out has a shape behind its point, and a legend says why. The point itself keeps its colour, shape and answers. */
function markLayer({ place, marked, meanings, crowded, narrow, ink, paper, opacity }) {
  return {
    transform: [{ filter: "datum.role !== ''" }],
    mark: { type: "point", filled: true, size: crowded || narrow ? 600 : 900, color: ink, stroke: paper, strokeWidth: 1, aria: false },
    encoding: {
      ...place,
      opacity,
      shape: {
        field: "role",
        type: "nominal",
        title: "marked",
        scale: { domain: marked, range: marked.map((role) => SHAPES[role]) },
        legend: { symbolFillColor: ink, symbolSize: 220, ...(narrow ? { columns: 1 } : {}), labelLimit: 300, labelExpr: `(${JSON.stringify(meanings)})[datum.label]` },
      },
    },
  };
}
