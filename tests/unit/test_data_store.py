"""Rows on disk: what was written is read back, by others too, and what is damaged is named."""

from __future__ import annotations

import re

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from edgemin.core.errors import EdgeminError
from edgemin.data import store
from edgemin.data.arrow import FACTS, facts_of, read_rows, read_table
from edgemin.study.registry import KINDS

CLASSES, VALUES = KINDS["classification"], KINDS["regression"]


@pytest.fixture
def file(tmp_path):
    """Fifty rows of two classes."""
    rows = [(f"train-{number}", f"text {number}", number % 2) for number in range(50)]
    made = store.to_dataset(pd.DataFrame(rows, columns=["id", "text", "label"]), CLASSES, ["no", "yes"])
    store.write_dataset(made, tmp_path / "a.arrow", label_names=["no", "yes"], count=50)
    return tmp_path / "a.arrow"


def test_prepared_data_read_back_as_written(data):
    names = store.label_names(data)
    tables = {split: store.read_split(data, split) for split in ("train", "validation", "test")}
    assert names == ["negative", "positive"]
    assert {split: table["label"].value_counts().to_dict() for split, table in tables.items()} == {
        "train": {0: 48, 1: 48},
        "validation": {0: 12, 1: 12},
        "test": {0: 12, 1: 12},
    }


def test_hugging_face_datasets_opens_what_is_written(data):
    """With the names of the classes; and writes nothing beside it."""
    before = sorted(path.name for path in data.iterdir())
    found = datasets.Dataset.from_file(str(data / "test.arrow"))
    assert found.column_names == ["id", "text", "label"]
    assert found.features["label"].names == ["negative", "positive"]
    assert found.features["label"].int2str(found[0]["label"]) in ("negative", "positive")
    pd.testing.assert_frame_equal(found.to_pandas(), store.read_split(data, "test"))
    assert sorted(path.name for path in data.iterdir()) == before


def test_facts_and_features_stand_with_the_columns(file):
    found = read_table(file)
    assert facts_of(found) == {"label_names": ["no", "yes"], "count": 50}
    assert set(found.schema.metadata) == {b"huggingface", FACTS}
    assert facts_of(pa.table({"a": [1]})) == {}


def test_a_file_is_one_batch_whatever_it_was_made_of(tmp_path):
    """So that a column is one array in memory."""
    parts = [pd.DataFrame({"id": [f"x-{n}"], "text": [f"text {n}"], "label": [n]}) for n in (0, 1)]
    whole = datasets.concatenate_datasets([store.to_dataset(part, CLASSES, ["no", "yes"]) for part in parts])
    assert whole.data.table["id"].num_chunks == 2
    store.write_dataset(whole, tmp_path / "a.arrow")
    assert read_table(tmp_path / "a.arrow")["id"].num_chunks == 1
    assert read_rows(tmp_path / "a.arrow")["label"].tolist() == [0, 1]


@pytest.mark.parametrize(("kind", "labels", "type_"), [(CLASSES, [1, None], "int64"), (VALUES, [0.1, None], "double")])
def test_a_missing_label_is_null(tmp_path, kind, labels, type_):
    """As the rows of a transfer set that no one has labelled."""
    rows = pd.DataFrame({"id": ["a-0", "b-0"], "text": ["x", "y"], "label": labels})
    made = store.to_dataset(rows, kind, ["no", "yes"] if kind.classes else None)
    store.write_dataset(made, tmp_path / "a.arrow")
    column = read_table(tmp_path / "a.arrow")["label"]
    assert (str(column.type), column.to_pylist()) == (type_, labels)
    np.testing.assert_array_equal(read_rows(tmp_path / "a.arrow")["label"], np.array(labels, float))


def test_rows_without_a_label_column_have_none(tmp_path):
    made = store.to_dataset(pd.DataFrame({"id": ["a-0"], "text": ["x"], "pair": ["y"]}), VALUES, None)
    store.write_dataset(made, tmp_path / "a.arrow")
    assert read_table(tmp_path / "a.arrow").to_pylist() == [{"id": "a-0", "text": "x", "pair": "y", "label": None}]


def test_the_same_rows_are_the_same_bytes(file, tmp_path):
    """Whatever else the table had: its index, and columns that no one asked for."""
    rows = read_rows(file).assign(other=1)
    rows.index = rows.index + 7
    store.write_dataset(store.to_dataset(rows, CLASSES, ["no", "yes"]), tmp_path / "b.arrow", count=50, label_names=["no", "yes"])
    assert (tmp_path / "b.arrow").read_bytes() == file.read_bytes()


@pytest.mark.parametrize("content", [None, b"ARROW1"])
def test_an_unreadable_split_is_named(tmp_path, content):
    if content:
        (tmp_path / "test.arrow").write_bytes(content)
    with pytest.raises(EdgeminError, match=rf"^{tmp_path}/test.arrow: not readable"):
        store.read_split(tmp_path, "test")


def _is_named(file) -> None:
    with pytest.raises(EdgeminError, match=rf"^{re.escape(str(file))}: not readable .*; delete it and run snakemake again$"):
        read_table(file)


def test_a_file_that_breaks_off_anywhere_is_named(file):
    """Between two parts of it as well, where it would be a shorter file."""
    content = file.read_bytes()
    for length in range(0, len(content), 4):
        file.write_bytes(content[:length])
        _is_named(file)


def test_a_file_whose_end_was_never_written_is_named(file):
    """Zeros in its place, as a machine that loses its power leaves them."""
    content = file.read_bytes()
    for length in range(0, len(content) - 8, 4):
        file.write_bytes(content[:length] + bytes(len(content) - length))
        _is_named(file)


def test_damaged_offsets_of_texts_lead_nowhere(file):
    """Where the texts begin: 0, 6, 12, ... Beyond the end of the file there is other memory."""
    content, begin = file.read_bytes(), np.arange(0, 60, 6, dtype=np.int32).tobytes()
    (place,) = [found.start() for found in re.finditer(re.escape(begin), content)]
    far = np.array([2**30], dtype=np.int32).tobytes()
    file.write_bytes(content[: place + 8] + far + content[place + 12 :])
    _is_named(file)


def test_a_report_without_a_file_is_named(tmp_path):
    with pytest.raises(EdgeminError, match=rf"^{tmp_path}/data.json: no such file"):
        store.label_names(tmp_path)
