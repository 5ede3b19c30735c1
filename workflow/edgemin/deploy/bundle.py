"""A folder that runs without this project: model.onnx, tokenizer.json, bundle.json, predict.py and a model card."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgemin.deploy.card import card
from edgemin.files import read_json, sha256, whole_folder, write_json
from edgemin.provenance import EXPORT_PROVENANCE, NAME, check_provenance
from edgemin.tasks import store

_PREDICT = Path(__file__).with_name("predict.py")


def make_bundle(model: Path, measured: Path, data: Path, out: Path, spec: Mapping[str, Any]) -> None:
    """model: folder of a chain with model.onnx. measured: of its measurements in ONNX Runtime. data: of the task.

    spec: study, task, cell, seed, chain, max_length, metric, sources (text lines), command.
    Raises EdgeminError for a corrupt model.
    """
    exported = (model / EXPORT_PROVENANCE).exists()
    check_provenance(model, "model.onnx", name=EXPORT_PROVENANCE if exported else NAME)
    check_provenance(model, "tokenizer.json")
    told = read_json(model / NAME)
    facts = {
        "study": spec["study"],
        "cell": spec["cell"],
        "chain": spec["chain"],
        "seed": spec["seed"],
        "labels": store.label_names(data),
        "max_length": spec["max_length"],
        "pair": "pair" in store.read_split(data, "test"),
        "versions": told["versions"],
    }
    with whole_folder(out) as partial:
        for name in ("model.onnx", "tokenizer.json"):
            shutil.copyfile(model / name, partial / name)
        shutil.copyfile(_PREDICT, partial / "predict.py")
        digests = {name: sha256(partial / name) for name in ("model.onnx", "tokenizer.json")}
        write_json(partial / "bundle.json", {**facts, "sha256": digests})
        (partial / "README.md").write_text(card(facts, told["host"], measured, spec), encoding="utf-8")
