"""One typed table, and its four forms: formats of numbers, cells, Markdown, LaTeX and JSON, each by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pandas as pd
import pytest
from reading import cells, texts

from edgemin.report import columns, forms, markup
from edgemin.report.number import Format, common_scale, directed, number, scale_of, three_digits
from edgemin.report.sheet import Cell, Column, Row, Sheet
from edgemin.study.table import Table


@pytest.mark.parametrize(
    ("value", "decimals", "signed", "text"),
    [
        (1.005, 1, False, "1.0"),
        (-0.25, 2, True, "−0.25"),
        (0.25, 2, True, "+0.25"),
        (1234.5, 0, False, "1234"),  # ties go to the even digit
        (None, 2, False, "–"),
        (math.nan, 2, True, "–"),
    ],
)
def test_a_number(value, decimals, signed, text):
    assert number(value, decimals, signed) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.7834, "0.783"), (18.94, "18.9"), (999.4, "999"), (999.5, "1000"), (1340.6, "1341"), (12345.0, "12345")]
)
def test_three_digits_or_all_before_the_point(value, text):
    assert three_digits(value) == text


def test_a_ratio_below_one_is_told_the_other_way_round():
    assert [directed(ratio, "smaller", "larger") for ratio in (4, 1, 0.5)] == [(4, "smaller"), (1, "smaller"), (2, "larger")]


@pytest.mark.parametrize(
    ("form", "numbers", "text"),
    [
        (Format(2, 100), (0.8835,), "88.35"),
        (Format(2, 100), (0.8835, 0.87, 0.9), "88.35 [87.00, 90.00]"),
        (Format(2, 100, signed=True), (-0.0065, -0.0145, 0.001), "−0.65 [−1.45, +0.10]"),
        (Format(2, unit="×"), (2.5, 2, 3), "2.50× [2.00, 3.00]"),
        (Format(2, unit="×"), (2.5, None, None), "2.50×"),
        (Format(2, unit="×"), (2.5, math.nan, math.nan), "2.50×"),
        (Format(2, unit="×"), (None, 2, 3), "–"),
        (Format(0), (math.nan,), "–"),
        (Format(3, least=0.001), (0.00099,), "<0.001"),
        (Format(3, least=0.001), (0.001,), "0.001"),
        (Format(1, 1e-6), (2_500_000,), "2.5"),
    ],
)
def test_a_format(form, numbers, text):
    assert form.text(*numbers) == text


@pytest.mark.parametrize("right", [1766, 1767, 1768, 1769])
def test_each_accuracy_of_2000_examples_has_a_text_of_its_own(right):
    """1767 right are 88.35 %: with one decimal 1766 and 1767, or 1767 and 1768, would read alike."""
    assert scale_of("accuracy").value.text(right / 2000) == f"{right / 20:.2f}"
    assert scale_of("accuracy").change.text((right - 1766) / 2000) == f"+{(right - 1766) * 0.05:.2f}"


def test_percentages_have_two_decimals_and_so_have_their_changes():
    for metric in ("accuracy", "macro_f1"):
        scale = scale_of(metric)
        assert [one.text(0.5) for one in (scale.value, scale.change, scale.size)] == ["50.00", "+50.00", "50.00"]
        assert scale.points == " points"


def test_a_correlation_has_three_decimals_and_a_change_of_it_four():
    for metric in ("pearson", "matthews"):
        scale = scale_of(metric)
        assert [one.text(0.5) for one in (scale.value, scale.change, scale.size)] == ["0.500", "+0.5000", "0.5000"]
        assert scale.points == ""


def test_of_several_metrics_the_measured_values_are_shown():
    assert common_scale(pd.Series(["accuracy"] * 2)) == scale_of("accuracy")
    mixed = common_scale(pd.Series(["accuracy", "pearson"]))
    assert (mixed.label, mixed.value.text(0.5), mixed.change.text(0.5), mixed.points) == ("quality", "0.500", "+0.5000", "")


def test_a_cell_has_its_number_in_the_unit_that_is_shown_and_unrounded():
    column = Column(
        "x", [0.123456, None, math.nan], Format(1, 100, "%"), [0.1, None, None], [0.2, None, None], best=[True, False, False]
    )
    assert column.cell(0) == Cell("12.3% [10.0, 20.0]", pytest.approx(12.3456), pytest.approx(10), pytest.approx(20), best=True)
    assert column.cell(1) == column.cell(2) == Cell("–")
    assert column.numeric


def test_text_around_a_number_is_left_out_where_there_is_no_number():
    column = Column("x", [0.25, None], Format(2), after=[" (a)", " (b)"], missing="none")
    assert [column.cell(row).text for row in range(2)] == ["0.25 (a)", "none"]
    assert column.numeric
    assert not replace(column, before=["of a: ", "of b: "]).numeric
    assert replace(column, before=["of a: ", ""]).cell(0) == Cell("of a: 0.25 (a)", 0.25)


def test_a_format_for_each_row():
    column = Column("x", [0.5, 2.0], [Format(1, 100), Format(2, unit="×")])
    assert [column.cell(row) for row in range(2)] == [Cell("50.0", 50.0), Cell("2.00×", 2.0)]


def test_what_has_no_number_in_json_has_none_here():
    assert Column("x", [math.inf], Format(1)).cell(0) == Cell("–")


def test_a_number_needs_a_format():
    with pytest.raises(TypeError, match="column 'x' has a number and no format"):
        Column("x", [1.0]).cell(0)


@pytest.mark.parametrize(
    "column", [Column("x", ["a"]), Column("x", [1.0, 2.0], Format(1), after=["a"]), Column("x", [1.0, 2.0], [Format(1)])]
)
def test_a_column_of_another_length_is_refused(column):
    with pytest.raises(ValueError, match=r"t: column 'x' is for \{1.*\} rows, the table has 2"):
        Sheet("t", "T", "s", [column], [Row(), Row()])


# -- columns of a frame ----------------------------------------------------------------------------------------------


def test_columns_of_a_frame():
    found = pd.DataFrame({"p50": [1.5, None], "p50_low": [1.0, None], "p50_high": [2.0, None], "count": [90_000, 2_500_000]})
    made = [
        columns.intervals("p50 ms", found, "p50", columns.MILLISECONDS),
        columns.intervals("p99 ms", found, "p99", columns.MILLISECONDS),
        columns.millions("M", found["count"]),
        columns.text("name", ["a", None], missing=""),
    ]
    assert texts(made).to_numpy().tolist() == [["1.50 [1.00, 2.00]", "–", "0.0900", "a"], ["–", "–", "2.50", ""]]
    assert [cell.number for cell in cells(made)["M"]] == [0.09, 2.5]


def test_quality_its_change_and_how_sure_that_is():
    found = pd.DataFrame(
        {
            "metric": "accuracy",
            "quality": [0.8835, 0.9],
            "quality_low": [0.87, 0.89],
            "quality_high": [0.9, 0.91],
            "best": [False, True],
            "quality_change": [None, 0.0165],
            "quality_change_low": [None, 0.01],
            "quality_change_high": [None, 0.023],
            "p": [None, 0.0004],
            "p_holm": [None, 0.0012],
        }
    )
    quality, change, p = (cells(columns.judged(found))[name] for name in ("accuracy %", "change", "p (Holm)"))
    assert [(cell.text, cell.best) for cell in quality] == [("88.35 [87.00, 90.00]", False), ("90.00 [89.00, 91.00]", True)]
    assert [cell.text for cell in change] == ["–", "+1.65 [+1.00, +2.30]"]
    assert p == [Cell("–"), Cell("<0.001 (0.001)", 0.0004)], "sorted by p itself, not by its bound"
    assert [one.heading for one in columns.judged(found.assign(p=None))] == ["accuracy %", "change"]
    assert [one.heading for one in columns.judged(found.drop(columns=["quality_change", "p"]))] == ["accuracy %"]


def test_several_tasks_have_a_column_and_one_has_none():
    assert columns.task(pd.DataFrame({"task": ["a", "a"]})) == []
    (column,) = columns.task(pd.DataFrame({"task": ["a", "b"]}))
    assert (column.heading, list(column.values)) == ("task", ["a", "b"])


def test_what_the_rows_are_about():
    found = pd.DataFrame({"task": ["t"] * 4, "control": ["a", "a", "b", "b"], "cell": ["a", "x", "b", None]})
    assert columns.rows_of(found, "torch") == [
        Row("a", "torch", "t", starts=False),
        Row("x", "torch", "t", starts=False),
        Row("b", "torch", "t", starts=True),
        Row(None, "torch", "t", starts=False),
    ]
    told = columns.rows_of(pd.DataFrame({"runtime": ["torch", "onnxruntime"]}))
    assert told == [Row(runtime="torch"), Row(runtime="onnxruntime", starts=True)]


# -- forms -----------------------------------------------------------------------------------------------------------

SHEET = Sheet(
    "some",
    "Title",
    "s",
    [
        Column("of", ["a|b", "a|b"], repeated=[False, True]),
        Column("x_1 %", [0.8835, None], Format(2, 100), [0.87, None], [0.9, None], best=[True, False]),
        Column("up", [-0.5, 1.0], Format(1, signed=True, unit="×")),
    ],
    [Row("one", "torch", "t"), Row("two", "torch", "t", starts=True)],
    "Note & more.",
    "One seed.",
)


def test_markdown_by_hand():
    """Bars in a cell are escaped; what a row above says is left empty; the best is bold."""
    assert markup.markdown(SHEET).splitlines() == [
        "# Title: s",
        "",
        "One seed.",
        "",
        r"| of   | x_1 %                    | up    |",
        r"|------|--------------------------|-------|",
        r"| a\|b | **88.35 [87.00, 90.00]** | −0.5× |",
        r"|      | –                        | +1.0× |",
        "",
        "Note & more.",
    ]


def test_without_a_study_or_a_first_sentence_there_is_none():
    assert markup.markdown(replace(SHEET, study="", first="")).startswith("# Title\n\n| of ")


def test_latex_by_hand():
    assert markup.latex(SHEET).splitlines() == [
        r"% needs \usepackage{booktabs}",
        r"\begin{tabular}{lll}",
        r"\toprule",
        r"of & x\_1 \% & up \\",
        r"\midrule",
        r"a\textbar{}b & \textbf{88.35 [87.00, 90.00]} & $-$0.5$\times$ \\",
        r" & -- & +1.0$\times$ \\",
        r"\bottomrule",
        r"\end{tabular}",
        "",
        r"{\footnotesize One seed. Note \& more.}",
    ]


def test_json_by_hand():
    """Numbers beside their texts; what is repeated is written out, since rows may be sorted; what is missing is null."""
    text = forms.as_json(SHEET)
    assert "NaN" not in text
    found = json.loads(text)
    assert {name: found[name] for name in ("name", "title", "study", "first", "note")} == {
        "name": "some",
        "title": "Title",
        "study": "s",
        "first": "One seed.",
        "note": "Note & more.",
    }
    assert found["columns"] == [
        {"heading": "of", "align": "left"},
        {"heading": "x_1 %", "align": "right"},
        {"heading": "up", "align": "right"},
    ]
    assert [{name: row[name] for name in ("cell", "runtime", "task", "starts")} for row in found["rows"]] == [
        {"cell": "one", "runtime": "torch", "task": "t", "starts": False},
        {"cell": "two", "runtime": "torch", "task": "t", "starts": True},
    ]
    nothing = {"number": None, "low": None, "high": None, "best": False}
    assert [row["cells"][0] for row in found["rows"]] == [{"text": "a|b", **nothing}] * 2
    numbers = {"number": pytest.approx(88.35), "low": pytest.approx(87), "high": pytest.approx(90)}
    assert found["rows"][0]["cells"][1] == {"text": "88.35 [87.00, 90.00]", **numbers, "best": True}
    assert found["rows"][1]["cells"][1] == {"text": "–", **nothing}
    assert found["rows"][1]["cells"][2] == {"text": "+1.0×", **nothing, "number": 1.0}


def test_every_form_has_the_same_cells(tmp_path):
    """And CSV the frame as it is."""
    frame = pd.DataFrame({"x": [0.8835, None], "more": ["a", "b"]})
    forms.write_forms(tmp_path, frame, SHEET, Table.forms)
    assert {file.name for file in tmp_path.iterdir()} == {f"some.{form}" for form in ("csv", "md", "tex", "json")}
    assert (tmp_path / "some.csv").read_text(encoding="utf-8") == "x,more\n0.8835,a\n,b\n"
    markdown, tex, told = ((tmp_path / f"some.{form}").read_text(encoding="utf-8") for form in ("md", "tex", "json"))
    for row in SHEET.cells():
        for cell in (cell for cell in row if not cell.repeated):
            assert cell.text.replace("|", r"\|") in markdown
            assert markup.tex_escape(cell.text) in tex
    assert [[cell["text"] for cell in row["cells"]] for row in json.loads(told)["rows"]] == [
        [cell.text for cell in row] for row in SHEET.cells()
    ]


@pytest.mark.parametrize(("seeds", "first"), [(1, "One seed: "), (3, "3 seeds: "), (4, ""), (None, "")])
def test_a_table_of_few_seeds_says_first_what_it_cannot_show(tmp_path, seeds, first):
    """By the fewest seeds of its analysis; a table without seeds says nothing."""

    class Some(Table):
        name, title = "some", "Title"

    found = pd.DataFrame({"cell": ["a"], **({} if seeds is None else {"seeds": [seeds]})})
    forms.write_table(Some(), {"study": "s"}, tmp_path, found, [columns.text("cell", found["cell"])], "Note.")
    markdown, tex, told = ((tmp_path / f"some.{form}").read_text(encoding="utf-8") for form in ("md", "tex", "json"))
    assert markdown.splitlines()[2].startswith(first or "| ")
    assert json.loads(told)["first"].startswith(first)
    assert ("make evidence" in tex) == ("make evidence" in markdown) == ("make evidence" in told) == bool(first)
