"""Data files that nobody would write: each is read, or refused in words that name the file, the column and the row.

Every case is drawn by hypothesis from a file that is right, spoilt in a few places; the draws are the same on every machine.
"""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from pathlib import Path

import pandas as pd
import pytest
from hostile import cases, outcome
from hypothesis import given
from hypothesis import strategies as st

from edgemin.core.errors import EdgeminError
from edgemin.data import out_of_domain, splits, store, transfer
from edgemin.study.task import Task
from edgemin.study.transfer import Transfer

WORDS = ["good", "bad", "film", "plot", "a", "the", "was"]
TASK = {"text": "text", "label": "label", "splits": {"validation": 8, "test": 8}, "max_length": 16}
TASKS = [
    {**TASK, "label_names": ["negative", "positive"]},
    TASK,
    {**TASK, "metric": "spearman"},
    {**TASK, "label": {"sign_of": "label", "dead_zone": 0.5}},
    {
        **TASK,
        "text": ["text", "other"],
        "label_names": ["negative", "positive"],
        "splits": {"validation": 8, "test": 8, "train": 10},
    },
]
CELLS = st.sampled_from(
    ["0", "1", "2", "-1", "0.7", "1.0", "negative", "positive", "nan", "inf", "-inf", "1e999", "²", "٣", "9" * 5000, "", " ", "\0", "\ufeff",
     "NA", "null", "None", "a,b", 'say "x"', '"', "'", "\n", "\r", "x\ny", "\u2028", "é", "日本", "\U0001f600", "=1+1", "$(touch x)", "-", "x" * 3000]
)  # fmt: skip
HEADERS = [
    ["text", "label"],
    ["text", "label", "other"],
    ["text", "text", "label"],
    ["label", "label", "text"],
    ["Text", "label"],
    ["text"],
]
HEADERS += [
    ["text", "label", ""],
    ["", "", ""],
    ["text", "text.1", "label"],
    ["other", "text", "label"],
    ["label", "text", "other"],
    [],
]


def _rows(count: int, columns: list[str]) -> list[list[str]]:
    """Different sentences, half of each class."""
    texts = [f"{a} {b} {c}" for a in WORDS for b in WORDS for c in WORDS][:count]
    return [[{"label": str(n % 2)}.get(column, texts[n]) for column in columns] for n in range(count)]


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    """A header and rows, mostly right."""
    header = draw(st.sampled_from([*HEADERS[:2] * 4, *HEADERS]))
    rows = _rows(draw(st.sampled_from([0, 1, 2, 20, 40, 40, 60])), header)
    for _ in range(draw(st.integers(0, 3)) if rows else 0):
        row, value = draw(st.integers(0, len(rows) - 1)), draw(CELLS)
        what = draw(st.sampled_from(["set", "set", "longer", "shorter", "column", "repeat"]))
        if what == "set" and rows[row]:
            rows[row][draw(st.integers(0, len(rows[row]) - 1))] = value
        elif what == "longer":
            rows[row] = [*rows[row], value]
        elif what == "shorter":
            rows[row] = rows[row][:-1]
        elif what == "repeat":
            rows = [rows[row]] * len(rows)
        elif what == "column" and header:
            number = draw(st.integers(0, len(header) - 1))
            rows = [[*r[:number], value, *r[number + 1 :]] for r in rows]
    return header, rows


@st.composite
def csv_files(draw: st.DrawFn) -> bytes:
    header, rows = draw(tables())
    stream = io.StringIO(newline="")
    kind = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONE]))
    ends = draw(st.sampled_from(["\n", "\n", "\r\n", "\r"]))
    if kind == csv.QUOTE_NONE:
        stream.write(ends.join(",".join(row) for row in [header, *rows]))
    else:
        csv.writer(stream, quoting=kind, lineterminator=ends).writerows([header, *rows])
    data = stream.getvalue().encode(draw(st.sampled_from([*["utf-8"] * 5, "utf-8-sig", "utf-16", "utf-32"])))
    return draw(_damaged(data))


@st.composite
def _damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """As it is (mostly), or cut, or with a byte changed, put in, or put in front."""
    what = draw(st.sampled_from(["no", "no", "no", "cut", "change", "insert", "front"]))
    place, byte = draw(st.integers(0, len(data))), bytes([draw(st.sampled_from([0, 10, 34, 44, 92, 128, 195, 255]))])
    return {
        "no": data,
        "cut": data[:place],
        "change": data[:place] + byte + data[place + 1 :],
        "insert": data[:place] + byte + data[place:],
        "front": byte * 2 + data,
    }[what]


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(0, 1),
    st.floats(),
    st.just("\ud800"),
    CELLS,
    st.just({"a": 1}),
    st.just([1, "a"]),
)


@st.composite
def json_files(draw: st.DrawFn) -> bytes:
    header, rows = draw(tables())
    records: list = [dict(zip(header, row, strict=False)) for row in rows]
    for _ in range(draw(st.integers(0, 3)) if records else 0):
        record = records[draw(st.integers(0, len(records) - 1))]
        record[draw(st.sampled_from(["text", "label", "more"]))] = draw(VALUES)
    if draw(st.booleans()):
        return draw(_damaged("\n".join(map(json.dumps, records)).encode()))
    return draw(
        _damaged(json.dumps(draw(st.sampled_from([records] * 5 + [[*records[:1], 1], {"text": "a"}, 1, None, [[]]]))).encode())
    )


@st.composite
def parquet_files(draw: st.DrawFn) -> bytes:
    table = pd.DataFrame(_rows(40, ["text", "label"]), columns=["text", "label"])
    column = draw(st.sampled_from(["text", "label"]))
    change = draw(
        st.sampled_from(
            [
                lambda s: s.astype("category"),
                lambda s: s.str.encode("utf-8"),
                lambda s: pd.Series(range(len(s))),
                lambda s: pd.Series(range(len(s))) * 0.5,
                lambda s: pd.Series(range(len(s))).where(lambda n: n > 3),
                lambda s: pd.Series([None] * len(s)),
                lambda s: pd.Series([[1, 2]] * len(s)),
                lambda s: pd.Series([{"a": 1}] * len(s)),
                lambda s: pd.date_range("2026", periods=len(s)).to_series().reset_index(drop=True),
                lambda s: pd.Series([n % 2 == 0 for n in range(len(s))]),
                lambda s: s,
            ]
        )
    )
    table[column] = change(table[column])
    if draw(st.booleans()) and draw(st.booleans()):
        table = table.set_index(column)
    stream = io.BytesIO()
    table.to_parquet(stream)
    return draw(_damaged(stream.getvalue()))


KNOWN = re.compile(
    r"^(\S*data\.(csv|json|parquet)|(train|validation|test) split|splits\.\w+|out_of_domain\.x|transfer|unlabelled\.0)\b.*: .{10,}",
    re.DOTALL,
)


def _prepared(spec: dict, file: Path) -> None:
    """The data of the task are right, or what is wrong is named."""
    task = Task.model_validate({**spec, "source": {"files": {"train": str(file)}}})
    data, refusal = outcome(lambda: splits.prepare(task))
    if data is None:
        assert KNOWN.match(refusal), refusal
        assert "\n" not in refusal
        return
    count = 1 if data.label_names is None else len(data.label_names)
    rows_of = {split: rows.to_pandas() for split, rows in data.splits.items()}
    texts = {
        split: {unicodedata.normalize("NFC", " ".join(text.split())) for text in rows["text"]} for split, rows in rows_of.items()
    }
    for split, rows in rows_of.items():
        assert len(rows)
        assert rows["text"].str.strip().ne("").all()
        assert rows["label"].notna().all()
        assert rows["label"].abs().max() < float("inf")
        assert not task.asks.classes or rows["label"].isin(range(count)).all()
        assert task.text_columns != ["text"] or not any(texts[split] & texts[other] for other in texts if other != split)
    folder = file.parent / "out"
    store.write(data, folder)
    assert store.label_names(folder) == data.label_names
    pd.testing.assert_frame_equal(store.read_split(folder, "train"), rows_of["train"])


@cases(500)
@given(st.sampled_from(TASKS), csv_files())
def test_a_spoilt_csv_is_read_or_refused_by_name(tmp_path, spec, data):
    (tmp_path / "data.csv").write_bytes(data)
    _prepared(spec, tmp_path / "data.csv")


@cases(250)
@given(st.sampled_from(TASKS), json_files())
def test_a_spoilt_json_file_is_read_or_refused_by_name(tmp_path, spec, data):
    (tmp_path / "data.json").write_bytes(data)
    _prepared(spec, tmp_path / "data.json")


@cases(150)
@given(st.sampled_from(TASKS), parquet_files())
def test_a_spoilt_parquet_file_is_read_or_refused_by_name(tmp_path, spec, data):
    (tmp_path / "data.parquet").write_bytes(data)
    _prepared(spec, tmp_path / "data.parquet")


@cases(200)
@given(content=csv_files())
def test_spoilt_texts_and_test_sets_are_read_or_refused_by_name(tmp_path, data, content):
    """Beside good data: as unlabelled text of a transfer set, and as a test set of another domain."""
    file = tmp_path / "data.csv"
    file.write_bytes(content)
    source = {"files": {"train": str(file)}}
    task = Task.model_validate({**TASKS[0], "source": source, "out_of_domain": {"x": {"source": source}}})
    wanted = Transfer.model_validate({"unlabelled": [{"source": source}], "augment": {}, "rows": 200})
    for prepare in (
        lambda: transfer.prepare(task, wanted, data, None, [None])[0],
        lambda: out_of_domain.prepare(task, "x", task.out_of_domain["x"], data, None),
    ):
        rows, refusal = outcome(prepare)
        assert all(text.strip() for text in rows["text"]) if rows is not None else KNOWN.match(refusal), refusal


GOOD = "".join(f"{a} {b} film,{n % 2}\n" for n, (a, b) in enumerate((a, b) for a in WORDS for b in WORDS))


@pytest.mark.parametrize(
    ("spec", "content", "message"),
    [
        (1, "text,label\n" + GOOD.replace("\n", ",x\n"), "data.csv: not readable as csv .a row has more values"),
        (1, "text,text,label\n" + GOOD.replace(" film,", " film,film,"), "train split: column 'text' appears twice"),
        (2, "text,label\n" + GOOD + "endless,inf\n", "train split: column 'label': 'inf' in data row 50 is not a number"),
        (0, "text,label\n" + GOOD + f"long,{'9' * 999}\n", "train split: label '9{80}' is neither"),
        (1, b"\xff\xfet\0e\0", "data.csv: not UTF-8"),
    ],
)
def test_faults_that_were_found(tmp_path, spec, content, message):
    """A value too many in each row once made the first column an index, and all others one off."""
    (tmp_path / "data.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    task = Task.model_validate({**TASKS[spec], "source": {"files": {"train": str(tmp_path / "data.csv")}}})
    with pytest.raises(EdgeminError, match=message):
        splits.prepare(task)


def test_digits_that_are_no_numbers_are_names(tmp_path):
    """`int("²")` is an error, though `"²".isdigit()`."""
    (tmp_path / "data.csv").write_text("text,label\n" + GOOD.replace(",1", ",²"), encoding="utf-8")
    task = Task.model_validate({**TASK, "source": {"files": {"train": str(tmp_path / "data.csv")}}})
    assert splits.prepare(task).label_names == ["0", "²"]


def test_a_damaged_text_in_a_parquet_file_is_told_with_the_file(tmp_path):
    """The table is whole, its bytes are no UTF-8: pandas reads it, and cannot say the text."""
    rows = pd.DataFrame(_rows(40, ["text", "label"]), columns=["text", "label"])
    stream = io.BytesIO()
    rows.to_parquet(stream, compression=None)
    (tmp_path / "data.parquet").write_bytes(stream.getvalue().replace(b"good film", b"good f\x80lm"))
    task = Task.model_validate({**TASK, "source": {"files": {"train": str(tmp_path / "data.parquet")}}})
    with pytest.raises(EdgeminError, match=r"data.parquet: not readable as parquet \(.*UTF8.*\); correct the file or its format"):
        splits.prepare(task)
