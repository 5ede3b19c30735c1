"use strict";

/** The points that no other of them beats on both axes, from the better end of x on. less: whether less of x is better. */
function frontier(points, x, y, less) {
  const sign = less ? 1 : -1;
  const sorted = [...points].sort((a, b) => sign * (a.values[x] - b.values[x]) || b.values[y] - a.values[y]);
  let best = -Infinity;
  return sorted.filter(({ values }) => values[y] > best && ((best = values[y]), true));
}

const NAME_SIZE = 12;
const DASHES = [[1, 0], [6, 3], [1.5, 2.5], [8, 3, 1.5, 3]];
/** Radius of a point, and what is kept free around it, in pixels; and of one that is marked. */
const MARK = 7;
const MARKED = 12;
/** Where a name may stand beside its point: nearest first. */
const PLACES = [
  [0, -15, "center"], [0, 15, "center"], [11, 0, "left"], [-11, 0, "right"], [10, -12, "left"], [-10, -12, "right"], [10, 12, "left"], [-10, 12, "right"],
  [0, -29, "center"], [0, 29, "center"], [16, -24, "left"], [-16, -24, "right"], [16, 24, "left"], [-16, 24, "right"],
  [0, -43, "center"], [0, 43, "center"],
];

const line = (rows) => rows.filter((row) => row.best);

/** How many of the visible points are on the line of their runtime, in a sentence; empty without points. */
function finding(rows, runtimes) {
  const counts = runtimes.map(({ name, label }) => [rows.filter((row) => row.runtime === name), label]).filter(([own]) => own.length);
  return counts.length ? `On the line: ${counts.map(([own, label]) => `${line(own).length} of ${own.length} in ${label}`).join("; ")}.` : "";
}

/** All rows without a name: as many as there are points, so that names never move the axes. */
const unnamed = (rows) => rows.map((row) => ({ ...row, name: "", dx: 0, dy: 0, align: "center" }));

/**
 * All points; those that are to be named, the marked ones first, have their name at the first place where it covers no mark and no other name, and is nearer to no other cell's point, if there is one.
 * points: rows with left and down in pixels. Returns rows with name, dx, dy and align.
 */
function placed(points, width, height, font) {
  const pen = document.createElement("canvas").getContext("2d");
  const reach = ({ role }) => (role ? MARKED : MARK);
  const taken = points.map((one) => [one.left - reach(one), one.down - reach(one), one.left + reach(one), one.down + reach(one)]);
  const free = (box) =>
    box[0] >= 0 && box[2] <= width && box[1] >= 0 && box[3] <= height &&
    !taken.some((other) => box[0] < other[2] && other[0] < box[2] && box[1] < other[3] && other[1] < box[3]);
  const gap = (box, one) =>
    Math.hypot(Math.max(0, box[0] - one.left, one.left - box[2]), Math.max(0, box[1] - one.down, one.down - box[3])) - reach(one);
  const rows = unnamed(points);
  for (const point of rows.filter((one) => one.named).sort((a, b) => Boolean(b.role) - Boolean(a.role))) {
    pen.font = `${point.weight} ${font}`;
    const beyond = reach(point) - MARK;
    if (rows.some((one) => one.name === point.cell && Math.hypot(one.left - point.left, one.down - point.down) < 2 * MARK)) continue;
    const wide = pen.measureText(point.cell).width + 2;
    for (const [across, down, align] of PLACES) {
      const [dx, dy] = [across + Math.sign(across) * beyond, down + Math.sign(down) * beyond];
      const from = point.left + dx - { left: 0, center: wide / 2, right: wide }[align];
      const box = [from, point.down + dy - NAME_SIZE / 2 - 1, from + wide, point.down + dy + NAME_SIZE / 2 + 1];
      if (!free(box) || points.some((one) => one.cell !== point.cell && gap(box, one) < gap(box, point))) continue;
      taken.push(box);
      Object.assign(point, { name: point.cell, dx, dy, align });
      break;
    }
  }
  return rows;
}

