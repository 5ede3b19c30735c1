"""A cascade, and the teacher beside it, opened as their bundles open them: by the very programs, from folders that hold links to models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edgemin.core.files import write_json
from edgemin.data.tokenizer import load_tokenizer
from edgemin.deploy.cascade import model
from edgemin.deploy.cascade.members import check_graph, entries, put_members
from edgemin.deploy.predict import Model, Row
from edgemin.report.cascades.chosen import select

CHECKED: dict[str, str] = {}
"""In the place of the digests of bundle.json: models are compared with those in their own folders."""


def open_cascade(folder: Path, spec: Mapping[str, Any], facts: Mapping[str, Any], threads: int) -> model.Model:
    """folder: a new one. spec: block (of the table, of one seed) and members, as of `bundle_cascade`. facts: labels, max_length, pair.

    Raises EdgeminError for a corrupt model.
    """
    folder.mkdir()
    selected = select(spec["block"])
    members = entries(spec["members"], selected.chosen[0], selected.temperatures[0])
    put_members(spec["members"], folder, _link)
    write_json(folder / "bundle.json", {**facts, "members": members, "sha256": CHECKED})
    return model.Model(folder, threads)


def open_alone(folder: Path, source: Path, facts: Mapping[str, Any], threads: int) -> Model:
    """One model. folder: a new one. source: of model.onnx and its tokenizer. Raises EdgeminError for a corrupt model."""
    folder.mkdir()
    check_graph(source)
    for name in ("model.onnx", "tokenizer.json"):
        _link(source / name, folder / name)
    write_json(folder / "bundle.json", {**facts, "pad_id": load_tokenizer(source).pad_token_id, "sha256": CHECKED})
    return Model(folder, threads)


def labelling(opened: Model | model.Model) -> Callable[[Row], str]:
    """From a text, or a pair, to its label."""
    labels = opened.labels

    def label(row: Row) -> str:
        return str(labels[int(opened.logits(*row).argmax())])

    return label


def _link(source: Path, to: Path) -> None:
    to.symlink_to(source.resolve())
