"""Every runtime beside the others: in plots, tables and on the page. How one looks is said by its settings alone."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from pages import LADDERS, SHA, written

from edgemin.report.page.links import chains_of
from edgemin.report.page.points import points_of
from edgemin.report.page.render import render
from edgemin.report.page.summary import summaries
from edgemin.report.page.tables import read_table
from edgemin.study import registry

NAMES = ("onnxruntime", "torch", "openvino")
LABELS = ["ONNX Runtime", "PyTorch", "OpenVINO"]
MODULES = {
    "stagewise": "edgemin.report.plots.stagewise.draw",
    "quantization": "edgemin.report.plots.quantization.draw",
    "pareto_latency": "edgemin.report.pareto",
    "pareto_size": "edgemin.report.pareto",
}
QUANTIZED = ["edgemin", "edgemin_torch", "edgemin_nncf"]


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    tables = {"stagewise": LADDERS, "quantization": {"kd_prune": QUANTIZED}}
    page = ["stagewise", "recommendation", "quantization"]
    with written(tmp_path_factory.mktemp("page"), runtimes=NAMES, tables=tables, page=page) as found:
        yield found


@pytest.fixture(scope="module")
def tables(spec):
    return Path(spec["root"]) / "tables"


@pytest.fixture
def figure(tables, monkeypatch):
    """figure(plot, table): as it would be saved, of the tree's table or another."""
    found = []

    def draw(plot, table=None):
        monkeypatch.setattr(f"{MODULES[plot]}.save", lambda figure, files: found.append(figure))
        own = tables / f"{'cells' if plot.startswith('pareto') else plot}.csv"
        registry.PLOTS[plot].draw({}, [str(table or own)], [])
        found[-1].draw_without_rendering()
        return found[-1]

    yield draw
    for one in found:
        pyplot.close(one)


def marks_of(axis):
    """Label of a runtime -> the line with its marks."""
    return {line.get_label(): line for line in axis.lines if line.get_label() in LABELS}


def test_no_two_runtimes_look_alike():
    runtimes = registry.RUNTIMES.all().values()
    for looks in ("label", "color", "marker", "shape"):
        assert len({getattr(one, looks) for one in runtimes}) == len(runtimes)


@pytest.mark.parametrize("plot", ["stagewise", "pareto_latency", "pareto_size"])
def test_marks_are_what_the_settings_say(figure, plot):
    found = figure(plot)
    assert [text.get_text() for text in found.legends[0].texts if text.get_text() in LABELS] == LABELS
    marks = marks_of(found.axes[0])
    for name in NAMES:
        look, line = registry.RUNTIMES[name], marks[registry.RUNTIMES[name].label]
        assert (line.get_color(), line.get_marker()) == (look.color, look.marker)


def test_the_rows_of_a_cell_are_nearer_to_each_other_than_to_the_next_cell(figure):
    marks = marks_of(figure("stagewise").axes[0])
    places = np.array([marks[label].get_ydata() for label in LABELS])
    assert places.shape == (3, 4)
    assert places.mean(axis=0) == pytest.approx([0, 1, 2, 3])
    within, between = np.diff(places, axis=0), places[0, 1:] - places[-1, :-1]
    assert (within > 0).all()
    assert between.min() > 2 * within.max()


def test_numbers_cover_neither_each_other_nor_an_interval(figure, tables):
    found = figure("stagewise")
    for axis in found.axes:
        boxes = [text.get_window_extent().padded(-0.5) for text in axis.texts if np.isfinite(text.xy).all()]
        assert len(boxes) >= 11
        assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
    assert {text.get_text() for text in found.axes[0].texts} == {"90.00", "70.00", "67.50", "65.00"}
    latency = found.axes[2]
    shown = {text.get_text(): text for text in latency.texts}
    table = pd.read_csv(tables / "stagewise.csv")
    row = table[(table["cell"] == "teacher") & (table["runtime"] == "openvino")].iloc[0]
    assert (row["p50"], row["p50_high"]) == (12, pytest.approx(13.2))
    assert shown["12.0"].get_window_extent().x0 > latency.transData.transform((13.2, 0))[0]


def test_of_marks_in_one_place_every_one_is_seen(figure):
    """A float model is as large in all runtimes."""
    found = figure("pareto_size")
    marks = sorted(marks_of(found.axes[0]).values(), key=lambda line: line.get_markersize())
    sizes, heights = ([getattr(line, f"get_{what}")() for line in marks] for what in ("markersize", "zorder"))
    assert (np.diff(sizes) >= 3).all()
    assert (np.diff(heights) < 0).all()
    names = [text.get_text() for text in found.axes[0].texts]
    assert sorted(names) == sorted(["teacher", "kd", "kd_prune", *QUANTIZED])  # once each, not once in each runtime
    names = [text.get_text() for text in figure("pareto_latency").axes[0].texts]
    assert (names.count("kd"), names.count("edgemin_torch")) == (3, 0)  # the latter was not timed


def test_schemes_stand_below_the_name_of_their_runtime(figure):
    found = figure("quantization")
    rows = np.array(found.axes).reshape(3, 3)
    for panels, name, cell in zip(rows, NAMES, QUANTIZED, strict=True):
        look = registry.RUNTIMES[name]
        assert panels[0].get_title(loc="left") == f"snippets, {look.label}: against kd_prune"
        assert [label.get_text() for label in panels[0].get_yticklabels()] == [cell]
        for panel in panels:
            assert (look.color, look.marker) in [(line.get_color(), line.get_marker()) for line in panel.lines]


def test_without_any_change_the_axis_is_not_of_rounding_errors(tables, figure, tmp_path):
    table = pd.read_csv(tables / "quantization.csv")
    for end in ("", "_low", "_high"):
        table[f"quality_change{end}"] = table[f"quality_change{end}"] * 0
    table.to_csv(tmp_path / "quantization.csv", index=False)
    low, high = figure("quantization", tmp_path / "quantization.csv").axes[0].get_xlim()
    assert (low, high) == pytest.approx((-1, 1))


def test_points_of_a_third_runtime(tables):
    """26 of 40 right, 10 fewer than the teacher; 30 of 40 answers as the teacher's; 1.5 times the latencies by hand."""
    points = {point["id"]: point for point in points_of(tables)}
    assert len(points) == 3 * 4
    found = points["snippets/edgemin_nncf/openvino"]
    figures = {"quality": 65.0, "change": -25.0, "agreement": 75.0, "mb": 0.8, "smaller": 5.0, "p50": 0.75, "speedup": 16.0}
    assert {name: found["values"][name] for name in figures} == pytest.approx(figures)
    assert found["values"]["quality_low"] < 65 < found["values"]["quality_high"]
    assert points["snippets/kd/openvino"]["values"]["p50"] == 3.0


def test_a_ladder_of_its_own_in_words(spec, tables):
    found = summaries(spec, tables)
    assert [ladder["title"] for ladder in found] == [f"In {label}" for label in LABELS]
    last = found[2]
    assert (last["first"], last["last"]) == ("teacher", "edgemin_nncf")
    assert [tile["figure"] for tile in last["tiles"]] == ["−25.00 points", "5.0×", "16.00×"]


def test_blocks_of_their_own_in_the_tables(tables):
    table = read_table(tables, "stagewise")
    assert [row["runtime"] for row in table["rows"]] == [name for name in NAMES for _ in range(4)]
    assert [number for number, row in enumerate(table["rows"]) if row["starts"]] == [4, 8]
    rows = pd.read_csv(tables / "quantization.csv")
    assert rows[["runtime", "cell"]].to_numpy().tolist() == [
        pair for name, cell in zip(NAMES, QUANTIZED, strict=True) for pair in ([name, "kd_prune"], [name, cell])
    ]
    assert rows["smaller"].tolist() == [1, 4, 1, 2, 1, 2.5]


def test_the_digests_of_a_model_of_any_runtime_are_told(spec):
    chains = {chain["cell"]: chain for chain in chains_of(spec)}
    for cell, name in (("edgemin", "model.onnx"), ("edgemin_nncf", "model.bin")):
        assert chains[cell]["links"][-1]["models"][0]["files"] == {name: SHA}


def test_the_page_is_told_of_the_runtimes_that_were_measured(spec):
    html = render(spec)
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html).group(1))
    assert data["runtimes"] == [
        {"name": name, "label": label, "shape": shape}
        for name, label, shape in zip(NAMES, LABELS, ("circle", "square", "triangle-up"), strict=True)
    ]
    assert re.findall(r'name="runtime" value="(\w+)" checked> ([\w ]+)<', html) == list(zip(NAMES, LABELS, strict=True))


def test_a_runtime_that_is_not_measured_is_not_on_the_page(tmp_path):
    with written(tmp_path, runtimes=("onnxruntime",)) as spec:
        html = render(spec)
    assert "openvino" not in html.lower()
    assert "pytorch" not in html.lower().split('id="reading"')[0]
