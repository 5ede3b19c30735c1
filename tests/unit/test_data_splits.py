"""Rows and splits: from a user's files to train, validation and test."""

from __future__ import annotations

import pandas as pd
import pytest

from edgemin.core.errors import EdgeminError
from edgemin.data import splits
from edgemin.data.keys import loosely, normalise
from edgemin.data.splits import deduplicate
from edgemin.study.task import Task


@pytest.fixture
def prepare(tmp_path):
    """prepare({"train": [(text, label), ...]}, label_names=[...]): write CSV files, and split them as a task does."""

    def run(files: dict, columns: tuple = ("text", "label"), **task):
        paths = {}
        for split, rows in files.items():
            paths[split] = str(tmp_path / f"{split}.csv")
            pd.DataFrame(rows, columns=list(columns)).to_csv(paths[split], index=False)
        values = {"source": {"files": paths}, "text": "text", "label": "label", **task}
        return splits.prepare(Task.model_validate(values))

    return run


def numbered(count: int, label: object, word: str = "text") -> list[tuple]:
    return [(f"{word} {label} {number}", label) for number in range(count)]


def tables(data) -> dict[str, pd.DataFrame]:
    return {split: rows.to_pandas() for split, rows in data.splits.items()}


def counts(data) -> dict[str, dict]:
    return {split: table["label"].value_counts().to_dict() for split, table in tables(data).items()}


def test_carved_splits_keep_the_shares_of_the_classes(prepare):
    """60 and 40 rows: a test of 20 is 12 + 8, a validation of 10 of the rest 6 + 4; 42 + 28 stay."""
    rows = {"train": numbered(60, "no") + numbered(40, "yes")}
    data = prepare(rows, label_names=["no", "yes"], splits={"validation": 10, "test": 20})
    assert counts(data) == {"train": {0: 42, 1: 28}, "validation": {0: 6, 1: 4}, "test": {0: 12, 1: 8}}
    assert data.report["rows"] == {"train": 70, "validation": 10, "test": 20}
    assert sorted(row for table in data.splits.values() for row in table["id"]) == sorted(f"train-{n}" for n in range(100))
    limited = prepare(rows, label_names=["no", "yes"], splits={"validation": 10, "test": 20, "train": 35})
    assert counts(limited)["train"] == {0: 21, 1: 14}
    assert set(limited.splits["train"]["id"]) < set(data.splits["train"]["id"])


def test_splits_are_a_function_of_the_seed(prepare):
    rows = {"train": numbered(60, "no") + numbered(40, "yes")}
    same, again, other = (prepare(rows, splits={"validation": 10, "test": 20, "seed": seed}) for seed in (1, 1, 2))
    for split in ("train", "validation", "test"):
        pd.testing.assert_frame_equal(tables(same)[split], tables(again)[split])
    assert set(same.splits["test"]["id"]) != set(other.splits["test"]["id"])


def test_given_splits_are_left_alone(prepare):
    data = prepare(
        {"train": numbered(9, 0) + numbered(9, 1), "test": numbered(3, 0, "t") + numbered(2, 1, "t")}, splits={"validation": 4}
    )
    assert counts(data) == {"train": {0: 7, 1: 7}, "validation": {0: 2, 1: 2}, "test": {0: 3, 1: 2}}


def test_no_text_stands_in_two_splits_and_test_wins():
    """Of `same`: test keeps both of its own, validation loses one row, train two; of `twice` train keeps the first."""
    tables = {
        "train": ["Same!", "SAME", "  same ", "twice", "Twice.", "valid", "own"],
        "validation": ["same", "valid", "Valid"],
        "test": ["same", "Same"],
    }
    kept, lost = deduplicate({split: pd.DataFrame({"text": texts}) for split, texts in tables.items()})
    assert {split: list(table["text"]) for split, table in kept.items()} == {
        "test": ["same", "Same"],
        "validation": ["valid", "Valid"],
        "train": ["Same!", "twice", "own"],
    }
    assert lost == {"test": 0, "validation": 1, "train": 4}


def test_a_pair_counts_as_one_text():
    tables = {"train": [("a", "b"), ("b", "a"), ("a b", "")], "test": [("A", "B.")]}
    kept, lost = deduplicate({split: pd.DataFrame(rows, columns=["text", "pair"]) for split, rows in tables.items()})
    assert list(kept["train"]["text"]) == ["b", "a b"]
    assert lost == {"test": 0, "train": 1}


@pytest.mark.parametrize(
    ("text", "exact", "loose"),
    [
        ("It's  GOOD!", "It's GOOD!", "it's good!"),
        ("C\u0327a\tva .", "Ça va .", "ça va"),
        (" :-) ", ":-)", ":-)"),
        ("Maße...", "Maße...", "maße.."),
        (".", ".", "."),
        ("", "", ""),
    ],
)
def test_normalised_text(text, exact, loose):
    assert (normalise(text), loosely(text)) == (exact, loose)


def test_a_rating_becomes_its_sign_without_the_dead_zone(prepare):
    """|rating| < 0.5 goes, 0.5 itself stays; six of eight remain."""
    ratings = [-2, -0.5, -0.4, 0.0, 0.5, 0.7, 3, -1]
    rows = [(f"text {number}", rating) for number, rating in enumerate(ratings)] + numbered(9, -1) + numbered(9, 1)
    data = prepare({"train": rows}, label={"sign_of": "label", "dead_zone": 0.5}, splits={"validation": 2, "test": 2})
    everything = pd.concat(tables(data).values()).set_index("text")["label"]
    assert [everything.get(f"text {number}") for number in range(8)] == [0, 0, None, None, 1, 1, 1, 0]
    assert data.label_names == ["negative", "positive"]
    assert data.report["in_dead_zone"] == 2


@pytest.mark.parametrize(
    ("values", "names", "ids"),
    [
        (("no", "yes"), ["no", "yes"], (0, 1)),
        (("no", "yes"), ["yes", "no"], (1, 0)),
        (("0", "1"), ["no", "yes"], (0, 1)),
        (("0.0", "1.0"), ["no", "yes"], (0, 1)),
        (("b", "a"), None, (1, 0)),
        (("10", "9"), None, (1, 0)),  # numbers sort as numbers
    ],
)
def test_labels_are_names_or_indices(prepare, values, names, ids):
    data = prepare(
        {"train": numbered(8, values[0]) + numbered(8, values[1])}, label_names=names, splits={"validation": 2, "test": 2}
    )
    everything = pd.concat(tables(data).values())
    assert set(zip(everything["text"].str.split().str[1], everything["label"], strict=True)) == set(zip(values, ids, strict=True))
    assert data.label_names == (names or sorted(values, key=dict(zip(values, ids, strict=True)).get))


def test_all_splits_read_their_labels_in_one_way(prepare):
    """Names that are numbers: the training labels show that they are indices, so the test's 1 is the index 1 as well."""
    rows = {"train": numbered(9, 0) + numbered(9, 1), "test": numbered(2, 1, "t")}
    data = prepare(rows, label_names=["1", "2"], splits={"validation": 2})
    assert list(data.splits["test"]["label"]) == [1, 1]


def test_a_pair_and_a_regression(prepare):
    rows = [(f"a {n}", f"b {n}", n / 2) for n in range(20)]
    columns = ("left", "right", "label")
    data = prepare({"train": rows}, columns, text=["left", "right"], metric="pearson", splits={"validation": 4, "test": 6})
    assert data.label_names is None
    assert {split: len(table) for split, table in data.splits.items()} == {"train": 10, "validation": 4, "test": 6}
    everything = pd.concat(tables(data).values())
    assert set(everything[["text", "pair", "label"]].itertuples(index=False, name=None)) == set(rows)


GOOD = numbered(9, "no") + numbered(9, "yes")


@pytest.mark.parametrize(
    ("files", "task", "message"),
    [
        ({"train": GOOD}, {"label": "gold"}, "train split: no column 'gold'; it has: text, label"),
        ({"train": GOOD}, {"text": ["text", "other"]}, "train split: no column 'other'"),
        ({"train": GOOD, "test": [("fine", "no"), (" ", "yes")]}, {}, "test split: column 'text': 1 empty texts, the first in data row 2"),
        ({"train": [*GOOD, ("x", "maybe")]}, {"label_names": ["no", "yes"]}, "train split: label 'maybe' is neither one of the label_names (no, yes)"),
        ({"train": GOOD, "test": numbered(1, "maybe")}, {}, "test split: label 'maybe' is neither"),
        ({"train": GOOD}, {"label_names": ["no", "yes", "maybe"]}, "train split: no row of class 'maybe'"),
        ({"train": numbered(9, "no")}, {}, "train split: one label value only (['no'])"),
        ({"train": numbered(9, "2x")}, {"metric": "pearson"}, "train split: column 'label': '2x' in data row 1 is not a number"),
        ({"train": GOOD}, {"splits": {"test": 18}}, "splits.test: 18 rows asked for, the training data has 18"),
        ({"train": GOOD}, {"splits": {"test": 8, "validation": 10}}, "splits.validation: 10 rows asked for, the training data has 10"),
        ({"train": [*GOOD, ("x", "once")]}, {}, "splits.test and splits.validation: class 'once' has 1 row to draw from"),
        ({"train": GOOD, "validation": numbered(2, "no", "v"), "test": GOOD}, {}, "train split: class 'no' loses 9 of its 9 rows as duplicates, since train-0 'text no 0' is taken for test-0 'text no 0'"),
        ({"train": [(f"text {n}", f"{n}.5") for n in range(1001)]}, {}, "train split: 1001 label values; for regression set metric: pearson"),
    ],
)  # fmt: skip
def test_unusable_data_is_told(prepare, files, task, message):
    with pytest.raises(EdgeminError) as error:
        prepare(files, **{"splits": {"validation": 2, "test": 2}, **task})
    assert message in str(error.value)


@pytest.mark.parametrize("split", ["validation", "test"])
@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "matthews", "pearson", "spearman"])
def test_a_split_of_one_class_is_told_and_refused_where_the_metric_is_undefined(prepare, caplog, split, metric):
    rows = {"train": numbered(9, 0) + numbered(9, 1), split: numbered(5, 1, "t")}
    spec = {"metric": metric, "splits": {"validation": 4, "test": 4}}
    if metric in ("accuracy", "macro_f1"):
        prepare(rows, label_names=["no", "yes"], **spec)
        assert caplog.messages == [f"{split} split: has one class only: all 5 rows are of class 'yes'"]
        return
    with pytest.raises(
        EdgeminError, match=rf"^{split} split: has one (class|value) only: all 5 rows .*, and {metric} is undefined then"
    ):
        prepare(rows, **spec)


WRITERS = {
    "csv": lambda table, file: table.to_csv(file, index=False),
    "jsonl": lambda table, file: table.to_json(file, orient="records", lines=True),
    "parquet": lambda table, file: table.to_parquet(file),
}


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("column", ["text", "label"])
def test_a_missing_value_is_neither_a_text_nor_a_class(tmp_path, form, column):
    """An empty field of a CSV file, a null elsewhere: rows 3, 6, 9, ..., so that every class would be large enough."""
    table = pd.DataFrame(
        [(f"{text} {n}", label) for n in range(9) for text, label in (("fine", "a"), ("dull", "b"), ("odd", "c"))]
    )
    table.columns = ["text", "label"]
    table.loc[2::3, column] = None
    WRITERS[form](table, tmp_path / f"a.{form}")
    task = {"source": {"files": {"train": str(tmp_path / f"a.{form}")}}, "text": "text", "label": "label"}
    with pytest.raises(
        EdgeminError, match=f"train split: column '{column}': 9 (empty texts|rows without a label), the first in data row 3"
    ):
        splits.prepare(Task.model_validate({**task, "splits": {"validation": 3, "test": 3}}))
