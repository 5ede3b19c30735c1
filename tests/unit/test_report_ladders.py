"""Which rows of a stage-wise table are one ladder."""

from __future__ import annotations

import pandas as pd

from edgemin.report.ladders import ladders_of


def ladders(*rows: tuple[str, str, str | None]) -> list[list[str]]:
    """Of rows (cell, chain, chain that it is compared with): the names of the cells."""
    found = ladders_of([pd.Series(dict(zip(("cell", "chain", "against"), row, strict=True))) for row in rows])
    return [[row["cell"] for row in ladder] for ladder in found]


FIRST = [("teacher", "t", None), ("kd", "t/kd", "t"), ("cut", "t/kd/cut", "t/kd")]


def test_one_ladder_is_all_rows():
    assert ladders(*FIRST) == [["teacher", "kd", "cut"]]
    assert ladders(("teacher", "t", None)) == [["teacher"]]
    assert ladders() == []


def test_a_baseline_is_on_no_ladder():
    assert ladders(("tfidf", "baseline-tfidf", None), *FIRST) == [["teacher", "kd", "cut"]]


def test_a_second_ladder_goes_on_from_the_first_row():
    second = [("best_kd", "t/best", "t"), ("best", "t/best/cut", "t/best")]
    assert ladders(*FIRST, *second) == [["teacher", "kd", "cut"], ["teacher", "best_kd", "best"]]


def test_rows_that_do_not_go_on_from_each_other_are_one_ladder_by_the_row_above():
    assert ladders(("a", "t/a", None), ("b", "t/b", "t/a"), ("c", "t/c", "t/b")) == [["a", "b", "c"]]


def test_a_chain_that_is_listed_twice_ends():
    """The second is compared with the first, which has the same chain."""
    assert ladders(("teacher", "t", None), ("again", "t", "t"), ("kd", "t/kd", "t")) == [["teacher", "again", "kd"]]
