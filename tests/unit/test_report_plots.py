from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from edgemin.report.plots import frontier, plot_pareto


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
        plot_pareto(str(tmp_path / "results.csv"), "size", [str(file)])
    assert files[0].read_bytes() == files[1].read_bytes()
    texts = re.findall(r"<text[^>]*>([^<]+)</text>", files[0].read_text(encoding="utf-8"))
    assert {"teacher", "kd", "kd_prune"} < set(texts)


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
    plot_pareto(str(tmp_path / "results.csv"), "size", [str(tmp_path / "plot.svg")])
    texts = re.findall(r"<text[^>]*>([^<]+)</text>", (tmp_path / "plot.svg").read_text(encoding="utf-8"))
    assert {"best", "worst"} < set(texts)
    assert sum(text.startswith("crowded") for text in texts) < 40
