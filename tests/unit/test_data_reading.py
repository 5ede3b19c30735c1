"""Files of users -> tables: every format alike, and what is no table named."""

from __future__ import annotations

import gzip
import hashlib
import json
import zipfile

import pandas as pd
import pytest
from pydantic import ValidationError

from edgemin.core.errors import EdgeminError
from edgemin.data.reading import read_source
from edgemin.study.sources import DataSource

ROWS = [{"text": "a “b”, c", "label": "1"}, {"text": 'say "x"', "label": "0"}]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'text,label\n"a “b”, c",1\n"say ""x""",0\n'.encode()),
        ("a.csv", 'text,label\r\n"a “b”, c",1\r\n"say ""x""",0\r\n'.encode("utf-8-sig")),
        ("a.tsv", 'text\tlabel\na “b”, c\t1\nsay "x"\t0\n'.encode()),
        ("a.json", json.dumps(ROWS).encode()),
        ("a.jsonl", "\n".join(map(json.dumps, ROWS)).encode()),
    ],
)
def test_every_format_gives_the_same_table(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    table = read_source(DataSource.model_validate({"files": {"train": str(tmp_path / name)}}), None)["train"]
    assert table.to_dict("records") == ROWS


def test_parquet_too(tmp_path):
    pd.DataFrame(ROWS).to_parquet(tmp_path / "a.parquet")
    table = read_source(DataSource.model_validate({"files": {"train": str(tmp_path / "a.parquet")}}), None)["train"]
    assert table.to_dict("records") == ROWS


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"text,label\nvoil\xe0,1\n", "not UTF-8"),
        ("a.csv", b"", "not readable as csv"),
        ("a.csv", b"a,b\n1,2\n1,2,3\n", "not readable as csv"),
        ("a.json", b"{", "not readable as json"),
        ("a.parquet", b"PAR1", "not readable as parquet"),
        ("a.xlsx", b"", "unknown format '.xlsx'"),
        ("missing.csv", None, "cannot be read"),
    ],
)
def test_an_unreadable_file_is_named(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(EdgeminError, match=message) as error:
        read_source(DataSource.model_validate({"files": {"train": str(tmp_path / name)}}), None)
    assert str(error.value).startswith(f"{tmp_path / name}: ")


def test_a_file_of_a_package_is_read_as_the_study_says(tmp_path):
    """Without a header, separated by tabs, with quotation marks that quote nothing; as the training split."""
    with zipfile.ZipFile(tmp_path / "some.whl", "w") as archive:
        archive.writestr("deep/a.txt", '1\tsay "x\n0\t"y" said\n')
    pin = {"package": "some", "version": "1.0", "sha256": hashlib.sha256((tmp_path / "some.whl").read_bytes()).hexdigest()}
    pip = {**pin, "member": ["deep/a.txt"], "format": "tsv", "columns": ["label", "text"], "quoting": False}
    found = read_source(DataSource.model_validate({"pip": pip}), tmp_path)
    assert list(found) == ["train"]
    assert found["train"].to_dict("records") == [{"label": "1", "text": 'say "x'}, {"label": "0", "text": '"y" said'}]
    with pytest.raises(
        EdgeminError, match=r"^some.whl:deep/a.txt: not readable as tsv \(a row has more values than there are columns"
    ):
        read_source(DataSource.model_validate({"pip": {**pip, "columns": ["label"]}}), tmp_path)


TSV = b'text\tlabel\n"Twas good\t1\nso "so"\t0\nnot "good"\t0\n'


@pytest.mark.parametrize("kind", ["files", "hub", "pip"])
@pytest.mark.parametrize("quoting", [None, False])
def test_no_mark_of_a_tsv_quotes_wherever_it_is_from(tmp_path, kind, quoting):
    """Unless the study says so: the first text once reached to the next mark at a cell's end, rows and labels in it."""
    said = {} if quoting is None else {"quoting": quoting}
    (tmp_path / "a.tsv").write_bytes(TSV)
    with zipfile.ZipFile(tmp_path / "some.whl", "w") as archive:
        archive.writestr("a.tsv", TSV)
    pin = {"package": "some", "version": "1.0", "sha256": hashlib.sha256((tmp_path / "some.whl").read_bytes()).hexdigest()}
    source = {
        "files": {"train": str(tmp_path / "a.tsv"), **said},
        "hub": {"repo": "owner/x", "revision": "0" * 40, "files": {"train": "a.tsv"}, **said},
        "pip": {**pin, "member": ["a.tsv"], "format": "tsv", **said},
    }[kind]
    table = read_source(DataSource.model_validate({kind: source}), tmp_path)["train"]
    assert table.to_numpy().tolist() == [['"Twas good', "1"], ['so "so"', "0"], ['not "good"', "0"]]


def test_marks_that_a_program_has_doubled_are_pointed_out_in_a_tsv(tmp_path, caplog):
    """And stay, since nothing says that they quote; `quoting: true` does."""
    (tmp_path / "a.tsv").write_bytes(b'text\tlabel\n"say ""x"""\t0\n')
    files = {"train": str(tmp_path / "a.tsv")}
    assert read_source(DataSource.model_validate({"files": files}), None)["train"].to_numpy().tolist() == [['"say ""x"""', "0"]]
    assert "1 cells stand between quotation marks" in caplog.text
    said = DataSource.model_validate({"files": {**files, "quoting": True}})
    assert read_source(said, None)["train"].to_numpy().tolist() == [['say "x"', "0"]]


def test_a_packed_member_of_a_package_is_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "some.whl", "w") as archive:
        archive.writestr("a.csv.gz", gzip.compress(b"text;label\na;1\n"))
    pin = {"package": "some", "version": "1.0", "sha256": hashlib.sha256((tmp_path / "some.whl").read_bytes()).hexdigest()}
    source = DataSource.model_validate({"pip": {**pin, "member": ["a.csv.gz"], "separator": ";"}})
    assert read_source(source, tmp_path)["train"].to_dict("records") == [{"text": "a", "label": "1"}]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        *(("separator", value, "is no separator; give one character") for value in ("", "::", "é", '"', "\n", "\0", "a", "1")),
        *(("encoding", value, "is no encoding that Python knows") for value in ("utf-9", "hex", "a\0b", "x" * 999)),
        ("columns", [], "at least 1 item"),
    ],
)
def test_a_way_of_writing_that_is_none_is_refused(key, value, message):
    with pytest.raises(ValidationError, match=message):
        DataSource.model_validate({"files": {"train": "a.csv", key: value}})


def test_a_tab_may_be_written_as_yaml_writes_it_without_quotes():
    files = DataSource.model_validate({"files": {"train": "a.csv", "separator": r"\t"}}).files
    assert files is not None
    assert files.separator == "\t"


def test_every_split_of_local_files_is_read(tmp_path):
    for split in ("train", "validation", "test"):
        (tmp_path / f"{split}.csv").write_text(f"text\n{split}\n", encoding="utf-8")
    paths = {split: str(tmp_path / f"{split}.csv") for split in ("train", "test")}
    found = read_source(DataSource.model_validate({"files": paths}), None)
    assert {split: table["text"].tolist() for split, table in found.items()} == {"train": ["train"], "test": ["test"]}


@pytest.mark.parametrize("content", [b"text,label\n001,1.0\nNA,\n", b"text,label\r\n001,1.0\r\nNA,\r\n"])
def test_values_of_a_csv_file_stay_as_they_are_written(tmp_path, content):
    """No number loses its zeros, and NA is a word."""
    (tmp_path / "a.csv").write_bytes(content)
    table = read_source(DataSource.model_validate({"files": {"train": str(tmp_path / "a.csv")}}), None)["train"]
    assert table.to_numpy().tolist() == [["001", "1.0"], ["NA", ""]]


def test_a_second_column_of_a_name_keeps_its_name(tmp_path):
    (tmp_path / "a.csv").write_text("text,text,label\na,b,1\n", encoding="utf-8")
    table = read_source(DataSource.model_validate({"files": {"train": str(tmp_path / "a.csv")}}), None)["train"]
    assert list(table.columns) == ["text", "text", "label"]
