"""The comparison of names in plots: what is counted, on a plot by hand."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from benches import bench

from edgemin.report.labels import label_points

POINTS = pd.DataFrame({"x": [1.0, 5, 9], "y": [1.0, 5, 9], "cell": ["a", "b", "c"], "role": "", "span": 8.0})
LINES = [np.array([0, 1])]
CORNER = {"ha": "left", "va": "bottom"}


@pytest.fixture(scope="module")
def kept():
    with bench("kept_labels") as module:
        yield module


@pytest.fixture
def axis():
    figure, axis = plt.subplots(figsize=(6, 4))
    axis.set(xlim=(0, 10), ylim=(0, 10))
    figure.draw_without_rendering()
    yield axis
    plt.close(figure)


@pytest.mark.parametrize(
    ("names", "counted"),
    [
        ({"a": (1.5, 0.5), "c": (9.2, 9.2)}, {"names": 2}),
        ({"a": (4.95, 4.9)}, {"names": 1, "over marks": 1, "nearest to another": 1}),
        ({"a": (2.5, 2.4)}, {"names": 1, "over lines": 1}),
        ({"a": (1.5, 0.5), "b": (1.5, 0.5)}, {"names": 2, "over names": 2, "nearest to another": 1}),
        ({"c": (9.95, 9)}, {"names": 1, "outside": 1}),
    ],
)
def test_names_that_cover_something_are_counted(kept, axis, names, counted):
    for cell, place in names.items():
        axis.text(*place, cell, **CORNER)
    found = kept.counts(axis.figure, axis, POINTS, LINES)
    assert dict(zip(kept.COUNTS, found, strict=True)) == dict.fromkeys(kept.COUNTS, 0) | counted


def test_the_line_from_a_name_to_its_point_is_none_of_the_name(kept, axis):
    axis.annotate("a", (1, 1), (40, 0), textcoords="offset points", arrowprops={"arrowstyle": "-"})
    axis.text(1.35, 0.9, "b")
    found = dict(zip(kept.COUNTS, kept.counts(axis.figure, axis, POINTS, LINES), strict=True))
    assert found["names"] == 2
    assert found["over names"] == 0


def test_ours_covers_nothing(kept, axis):
    label_points(axis.figure, axis, POINTS, LINES)
    found = dict(zip(kept.COUNTS, kept.counts(axis.figure, axis, POINTS, LINES), strict=True))
    assert found == dict.fromkeys(kept.COUNTS, 0) | {"names": 3}


def test_the_library_gets_names_points_and_marks_in_data(kept, axis, monkeypatch):
    given = []
    stub = SimpleNamespace(adjust_text=lambda texts, x, y, **more: given.append((texts, x, y, more)))
    monkeypatch.setitem(sys.modules, "adjustText", stub)
    kept.by_library(["a", "c"])(axis.figure, axis, POINTS, LINES)
    ((texts, x, y, more),) = given
    assert [(text.get_text(), *text.get_position()) for text in texts] == [("a", 1, 1), ("c", 9, 9)]
    assert (x.tolist(), y.tolist()) == ([1, 5, 9], [1, 5, 9])
    centres = [((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2) for box in more["objects"]]
    np.testing.assert_allclose(centres, [(1, 1), (5, 5), (9, 9)])
    pixels = axis.transData.transform([[more["objects"][0].x0, 0], [more["objects"][0].x1, 0]])
    assert pixels[1, 0] - pixels[0, 0] == pytest.approx(8 * axis.figure.dpi / 72 + 2)
    assert more["iter_lim"] == kept.ROUNDS


def test_plots_are_named_by_the_other_way_for_a_while(kept, axis, monkeypatch):
    calls = []
    ours = kept.pareto.label_points
    with kept.placing(lambda *given: calls.append("placed"), lambda *given: calls.append("seen")):
        kept.pareto.label_points(axis.figure, axis, POINTS, LINES)
    assert calls == ["placed", "seen"]
    assert kept.pareto.label_points is ours
