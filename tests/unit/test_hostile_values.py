"""Values that are no texts and no labels, and labels in every spelling: read by rule, or refused by column, row and type.

Every case is drawn by hypothesis; the draws are the same on every machine.
"""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from datasets import ClassLabel, Dataset, Features, Value
from hostile import cases, outcome
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edgemin.data import splits, store
from edgemin.data.rows import to_rows
from edgemin.study.task import Task

SOURCE = {"source": {"files": {"train": "unused.csv"}}, "text": "text", "label": "label"}
GOOD = ["a fine film", "naïve  plot", "語", "👍", "it's 7 o'clock", "nan", "None", "[1, 2]"]
BAD = [
    *((7, "a number"), (0.5, "a number"), (np.int64(7), "a number"), (Decimal("1.5"), "a number"), (np.float32(2), "a number")),
    *(
        (True, "a truth value"),
        (np.bool_(False), "a truth value"),
        ([], "a list"),
        (["a", "film"], "a list"),
        ([["a"]], "a list"),
    ),
    *((("a", 1), "a list"), ({"a"}, "a list"), (np.array(["a", "b"]), "a list"), (np.array([1]), "a list")),
    *(({"a": 1}, "a mapping"), ({}, "a mapping"), (datetime.date(2026, 1, 2), "a date"), (pd.Timestamp("2026"), "a date")),
    *((np.datetime64("2026-01-02"), "a date"), (datetime.time(1), "a time of day"), (pd.Timedelta(1), "a span of time")),
    *((b"\xff\xfe", "bytes that are not UTF-8"), (b"voil\xe0", "bytes that are not UTF-8"), ("a\ud800b", "half a character")),
    *((1j, "a complex"), (range(2), "a range")),
]
WRAPPED = st.sampled_from([str, lambda text: text.encode(), lambda text: bytearray(text.encode()), np.str_])
NOTHING = st.sampled_from([None, float("nan"), np.nan, pd.NA, pd.NaT, Decimal("NaN"), np.float32("nan"), "", " ", "\u2003", b""])


def read(texts: list, labels: list | None = None, **task: object) -> tuple:
    table = pd.DataFrame(
        {"text": pd.Series(texts, dtype=object), "label": pd.Series(labels or [0, 1] * len(texts), dtype=object)[: len(texts)]}
    )
    return outcome(lambda: to_rows(table, Task.model_validate({**SOURCE, **task}), "train split")[0])


@cases(120)
@given(st.lists(st.tuples(st.sampled_from(GOOD), WRAPPED), min_size=1, max_size=9), st.sampled_from(BAD), st.integers(0, 9))
def test_what_is_no_text_is_refused_by_row_and_type(texts, bad, place):
    """Texts may be bytes; nothing else is written out as one."""
    values = [wrap(text) for text, wrap in texts]
    rows, _ = read(values)
    assert rows["text"].tolist() == [" ".join(text.split()) for text, _ in texts]
    place = min(place, len(values))
    _, refusal = read([*values[:place], bad[0], *values[place:]])
    assert refusal.startswith(f"train split: column 'text': data row {place + 1} holds {bad[1]}"), refusal
    assert "\n" not in refusal


@cases(60)
@given(st.lists(st.sampled_from(GOOD), min_size=1, max_size=9), NOTHING, st.integers(0, 9), st.booleans())
def test_what_is_missing_is_refused_by_row(texts, nothing, place, label):
    place = min(place, len(texts))
    spoilt = [*texts[:place], nothing, *texts[place:]]
    _, refusal = read(["a text"] * len(spoilt), spoilt) if label else read(spoilt)
    what = "rows without a label" if label else "empty texts"
    assert refusal.startswith(
        f"train split: column '{'label' if label else 'text'}': 1 {what}, the first in data row {place + 1};"
    )


@cases(60)
@given(
    st.sampled_from([value for value in BAD if value[1] not in ("a number", "a truth value")]),
    st.integers(0, 9),
    st.sampled_from(["accuracy", "pearson"]),
)
def test_what_is_no_label_is_refused_by_row(bad, place, metric):
    labels: list = [0, 1] * 5
    labels[place] = bad[0]
    _, refusal = read(["a text"] * 10, labels, metric=metric)
    assert refusal.startswith("train split: column 'label': ")
    assert f"data row {place + 1} " in refusal
    assert bad[1] in refusal or "is not a number" in refusal
    assert ("kind of task of its own" in refusal) == (bad[1] == "a list" and metric == "accuracy")


SORTS = {
    "a text": st.sampled_from(["no", "yes", "maybe", "1st", "-", "True story"]),
    "a number": st.sampled_from([0, 1, 2.0, 0.5, np.int8(1), Decimal(2)]),
    "a truth value": st.sampled_from([True, False, np.True_]),
}


@cases(80)
@given(st.data(), st.permutations(list(SORTS)), st.integers(1, 8))
def test_a_column_that_mixes_texts_numbers_and_truth_values_is_refused(data, sorts, place):
    labels = [data.draw(SORTS[sorts[0]]) for _ in range(9)]
    assert read(["a text"] * 9, labels)[1] == ""
    labels[place] = data.draw(SORTS[sorts[1]])
    _, refusal = read(["a text"] * 9, labels)
    assert refusal.startswith(f"train split: column 'label': data row {place + 1} holds {sorts[1]} (")


@cases(40)
@given(
    st.sampled_from([True, False, datetime.date(2026, 1, 1), "x", "inf", float("inf"), 10**400, "1e999", [1], "²"]),
    st.integers(0, 9),
)
def test_what_is_no_number_is_no_value(value, place):
    labels: list = [0.5, 1, "2", Decimal("0.25"), np.float32(3), "1e3", -1, " 4 ", 0, b"5"]
    assert read(["a text"] * 10, labels, metric="pearson")[0]["label"].tolist() == [0.5, 1, 2, 0.25, 3, 1000, -1, 4, 0, 5]
    labels[place] = value
    _, refusal = read(["a text"] * 10, labels, metric="pearson")
    assert refusal.startswith("train split: column 'label': ")
    assert refusal.endswith(f"in data row {place + 1} is not a number")


ONE = [1, 1.0, "1", "1.0", " 1 ", "1.00", np.int64(1), Decimal("1.0"), b"1", "１"]
ZERO = [0, 0.0, -0.0, "0", "0.0", "\t0", "-0.0", np.float64(0), Decimal(0), b"0.0", "０"]
TRUE, FALSE = [True, "True", "true", "TRUE", np.True_], [False, "False", "false", "FALSE", np.False_]
JSON = (int, float, str)


def _value(spelling: object) -> int:
    """What a reader takes it for: independent of how the project reads it."""
    text = (spelling.decode() if isinstance(spelling, bytes) else str(spelling)).strip().lower()
    return {"true": 1, "false": 0}[text] if text in ("true", "false") else int(float(text))


def _two(ones: list, zeros: list) -> st.SearchStrategy:
    """Names or values of two classes, in either order."""
    return st.tuples(st.sampled_from(ones), st.sampled_from(zeros)).flatmap(st.permutations)


@cases(200)
@given(
    _two(
        [one for one in ONE if type(one) in JSON and one != "１"], [zero for zero in ZERO if type(zero) in JSON and zero != "０"]
    )
    | _two(TRUE[1:4], FALSE[1:4]),
    _two(ONE[:-1], ZERO[:-1]) | st.sampled_from(list(zip(TRUE, FALSE, strict=True))),
)
def test_every_row_has_the_class_of_its_name(names, values):
    """However name and value are spelt, and in whichever order the names stand."""
    texts = [f"text {number}" for number in range(24)]
    labels = [values[number % 2] for number in range(24)]
    task = Task.model_validate({**SOURCE, "label_names": names})
    assert len(task.label_names or ()) == 2
    table = pd.DataFrame({"text": texts, "label": pd.Series(labels, dtype=object)})
    kind = task.asks.labels()
    found = to_rows(table, task, "train split")[0]["label"]
    codes = kind.encode(found, kind.names(task, found), kind.by_name(found, task.label_names), "train split")
    assert [_value(task.label_names[code]) for code in codes] == [_value(label) for label in labels]


@cases(60)
@given(_two(ONE[:-1], ZERO[:-1]) | st.sampled_from(list(zip(TRUE, FALSE, strict=True))).flatmap(st.permutations))
def test_an_index_is_an_index_however_it_is_spelt(values):
    """Names that are no numbers: 1, "1.0" and true are the second."""
    labels = [values[number % 2] for number in range(8)]
    task = Task.model_validate({**SOURCE, "label_names": ["no", "yes"]})
    kind, found = task.asks.labels(), read(["a text"] * 8, labels)[0]["label"]
    codes = kind.encode(found, task.label_names, kind.by_name(found, task.label_names), "x")
    assert codes.tolist() == [_value(label) for label in labels]


WAYS = {
    "parquet": lambda rows, path: rows.to_parquet(path / "rows.parquet"),
    "arrow": lambda rows, path: store.write_dataset(rows, path / "rows.arrow"),
    "saved": lambda rows, path: rows.save_to_disk(path / "rows"),
}


@cases(60)
@given(st.data(), st.sampled_from(sorted(WAYS)), st.integers(2, 5))
def test_numbers_are_the_classes_that_the_file_itself_names(tmp_path_factory, data, way, classes):
    """In whatever order the study names them; where it names none, in the file's order, and only those that are used."""
    folder = tmp_path_factory.mktemp("classes")
    names = data.draw(st.permutations(["zebra", "1", "Ape", "emu", "0"]))[:classes]
    used = sorted(data.draw(st.sets(st.integers(0, classes - 1), min_size=2)))
    labels = [index for index in used for _ in range(6)]
    features = Features(text=Value("string"), label=ClassLabel(names=names))
    texts = {f"text {number} of {index}": index for number, index in enumerate(labels)}
    WAYS[way](Dataset.from_dict({"text": list(texts), "label": labels}, features), folder)
    file = next(path for path in folder.iterdir() if path.name.startswith("rows"))
    told = data.draw(st.sampled_from([None, data.draw(st.permutations(names))]))
    task = {"source": {"files": {"train": str(file)}}, "splits": {"test": len(used), "validation": len(used)}}
    found, refusal = outcome(lambda: splits.prepare(Task.model_validate({**SOURCE, **task, "label_names": told})))
    if names == [str(index) for index in range(classes)]:  # nothing is told then: they are indices
        return
    if told and len(used) < classes:
        assert refusal.startswith("train split: no row of class")
        return
    assert found.label_names == (told or [names[index] for index in used])
    for rows in found.splits.values():
        for text, label in zip(rows["text"], rows["label"], strict=True):
            assert found.label_names[label] == names[texts[text]]


def test_a_study_that_calls_the_classes_of_a_file_otherwise_is_refused(tmp_path):
    features = Features(text=Value("string"), label=ClassLabel(names=["neg", "pos"]))
    Dataset.from_dict({"text": [f"t {n}" for n in range(40)], "label": [0, 1] * 20}, features).to_parquet(tmp_path / "a.parquet")
    task = {**SOURCE, "source": {"files": {"train": str(tmp_path / "a.parquet")}}, "label_names": ["positive", "negative"]}
    _, refusal = outcome(lambda: splits.prepare(Task.model_validate(task)))
    assert refusal.startswith("train split: label 'neg' is neither one of the label_names (positive, negative)")


def test_a_class_of_minus_one_is_none(tmp_path):
    features = Features(text=Value("string"), label=ClassLabel(names=["neg", "pos"]))
    Dataset.from_dict({"text": ["a", "b", "c"], "label": [0, 1, -1]}, features).to_parquet(tmp_path / "a.parquet")
    task = {**SOURCE, "source": {"files": {"train": str(tmp_path / "a.parquet")}}}
    _, refusal = outcome(lambda: splits.prepare(Task.model_validate(task)))
    assert refusal.startswith("train split: column 'label': 1 rows without a label, the first in data row 3")


@pytest.mark.parametrize("names", [["1", "1.0"], [0, 0.0], ["a", " a "], ["é", "e\u0301"], [1, "1"], [-0.0, "0"]])
def test_a_name_that_stands_twice_however_spelt_is_refused(names):
    with pytest.raises(ValidationError, match="label_names: a name appears twice"):
        Task.model_validate({**SOURCE, "label_names": names})


@pytest.mark.parametrize(
    "names", [[True, False], [None, "a"], [["a"], "b"], [float("inf"), "b"], [datetime.date(2026, 1, 1), "b"]]
)
def test_names_that_are_no_names_are_refused(names):
    with pytest.raises(ValidationError, match="label_names"):
        Task.model_validate({**SOURCE, "label_names": names})


def test_numbers_are_names():
    assert Task.model_validate({**SOURCE, "label_names": [2, 1.0, 0.5, "1.5"]}).label_names == ["2", "1", "0.5", "1.5"]


@cases(60)
@given(st.data(), st.integers(2, 9), st.integers(1, 14), st.integers(1, 14))
def test_splits_that_cannot_be_drawn_name_classes_or_rows(tmp_path_factory, data, classes, test, validation):
    """Refused for a class with one row, by its name; or with the number of rows to ask for, which then is enough."""
    counts = [data.draw(st.sampled_from([1, 3, 4, 6, 8])) for _ in range(classes)]
    file = tmp_path_factory.mktemp("rows") / "a.jsonl"
    rows = [{"text": f"text {k} {n}", "label": f"kind-{k}"} for k, count in enumerate(counts) for n in range(count)]
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    found, refusal = outcome(lambda: prepared(file, test, validation))
    if found is not None:
        assert {split: len(rows) for split, rows in found.splits.items()} == {
            "train": len(rows) - test - validation,
            "validation": validation,
            "test": test,
        }
        return
    rare = [f"'kind-{k}'" for k, count in enumerate(counts) if count == 1]
    assert all(name in refusal for name in rare[:5])
    small = min(test, validation) < classes
    assert rare or f"fewer rows than the {classes} classes; ask for at least {classes} rows" in refusal or not small, refusal
    assert "\n" not in refusal
    if small and not rare and sum(counts) >= 4 * classes and min(counts) >= 4:
        more = outcome(lambda: prepared(file, classes, classes))
        assert more[0] is not None, more


def prepared(file: Path, test: int, validation: int):
    sizes = {"test": test, "validation": validation}
    return splits.prepare(Task.model_validate({**SOURCE, "source": {"files": {"train": str(file)}}, "splits": sizes}))
