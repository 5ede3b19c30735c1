"""What each figure says on top, from data whose answer is known. Of Pareto plots and layers: test_report_plots."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from matplotlib import pyplot

from edgemin.report.drawing import WIDTH
from edgemin.study import registry

OBJECTIVES = [
    {"cell": "labels", "quality_change": None, "quality_change_low": None, "quality_change_high": None},
    {"cell": "up", "quality_change": 0.02, "quality_change_low": 0.01, "quality_change_high": 0.03},
    {"cell": "same", "quality_change": 0.0, "quality_change_low": -0.01, "quality_change_high": 0.01},
    {"cell": "down", "quality_change": -0.02, "quality_change_low": -0.03, "quality_change_high": -0.01},
]
COMMON = {
    "task": "t",
    "control": "labels",
    "updates": 9,
    "metric": "accuracy",
    "quality": 0.8,
    "quality_low": 0.7,
    "quality_high": 0.9,
}
SCHEMES = [
    {"scheme": "a", "cell": "a", "quality_change_high": -0.01, "speedup_over_parent": 2.0},
    {"scheme": "b", "cell": "b", "quality_change_high": 0.01, "speedup_over_parent": 3.0},
]
QUANTIZED = {
    "task": "t",
    "runtime": "torch",
    "reference": "kd",
    "metric": "accuracy",
    "quality_change": -0.02,
    "quality_change_low": -0.05,
}
LADDER = [
    {"cell": "teacher", "chain": "t", "quality": 0.9, "bytes": 4e6, "p50": 8.0, "speedup_over_reference": None},
    {"cell": "small", "chain": "t/s", "against": "t", "quality": 0.8, "bytes": 1e6, "p50": 2.0, "speedup_over_reference": 4.5},
]
SWEEP = [
    {"criterion": criterion, "ratio": ratio, "value": value}
    for criterion, values in {"magnitude": (0.9, 0.5), "taylor": (0.8, 0.7)}.items()
    for ratio, value in zip((0.1, 0.5), values, strict=True)
]


@pytest.fixture
def told(tmp_path, monkeypatch):
    """told(plot, rows, common): the sentence on top of the plot of this table."""

    def draw(plot, rows, **common):
        figures = []
        monkeypatch.setattr(f"edgemin.report.plots.{plot}.draw.save", lambda figure, files: figures.append(figure))
        pd.DataFrame([{**common, **row} for row in rows]).to_csv(tmp_path / "table.csv", index=False)
        registry.PLOTS[plot].draw({}, [str(tmp_path / "table.csv")], [])
        found, width = figures[0].get_suptitle(), figures[0].get_figwidth()
        pyplot.close(figures[0])
        assert width == WIDTH
        return found

    return draw


def test_of_objectives_how_many_differ(told):
    assert told("distillation", OBJECTIVES, **COMMON) == "Beyond the interval: 1 of 3 objectives above labels, 1 below."


def test_of_schemes_how_many_lose_and_which_is_the_fastest(told):
    said = "Schemes with a loss of quality beyond the interval: 1 of 2. Fastest, by estimate: b (3.00× kd in PyTorch)."
    assert told("quantization", SCHEMES, smaller=2.0, **QUANTIZED) == said


def test_of_a_ladder_what_it_comes_to(told):
    said = "PyTorch: teacher → small: 4.0× smaller, 4.50× as fast as the teacher, test accuracy % 90.00 → 80.00."
    assert told("stagewise", LADDER, task="t", runtime="torch", metric="accuracy", logical=1e6, naive=None) == said


def test_of_a_ladder_that_grows_that_it_is_larger(told):
    rows = [LADDER[0], {**LADDER[1], "bytes": 8e6}]
    said = "PyTorch: teacher → small: 2.0× larger, 4.50× as fast as the teacher, test accuracy % 90.00 → 80.00."
    assert told("stagewise", rows, task="t", runtime="torch", metric="accuracy", logical=1e6, naive=None) == said


def test_of_two_ladders_what_each_comes_to(told):
    other = {
        "cell": "other",
        "chain": "t/o",
        "against": "t",
        "quality": 0.85,
        "bytes": 2e6,
        "p50": 4.0,
        "speedup_over_reference": 2,
    }
    found = told("stagewise", [*LADDER, other], task="t", runtime="torch", metric="accuracy", logical=1e6, naive=None)
    assert [line.split(": ")[1] for line in found.splitlines()] == ["teacher → small", "teacher → other"]


def test_of_a_teacher_alone_what_it_scores(told):
    first = {name: value for name, value in LADDER[0].items() if name != "speedup_over_reference"}
    found = told("stagewise", [first], task="t", runtime="torch", metric="accuracy", logical=1e6, naive=None)
    assert found == "PyTorch: teacher → teacher: test accuracy % 90.00 → 90.00."


def test_of_sweeps_the_criterion_that_keeps_most(told):
    """Means of 70 and 75 %."""
    said = "Keeps most on average over the shares: attention heads: taylor (75.00)."
    assert told("sensitivity", SWEEP, task="t", structure="heads", metric="accuracy") == said
    alone = [row for row in SWEEP if row["criterion"] == "taylor"]
    assert told("sensitivity", alone, task="t", structure="heads", metric="accuracy").startswith("One criterion")


def test_tasks_of_other_metrics_have_axes_of_their_own(tmp_path, monkeypatch):
    """90 % of accuracy, and a correlation of 0.9."""
    rows = [
        {**row, "task": task, "metric": metric, "structure": structure}
        for task, metric in (("movies", "accuracy"), ("sts", "pearson"))
        for structure in ("heads", "ffn")
        for row in SWEEP
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "table.csv", index=False)
    figures = []
    monkeypatch.setattr("edgemin.report.plots.sensitivity.draw.save", lambda figure, files: figures.append(figure))
    registry.PLOTS["sensitivity"].draw({}, [str(tmp_path / "table.csv")], [])
    axes = figures[0].axes
    assert [axis.get_ylabel() for axis in axes] == [
        "validation accuracy %, no recovery",
        "",
        "validation pearson, no recovery",
        "",
    ]
    assert [axis.get_title(loc="left") for axis in axes] == [
        f"{structure}, {task}" for task in ("movies", "sts") for structure in ("attention heads", "FFN neurons")
    ]
    low, high = zip(*(axis.get_ylim() for axis in axes), strict=True)
    assert low[0] == low[1] > 1 > high[2] == high[3]
    pyplot.close(figures[0])


def test_of_heads_the_rank_correlation_with_the_oracle(tmp_path, monkeypatch):
    """Ranks 1 2 3 4 against 1 2 4 3: rho = 1 - 6 * 2 / (4 * 15) = 0.8; against the reverse -1."""
    scores = {"oracle": [[1, 2], [3, 4]], "taylor": [[1, 2], [4, 3]], "random": [[4, 3], [2, 1]]}
    files = [tmp_path / f"{name}.json" for name in scores]
    for file, (name, values) in zip(files, scores.items(), strict=True):
        file.write_text(json.dumps({"criterion": name, "scores": values}), encoding="utf-8")
    figures = []
    monkeypatch.setattr("edgemin.report.plots.head_importance.draw.save", lambda figure, files: figures.append(figure))
    registry.PLOTS["head_importance"].draw({}, list(map(str, files)), [])
    titles = [axis.get_title(loc="left") for axis in figures[0].axes]
    assert titles[:3] == ["oracle", "taylor: ρ = 0.80", "random: ρ = −1.00"]
    said = "ρ: Spearman's rank correlation of the heads' scores with oracle. Nearest: taylor (ρ = 0.80)."
    assert figures[0].get_suptitle() == said
    pyplot.close(figures[0])
