"""Statements of the literature: what is compared, and when one holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from reading import cells, texts

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json, write_json
from edgemin.measure.blocks import Interval
from edgemin.plan.plan import Plan
from edgemin.report.tables import statements
from edgemin.report.tables.statements import Statements, columns_of, frame, verdict_on
from edgemin.study.read import parse_study

SAYS = "Small is fast"


@pytest.fixture
def said(changed):
    """said(comparisons): the smoke study with one statement."""

    def make(*comparisons: dict, **changes):
        found = {"says": SAYS, "source": "someone", "shows": list(comparisons)}
        return parse_study(changed({"tables.statements": [found], **changes}))

    return make


@pytest.mark.parametrize(
    ("low", "high", "side", "verdict"),
    [
        (1.2, 1.8, 1, "holds"),
        (0.9, 1.8, 1, "not shown"),
        (0.5, 0.9, 1, "does not hold"),
        (0.5, 0.9, -1, "holds"),
        (0.9, 1.8, -1, "not shown"),
        (1.2, 1.8, -1, "does not hold"),
        (np.nan, np.nan, 1, "not shown"),
        (np.nan, np.nan, -1, "not shown"),
    ],
)
def test_a_verdict_by_the_side_of_the_whole_interval(low, high, side, verdict):
    assert verdict_on(Interval((low + high) / 2, low, high), 1.0, side) == verdict


def test_answers_that_do_not_differ_show_no_gain():
    """Nor a loss: other texts may tell them apart. Counts that are alike are alike."""
    assert [verdict_on(Interval(0.0, 0.0, 0.0), 0.0, side) for side in (1, -1)] == ["not shown"] * 2
    assert verdict_on(Interval(0.0, 0.0, 0.0), -0.01, 1) == "holds"
    assert verdict_on(Interval(1.0, 1.0, 1.0), 1.0, 1, exact=True) == "does not hold"
    assert verdict_on(Interval(1.1, 1.1, 1.1), 1.0, 1, exact=True) == "holds"


def test_of_several_cells_the_one_that_speaks_least_for_it_is_the_worst_verdict(monkeypatch):
    """+2.0 [+1.1, +2.9] against one holds; +2.2 [-1.1, +5.5] against the other shows nothing, though its value is larger."""
    measured = {"kd": Interval(0.020, 0.011, 0.029), "far": Interval(0.022, -0.011, 0.055), "near": Interval(0.021, -0.01, 0.05)}
    monkeypatch.setattr(statements, "_measured", lambda by, statement, ours, theirs: measured[theirs])
    comparison = {"cell": "best", "than": list(measured), "by": "quality", "runtime": "r", "bound": 0.0, "side": 1}
    rows = {f"t {cell} r": {"seeds": cell} for cell in ("best", *measured)}
    line = statements._line({"task": "t", "metric": "accuracy"}, comparison, rows)
    assert (line["than"], line["verdict"], line["low"]) == ("near", "not shown", -0.01)


@pytest.mark.parametrize(
    ("comparison", "problem"),
    [
        ({"cell": "kd", "than": ["nobody"]}, "tables.statements.0.shows.0: 'nobody' is not a cell"),
        (
            {"cell": "edgemin", "than": ["edgemin_torch"]},
            "tables.statements.0.shows.0: cells edgemin, edgemin_torch are measured in no runtime together",
        ),
        (
            {"cell": "kd", "than": ["teacher"], "at_least": 1, "at_most": 2},
            "has both at_least and at_most; write two comparisons",
        ),
        ({"cell": "kd", "than": []}, "tables.statements.0.shows.0.than"),
        ({"cell": "kd", "than": ["teacher"], "by": "luck"}, "tables.statements.0.shows.0.by"),
    ],
)
def test_what_cannot_be_compared_is_told_before_anything_runs(said, comparison, problem):
    with pytest.raises(EdgeminError) as error:
        said(comparison)
    assert problem in str(error.value)


def test_cells_are_compared_in_the_first_runtime_that_all_have(said):
    plan = Plan(said({"cell": "edgemin_torch", "than": ["kd_prune"], "by": "smaller"}, {"cell": "kd", "than": ["teacher"]}))
    spec = Statements().spec(plan)
    assert [line["runtime"] for line in spec["statements"][0]["shows"]] == ["torch", "onnxruntime"]
    assert [(line["bound"], line["side"]) for line in spec["statements"][0]["shows"]] == [(1.0, 1), (0.0, 1)]
    assert len(spec["rows"]) == len(set(spec["of"])) == 4
    assert Statements().cells(plan.study) == ["edgemin_torch", "kd_prune", "kd", "teacher"]


RIGHT = {"teacher": 90, "kd": 80, "kd_prune": 79, "edgemin": 50}
"""Of 100 test sentences, those from the first on."""
BYTES = {"teacher": 4000, "kd": 2000, "kd_prune": 2000, "edgemin": 500}
SPEED = {"kd": (2.0, 1.8, 2.2222), "kd_prune": (2.2, 1.8, 2.6889), "edgemin": (8.0, 7.0, 9.142857)}


@pytest.fixture
def made(said, tmp_path, monkeypatch):
    """made(comparisons): the table of a statement about measurements written by hand."""
    monkeypatch.chdir(tmp_path)

    def make(*comparisons: dict, rounds: int = 5, seeds: int = 1) -> pd.DataFrame:
        spec = Statements().spec(Plan(said(*comparisons, seeds=list(range(seeds)))))
        for row in spec["rows"]:
            for seed in row["seeds"]:
                measured(Path(seed["folder"]), row["cell"], rounds)
        make.spec = spec
        return frame(spec)

    return make


def measured(folder: Path, cell: str, rounds: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    gold = np.arange(100) % 2
    predicted = np.where(np.arange(100) < RIGHT[cell], gold, 1 - gold)
    pd.DataFrame({"split": "test", "label": gold, "logits": list(np.eye(2)[predicted])}).to_parquet(
        folder / "predictions.parquet"
    )
    write_json(folder / "size.json", {"bytes": BYTES[cell], "logical": 300 if cell == "edgemin" else 600})
    stream = {}
    if cell in SPEED:
        ends = SPEED[cell] if rounds > 1 else (SPEED[cell][0], None, None)
        stream["speedup_over_reference"] = dict(zip(("value", "low", "high"), ends, strict=True))
    write_json(
        folder / "latency.json", {"single_stream": stream, "rounds": rounds, "threads": 1, "host": {"cpu": "c", "flags": []}}
    )


def test_quality_is_a_paired_difference(made):
    """kd is wrong in 10 of 100 that the teacher has right, and nowhere else: 10 points less, with a standard error of sqrt(0.1 0.9 / 99)."""
    [row] = made({"cell": "kd", "than": ["teacher"], "at_least": -0.2}).to_dict("records")
    assert row["value"] == pytest.approx(-0.1)
    assert row["low"] == pytest.approx(-0.1 - 1.984217 * np.sqrt(0.09 / 99), abs=1e-5)
    assert (row["verdict"], row["overall"]) == ("holds", "holds")
    [row] = made({"cell": "kd", "than": ["teacher"]}).to_dict("records")
    assert (row["verdict"], row["overall"]) == ("does not hold", "does not hold")


def test_bytes_are_a_ratio_without_an_interval(made):
    [row] = made({"cell": "edgemin", "than": ["kd_prune"], "by": "smaller", "at_least": 3.5}).to_dict("records")
    assert (row["value"], row["low"], row["high"], row["verdict"]) == (4, 4, 4, "holds")
    [row] = made({"cell": "kd_prune", "than": ["kd"], "by": "smaller"}).to_dict("records")
    assert (row["value"], row["verdict"]) == (1, "does not hold")


def test_weights_are_those_that_take_part(made):
    [row] = made({"cell": "edgemin", "than": ["kd"], "by": "fewer", "at_least": 2.5}).to_dict("records")
    assert (row["value"], row["verdict"]) == (2, "does not hold")


def test_speeds_are_compared_by_their_ratios_to_the_teacher(made):
    """Logs of 8 and 2 with half-widths of log(8/7) and log(10/9): these add as squares."""
    [row] = made({"cell": "edgemin", "than": ["kd"], "by": "faster", "at_least": 3}).to_dict("records")
    reach = np.exp(np.hypot(np.log(8 / 7), np.log(10 / 9)))
    assert [row[end] for end in ("value", "low", "high")] == pytest.approx([4, 4 / reach, 4 * reach], rel=1e-4)
    assert row["verdict"] == "holds"
    [row] = made({"cell": "kd", "than": ["teacher"], "by": "faster", "at_most": 2.5}).to_dict("records")
    assert [row[end] for end in ("value", "low", "high")] == pytest.approx([2, 1.8, 2.2222], rel=1e-4)
    assert row["verdict"] == "holds"


def test_ratios_of_two_cpus_show_nothing(made):
    """The teacher's own ratio is 1 on each."""
    comparisons = [{"cell": "edgemin", "than": [other], "by": "faster", "at_least": 1.5} for other in ("kd", "teacher")]
    assert list(made(*comparisons)["verdict"]) == ["holds", "holds"]
    for row in made.spec["rows"]:
        if row["cell"] == "edgemin":
            file = Path(row["seeds"][0]["folder"]) / "latency.json"
            write_json(file, {**read_json(file), "host": {"cpu": "another", "flags": []}})
    assert list(frame(made.spec)["verdict"]) == ["not shown", "holds"]


def test_with_one_round_no_speed_is_shown(made):
    [row] = made({"cell": "edgemin", "than": ["kd"], "by": "faster"}, rounds=1).to_dict("records")
    assert row["value"] == pytest.approx(4)
    assert row["verdict"] == "not shown"
    (measured,) = cells(columns_of(frame(made.spec)))["measured"]
    assert measured.text == "edgemin against kd, faster: 4.00× (≥ 1×)"
    assert (measured.number, measured.low, measured.high) == (pytest.approx(4), None, None)


def test_of_several_the_one_that_speaks_least_counts(made):
    [row] = made({"cell": "edgemin", "than": ["kd", "teacher"], "by": "smaller"}).to_dict("records")
    assert (row["than"], row["value"]) == ("kd", 4)
    [row] = made({"cell": "edgemin", "than": ["kd", "teacher"], "by": "smaller", "at_most": 9}).to_dict("records")
    assert (row["than"], row["value"]) == ("teacher", 8)


def test_a_statement_holds_if_all_of_it_does(made):
    smaller = {"cell": "edgemin", "than": ["kd"], "by": "smaller"}
    unshown = {"cell": "kd_prune", "than": ["kd"], "by": "faster"}
    worse = {"cell": "edgemin", "than": ["kd"]}
    assert set(made(smaller)["overall"]) == {"holds"}
    assert set(made(smaller, unshown)["overall"]) == {"not shown"}
    assert set(made(smaller, unshown, worse)["overall"]) == {"does not hold"}


@pytest.mark.parametrize(("seeds", "verdict"), [(1, "does not hold (these checkpoints)"), (4, "does not hold")])
def test_below_four_seeds_a_verdict_on_quality_is_of_these_checkpoints(made, seeds, verdict):
    table = made({"cell": "edgemin", "than": ["kd"]}, {"cell": "edgemin", "than": ["kd"], "by": "smaller"}, seeds=seeds)
    text = texts(columns_of(table))
    assert list(text["this comparison"]) == [verdict, "holds"]
    assert list(text["statement holds"]) == ["does not hold", ""]
    assert [cell.text for cell in cells(columns_of(table))["statement holds"]] == ["does not hold"] * 2
    quality, smaller = cells(columns_of(table))["measured"]
    assert (quality.number, quality.low < -30 < quality.high) == (pytest.approx(-30), True)
    assert (smaller.number, smaller.low, smaller.high) == (4, None, None), "a count is known exactly"
    assert text["measured"][0].startswith("edgemin against kd, accuracy %: −30.00 [−")
    assert text["measured"][0].endswith("] (≥ 0)")
    assert text["measured"][1] == "edgemin against kd, smaller: 4.00× (> 1×)"


def test_the_files_are_written_with_what_they_rest_on(made, tmp_path):
    made({"cell": "kd", "than": ["teacher"]})
    Statements().write(made.spec, tmp_path / "out")
    text = (tmp_path / "out/statements.md").read_text(encoding="utf-8")
    assert text.startswith("# Statements: smoke\n\nOne seed: with others,")
    assert f"| {SAYS} | someone " in text
    assert "Machine: c, 1 inference thread(s). Intervals of latency say where the next run of 5 rounds falls" in text
