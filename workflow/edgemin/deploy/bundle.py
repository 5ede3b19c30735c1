"""A folder that runs without this project: model.onnx, tokenizer.json, bundle.json, predict.py and a model card."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgemin.core.files import read_json, sha256, whole_folder, write_json
from edgemin.core.provenance import EXPORT_PROVENANCE, NAME, check_provenance
from edgemin.data import store
from edgemin.deploy.card import card
from edgemin.study import registry
from edgemin.study.kind import Kind, kind_of

_PREDICT = Path(__file__).with_name("predict.py")
_ANSWER = "def answer("


def make_bundle(model: Path, measured: Path, data: Path, out: Path, spec: Mapping[str, Any]) -> None:
    """model: folder of a chain with model.onnx. measured: of its measurements in ONNX Runtime. data: of the task.

    spec: study, task, cell, seed, chain, max_length, metric, sources (text lines), command (that makes it again).
    Raises EdgeminError for a corrupt model.
    """
    exported = (model / EXPORT_PROVENANCE).exists()
    check_provenance(model, "model.onnx", name=EXPORT_PROVENANCE if exported else NAME)
    check_provenance(model, "tokenizer.json")
    provenance = read_json(model / NAME)
    facts = {
        "study": spec["study"],
        "cell": spec["cell"],
        "chain": spec["chain"],
        "seed": spec["seed"],
        "labels": store.label_names(data),
        "max_length": spec["max_length"],
        "pair": "pair" in store.read_split(data, "test"),
        "versions": provenance["versions"],
    }
    with whole_folder(out) as partial:
        for name in ("model.onnx", "tokenizer.json"):
            shutil.copyfile(model / name, partial / name)
        (partial / "predict.py").write_text(predict_script(kind_of(spec)), encoding="utf-8")
        digests = {name: sha256(partial / name) for name in ("model.onnx", "tokenizer.json")}
        write_json(partial / "bundle.json", {**facts, "sha256": digests})
        (partial / "README.md").write_text(card(facts, provenance["host"], measured, spec), encoding="utf-8")


def predict_script(kind: Kind) -> str:
    """predict.py with the function that turns logits into an answer, from the folder of the kind of task."""
    script = _PREDICT.read_text(encoding="utf-8")
    source = registry.KINDS.file(kind.name, "answer").read_text(encoding="utf-8")
    function = source[source.index(_ANSWER) :].rstrip()
    start = script.index(_ANSWER)
    end = script.index("\n\n\n", start)
    return script[:start] + function + script[end:]
