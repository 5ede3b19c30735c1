"""The cascade that `edgemin compress` puts beside its recommendation: its members, by hand; how the study gets it; what is said of it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml
from compressing import classes_csv

from edgemin.compressing.cascade import cascade_of, words_of
from edgemin.compressing.command import _cascade_added
from edgemin.compressing.folder import STUDY, Folder
from edgemin.compressing.inputs import look
from edgemin.compressing.request import Request
from edgemin.compressing.space import space
from edgemin.compressing.study_file import study_of, text_of, with_cascades
from edgemin.plan.plan import Plan
from edgemin.study.read import parse_study

ROWS = [  # cell, chain, validation, drop, within the limit, MB, p90
    ("majority", "baseline-majority", 0.34, 0.31, False, 0.0, 0.01),
    ("tfidf", "baseline-tfidf", 0.56, 0.09, False, 1.4, 0.2),
    ("teacher", "teacher", 0.65, 0.0, True, 91.6, 12.0),
    ("teacher_int8", "teacher/quantize-int8", 0.648, 0.002, True, 23.6, 4.0),
    ("teacher_smallest", "teacher/prune-vocabulary/quantize-int4", 0.649, 0.001, True, 17.3, 4.1),
    ("static", "teacher/distill-static", 0.62, 0.03, False, 8.5, 0.1),
    ("static_int4", "teacher/distill-static/quantize-vectors", 0.61, 0.04, False, 1.9, 0.1),
    ("half_smallest", "teacher/distill-half/prune-vocabulary/quantize-int4", 0.645, 0.005, True, 9.0, 2.0),
]


def table(recommended: str = "half_smallest", refused: tuple[str, ...] = ()) -> pd.DataFrame:
    names = ["cell", "chain", "validation", "drop", "meets_max_accuracy_drop", "bytes", "p90_from_text"]
    found = pd.DataFrame(ROWS, columns=names).assign(task="texts")
    return found.assign(
        bytes=found["bytes"] * 1e6, accepted=~found["cell"].isin(refused), recommended=found["cell"] == recommended
    )


def request(**options) -> Request:
    return Request(**{"data": "a.csv", "text": ("text",), "label": "label", "max_drop": 1.0, **options})


@pytest.mark.parametrize(
    ("megabytes", "members"),
    [
        (None, ["tfidf", "static_int4", "teacher_smallest"]),
        (20.6, ["tfidf", "static_int4", "teacher_smallest"]),
        (20.5, ["tfidf", "teacher_smallest"]),
        (12.4, ["tfidf", "static_int4", "half_smallest"]),
        (10.4, ["tfidf", "half_smallest"]),
    ],
)
def test_members_fit_together(megabytes, members):
    """1.4 MB of word counts, 1.9 of the smallest that is better than those, and 17.3 or 9.0 of the last. Never the floats of the teacher."""
    assert cascade_of(table(), request(max_mb=megabytes), 1000)["members"] == members


@pytest.mark.parametrize(("cell", "chosen"), [("static_int4", "static"), ("teacher_smallest", "teacher_int8")])
def test_a_cell_that_is_not_accepted_is_no_member(cell, chosen):
    members = cascade_of(table(refused=(cell,)), request(), 1000)["members"]
    assert chosen in members
    assert cell not in members


def test_it_may_lose_what_its_last_member_leaves():
    """A point less the last member's tenth, read as the recommendation reads its limit."""
    assert cascade_of(table(), request(by="interval"), 1000) == {
        "members": ["tfidf", "static_int4", "teacher_smallest"],
        "max_drop": 0.009,
        "bound": "interval",
    }
    assert cascade_of(table(), request(max_drop=None), 1000) == {"members": ["tfidf", "static_int4", "teacher_smallest"]}


@pytest.mark.parametrize(
    ("found", "options", "examples"),
    [
        (table(), {"max_mb": 10.3}, 1000),  # 1.4 and 9.0
        (table(), {}, 170),  # ln 5 / 170 are 0.95 points, and 0.9 are left
        (table("tfidf"), {}, 1000),  # no transformer is needed
        (table(""), {}, 1000),  # nothing is within the limits
        (table(refused=("tfidf",)), {}, 1000),
        (table(), {"metric": "spearman"}, 1000),  # numbers have no classes to be sure of
        (table(), {"metric": "macro_f1"}, 1000),  # thresholds are chosen by accuracy, which says little of a rare class
    ],
)
def test_none(found, options, examples):
    assert cascade_of(found, request(**options), examples) is None


def test_last_is_within_the_limit_on_drops():
    """Of the cells above it in validation none is quantized or accepted."""
    found = table()
    found.loc[found["cell"].isin(["teacher_int8", "teacher_smallest"]), "meets_max_accuracy_drop"] = False
    assert cascade_of(found, request(), 1000)["members"][-1] == "half_smallest"


@pytest.fixture
def folder(tmp_path) -> tuple[Request, Path]:
    """A study that has run: with a recommendation."""
    asked = request(data=classes_csv(tmp_path), out=str(tmp_path / "out"), max_drop=4.0)
    given = look(asked)
    found = Folder.of(asked)
    with found.held():
        found.write(asked, text_of(study_of(asked, given, space(given), 2), ["A line."]), {"a": 1.0})
    tables = tmp_path / "out/results/out/tables"
    tables.mkdir(parents=True)
    return asked, tables


def test_a_study_gets_it_once_and_stays_one(folder):
    """Its members are cells of it; all else is as before, comments included."""
    asked, tables = folder
    table().to_csv(tables / "recommendation.csv")
    before = (Folder.of(asked).path / STUDY).read_text(encoding="utf-8")
    assert _cascade_added(asked, Folder.of(asked))
    after = (Folder.of(asked).path / STUDY).read_text(encoding="utf-8")
    study = parse_study(yaml.safe_load(after))
    assert study.cascades["cascade"].members == ["tfidf", "static_int4", "teacher_smallest"]
    assert study.cascades["cascade"].max_drop == 0.039
    assert Plan(study).study.cascades.keys() == {"cascade"}
    assert not Folder.of(asked).edited
    assert Folder.of(asked).seconds() == {"a": 1.0}
    assert not _cascade_added(asked, Folder.of(asked)), "nothing is new"
    assert with_cascades(after, {}) == before
    block = after.index("\n# Members answer one after another")
    assert after[:block] + after[after.index("\n\n", block) + 1 :] == before


def test_a_study_that_was_edited_or_recommends_nothing_stays(folder):
    asked, tables = folder
    assert not _cascade_added(asked, Folder.of(asked)), "there is no recommendation"
    table().to_csv(tables / "recommendation.csv")
    file = Folder.of(asked).path / STUDY
    file.write_text(file.read_text(encoding="utf-8") + "# mine\n", encoding="utf-8")
    assert not _cascade_added(asked, Folder.of(asked))


def test_what_is_said_of_it(tmp_path):
    """Of the row of the table, not of the member alone above it."""
    file = tmp_path / "results/s/tables/cascades.csv"
    file.parent.mkdir(parents=True)
    intervals = {"quality": 0.65, "quality_low": 0.62, "quality_high": 0.68}
    intervals |= {"change_to_teacher": -0.01, "change_to_teacher_low": -0.03, "change_to_teacher_high": 0.01}
    times = {"bytes": 21e6, "mean_ms": 1.0, "p90_ms": 3.0, "faster": 9.0, "times": "composed", "faster_composed": 9.0}
    row = {"task": "texts", "metric": "accuracy", "members": "tfidf last", "answered": "0.4 0.6", **intervals, **times}
    pd.DataFrame([{**row, "name": "last", "members": None}, {**row, "name": "cascade"}]).to_csv(file)
    said = words_of(tmp_path, tmp_path / "clone", {"study": "s", "cascades": {"cascade": {}}})
    assert said.startswith("## Beside it: a cascade, no candidate")
    assert (
        "`cascade`: 65.00 [62.00, 68.00] on test (accuracy %), −1.00 [−3.00, +1.00] to the teacher; 21.00 MB; mean 1.00 ms"
        in said
    )
    assert "- Of the test texts answer: tfidf 40.0 %, last 60.0 %." in said
    assert (
        "`snakemake --cores all --snakefile clone/Snakefile --configfile study.yaml -- results/s/deploy/cascade/seed0/bundle.json`"
        in said
    )
    assert "`last`" not in said
    assert "9.0 times as fast as the teacher, from text to answer, composed of the members' own times" in said
    pd.DataFrame([{**row, "name": "cascade", "times": "measured", "faster": 4.0}]).to_csv(file)
    said = words_of(tmp_path, tmp_path / "clone", {"study": "s", "cascades": {"cascade": {}}})
    assert "4.0 times as fast as the teacher, from text to answer, measured in turn with it" in said
    assert "(composed of the members' own times: 9.0)" in said
    assert words_of(tmp_path, tmp_path, {"study": "s"}) == "", "of a table from before"
