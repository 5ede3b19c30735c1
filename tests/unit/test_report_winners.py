"""What stands out in a Pareto plot, and that names can be read in the one that README shows."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.text import Text
from PIL import Image

from edgemin.cli import on_record
from edgemin.plan.plan import Plan
from edgemin.report.page.marks import marks_of
from edgemin.report.page.points import FIGURES
from edgemin.report.page.points import points_of as page_points
from edgemin.report.standing import Standing, standing_of
from edgemin.report.winners import LOOKS
from edgemin.study import registry
from edgemin.study.read import parse_study

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Plot -> its figure, of eight seeds on record."""
    study = on_record.Study(ROOT / "config/evidence.yaml", ROOT / "docs/reference/evidence", tmp_path_factory.mktemp("evidence"))
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        for name in ("pareto_latency", "pareto_size"):
            patch.setattr("edgemin.report.pareto.save", lambda figure, files, name=name: found.update({name: figure}))
            study.draw(name, Path("unused.png"))
            found[name].draw_without_rendering()
    yield found, study
    for figure in found.values():
        pyplot.close(figure)


def plain(text):
    """With one kind of space."""
    return " ".join(text.split())


def marked_in(axis, role):
    """Places of the marks of a role."""
    look = LOOKS[role]
    return [
        tuple(line.get_xydata()[0])
        for line in axis.lines
        if (line.get_marker(), line.get_markersize()) == (look.marker, look.size)
    ]


@pytest.mark.parametrize("plot", ["pareto_latency", "pareto_size"])
def test_names_of_the_record_cover_neither_each_other_nor_marks(recorded, plot):
    axis = recorded[0][plot].axes[0]
    names = {text: Text.get_window_extent(text) for text in axis.texts}  # without the line to its point
    assert len(names) >= 10
    assert not [(a.get_text(), b.get_text()) for a, b in combinations(names, 2) if names[a].overlaps(names[b])]
    scale = axis.figure.dpi / 72
    for line in axis.lines:
        if line.get_linestyle() == "None":
            for x, y in axis.transData.transform(line.get_xydata()):
                reach = 0.35 * line.get_markersize() * scale  # a star's and a circle's body
                covered = [
                    text.get_text()
                    for text, box in names.items()
                    if box.x0 < x + reach and x - reach < box.x1 and box.y0 < y + reach and y - reach < box.y1
                ]
                assert covered == []
    frame = axis.get_window_extent()
    assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1 for box in names.values())


def test_the_picture_of_the_readme_names_its_winner(recorded):
    """`best` is the faster of two ladders' ends and not the worse one."""
    figures, study = recorded
    figure = figures["pareto_latency"]
    axis, rows = (
        figure.axes[0],
        {cell: study.row("cells", cell, runtime="onnxruntime") for cell in ("best", "edgemin", "teacher")},
    )
    places = {cell: (row.value("end_to_end"), 100 * row.value("quality")) for cell, row in rows.items()}
    assert [marked_in(axis, role) for role in LOOKS] == [[pytest.approx(places[cell])] for cell in rows]
    assert {text.get_text() for text in axis.texts if text.get_weight() == "bold"} == set(rows)
    best, edgemin, teacher = (f"{row.text('quality', interval=False)} %, {places[cell][0]:#.3g} ms" for cell, row in rows.items())
    said = f"Winner by means: best ({best}). Other ladders: edgemin ({edgemin}). Teacher: {teacher}. Pareto"
    assert plain(figure.get_suptitle()).startswith(said)
    meanings = [text.get_text() for text in figure.legends[0].texts]
    assert meanings[:3] == ["winner: no ladder ends better", "end of another ladder", "teacher"]


def test_the_picture_of_the_readme_is_of_the_record(recorded):
    """`make docs-results` draws it anew."""
    with Image.open(ROOT / "docs/images/pareto_latency.png") as picture:
        assert picture.info["Description"] == plain(recorded[0]["pareto_latency"].get_suptitle())


@pytest.mark.parametrize(("plot", "axis"), [("pareto_latency", "from_text"), ("pareto_size", "mb")])
def test_the_page_marks_what_the_plots_mark(recorded, plot, axis):
    figures, study = recorded
    found = page_points(study._made("cells", "csv").parent)
    roles = marks_of(found, standing_of(registry.PLOTS[plot].spec(study.plan), []))[f"{axis}/quality"]
    assert set(roles.values()) == set(LOOKS)
    for role in LOOKS:
        marked = [one["values"] for one in found if roles.get(one["id"]) == role]
        places = sorted((one[axis], one["quality"]) for one in marked)
        assert [pytest.approx(place) for place in places] == sorted(marked_in(figures[plot].axes[0], role))


def test_marks_of_the_page_are_of_the_axes_that_are_shown():
    """b is slower than a, but in fewer bytes; by speed-up more is better; what has no figure is not marked."""
    rows = {"t": (9.0, 4.0, 1.0, 95.0), "a": (1.0, 2.0, 9.0, 80.0), "b": (2.0, 1.0, 4.5, 80.0), "c": (None, 1.5, None, 70.0)}
    points = [
        {
            "id": f"movies/{cell}/torch",
            "task": "movies",
            "cell": cell,
            "chain": "teacher" if cell == "t" else f"teacher/distill-{cell}",
            "runtime": "torch",
            "accepted": True,
            "values": {**dict.fromkeys(FIGURES), "p50": p50, "mb": mb, "speedup": faster, "quality": quality},
        }
        for cell, (p50, mb, faster, quality) in rows.items()
    ]
    found = marks_of(points, Standing({"torch": ["a", "b", "c"]}))
    named = {
        axes: {point.split("/")[1]: role for point, role in found[f"{axes}/quality"].items()} for axes in ("p50", "mb", "speedup")
    }
    assert named["p50"] == named["speedup"] == {"t": "teacher", "a": "winner", "b": "end"}
    assert named["mb"] == {"t": "teacher", "a": "end", "b": "winner", "c": "end"}
    assert found["p50/agreement"] == {}


def points_of(rows):
    """Of (cell, x, y); `t` is the teacher."""
    points = pd.DataFrame(rows, columns=["name", "x", "y"])
    chains = points["name"].map(lambda name: "teacher" if name == "t" else f"teacher/distill-{name}")
    return points.assign(cell=points["name"], chain=chains, task="movies", runtime="torch", metric="accuracy", accepted=True)


def test_ends_that_no_other_beats_by_hand():
    """a is the fastest, b the best; c is slower than b and worse; d is on no ladder; e would win, but is not accepted."""
    points = points_of([("t", 439, 95), ("a", 1, 80), ("b", 2, 90), ("c", 3, 85), ("d", 0.5, 99), ("e", 0.4, 99)])
    points.loc[5, "accepted"] = False
    standing = Standing({"torch": ["a", "b", "c", "e"]})
    points["role"] = standing.roles(points)
    assert points["role"].tolist() == ["teacher", "winner", "winner", "end", "", "end"]
    said = standing.sentence(points, "ms")
    assert plain(said) == (
        "Winner by means: a (80.00 %, 1.00 ms), b (90.00 %, 2.00 ms). Other ladders: c (85.00 %, 3.00 ms), e (99.00 %, 0.400 ms). "
        "Teacher: 95.00 %, 439 ms."
    )
    assert Standing({}).sentence(points.assign(role=Standing({}).roles(points)), "ms") == ""


@pytest.mark.parametrize(
    ("chosen", "roles", "said"),
    [
        (
            {("movies", "c")},
            ["teacher", "end", "winner"],
            "Recommended: c (85.00 %, 3.00 ms). Ladders: a (80.00 %, 1.00 ms). Teacher",
        ),
        ({("movies", "t")}, ["winner", "end", ""], "Recommended: t (95.00 %, 9.00 ms). Ladders: a (80.00 %, 1.00 ms)."),
        ({("snippets", "c")}, ["teacher", "end", ""], "Recommended: none, no cell is within the limits. Ladders: a"),
    ],
)
def test_what_the_limits_choose_wins(chosen, roles, said):
    points = points_of([("t", 9, 95), ("a", 1, 80), ("c", 3, 85)])
    standing = Standing({"torch": ["a"]}, chosen, "torch")
    points["role"] = standing.roles(points)
    assert points["role"].tolist() == roles
    assert plain(standing.sentence(points, "ms")).startswith(said)


def test_the_recommended_cell_of_a_table_has_the_star(tmp_path, monkeypatch):
    """In the runtime of the limits alone."""
    rows = [("teacher", "torch", 0.9, 4e6), ("kd", "torch", 0.8, 1e6), ("kd", "onnxruntime", 0.8, 2e6)]
    cells = pd.DataFrame(rows, columns=["cell", "runtime", "quality", "bytes"]).assign(
        task="t", metric="accuracy", chain="teacher/distill-a"
    )
    cells.to_csv(tmp_path / "cells.csv", index=False)
    pd.DataFrame({"task": "t", "cell": ["teacher", "kd"], "recommended": [False, True]}).to_csv(tmp_path / "recommendation.csv")
    figures = []
    monkeypatch.setattr("edgemin.report.pareto.save", lambda figure, files: figures.append(figure))
    tables = [str(tmp_path / f"{name}.csv") for name in ("cells", "recommendation")]
    registry.PLOTS["pareto_size"].draw({"recommended_in": "onnxruntime"}, tables, [])
    assert marked_in(figures[0].axes[0], "winner") == [(2.0, 80.0)]
    pyplot.close(figures[0])


def test_a_plan_says_where_ladders_end(changed):
    """Of the smoke study: the end of three stages, in each runtime; a step from the teacher is no ladder, and cells that are not listed are none."""
    pareto, smoke = registry.PLOTS["pareto_size"], Plan(parse_study(changed({})))
    assert pareto.spec(smoke)["ends"] == {"onnxruntime": ["edgemin"], "torch": ["edgemin_torch"]}
    one_step = Plan(parse_study(changed({"tables.stagewise": {"onnxruntime": ["teacher", "kd"]}})))
    assert "ends" not in pareto.spec(one_step)
    assert [Path(file).name for file in pareto.files(one_step)] == ["cells.csv"]
    limits = Plan(parse_study(changed({"recommend": {"max_bytes": 9}})))
    assert [Path(file).name for file in pareto.files(limits)] == ["cells.csv", "recommendation.csv"]
    assert pareto.spec(limits)["recommended_in"] == "onnxruntime"
