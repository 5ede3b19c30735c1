"""JSON, Parquet and Arrow in every form, packed files, and files that are not what their name says.

What is read is what was written, values and types, or the file is refused by name. Draws are the same on every machine.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import re
import shutil
import zipfile

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, DatasetDict
from files import read, same_or_refused, tables, texts
from hostile import cases, outcome
from hypothesis import given
from hypothesis import strategies as st

from edgemin.core.errors import EdgeminError
from edgemin.data.reading import read_source
from edgemin.plan.check_data import check_data
from edgemin.study.sources import DataSource

VALUES = st.one_of(
    st.integers(-(10**30), 10**30), st.integers(0, 1), st.floats(allow_nan=False), st.booleans(), st.none(), st.lists(st.integers(), max_size=2),
    st.sampled_from(["1", "1.0", "007", "2026-01-01", "1e5", "NaN", "true", "\u2028", "\0"]),
)  # fmt: skip
NAMES = st.sampled_from([["text", "label"], ["0", "1"], ["date", "id"], ["modified_at", "timestamp"], ["", "index"]])


@st.composite
def records(draw: st.DrawFn) -> tuple[list[str], list[list]]:
    """Names of columns, and rows of a text and any value."""
    return draw(NAMES), draw(st.lists(st.tuples(texts(), VALUES).map(list), min_size=1, max_size=8))


def written(names: list[str], rows: list[list], how: str) -> str:
    objects = [dict(zip(names, row, strict=True)) for row in rows]
    return {
        "list": lambda: json.dumps(objects),
        "pretty": lambda: json.dumps(objects, indent=2, ensure_ascii=False),
        "lines": lambda: "\n".join(map(json.dumps, objects)) + "\n",
        "lines apart": lambda: "\r\n\r\n".join(json.dumps(one, ensure_ascii=False) for one in objects),
        "pretty lines": lambda: "\n".join(json.dumps(one, indent=1) for one in objects),
    }[how]()


@cases(100)
@given(records(), st.sampled_from(["list", "pretty", "lines", "lines apart", "pretty lines"]), st.booleans(), st.sampled_from(["json", "jsonl", "ndjson"]))  # fmt: skip
def test_json_records_are_read_as_they_were_written(tmp_path, table, how, mark, suffix):
    """Big numbers, 1 beside 1.0, zeros in front and what looks like a date; a byte order mark and empty lines say nothing."""
    names, rows = table
    file = tmp_path / f"data.{suffix}"
    found = read(file, written(names, rows, how).encode("utf-8-sig" if mark else "utf-8"))
    assert same_or_refused(found, [names, *rows], file), found[1]


@cases(80)
@given(records(), st.sampled_from(["columns", "lists", "index", "split", "table", "values", "wrapped", "value"]))
def test_json_of_another_form_is_refused_with_the_form_to_write(tmp_path, table, how):
    names, rows = table
    objects = [dict(zip(names, row, strict=True)) for row in rows]
    content = {
        "columns": {name: {str(n): row[column] for n, row in enumerate(rows)} for column, name in enumerate(names)},
        "lists": {name: [row[column] for row in rows] for column, name in enumerate(names)},
        "index": {str(n): one for n, one in enumerate(objects)},
        "split": {"columns": names, "index": list(range(len(rows))), "data": rows},
        "table": {"schema": {"fields": names}, "data": objects},
        "values": rows,
        "wrapped": {"version": "1", "data": objects},
        "value": rows[0][0],
    }[how]
    file = tmp_path / "data.json"
    found, refusal = read(file, json.dumps(content).encode())
    assert found is None
    assert re.match(rf"{re.escape(str(file))}: not readable as json \(.*orient='records'", refusal)
    assert refusal.isprintable()


@cases(50)
@given(records(), st.data(), st.booleans())
def test_a_key_that_stands_twice_in_a_record_is_named(tmp_path, table, data, lines):
    names, rows = table
    number = data.draw(st.integers(0, len(rows) - 1))
    objects = [json.dumps(dict(zip(names, row, strict=True))) for row in rows]
    twice = data.draw(st.sampled_from(names))
    objects[number] = objects[number][:-1] + f", {json.dumps(twice)}: 1}}"
    content = "\n".join(objects) if lines else f"[{','.join(objects)}]"
    _, refusal = read(tmp_path / "data.json", content.encode())
    assert f"the key {twice!r} is repeated in record {number + 1}" in refusal


@st.composite
def arrow_tables(draw: st.DrawFn) -> tuple[pa.Table, list[list]]:
    """Texts in one of Arrow's types, and labels; and the rows."""
    rows = draw(tables(texts()))
    kind = draw(st.sampled_from([pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]))
    numbers = draw(st.sampled_from([None, pa.int64(), pa.uint64(), pa.int8()]))
    column = pa.array([row[0] for row in rows], pa.string())
    column = column.dictionary_encode() if pa.types.is_dictionary(kind) else column.cast(kind)
    if numbers is not None:
        largest = {pa.int64(): 2**63 - 1, pa.uint64(): 2**64 - 1, pa.int8(): 127}[numbers]
        rows = [[row[0], draw(st.sampled_from([0, 1, largest, None]))] for row in rows]
    table = pa.table({"text": column, "label": pa.array([row[1] for row in rows], numbers or pa.string())})
    return table, rows


@cases(80)
@given(
    arrow_tables(),
    st.sampled_from(["parquet", "parquet", "arrow", "stream", "feather", "saved"]),
    st.booleans(),
    st.integers(1, 5),
)
def test_columns_are_read_as_they_were_written(tmp_path, case, how, index, chunk):
    """Whatever pandas noted of an index. Whole numbers beside missing ones stay whole."""
    table, rows = case
    if index:
        noted = {"index_columns": ["text"], "columns": [], "column_indexes": [], "pandas_version": "3.0.0"}
        table = table.replace_schema_metadata({b"pandas": json.dumps(noted).encode()})
    stream, file = io.BytesIO(), tmp_path / f"data.{'arrow' if how == 'stream' else how}"
    if how == "parquet":
        pq.write_table(table, stream, row_group_size=chunk)
    elif how == "feather":
        pyarrow.feather.write_feather(table, stream)
    elif how == "saved":
        shutil.rmtree(tmp_path / "saved", ignore_errors=True)
        Dataset(pa.Table.from_batches(table.to_batches(chunk))).save_to_disk(tmp_path / "saved", num_shards=min(chunk, len(rows)))
        source = DataSource.model_validate({"files": {"train": str(tmp_path / "saved")}})
        check_data("source", source)
        found = read_source(source, None)["train"]
        assert found[["text", "label"]].to_numpy().tolist() == rows
        return
    else:
        with (pa.ipc.new_file if how == "arrow" else pa.ipc.new_stream)(stream, table.schema) as writer:
            writer.write_table(table, chunk)
    assert same_or_refused(read(file, stream.getvalue()), [["text", "label"], *rows], file)
    end = len(stream.getvalue()) - 1
    assert read(file, stream.getvalue()[:end])[0] is None


PACKERS = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda data: pa.compress(data, codec="zstd", asbytes=True),
    "zip": lambda data: zipped(data),
}


def zipped(data: bytes, *more: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("data.csv", *more):
            archive.writestr(name, data)
    return stream.getvalue()


@cases(100)
@given(records(), st.sampled_from(list(PACKERS)), st.sampled_from(["whole", "whole", "two", "cut", "flip"]), st.data())
def test_packed_files_are_read_whole_or_refused(tmp_path, table, packing, what, data):
    """In one part or two; cut off, or with a bit that changed (which zstd, without a digest of its content, cannot see)."""
    names, rows = table
    content = written(names, rows, "lines").encode()
    half = len(content) // 2
    packed = PACKERS[packing](content)
    if what == "two" and packing != "zip":
        packed = PACKERS[packing](content[:half]) + PACKERS[packing](content[half:])
    elif what == "cut":
        packed = packed[: data.draw(st.integers(0, len(packed) - 1))]
    elif what == "flip" and packing != "zst":
        place = data.draw(st.integers(0, len(packed) - 1))
        packed = packed[:place] + bytes([packed[place] ^ 1 << data.draw(st.integers(0, 7))]) + packed[place + 1 :]
    file = tmp_path / f"data.jsonl.{packing}"
    taken = same_or_refused(read(file, packed), [names, *rows], file)
    assert taken or what in ("cut", "flip")
    assert not taken or what != "cut"


CONTENTS = {
    "csv": lambda rows: "".join(f"{row[0]},{row[1]}\n" for row in [["text", "label"], *rows]).encode(),
    "jsonl": lambda rows: written(["text", "label"], rows, "lines").encode(),
    "json": lambda rows: written(["text", "label"], rows, "pretty").encode(),
    "parquet": lambda rows: written_parquet(rows),
    "html": lambda rows: f"\n<!DOCTYPE html>\n<html><body>{rows[0][0]}</body></html>".encode(),
    "lfs": lambda rows: b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
    "annex": lambda rows: b"/annex/objects/MD5E-s12--4d7a.csv\n",
    **{name: lambda rows, pack=pack: pack(CONTENTS["csv"](rows)) for name, pack in PACKERS.items()},
}
WORDS = {
    "lfs": "git lfs pull",
    "annex": "git annex get",
    "html": "web page",
    "zip": "ZIP",
    "zst": "zstd",
    "gz": "gzip",
    "xz": "xz",
}
WORDS |= {"parquet": "Parquet", "bz2": "bzip2"}


def written_parquet(rows: list[list]) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table({"text": [row[0] for row in rows]}), stream)
    return stream.getvalue()


@cases(100)
@given(
    tables(texts(signs=["!"])),
    st.sampled_from(list(CONTENTS)),
    st.sampled_from(["csv", "tsv", "json", "parquet", "arrow", "csv.gz", "csv.zip"]),
)
def test_what_is_not_what_its_name_says_is_named(tmp_path, rows, content, name):
    """In the job; and by a dry run, where the first bytes tell."""
    file = tmp_path / f"data.{name}"
    alike = {("csv", "csv"), ("jsonl", "json"), ("json", "json"), ("parquet", "parquet"), ("gz", "csv.gz"), ("zip", "csv.zip")}
    found, refusal = read(file, CONTENTS[content](rows))
    source = DataSource.model_validate({"files": {"train": str(file)}})
    _, early = outcome(lambda: check_data("source", source))
    if (content, name) in alike:
        assert (found is not None, early) == (True, ""), refusal
        return
    assert found is None
    assert refusal.startswith(f"{file}: ")
    if content in WORDS:
        assert WORDS[content] in refusal
        assert WORDS[content] in early
        assert early.startswith(f"source.files.train: {file}: ")
    elif content in ("json", "jsonl") and name in ("csv", "tsv"):
        assert "it holds JSON" in refusal


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"train": "a.xlsx"}, r"^tasks\.t\.source\.files\.train: a\.xlsx: unknown format '\.xlsx'; use \.csv"),
        ({"train": "a.gz"}, r"a\.gz: the name does not say what is packed in it; rename it to, for example, name\.csv\.gz"),
        ({"train": "folder"}, r"folder: is a folder, and none that `save_to_disk` of a data set wrote; name the file in it"),
        (
            {"train": "several"},
            r"several: is a folder of several splits; name each one: train: several/train, test: several/test",
        ),
        ({"train": "empty"}, r"empty: not readable as a saved data set \(its state.json names no files of data; save it again"),
        ({"train": "several/lost"}, r"lost: not readable as a saved data set \(its part data-00000-of-00001.arrow is not there"),
        (
            {"train": "a.parquet", "separator": ";"},
            r"^tasks\.t\.source\.files\.separator: says nothing of files in parquet; take it out",
        ),
        ({"train": "several/train", "encoding": "cp1252"}, r"source\.files\.encoding: says nothing of files in arrow"),
    ],
)
def test_a_dry_run_refuses_what_it_can_see(tmp_path, monkeypatch, files, message):
    monkeypatch.chdir(tmp_path)
    for name in ("a.xlsx", "a.gz", "a.parquet"):
        (tmp_path / name).write_bytes(b"")
    for name in ("folder", "empty"):
        (tmp_path / name).mkdir()
    (tmp_path / "empty/state.json").write_text("{}")
    rows = Dataset.from_dict({"text": ["a"], "label": [1]})
    DatasetDict({"train": rows, "test": rows}).save_to_disk("several")
    rows.save_to_disk("several/lost")
    (tmp_path / "several/lost/data-00000-of-00001.arrow").unlink()
    with pytest.raises(EdgeminError, match=message):
        check_data("tasks.t.source", DataSource.model_validate({"files": files}))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv.zip", zipped(b"text,label\na,1\n", "more.csv"), r"holds 2 files .'data.csv', 'more.csv'.; unpack it and name one file a split"),
        ("a.json", b'[{"text": "a"}, 3]', "record 2 is a number, not an object"),
        ("a.json", b'{"text": "a"}\n{"text": ', "not readable as json .Expecting value: line 2"),
        ("a.json", b'{"text": ' + b"9" * 5000 + b"}", "not readable as json .Exceeds the limit"),
        ("a.json", b"[" * 200_000, "not readable as json"),
        ("a.json", b"", "it is empty"),
    ],
)  # fmt: skip
def test_faults_of_content_are_named(tmp_path, name, content, message):
    assert re.search(message, read(tmp_path / name, content)[1])
