"""The frame of every training job: read the examples, resolve the settings, train, save with provenance."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from edgemin.core.files import sha256, write_json
from edgemin.core.provenance import digest
from edgemin.encoders import checkpoint
from edgemin.encoders.folder import saving
from edgemin.study.kind import kind_of
from edgemin.study.phases import Phase
from edgemin.training import phase
from edgemin.training.data import Examples, Signals, read_examples
from edgemin.training.precision import resolve
from edgemin.training.settings import MakeTerm, Settings, TrainingInputs


@dataclass(frozen=True)
class Files:
    """Input and output paths of a training job."""

    tokens: Path
    """Tokens of the training split or a transfer set, by the trained model's tokenizer."""
    validation: Path
    """Tokens of the validation split, by the same tokenizer."""
    out: Path
    scratch: Path
    """For the resume state of a killed run. Its key is a digest of spec, parents and texts."""


@dataclass(frozen=True)
class TrainingResult:
    """A finished training."""

    history: dict[str, Any]
    inputs: list[Path]
    """Files that the model was made from."""
    state: Path
    """Its resume state, to be deleted when the result is saved."""


def train(
    student: nn.Module,
    phases: Sequence[Phase],
    make_term: MakeTerm,
    *,
    files: Files,
    tokenizer: Path,
    spec: Mapping[str, Any],
    parents: Iterable[Path],
    name: str,
    signals: Callable[[Examples], Signals | None] = lambda examples: None,
    before: Callable[[TrainingInputs], Mapping[str, Any]] | None = None,
) -> TrainingResult:
    """Train `student` in place (no phases: leave it unchanged).

    spec: needs `metric`, `seed`, `precision`, `threads`. tokenizer: folder of the student's tokenizer. signals: function that
    returns the teacher's outputs for the examples. before: training of another kind, run first; returns facts for the history.
    """
    torch.set_num_threads(spec["threads"])
    kind, precision = kind_of(spec), resolve(spec["precision"])
    examples, validation = (read_examples(tokens, kind, tokenizer) for tokens in (files.tokens, files.validation))
    inputs = [*parents, files.tokens, files.validation]
    state = files.scratch / digest([dict(spec), precision, [sha256(path) for path in inputs]])[:16]
    settings = Settings(spec["metric"], kind, spec["seed"], precision, state)
    given = TrainingInputs(examples, validation, settings, signals(examples) if phases or before else None)
    facts = before(given) if before else {}
    history = phase.train(student, phases, make_term, given, name)
    return TrainingResult({**history, **facts}, inputs, state)


def train_and_save(
    student: nn.Module,
    phases: Sequence[Phase],
    make_term: MakeTerm,
    *,
    files: Files,
    tokenizer: Path,
    spec: Mapping[str, Any],
    facts: Callable[[], Mapping[str, Any]] = dict,
    **more: Any,
) -> None:
    """Train, then write the checkpoint with its history.json to `files.out`. facts: called at the end; gives more entries for the history."""
    done = train(student, phases, make_term, files=files, tokenizer=tokenizer, spec=spec, **more)
    with saving(files.out, tokenizer_from=tokenizer, spec=spec, parents=done.inputs) as partial:
        checkpoint.save(student.to("cpu"), partial)
        write_json(partial / "history.json", {**done.history, **facts()})
    shutil.rmtree(done.state, ignore_errors=True)
