"""How a stage of a ladder is chosen on validation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from reading import cells, texts

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json, write_json
from edgemin.plan.plan import Plan
from edgemin.report.tables.choice import Choices, columns_of, frame, winner
from edgemin.study.read import parse_study

RIGHT = {"teacher": (90, 90), "kd": (80, 82), "kd_prune": (82, 81), "edgemin": (81, 81)}
"""Of 100 validation sentences, by seed; of the test sentences it is the other way round."""
BYTES = {"teacher": 4000, "kd": 2000, "kd_prune": 1900, "edgemin": 500}
WEIGHTS = {"teacher": 900, "kd": 500, "kd_prune": 400, "edgemin": 400}
SPEED = {"kd": 2.0, "kd_prune": 2.5, "edgemin": 8.0}


@pytest.fixture
def made(changed, tmp_path, monkeypatch):
    """made(choice): the table of one choice about measurements written by hand, two seeds."""
    monkeypatch.chdir(tmp_path)

    def make(**choice) -> pd.DataFrame:
        said = {"asks": "Which", **choice}
        spec = Choices().spec(Plan(parse_study(changed({"tables.choice": [said], "seeds": [0, 1]}))))
        for row in spec["blocks"][0]["rows"]:
            for number, seed in enumerate(row["seeds"]):
                measured(Path(seed["folder"]), row["cell"], number)
        make.spec = spec
        return frame(spec)

    return make


def measured(folder: Path, cell: str, seed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    gold = np.arange(100) % 2
    right = np.arange(100) < RIGHT[cell][seed]
    splits = [
        pd.DataFrame({"split": split, "label": gold, "logits": list(np.eye(2)[np.where(answers, gold, 1 - gold)])})
        for split, answers in (("validation", right), ("test", ~right))
    ]
    pd.concat(splits).to_parquet(folder / "predictions.parquet")
    write_json(folder / "size.json", {"bytes": BYTES[cell], "logical": WEIGHTS[cell]})
    speed = {"speedup_over_reference": {"value": SPEED[cell], "low": None, "high": None}} if cell in SPEED else {}
    write_json(folder / "latency.json", {"host": {"cpu": "one"}, "single_stream": speed})


def cell_that(found: pd.DataFrame, what: str) -> str:
    [cell] = found.loc[found[what], "cell"]
    return cell


def test_the_highest_on_validation_wins_and_what_was_taken_is_told_beside_it(made):
    """Means 81.0, 81.5, 81.0; paired with the winner kd is 2 behind and 1 ahead."""
    found = made(among=["kd", "kd_prune", "edgemin"], chosen="edgemin").set_index("cell", drop=False)
    assert found["validation"].tolist() == pytest.approx([0.81, 0.815, 0.81])
    assert (cell_that(found, "wins"), cell_that(found, "taken")) == ("kd_prune", "edgemin")
    assert found["difference"]["kd"] == pytest.approx(-0.005)
    assert np.isnan(found["difference"]["kd_prune"])
    text = texts(columns_of(found.reset_index(drop=True)))
    assert list(text["wins"]) == ["", "yes", ""]
    assert list(text["taken"]) == ["", "", "yes"]
    assert list(text["validation accuracy %"]) == ["81.00", "81.50", "81.00"]
    assert list(text["rule"]) == ["the highest", "", ""]
    assert "counted" not in text


@pytest.mark.parametrize(
    ("by", "within", "expected"),
    [
        ("smaller", 0.005, "edgemin"),
        ("fewer", 0.005, "kd_prune"),  # as few weights as edgemin, and earlier
        ("faster", 0.005, "edgemin"),
        ("smaller", 0.004, "kd_prune"),  # edgemin is half a point below kd_prune
    ],
)
def test_the_cheapest_of_those_that_lose_little(made, by, within, expected):
    found = made(among=["kd_prune", "edgemin"], chosen="edgemin", by=by, below="kd_prune", within=within)
    assert cell_that(found, "wins") == expected
    costs = {
        "smaller": [1900, 500],
        "fewer": [400, 400],
        "faster": [1 / 2.5, 1 / 8],
    }
    assert found["cost"].tolist() == pytest.approx(costs[by])


def test_by_times_of_two_cpus_nothing_wins(made):
    found = made(among=["kd_prune", "edgemin"], chosen="edgemin", by="faster", below="kd_prune", within=0.005)
    assert cell_that(found, "wins") == "edgemin"
    for seed in made.spec["blocks"][0]["rows"][1]["seeds"]:
        file = Path(seed["folder"], "latency.json")
        write_json(file, {**read_json(file), "host": {"cpu": "another"}})
    assert not frame(made.spec)["wins"].any()


def test_all_lose_too_much_and_none_wins(made):
    found = made(among=["kd", "kd_prune"], chosen="kd", by="fewer", below="teacher", within=0.05)
    assert not found["wins"].any()
    assert found.set_index("cell")["alternative"].to_dict() == {"kd": True, "kd_prune": True, "teacher": False}
    assert found["difference"].isna().all()
    assert list(texts(columns_of(found))["cell"]) == ["kd", "kd_prune", "(teacher)"]
    counted = cells(columns_of(found))["counted"]
    assert [(cell.text, cell.number) for cell in counted] == [
        (f"0.000{count // 100} million weights", count / 1e6) for count in (500, 400, 900)
    ]


def test_a_loss_of_exactly_the_margin_is_within_it():
    stage = {"among": ["a", "b"], "by": "fewer", "below": "a", "within": 0.005}
    assert 0.870 - 0.865 > 0.005  # in floats
    assert winner(stage, {"a": 0.870, "b": 0.865}, {"a": 2.0, "b": 1.0}) == "b"


def test_of_equal_cost_the_better_one_wins_and_of_equals_the_earlier():
    stage = {"among": ["a", "b", "c"], "by": "fewer", "below": "a", "within": 0.005}
    assert winner(stage, {"a": 0.870, "b": 0.871, "c": 0.871}, {"a": 1.0, "b": 1.0, "c": 1.0}) == "b"
    assert winner(stage, {"a": 0.870, "b": 0.871, "c": 0.869}, {"a": 1.0, "b": 1.0, "c": 0.9}) == "c"


def test_only_what_the_rule_counts_is_measured(made):
    """No latency is measured for a choice by quality."""
    made(among=["kd", "kd_prune"], chosen="kd")
    [seed, _] = made.spec["blocks"][0]["rows"][0]["seeds"]
    assert [Path(one).name for one in Choices().needs(seed)] == ["predictions.parquet"]
    made(among=["kd", "kd_prune"], chosen="kd", by="faster", below="kd", within=0)
    [seed, _] = made.spec["blocks"][0]["rows"][0]["seeds"]
    assert [Path(one).name for one in Choices().needs(seed)] == ["predictions.parquet", "latency.json"]


def test_it_is_written(made, tmp_path):
    made(among=["kd", "kd_prune", "edgemin"], chosen="kd_prune")
    Choices().write(made.spec, tmp_path)
    text = (tmp_path / "choice.md").read_text()
    assert "2 seeds: with others" in text
    assert "| Which | the highest | kd " in text
    told = read_json(tmp_path / "choice.json")
    assert [row["cells"][1]["text"] for row in told["rows"]] == ["the highest"] * 3, "in JSON what is repeated is written out"
    assert r"Which & the highest & kd" in (tmp_path / "choice.tex").read_text()
    assert pd.read_csv(tmp_path / "choice.csv")["wins"].tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("choice", "problem"),
    [
        ({"among": ["kd", "nobody"], "chosen": "kd"}, "tables.choice.0: 'nobody' is not a cell"),
        ({"among": ["kd", "kd_prune"], "chosen": "edgemin"}, "chosen: 'edgemin' is not one of `among`"),
        ({"among": ["kd"], "chosen": "kd"}, "tables.choice.0.among"),
        ({"among": ["edgemin", "edgemin_torch"], "chosen": "edgemin"}, "are measured in no runtime together"),
        ({"among": ["kd", "kd_prune"], "chosen": "kd", "within": 0.1}, "within mean nothing with `by: quality`"),
        (
            {"among": ["kd", "kd_prune"], "chosen": "kd", "by": "fewer", "below": "kd"},
            "by: fewer needs `below`, a cell, and `within`",
        ),
    ],
)
def test_what_cannot_be_chosen_is_told_before_anything_runs(changed, choice, problem):
    with pytest.raises(EdgeminError) as error:
        parse_study(changed({"tables.choice": [{"asks": "Which", **choice}]}))
    assert problem in str(error.value)
