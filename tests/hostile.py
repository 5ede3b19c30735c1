"""Input that nobody would write: what went in whole, spoilt in one or two places. The draws are the same on every machine."""

from __future__ import annotations

import copy
import datetime
import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from edgemin.core.errors import EdgeminError

ALL_CASES = "EDGEMIN_ALL_CASES"
"""Environment variable: set by `make long`, which draws every case."""
_SHARE = 1 if os.environ.get(ALL_CASES) else 20
_LEAST = 10


def cases(number: int) -> settings:
    """So many cases of a test, the same on every machine; a twentieth of them, but not less than ten, where not all are asked for."""
    return settings(
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
        max_examples=max(min(number, _LEAST), number // _SHARE),
    )


def outcome(function: Callable[[], Any]) -> tuple[Any, str]:
    """What it returns, or why it refuses; any other exception is what these tests look for."""
    try:
        return function(), ""
    except EdgeminError as error:
        return None, str(error)


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
            node[value] = copy.deepcopy(draw(st.sampled_from(HOSTILE)))
        done += [place, *([(*place[:-1], value)] if what in ("rename", "add") else [])]
    return study, done
