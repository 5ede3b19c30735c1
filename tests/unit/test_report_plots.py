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


def test_a_plot_is_the_same_bytes_each_time_and_names_every_cell(tmp_path):
    rows = []
    for number, cell in enumerate(("teacher", "kd", "kd_prune")):
        common = {"task": "t", "cell": cell, "runtime": "torch", "seed": 0}
        rows.append({**common, "split": "test", "metric": "accuracy", "value": 0.9 - 0.1 * number})
        rows.append({**common, "metric": "bytes", "value": 4e6 / (1 + number)})
    pd.DataFrame(rows, columns=["task", "cell", "runtime", "seed", "split", "scenario", "metric", "value"]).to_csv(
        tmp_path / "results.csv", index=False
    )
    files = [tmp_path / f"{number}.svg" for number in range(2)]
    for file in files:
        plot_size(tmp_path / "results.csv", file)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert {"teacher", "kd", "kd_prune", "size, MB (all files needed, log scale)", "test accuracy %"} < set(texts_of(files[0]))


def test_in_a_crowd_the_line_is_named_and_the_rest_where_there_is_room(tmp_path):
    """Eighty points in one place and two away from them."""
    chance, rows = np.random.default_rng(0), []
    for number in range(82):
        cell, x, y = f"crowded_cell_{number}", 2e6 + chance.uniform(0, 1e5), 0.8 + chance.uniform(0, 1e-3)
        cell, x, y = {0: ("best", 1e6, 0.9), 1: ("worst", 3e6, 0.7)}.get(number, (cell, x, y))
        common = {"task": "t", "cell": cell, "runtime": "torch", "seed": 0}
        rows.append({**common, "split": "test", "metric": "accuracy", "value": y})
        rows.append({**common, "metric": "bytes", "value": x})
    columns = ["task", "cell", "runtime", "seed", "split", "scenario", "metric", "value"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "results.csv", index=False)
    plot_size(tmp_path / "results.csv", tmp_path / "plot.svg")
    texts = texts_of(tmp_path / "plot.svg")
    assert {"best", "worst"} < set(texts)
    assert sum(text.startswith("crowded") for text in texts) < 40


def test_names_cover_neither_each_other_nor_marks(tmp_path, monkeypatch):
    """Eight float cells that are close together in three runtimes."""
    rows = []
    for runtime, times in (("onnxruntime", 1.0), ("torch", 1.2), ("openvino", 0.9)):
        for number, p50 in enumerate((60, 11, 9.6, 9.2, 9.0, 8.6, 8.1, 7.9)):
            common = {"task": "t", "cell": f"cell_{number}", "runtime": runtime, "seed": 0}
            rows.append({**common, "split": "test", "metric": "accuracy", "value": 0.9 - 0.003 * number})
            rows.append({**common, "scenario": "single_stream", "metric": "p50", "value": p50 * times})
    pd.DataFrame(rows).to_csv(tmp_path / "results.csv", index=False)
    figures = []
    monkeypatch.setattr("edgemin.report.pareto.save", lambda figure, files: figures.append(figure))
    registry.PLOTS["pareto_latency"].draw({}, [str(tmp_path / "results.csv")], [])
    axis = figures[0].axes[0]
    boxes = [Text.get_window_extent(text) for text in axis.texts]
    marks = [place for line in axis.lines[1:] for place in axis.transData.transform(line.get_xydata())]
    pyplot.close(figures[0])
    assert len(boxes) == len(marks) == 24
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
    assert not [mark for mark in marks for box in boxes if box.contains(*mark)]


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
