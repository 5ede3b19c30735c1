"""Rows of a CSV and of JSON lines as a bundle reads them: as training reads them, or not at all."""

from __future__ import annotations

import argparse
import csv
import io
import os

import pytest

from edgemin.deploy.predict import BundleError
from edgemin.deploy.rows import form_of, read, read_rows

LONG = "word " * 40_000  # beyond the limit of Python's csv


@pytest.mark.parametrize(
    "text",
    [
        "a, b",
        'she said "no"',
        "two\nlines",
        "two\r\nlines",
        "one\u2028text",
        "form\x0cfeed",
        "next\x85line",
        "\x1c",
        LONG,
        "",
        " ",
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_csv_writes_is_read(text, end):
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([["id", "text"], [1, text], [2, "last"]])
    assert read_rows(file.getvalue(), "csv", ["text"]) == [(text, None) if text.strip() else None, ("last", None)]


@pytest.mark.parametrize("broken", ["\u2028", "\x85", "\x0c", "\x1c"])
def test_a_line_feed_alone_ends_a_row(broken):
    assert read_rows(f"text\none{broken}text\ntwo\n", "csv", ["text"]) == [(f"one{broken}text", None), ("two", None)]


@pytest.mark.parametrize(("form", "text"), [("csv", "text\none\n\nthree\n"), ("jsonl", '{"text": "one"}\n\n{"text": "three"}\n')])
def test_an_empty_line_has_its_place(form, text):
    assert read_rows(text, form, ["text"]) == [("one", None), None, ("three", None)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("text\nfine\nA good film, but the end is awful\n", "line 3: 2 values in 1 columns; quote texts that have commas"),
        ('text\n"unclosed, row one\nrow two\n', "line 3: no CSV (unexpected end of data); correct its quotes"),
        ('text\n"one" two\n', "line 2: no CSV (',' expected after '\"'); correct its quotes"),
        ("text,text\none,two\n", "column 'text' appears twice; drop or rename one"),
        ("id,text\n1\n", "row 1: no text in column 'text'"),
        ("\n\n", "no text in the input"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(text, message):
    with pytest.raises(BundleError) as error:
        read_rows(text, "csv", ["text"])
    assert str(error.value).startswith(message)


def test_another_column_may_appear_twice():
    assert read_rows("x,x,text\n1,2,one\n", "csv", ["text"]) == [("one", None)]


def asked(file=None, form=None, columns=None, text=()):
    return argparse.Namespace(file=file, format=form, columns=columns, text=list(text))


@pytest.mark.parametrize(
    ("arguments", "form"),
    [
        (asked("rows.csv"), "csv"),
        (asked("ROWS.CSV"), "csv"),
        (asked("rows.JsonL"), "jsonl"),
        (asked("rows.NDJSON", columns="review"), "jsonl"),
        (asked("texts.txt"), "lines"),
        (asked("texts"), "lines"),
        (asked(), "lines"),
        (asked(form="csv", columns="review"), "csv"),
        (asked("rows.csv", form="lines"), "lines"),
        (asked("pairs.tsv", form="lines"), "lines"),
        (asked("rows.json", form="jsonl"), "jsonl"),
        (asked(text=["a text"]), "lines"),
    ],
)
def test_the_form_is_what_is_said_or_the_name(arguments, form):
    assert form_of(arguments) == form


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (asked(columns="review"), "--columns: of a CSV or of JSON lines, and the input is read as lines; add --format csv or jsonl"),
        (asked("rows.txt", columns="review"), "--columns: of a CSV or of JSON lines, and the input is read as lines; add --format csv or jsonl"),
        (asked("rows.csv", "lines", "review"), "--columns: of a CSV or of JSON lines, and the input is read as lines; add --format csv or jsonl"),
        (asked(columns="review", text=["a text"]), "--columns: of a CSV or of JSON lines, and texts typed here have none; leave it out"),
        (asked("rows.tsv"), "rows.tsv: columns between tabs are not read; save it as CSV, or add --format lines if each line is a text"),
        (asked("a/ROWS.TSV", columns="review"), "a/ROWS.TSV: columns between tabs are not read; save it as CSV"),
        (asked("rows.json"), "rows.json: one JSON document is not read; write JSON lines, or add --format jsonl"),
        (asked("rows.Parquet"), "rows.Parquet: Parquet is not read; save it as CSV or JSON lines"),
    ],
)  # fmt: skip
def test_a_form_that_is_not_read_is_refused_before_the_file_is(arguments, message):
    with pytest.raises(BundleError) as error:
        read(arguments, False)
    assert str(error.value).startswith(message)
    assert os.linesep not in str(error.value)


def test_a_name_in_capitals_is_read_by_its_columns(tmp_path):
    (tmp_path / "ROWS.CSV").write_text("id,review\n1,one\n2,two\n", encoding="utf-8")
    assert read(asked(str(tmp_path / "ROWS.CSV"), columns="review"), False) == [("one", None), ("two", None)]
