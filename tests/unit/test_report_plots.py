"""Plots: what nothing beats, and that the names of points can be read. Of runtimes: test_report_runtimes."""

from __future__ import annotations

import json
import re
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.text import Text

from edgemin.core.errors import EdgeminError
from edgemin.plan.plan import Plan
from edgemin.report.drawing import WIDTH, symlog
from edgemin.report.labels import frontier
from edgemin.study import registry
from edgemin.study.read import parse_study


def plot_size(results, file):
    registry.PLOTS["pareto_size"].draw({}, [str(results)], [str(file)])


def texts_of(svg):
    return re.findall(r"<text[^>]*>([^<]+)</text>", svg.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("points", "kept"),
    [
        ([(1, 1), (2, 3), (3, 2), (4, 4)], [0, 1, 3]),  # the third costs more than the second and gives less
        ([(4, 4), (3, 2), (2, 3), (1, 1)], [3, 2, 0]),
        ([(1, 2), (2, 2), (3, 2)], [0]),  # more cost for the same
        ([(1, 1), (1, 3), (1, 2)], [1]),  # the same cost for less
        ([(2, 5), (2, 5)], [0]),
        ([(3, 1), (2, 2), (1, 3)], [2]),
        ([(5, 5)], [0]),
    ],
)
def test_the_frontier_by_hand(points, kept):
    x, y = np.array(points, dtype=float).T
    assert frontier(x, y).tolist() == kept


def test_the_frontier_is_what_nothing_else_beats():
    """Against the definition, on points with many ties."""
    x, y = np.random.default_rng(0).integers(0, 12, (2, 60)).astype(float)
    edge = {(x[i], y[i]) for i in frontier(x, y)}
    points = set(zip(x, y, strict=True))
    unbeaten = {(a, b) for a, b in points if not any((c <= a and d >= b) and (c, d) != (a, b) for c, d in points)}
    assert edge == unbeaten


def cells_in(folder, rows, width=0.0):
    """cells.csv of rows (cell, runtime, accuracy, bytes, p50); intervals of quality and p50 end so far from them, as a share; 0: none."""
    frame = pd.DataFrame(rows, columns=["cell", "runtime", "quality", "bytes", "p50"])
    for name in ("quality", "p50"):
        frame[f"{name}_low"], frame[f"{name}_high"] = (frame[name] * (1 + sign * width) if width else np.nan for sign in (-1, 1))
    frame.assign(task="t", metric="accuracy").to_csv(folder / "cells.csv", index=False)
    return folder / "cells.csv"


@pytest.fixture
def pareto(monkeypatch):
    """pareto(axis, file): the figure as it would be saved."""
    figures = []

    def draw(axis, file):
        monkeypatch.setattr("edgemin.report.pareto.save", lambda figure, files: figures.append(figure))
        registry.PLOTS[f"pareto_{axis}"].draw({}, [str(file)], [])
        figures[-1].draw_without_rendering()  # names get their places
        return figures[-1]

    yield draw
    for figure in figures:
        pyplot.close(figure)


def test_a_plot_is_the_same_bytes_each_time_and_names_every_cell(tmp_path):
    rows = [
        (cell, "torch", 0.9 - 0.1 * number, 4e6 / (1 + number), 1.0) for number, cell in enumerate(("teacher", "kd", "kd_prune"))
    ]
    files = [tmp_path / f"{number}.svg" for number in range(2)]
    for file in files:
        plot_size(cells_in(tmp_path, rows), file)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert {"teacher", "kd", "kd_prune", "size, MB (all files needed, log scale)", "test accuracy %"} < set(texts_of(files[0]))


def test_in_a_crowd_the_line_is_named_and_what_stands_alone(tmp_path):
    """Eighty points in one place and two away from them."""
    chance = np.random.default_rng(0)
    rows = [
        (f"crowded_cell_{number}", "torch", 0.8 + chance.uniform(0, 1e-3), 2e6 + chance.uniform(0, 1e5), 1.0)
        for number in range(80)
    ]
    file = cells_in(tmp_path, [("best", "torch", 0.9, 1e6, 1.0), ("worst", "torch", 0.7, 3e6, 1.0), *rows])
    plot_size(file, tmp_path / "plot.svg")
    texts = texts_of(tmp_path / "plot.svg")
    assert {"best", "worst"} < set(texts)
    assert sum(text.startswith("crowded") for text in texts) < 10


def test_names_cover_neither_each_other_nor_marks(tmp_path, pareto):
    """Eight float cells that are close together in three runtimes."""
    rows = [
        (f"cell_{number}", runtime, 0.9 - 0.003 * number, 1e6, p50 * times)
        for runtime, times in (("onnxruntime", 1.0), ("torch", 1.2), ("openvino", 0.9))
        for number, p50 in enumerate((60, 11, 9.6, 9.2, 9.0, 8.6, 8.1, 7.9))
    ]
    axis = pareto("latency", cells_in(tmp_path, rows)).axes[0]
    boxes = [Text.get_window_extent(text) for text in axis.texts]
    marks = [
        place for line in axis.lines for place in axis.transData.transform(line.get_xydata()) if line.get_linestyle() == "None"
    ]
    assert len(boxes) == len(marks) == 24
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
    assert not [mark for mark in marks for box in boxes if box.contains(*mark)]


def test_only_marked_cells_and_those_on_a_line_have_a_long_line_to_their_name(tmp_path, pareto, monkeypatch):
    """Twelve cells in a heap below the frontier, in which names find no place nearby."""
    chance = np.random.default_rng(1)
    heap = [
        (f"a_long_name_{number}", "onnxruntime", 0.8 + chance.uniform(0, 0.004), 1e6, 4 + chance.uniform(0, 0.7))
        for number in range(12)
    ]
    file = cells_in(tmp_path, [("quick", "onnxruntime", 0.7, 1e6, 1.0), ("good", "onnxruntime", 0.9, 1e6, 2.0), *heap])
    monkeypatch.setattr("edgemin.report.labels._NEIGHBOURS", 99)  # no crowd

    def farthest() -> float:
        return max(np.hypot(*one.xyann) for one in pareto("latency", file).axes[0].texts if one.get_text().startswith("a_long"))

    assert farthest() <= 30
    monkeypatch.setattr("edgemin.report.labels._SHORT", None)  # all radii
    assert farthest() > 50


TWO = [
    ("teacher", "onnxruntime", 0.9, 4e6, 8.0),
    ("kd", "onnxruntime", 0.8, 2e6, 2.0),
    ("poor", "onnxruntime", 0.7, 2e6, 4.0),
    ("teacher", "torch", 0.9, 4e6, 16.0),
    ("kd", "torch", 0.8, 2e6, 1.0),
]
"""Cells in two runtimes. `poor` costs more than kd and gives less."""


def test_a_line_for_each_runtime_and_none_across_two(tmp_path, pareto):
    """kd in PyTorch beats it in ONNX Runtime, which stays on the line of its own runtime."""
    figure = pareto("latency", cells_in(tmp_path, TWO))
    lines = [line for line in figure.axes[0].lines if line.get_linestyle() != "None"]
    assert [line.get_xdata().tolist() for line in lines] == [[2, 8], [1, 16]]
    assert [line.get_color() for line in lines] == [registry.RUNTIMES[name].color for name in ("onnxruntime", "torch")]
    assert len({str(line._dash_pattern) for line in lines}) == 2  # in grey, too, they can be told apart
    said = "Pareto-optimal cells: 2 of 3 in ONNX Runtime; 2 of 2 in PyTorch."
    assert figure.get_suptitle() == said


def test_a_cell_that_is_not_accepted_is_hollow_and_on_no_line(tmp_path, pareto):
    """`q` is the smallest and the best."""
    file = cells_in(
        tmp_path,
        [("q", "onnxruntime", 0.9, 1e6, 1.0), ("kd", "onnxruntime", 0.8, 2e6, 2.0), ("teacher", "onnxruntime", 0.85, 4e6, 4.0)],
    )
    pd.read_csv(file).assign(accepted=[False, True, True]).to_csv(file, index=False)
    figure = pareto("size", file)
    lines = figure.axes[0].lines
    (joined,) = [line for line in lines if line.get_linestyle() != "None"]
    assert joined.get_xdata().tolist() == [2.0, 4.0]
    hollow = [
        line.get_xdata().tolist() for line in lines if line.get_linestyle() == "None" and line.get_markerfacecolor() == "white"
    ]
    assert hollow == [[1.0]]
    assert "q†" in [text.get_text() for text in figure.axes[0].texts]


def test_bars_are_the_intervals_and_lie_behind_the_marks(tmp_path, pareto):
    """A tenth to either side: 8 ms from 7.2 to 8.8, 90 % from 81 to 99; a size has no interval."""
    axis = pareto("latency", cells_in(tmp_path, TWO, 0.1)).axes[0]
    across, up = axis.collections[0], axis.collections[1]
    assert across.get_segments()[0].tolist() == pytest.approx(np.array([[7.2, 90], [8.8, 90]]))
    assert up.get_segments()[0].tolist() == pytest.approx(np.array([[8, 81], [8, 99]]))
    assert max(bar.get_zorder() for bar in axis.collections) < min(line.get_zorder() for line in axis.lines)
    sizes = pareto("size", cells_in(tmp_path, TWO, 0.1)).axes[0].collections[0]
    assert np.ptp(sizes.get_segments()[0][:, 0]) == 0
    assert [text.get_text() for text in pareto("size", cells_in(tmp_path, TWO)).legends[0].texts] == ["ONNX Runtime", "PyTorch"]


@pytest.mark.parametrize("sizes", [(3.2,), (7.1, 7.1, 7.1), (2.9, 3.5), (3.0, 3.2, 3.4), (1.4, 2.3), (1.0, 30.0)])
def test_an_axis_has_ticks_in_view_however_alike_points_are(tmp_path, pareto, sizes):
    rows = [(f"c{number}", "torch", 0.9 - 0.01 * number, 1e6 * size, 1.0) for number, size in enumerate(sizes)]
    axis = pareto("size", cells_in(tmp_path, rows)).axes[0]
    low, high = axis.get_xlim()
    ticks = [float(text.get_text()) for text in axis.get_xticklabels()]
    assert len([tick for tick in ticks if low <= tick <= high]) >= 2
    assert high / low < 2 * max(sizes) / min(sizes)


def test_a_figure_describes_itself(tmp_path):
    plot_size(cells_in(tmp_path, TWO), tmp_path / "plot.svg")
    described = re.search(r"<dc:description>([^<]*)<", (tmp_path / "plot.svg").read_text(encoding="utf-8"))
    assert described is not None
    assert described[1] == "Pareto-optimal cells: 2 of 3 in ONNX Runtime; 2 of 2 in PyTorch."


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0.001, 0.0, 1.0], "log scale, linear within ±0.001"),
        ([-2e-6, 0.3], "log scale, linear within ±1e−6"),
        ([1e-12, 2.0], "log scale, linear within ±1e−5"),  # five decades of the largest are enough
        ([0.1, 2.0], ""),  # within a factor of 30
        ([0.0, 0.0], ""),
    ],
)
def test_an_axis_is_logarithmic_where_numbers_span_orders_of_magnitude(values, said):
    figure, axis = pyplot.subplots()
    assert symlog(axis, np.array(values)) == said
    assert axis.get_xscale() == ("symlog" if said else "linear")
    low, high = axis.get_xlim()
    assert not said or (low <= min(values) and max(values) <= high and 0 in axis.get_xticks())
    pyplot.close(figure)


def test_what_is_zero_or_negative_has_a_mark_on_the_scale(tmp_path, monkeypatch):
    """Divergences of four orders of magnitude with one of 0; changes of -20, 0.1 and 0 points, which are so on the axis."""
    told = {"embeddings": (1e-5, 0.5), "layer": (0.0, 0.501), "head": (0.02, 0.49), "all": (0.1, 0.3)}
    points = [{"part": part, "value": value, "divergence": divergence} for part, (divergence, value) in told.items()]
    (tmp_path / "scan.json").write_text(json.dumps({"metric": "accuracy", "sentences": 1000, "float": 0.5, "points": points}))
    figures = []
    monkeypatch.setattr("edgemin.report.plots.layer_sensitivity.draw.save", lambda figure, files: figures.append(figure))
    spec = {"scans": [{"task": "t", "file": str(tmp_path / "scan.json")}], "kinds": {"t": "classification"}}
    registry.PLOTS["layer_sensitivity"].draw(spec, [], [])
    left, right = figures[0].axes
    marks = [axis.collections[1].get_offsets()[:, 0].tolist() for axis in (left, right)]
    assert marks[0] == [1e-5, 0.0, 0.02, 0.1]
    assert marks[1] == pytest.approx([0, 0.1, -1, -20])
    assert (left.get_xscale(), right.get_xscale()) == ("symlog", "symlog")
    assert right.get_xlabel().endswith("(log scale, linear within ±0.1)")
    assert figures[0].get_suptitle() == "Moves the predictions most, alone in INT8: head (0.02, the whole model 0.1)."
    pyplot.close(figures[0])


def test_every_figure_has_one_width_and_says_what_it_shows(pareto, tmp_path):
    assert pareto("latency", cells_in(tmp_path, TWO)).get_figwidth() == WIDTH
    for plot in registry.PLOTS.all().values():
        assert re.search(r"Look (along|for|on|how) ", plot.caption), plot.name
        assert "he figure " in plot.caption, plot.name


@pytest.mark.parametrize(
    ("kind", "metric", "said"),
    [
        ("classification", "accuracy", "divergence from the float model: mean KL, nats"),
        ("classification", "matthews", "divergence from the float model: mean KL, nats"),
        ("regression", "pearson", "divergence from the float model: mean squared difference"),
    ],
)
def test_a_scan_says_what_its_divergence_is(tmp_path, kind, metric, said):
    points = [{"part": part, "value": 0.5, "divergence": 0.25} for part in ("embeddings", "head", "all")]
    (tmp_path / "scan.json").write_text(json.dumps({"metric": metric, "sentences": 12, "float": 0.75, "points": points}))
    spec = {"scans": [{"task": "t", "file": str(tmp_path / "scan.json")}], "kinds": {"t": kind}}
    registry.PLOTS["layer_sensitivity"].draw(spec, [], [str(tmp_path / "plot.svg")])
    assert {said, "embeddings", "head", "all", "t: dynamic INT8 of one part alone"} < set(texts_of(tmp_path / "plot.svg"))


@pytest.mark.parametrize(
    ("plot", "spec", "said"),
    [
        ("head_importance", {}, r"sensitivity\.heads: the study has none; name criteria \(config/README\.md\)"),
        (
            "layer_sensitivity",
            {"scans": [], "kinds": {}},
            r"layer_sensitivity: the study has none; name a float cell \(config/README\.md\)",
        ),
    ],
)
def test_a_plot_of_nothing_is_refused(tmp_path, plot, spec, said):
    with pytest.raises(EdgeminError, match=said):
        registry.PLOTS[plot].draw(spec, [], [str(tmp_path / "plot.svg")])
    assert list(tmp_path.iterdir()) == []


def test_the_plan_of_a_scan_says_the_kinds_of_its_tasks(changed):
    plan = Plan(parse_study(changed({"layer_sensitivity": {"cell": "kd"}})))
    assert registry.PLOTS["layer_sensitivity"].spec(plan)["kinds"] == {"snippets": "classification"}
