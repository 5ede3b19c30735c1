"""What tables, recommendations and bundles do with verdicts."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from pages import study_of, written

from edgemin.core.errors import EdgeminError
from edgemin.core.files import write_json
from edgemin.plan.plan import Plan
from edgemin.report import columns
from edgemin.report.acceptance.marks import failed_of, lines_of, marked, names_in, not_accepted, note_of, noted, refuse
from edgemin.report.number import Format
from edgemin.report.page.tables import read_table
from edgemin.report.recommendation import choose, choose_cell
from edgemin.report.sheet import Row
from edgemin.study import registry
from edgemin.study.read import parse_study


@pytest.fixture
def files(tmp_path):
    """Of an accepted and of a failed cell."""
    one = {"limit": 0.95, "value": 0.8123, "seed": 2, "accepted": False}
    fine = {"limit": 0.01, "value": 0.001, "seed": 0, "accepted": True}
    write_json(tmp_path / "good.json", {"task": "t", "cell": "good", "accepted": True, "measures": {"drop": fine}})
    write_json(tmp_path / "q.json", {"task": "t", "cell": "q", "accepted": False, "measures": {"drop": fine, "agreement": one}})
    return [str(tmp_path / "good.json"), str(tmp_path / "q.json")]


def test_a_failed_cell_is_marked_in_its_row_and_explained_below(files):
    failed = failed_of(files)
    assert lines_of(failed) == ["cell 'q', task t: agreement 0.8123 (limit 0.95, seed 2)"]
    found = pd.DataFrame({"cell": ["q", "q_long", "good"], "task": "t"})
    shown = marked([columns.text("cell", found["cell"]), columns.text("recipe", ["q", "", ""])], columns.rows_of(found), failed)
    assert [list(column.values) for column in shown] == [["q†", "q_long", "good"], ["q", "", ""]]
    assert note_of("A note.", failed).endswith("`q`, task t: agreement 0.8123 (limit 0.95, seed 2).")


def test_a_column_says_which_of_its_rows_name_cells(files):
    """A published work with the name of a cell is none."""
    column = columns.text("work", ["this study: q", "q, as published"])
    (shown,) = marked([replace(column, names=[True, False])], [Row("q"), Row()], failed_of(files))
    assert list(shown.values) == ["this study: q†", "q, as published"]


def test_the_literature_marks_a_failed_cell_of_this_study(tmp_path):
    found = {"measures": {"drop": {"limit": 0.01, "value": 0.3, "seed": 0, "accepted": False}}}
    with written(tmp_path) as spec:
        tables = tmp_path / spec["root"] / "tables"
        write_json(tmp_path / "kd.json", {"task": "snippets", "cell": "kd", "accepted": False, **found})
        table = registry.TABLES["literature"]
        told = {**table.spec(Plan(parse_study(study_of()))), "acceptance": [str(tmp_path / "kd.json")]}
        table.write(told, tables)
        shown = read_table(tables, "literature")
    ours = [row for row in shown["rows"] if row["cell"]]
    assert [(row["cells"][0]["text"], row["accepted"]) for row in ours] == [
        ("this study: teacher", True),
        ("this study: kd†", False),
        ("this study: kd_prune", True),
        ("this study: edgemin", True),
    ]
    assert not any("†" in row["cells"][0]["text"] for row in shown["rows"] if not row["cell"])
    assert "† Not accepted" in shown["note"]
    csv = pd.read_csv(tables / "literature.csv")
    assert csv.loc[csv["cell"].notna(), "accepted"].tolist() == [True, False, True, True]
    assert csv.loc[csv["cell"].isna(), "accepted"].isna().all()


def test_of_another_task_the_same_cell_is_not_marked(files):
    (shown,) = marked([columns.text("cell", ["q"])], [Row("q", None, "other")], failed_of(files))
    assert list(shown.values) == ["q"]


def test_a_comparison_marks_the_cell_that_it_names(files):
    column = columns.numbers("measured", [1.0], Format(1))
    (shown,) = marked([column.__class__(**{**vars(column), "before": ["good against q, x: "]})], [Row("good")], failed_of(files))
    assert list(shown.before) == ["good against q†, x: "]


def test_rows_say_whether_their_cell_is_accepted(files):
    rows = noted([Row("q", None, "t"), Row("good", None, "t"), Row("q", None, "other"), Row()], failed_of(files))
    assert [row.accepted for row in rows] == [False, True, True, True]


def test_plots_name_a_failed_cell_with_the_mark():
    table = pd.DataFrame({"cell": ["q", "good"], "accepted": [False, True]})
    assert list(names_in(table)) == ["q†", "good"]
    assert not_accepted(table).startswith(" †: not accepted")
    without = table.drop(columns="accepted")
    assert (list(names_in(without)), not_accepted(without)) == (["q", "good"], "")


def test_without_a_failure_nothing_changes(files):
    column = columns.text("cell", ["good"])
    assert marked([column], [Row("good")], failed_of(files[:1])) == [column]
    assert note_of("A note.", {}) == "A note."


def test_no_bundle_is_made_of_a_failed_cell_and_the_error_says_why(files):
    refuse(files[:1], "no bundle is made of it")
    with pytest.raises(EdgeminError, match=r"cell 'q', task t: agreement 0.8123 \(limit 0.95, seed 2\); no bundle.*`acceptance`"):
        refuse(files, "no bundle is made of it")


def test_a_failed_cell_is_never_recommended():
    """The faster one is within all limits, and failed."""
    table = pd.DataFrame(
        {
            "cell": ["q", "good"],
            "chain": ["teacher/quantize-x", "teacher"],
            "p90_from_text": [1.0, 2.0],
            "accepted": [False, True],
        }
    )
    table["meets_max_bytes"] = True
    table["bytes"] = [1, 2]
    table["validation"] = 0.9
    limits = {"max_accuracy_drop": None, "max_bytes": 10, "max_p90_ms": None, "prefer": "latency"}
    for chosen in (choose(table, limits), choose_cell(table, limits), choose(table, limits, without="max_bytes")):
        assert chosen is not None
        assert chosen["cell"] == "good"
    assert choose(table.assign(accepted=False), limits) is None
