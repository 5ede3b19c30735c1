"""One round of a cascade's time: the cascade itself, as its bundle runs it, in turn with the teacher, both from text to label.

A cascade has no typical text: most end at the first members, and the few that go to the last take most of the time. So its times are means and
quantiles over many different texts, each answered once, where a cell's few texts are answered again and again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from edgemin.data import store
from edgemin.deploy.cascade.opened import labelling, open_alone, open_cascade
from edgemin.deploy.predict import Row
from edgemin.measure import host as hosts
from edgemin.measure.latency import sentences_of_block, take_turns
from edgemin.study.measuring import Latency

SHARES = (50, 90, 99)


def time_round(data: Path, teacher: Path, spec: Mapping[str, Any], number: int) -> tuple[dict[str, Any], pd.DataFrame]:
    """data: folder of the task. teacher: of its float model and graph. spec: block and members (as of `bundle_cascade`), max_length, threads, and
    protocol (of one round). number: of the round, from 1; each continues in the test split where the one before ended.

    Returns the summary, and of each text a row: block, its place in the test split, seconds of both, and the member that answered.
    """
    threads, rows = spec["threads"], rows_of(data)
    once = each_once(Latency.model_validate(spec["protocol"]), len(rows))
    cpus = hosts.pin(threads)
    manifest = hosts.host(threads)
    places = places_of(len(rows), once, number)
    texts = [rows[place] for place in places]
    facts = {"labels": store.label_names(data), "max_length": spec["max_length"], "pair": rows[0][1] is not None}
    with TemporaryDirectory() as folder:
        cascade = open_cascade(Path(folder, "cascade"), spec, facts, threads)
        alone = open_alone(Path(folder, "teacher"), teacher, facts, threads)
        timed = take_turns({"cascade": labelling(cascade), "teacher": labelling(alone)}, texts, once)
        who = [asked(cascade, text) for text in texts]
    names = [member["name"] for member in spec["members"]]
    summary = {"runtime": spec["runtime"], "threads": threads, "cpus": cpus, **summary_of(timed, who, names)}
    return {**summary, "host": manifest}, table_of(timed, who, places)


def rows_of(data: Path) -> list[Row]:
    """The texts of the test split, as a program reads them."""
    read = store.read_split(data, "test")
    return list(zip(read["text"], read["pair"] if "pair" in read else [None] * len(read), strict=True))


def each_once(protocol: Latency, texts: int) -> Latency:
    """The protocol in which so many different texts as a cell has calls, or all there are, are answered once by each side."""
    number = min(protocol.calls, texts)
    return protocol.model_copy(update={"calls": 1, "minimum_calls": number})


def places_of(texts: int, once: Latency, number: int) -> list[int]:
    """Of the texts of a round in the test split, in a seeded order; a split that is too short begins anew."""
    count = once.blocks * sentences_of_block(once)
    shuffled = np.random.default_rng(once.seed).permutation(texts)
    return [int(shuffled[(start + (number - 1) * count) % texts]) for start in range(count)]


def asked(cascade: Any, row: Row) -> str:
    """The member that answers a text."""
    cascade.logits(*row)
    return str(cascade.names[cascade.answered_by])


def summary_of(timed: Mapping[str, np.ndarray], who: Sequence[str], names: Sequence[str]) -> dict[str, Any]:
    """timed: seconds of `cascade` and `teacher` (blocks, texts of a block). who: member that answered each text. names: of all members.

    `faster` is the teacher's mean divided by the cascade's, over all texts of the round: of a block's few texts too few reach the last member.
    """
    own, other = timed["cascade"], timed["teacher"]
    counts = Counter(who)
    return {
        "texts": own.size,
        "cascade": milliseconds(own),
        "teacher": milliseconds(other),
        "faster": float(other.mean() / own.mean()),
        "faster_by_block": (other.mean(1) / own.mean(1)).tolist(),
        "answered": {name: counts[name] / len(who) for name in names},
    }


def milliseconds(seconds: np.ndarray) -> dict[str, float]:
    """Mean and quantiles."""
    quantiles = {f"p{share}_ms": float(np.percentile(seconds, share) * 1e3) for share in SHARES}
    return {"mean_ms": float(seconds.mean() * 1e3), **quantiles}


def table_of(timed: Mapping[str, np.ndarray], who: Sequence[str], places: Sequence[int]) -> pd.DataFrame:
    """Columns block, text, answered_by, cascade and teacher (seconds); a row for each text."""
    blocks, size = timed["cascade"].shape
    seconds = {name: values.ravel() for name, values in timed.items()}
    return pd.DataFrame({"block": np.repeat(np.arange(blocks), size), "text": places, "answered_by": list(who), **seconds})
