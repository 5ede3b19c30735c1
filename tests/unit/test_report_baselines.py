"""Baselines in tables, plots and on the page: first rows, by hand. 20 and 24 of 40 right; the teacher 36."""

from __future__ import annotations

import re
from contextlib import chdir
from pathlib import Path

import pandas as pd
import pytest
from pages import study_of, written

from edgemin.core.errors import EdgeminError
from edgemin.plan.plan import Plan
from edgemin.report import pareto
from edgemin.report.page.points import figures_of, points_of
from edgemin.report.page.render import render
from edgemin.report.page.tables import read_table
from edgemin.report.recommendation import candidates, choose, chosen_cells
from edgemin.report.recommendation_text import text
from edgemin.study import registry
from edgemin.study.read import parse_study

BASELINES = {"majority": {}, "tfidf": {}}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Folder of the tables, and the page."""
    place = tmp_path_factory.mktemp("baselines")
    with written(place, baselines=BASELINES) as spec:
        yield place / spec["root"] / "tables", render(spec)


@pytest.fixture(scope="module")
def tables(page):
    return page[0]


def test_they_are_the_first_rows_once(tables):
    for name in ("cells", "stagewise"):
        table = pd.read_csv(tables / f"{name}.csv")
        assert table["cell"].tolist()[:3] == ["majority", "tfidf", "teacher"]
        assert table["cell"].isin(BASELINES).sum() == 2
    assert pd.read_csv(tables / "recommendation.csv")["cell"].tolist()[:3] == ["majority", "tfidf", "teacher"]


def test_they_are_compared_with_the_teacher_and_no_hypothesis(tables):
    """40 and 30 points below, 4 MB / 0.1 MB smaller."""
    table = pd.read_csv(tables / "cells.csv").set_index("cell")
    assert table.loc["majority", "quality_change"] == pytest.approx(-0.4)
    found = table.loc["tfidf"]
    assert (found["quality"], found["quality_change"], found["smaller"]) == pytest.approx((0.6, -0.3, 40))
    assert found["quality_change_low"] < -0.3 < found["quality_change_high"] < 0
    assert pd.isna(found["p"])
    assert table.loc["kd", "reference"].tolist() == ["teacher", "teacher"]


def test_they_are_no_step_of_a_ladder(tables):
    table = pd.read_csv(tables / "stagewise.csv").set_index("cell")
    assert table.loc[["majority", "tfidf"], ["quality_change", "against"]].isna().all(axis=None)
    assert table.loc["kd", "against"].tolist() == ["teacher", "teacher"]
    shown = read_table(tables, "stagewise")
    smaller = [column["heading"] for column in shown["columns"]].index("smaller")
    assert [row["cells"][smaller]["text"] for row in shown["rows"][:4]] == ["–", "–", "1.0×", "2.0×"]


def test_cells_have_times_that_can_be_compared(tables):
    """From text: 1.5 times p50, of every row."""
    shown = read_table(tables, "cells")
    at = [column["heading"] for column in shown["columns"]].index("from text ms")
    found = {(row["cell"], row["runtime"]): row["cells"][at]["number"] for row in shown["rows"]}
    assert found["tfidf", "numpy"] == pytest.approx(0.03)
    assert found["teacher", "onnxruntime"] == pytest.approx(12.0)
    assert "all their times are from text" in shown["note"]


def test_without_baselines_there_is_no_such_column(tmp_path):
    with written(tmp_path) as spec:
        shown = read_table(tmp_path / spec["root"] / "tables", "cells")
    assert "from text ms" not in [column["heading"] for column in shown["columns"]]


def test_plots_show_what_costs_something_by_the_time_from_text(tables, tmp_path):
    pareto.draw([str(tables / "cells.csv")], "latency", [str(tmp_path / "plot.svg")], {"hidden": ["majority"]})
    drawn = (tmp_path / "plot.svg").read_text(encoding="utf-8")
    assert "from text to answer" in drawn
    assert "tfidf" in drawn
    assert "NumPy, no transformer" in drawn
    assert "majority" not in drawn


def test_the_page_has_their_rows_and_points(page):
    tables, html = page
    points = {point["cell"]: point for point in points_of(tables, ["majority"])}
    assert "majority" not in points
    assert (points["tfidf"]["last"], points["tfidf"]["stages"], points["kd"]["last"]) == ("baseline", [], "distill")
    assert points["tfidf"]["values"]["from_text"] == pytest.approx(0.03)
    assert 'data-cell="majority"' in html


def test_the_plot_of_the_page_opens_with_times_that_compare(page, tables, tmp_path):
    """From text; a baseline has no other."""
    _, html = page
    across = html[html.index('<select id="axis-x">') :].split("</select>")[0]
    assert re.findall(r'value="(\w+)"', across) == ["from_text", "p50", "p90", "mb", "logical", "speedup"]
    points = points_of(tables)
    assert next(iter(figures_of(points))) == "from_text"
    assert next(iter(figures_of([one for one in points if one["last"] != "baseline"]))) == "p50"
    values = {one["cell"]: one["values"] for one in points}
    assert [values[cell]["p50"] for cell in BASELINES] == [values[cell]["p90"] for cell in BASELINES] == [None, None]
    assert values["teacher"]["p50"] == 16.0
    with written(tmp_path) as spec:
        assert '<select id="axis-x"><option value="p50">' in render(spec)


def test_the_literature_says_how_they_are_timed(tables):
    """Beside cells, whose times are of tokens."""
    with chdir(tables.parents[2]):
        plan = Plan(parse_study(study_of(baselines=BASELINES)))
        registry.TABLES["literature"].write(registry.TABLES["literature"].spec(plan), tables)
    assert "all their times are from text" in read_table(tables, "literature")["note"]


def test_the_latency_table_lists_them():
    plan = Plan(parse_study(study_of(baselines=BASELINES)))
    rows = registry.TABLES["latency"].spec(plan)["rows"]
    assert [(row["cell"], row["runtime"]) for row in rows][:3] == [
        ("majority", "numpy"),
        ("tfidf", "numpy"),
        ("teacher", "onnxruntime"),
    ]


def test_one_that_is_enough_is_recommended_and_a_cell_is_bundled(tables):
    """Without a limit on quality the fastest: majority. Of the cells edgemin, 1 ms."""
    limits = {
        **dict.fromkeys(("max_accuracy_drop", "max_bytes", "max_p90_ms")),
        "bound": "upper",
        "prefer": "latency",
        "runtime": "onnxruntime",
    }
    spec = registry.TABLES["recommendation"].spec(Plan(parse_study(study_of(baselines=BASELINES))))
    with chdir(tables.parents[2]):
        table = candidates(spec["blocks"][0], limits)
        assert choose(table, limits)["cell"] == "majority"
        told = text(spec["blocks"][0], table, limits, {})
    assert "## Ship `majority`" in told
    assert "No bundle is made of a baseline; of the cells it is `edgemin`" in told
    assert "majority/seed" not in told
    rows = [{"task": "t", "cell": "tfidf", "shipped": "False"}, {"task": "t", "cell": "kd", "shipped": "True"}]
    assert chosen_cells(rows) == {"t": "kd"}


def test_one_that_is_not_finished_is_left_out_alone(tables):
    """`edgemin partial`: the block stays, with the teacher and the other baseline."""
    table = registry.TABLES["cells"]
    spec = table.without(table.spec(Plan(parse_study(study_of(baselines=BASELINES)))), ["tfidf"])
    assert [row["cell"] for row in spec["blocks"][0]["floor"]] == ["majority"]
    assert spec["blocks"][0]["rows"][0]["cell"] == "teacher"


def test_a_kind_without_answers_is_told(monkeypatch):
    monkeypatch.setattr(type(parse_study(study_of(baselines=BASELINES)).baselines["tfidf"]), "kinds", ("regression",))
    with pytest.raises(
        EdgeminError, match=r"baselines\.tfidf: answers tasks of kind regression, and task snippets is of kind classification"
    ):
        parse_study(study_of(baselines=BASELINES))


def test_their_folders_are_beside_those_of_cells(tmp_path: Path):
    files = Plan(parse_study(study_of(baselines=BASELINES))).baseline_files("tfidf")
    assert files[0] == "results/smoke/measurements/snippets/seed0/baseline-tfidf/numpy/quality.json"
