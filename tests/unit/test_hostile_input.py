"""Studies, data files and model configs that nobody would write: each is taken, or refused in words that name the place.

Every case is drawn by hypothesis from what went in whole, spoilt in one or two places; the draws are the same on every machine.
"""

from __future__ import annotations

import copy
import csv
import datetime
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from edgemin.config import parse_study
from edgemin.config.study import Study, Task, Transfer
from edgemin.encoders.families import usable_positions
from edgemin.encoders.normalise import check_config
from edgemin.encoders.structure import Structure
from edgemin.errors import EdgeminError
from edgemin.plan import Plan
from edgemin.reports import Reports
from edgemin.tasks import out_of_domain, splits, store, transfer

ROOT = Path(__file__).parents[2]
SMOKE = yaml.safe_load((ROOT / "config/smoke.yaml").read_text(encoding="utf-8"))
CASES = settings(
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


def outcome(function: Callable[[], Any]) -> tuple[Any, str]:
    """What it returns, or why it refuses; any other exception is what these tests look for."""
    try:
        return function(), ""
    except EdgeminError as error:
        return None, str(error)


# -- studies ---------------------------------------------------------------------------------------------------------


def _places(node: object, key: tuple = ()) -> list[tuple]:
    """The keys of a nested study, each as the parts of its path."""
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    if len(key) > 12:  # a list may hold itself
        return [key]
    return [key] * bool(key) + [place for name, item in inner for place in _places(item, (*key, name))]


CYCLE: list = []
CYCLE.append(CYCLE)
HOSTILE = [
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        3,
        0.5,
        1.0,
        -0.0,
        10**30,
        -(10**30),
        16**6000,
        1e308,
        float("nan"),
        float("inf"),
        -float("inf"),
    ),
    *("", "a", "A", "é", "日本", "x\ny", "\0", "\ud800", "x" * 300, "x" * 5000, "a b", "a'b\"c", "{x}", "%s", "\\", "*"),
    *("../x", "/etc/passwd", "a/b", "$(touch x)", "`x`", "; rm -rf x", "-rf", "~", "con", ".", "nan", "inf", "1e9", "0x1"),
    *("heads", "none", "parent", "root", "teacher", "test", "train", "auto", "spearman", "int8_dynamic", "onnxruntime", "torch"),
    *(
        "teacher/quantize-int4/prune-heads25",
        "teacher/prune-heads25/teacher",
        "teacher//prune-heads25",
        "prune-heads25",
        "teacher/",
    ),
    *(
        "teacher/prune-nothing",
        "teacher/tune-x",
        "teacher/prune-heads25" + "/prune-heads25" * 30,
        "teacher/quantize-int4/quantize-int4",
    ),
    *([], [[]], [[[1]]], [None], [0, 0], ["teacher", "teacher"], list(range(50)), CYCLE, {}, {"": 1}, {1: 2}, {None: None}),
    *({"chain": "teacher"}, {"layers": [9]}, {"layers": [-1]}, {"ratio": 1.5}, {"structure": "width", "ratio": 0.5}),
    *([{"objective": "labels"}], [{"objective": "nothing"}], {"files": {}}, {"path": "x" * 300}, {"path": "nowhere"}),
    *(b"bytes", {1, 2}, datetime.date(2026, 1, 1)),
]
RANDOM = st.one_of(st.text(max_size=20), st.integers(), st.floats(), st.lists(st.text(max_size=3), max_size=3))


@st.composite
def spoilt(draw: st.DrawFn, whole: dict) -> tuple[dict, list[tuple]]:
    """A copy of `whole` with a key deleted, renamed, added or given another value, in one or two places; and the places."""
    study, done = copy.deepcopy(whole), []
    for _ in range(draw(st.sampled_from([1, 1, 2]))):
        place = draw(st.sampled_from(_places(study)))
        node = study
        for part in place[:-1]:
            node = node[part]
        what = draw(st.sampled_from(["set", "set", "set", "delete", "rename", "add", "move"]))
        value = copy.deepcopy(draw(st.sampled_from(HOSTILE) | RANDOM))
        if what == "delete":
            del node[place[-1]]
        elif what == "move":  # a value that is right elsewhere
            other = study
            for part in draw(st.sampled_from(_places(study))):
                other = other[part]
            node[place[-1]] = copy.deepcopy(other)
        elif what == "set" or not isinstance(node, dict) or isinstance(value, dict | list | set):
            node[place[-1]] = value
        elif what == "rename":
            node[value] = node.pop(place[-1])
        else:
            node[value] = draw(st.sampled_from(HOSTILE))
        done += [place, *([(*place[:-1], value)] if what in ("rename", "add") else [])]
    return study, done


def _plan(study: Study) -> None:
    """All that a dry run asks for."""
    plan = Plan(study)
    reports = Reports(plan)
    plan.check_local_files()
    for task in study.tasks:
        plan.check(task)
        plan.spec_data(task)
        plan.spec_teacher(task, 0)
        for chain in study.chains()[1:]:
            plan.spec_stage(task, 0, chain)
            if chain.last.stage != "quantize" or study.variant(chain).trains:
                plan.trained_inputs(task, 0, chain)
    files = [file for cell in study.cells for file in plan.cell_files(cell)] + plan.bundles()
    assert all(re.fullmatch(r"results/[a-z][a-zA-Z0-9_./-]*", file) and ".." not in file for file in files)
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+", pin) for pin in plan.pins)
    for table in (
        reports.result_rows(),
        reports.table("stagewise"),
        reports.pruning(),
        reports.quantization(),
        reports.parameters(),
    ):
        json.dumps(table)
    assert plan.sweeps() is not None
    assert plan.scans() is not None


@settings(CASES, max_examples=1500)
@given(spoilt(SMOKE))
def test_a_spoilt_study_is_planned_or_refused_by_key(monkeypatch, case):
    monkeypatch.chdir(ROOT)
    content, places = case
    study, refusal = outcome(lambda: parse_study(content, file="x.yaml"))
    if study is None:
        lines = refusal.split("\n")
        assert all(re.match(r"x\.yaml: .+: .{5,}", line) and line.isprintable() for line in lines), lines
        assert any(str(part) in line for line in lines for place in places for part in place) or re.search(
            "unknown key|Keys should be strings|beyond 2|nested more|surrogate", refusal
        ), (places, lines)
        return
    assert parse_study(study.model_dump(mode="json")) == study  # what jobs are handed
    _, refusal = outcome(lambda: _plan(study))
    keys = (*Study.model_fields, *study.distill, *study.prune, *study.quantize)
    assert all(line.isprintable() and any(key in line for key in keys) for line in refusal.split("\n") if refusal), refusal


@settings(CASES, max_examples=150)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text() | st.integers(), x),
    )
)
@example(CYCLE)
@example({"study": 16**6000})
@example({16**6000: 1})
def test_what_is_no_study_at_all_is_refused(content):
    with pytest.raises(EdgeminError, match=r"^x\.yaml: "):
        parse_study(content, file="x.yaml")


# -- data ------------------------------------------------------------------------------------------------------------

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
    texts = {
        split: {" ".join(re.findall(r"\w+", text.lower())) or text for text in rows["text"]}
        for split, rows in data.splits.items()
    }
    for split, rows in data.splits.items():
        assert len(rows)
        assert rows["text"].str.strip().ne("").all()
        assert rows["label"].notna().all()
        assert rows["label"].abs().max() < float("inf")
        assert task.regression or rows["label"].isin(range(count)).all()
        assert task.text_columns != ["text"] or not any(texts[split] & texts[other] for other in texts if other != split)
    folder = file.parent / "out"
    store.write(data, folder)
    assert store.label_names(folder) == data.label_names
    pd.testing.assert_frame_equal(store.read_split(folder, "train"), data.splits["train"])


@settings(CASES, max_examples=500)
@given(st.sampled_from(TASKS), csv_files())
def test_a_spoilt_csv_is_read_or_refused_by_name(tmp_path, spec, data):
    (tmp_path / "data.csv").write_bytes(data)
    _prepared(spec, tmp_path / "data.csv")


@settings(CASES, max_examples=250)
@given(st.sampled_from(TASKS), json_files())
def test_a_spoilt_json_file_is_read_or_refused_by_name(tmp_path, spec, data):
    (tmp_path / "data.json").write_bytes(data)
    _prepared(spec, tmp_path / "data.json")


@settings(CASES, max_examples=150)
@given(st.sampled_from(TASKS), parquet_files())
def test_a_spoilt_parquet_file_is_read_or_refused_by_name(tmp_path, spec, data):
    (tmp_path / "data.parquet").write_bytes(data)
    _prepared(spec, tmp_path / "data.parquet")


@settings(CASES, max_examples=200)
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
        assert rows["text"].str.strip().ne("").all() if rows is not None else KNOWN.match(refusal), refusal


GOOD = "".join(f"{a} {b} film,{n % 2}\n" for n, (a, b) in enumerate((a, b) for a in WORDS for b in WORDS))


@pytest.mark.parametrize(
    ("spec", "content", "message"),
    [
        (1, "text,label\n" + GOOD.replace("\n", ",x\n"), "data.csv: not readable as csv .a row has more values"),
        (1, "text,text,label\n" + GOOD.replace(" film,", " film,film,"), "train split: column 'text' stands twice"),
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


# -- model configs ---------------------------------------------------------------------------------------------------

CONFIG = {
    "model_type": "bert",
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "hidden_size": 16,
    "intermediate_size": 24,
    "max_position_embeddings": 32,
    "edgemin": {"heads": [[0, 1], [0]], "head_dim": 4, "intermediate": [24, 16]},
}


@settings(CASES, max_examples=300)
@given(spoilt(CONFIG))
def test_a_spoilt_model_config_is_taken_or_refused(case):
    content, _ = case
    _, refusal = outcome(lambda: check_config(content, Path("models/mine/config.json")))
    if refusal:
        assert re.match(r"(models/mine/config\.json: not the config|model_type '|config\.json: ')", refusal), refusal
    else:
        shape = Structure.of(content)
        assert len(shape.heads) == len(shape.intermediate) == int(content["num_hidden_layers"])
        assert min(shape.head_dim, usable_positions(content)) >= 1
