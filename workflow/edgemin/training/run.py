"""What every training job does around the loop: examples, settings, scratch, and saving with provenance."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from edgemin.encoders import checkpoint
from edgemin.encoders.folder import saving
from edgemin.files import sha256, write_json
from edgemin.provenance import digest
from edgemin.tasks.keys import check_disjoint
from edgemin.training import loop
from edgemin.training.data import Examples, Signals, read_examples
from edgemin.training.precision import resolve


@dataclass(frozen=True)
class Given:
    """What a training job trains on."""

    examples: Examples
    validation: Examples
    settings: loop.Settings
    signals: Signals | None


@dataclass(frozen=True)
class Done:
    """A training that has come to its end."""

    history: dict[str, Any]
    inputs: list[Path]
    """Files that it was made from."""
    state: Path
    """Its resume state, to be cleared away when the result stands."""


def train(
    student: nn.Module,
    phases: Sequence[Any],
    make_term: Callable[[Any], nn.Module],
    *,
    data: Path,
    tokenizer_folder: Path,
    scratch: Path,
    spec: Mapping[str, Any],
    parents: Iterable[Path],
    name: str,
    transfer: Path | None = None,
    signals: Callable[[Path, Examples], Signals | None] = lambda rows, examples: None,
    before: Callable[[Given], Mapping[str, Any]] | None = None,
) -> Done:
    """Train `student` in place (no phases: leave it as it is).

    spec: needs `max_length`, `metric`, `seed`, `precision`, `threads`. scratch: folder for the resume state of a killed
    run; its key digests spec, parents and data. transfer: the file of a transfer set to train on in place of the training
    split. signals: of the teacher, for the rows' file and examples given. before: training of another kind, done first; returns
    facts for the history.
    """
    torch.set_num_threads(spec["threads"])
    parents = list(parents)
    rows = transfer or data / "train.parquet"
    if transfer:
        check_disjoint(transfer, data)
    examples = read_examples(data, rows, tokenizer_folder, spec["max_length"])
    validation = read_examples(data, "validation", tokenizer_folder, spec["max_length"])
    inputs = [*parents, rows, data / "validation.parquet"]
    precision = resolve(spec["precision"])
    state = scratch / digest([dict(spec), precision, [sha256(path) for path in inputs]])[:16]
    settings = loop.Settings(spec["metric"], spec["seed"], precision, state)
    taught = signals(rows, examples) if phases or before else None
    found = before(Given(examples, validation, settings, taught)) if before else {}
    history = loop.train(student, phases, make_term, examples, validation, settings, taught, name)
    return Done({**history, **found}, inputs, state)


def train_and_save(
    student: nn.Module,
    phases: Sequence[Any],
    make_term: Callable[[Any], nn.Module],
    *,
    tokenizer_folder: Path,
    out: Path,
    spec: Mapping[str, Any],
    facts: Callable[[], Mapping[str, Any]] = dict,
    **more: Any,
) -> None:
    """`train`, and write the checkpoint, history.json included, to `out`. facts: further entries of it, asked for at the end."""
    done = train(student, phases, make_term, tokenizer_folder=tokenizer_folder, spec=spec, **more)
    with saving(out, tokenizer_from=tokenizer_folder, spec=spec, parents=done.inputs) as partial:
        checkpoint.save(student.to("cpu"), partial)
        write_json(partial / "history.json", {**done.history, **facts()})
    shutil.rmtree(done.state, ignore_errors=True)
