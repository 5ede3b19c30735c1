"""A folder that runs without this project: model.onnx, tokenizer.json, bundle.json, predict.py, bench.py and a model card."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgemin.core.files import read_json, sha256, whole_folder, write_json
from edgemin.core.provenance import EXPORT_PROVENANCE, NAME, check_provenance
from edgemin.data import store
from edgemin.data.tokenizer import load_tokenizer
from edgemin.deploy.across.saturating import saturates
from edgemin.deploy.across.section import section
from edgemin.deploy.card import card
from edgemin.study import registry
from edgemin.study.kind import Kind, kind_of

_PREDICT = Path(__file__).with_name("predict.py")


def make_bundle(model: Path, measured: Path, data: Path, out: Path, spec: Mapping[str, Any]) -> None:
    """model: folder of a chain with model.onnx. measured: of its measurements in ONNX Runtime. data: of the task.

    spec: study, task, cell, seed, chain, max_length, metric, batch_invariant, sources (text lines), command (that makes it again).
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
        "pad_id": load_tokenizer(model).pad_token_id,
        "lengths": lengths(store.read_split(data, "test"), model, spec["max_length"]),
        "batch_invariant": spec["batch_invariant"],
        "saturates": saturates(model / "model.onnx"),
        "measured_with": read_json(measured / "latency.json")["host"]["flags"],
        "versions": provenance["versions"],
    }
    with whole_folder(out) as partial:
        for name in ("model.onnx", "tokenizer.json"):
            shutil.copyfile(model / name, partial / name)
        shutil.copyfile(_PREDICT.with_name("bench.py"), partial / "bench.py")
        (partial / "predict.py").write_text(predict_script(kind_of(spec)), encoding="utf-8")
        digests = {name: sha256(partial / name) for name in ("model.onnx", "tokenizer.json")}
        facts["sha256"] = digests
        write_json(partial / "bundle.json", facts)
        (partial / "README.md").write_text(card(facts, provenance["host"], measured, spec, section(out, facts)), encoding="utf-8")


def lengths(rows: Any, model: Path, longest: int) -> list[int]:
    """Tokens of the test split's texts at twenty even shares, from short to long: what bench.py times."""
    backend = load_tokenizer(model).backend
    texts = list(zip(rows["text"], rows["pair"], strict=True)) if "pair" in rows else list(rows["text"])
    counts = sorted(min(longest, len(one.ids)) for one in backend.encode_batch(texts))
    return [counts[(2 * number + 1) * len(counts) // 40] for number in range(20)]


def predict_script(kind: Kind, model: Path | None = None) -> str:
    """predict.py with what is a file of its own: the function that turns logits into an answer, from the folder of the kind of task, those that
    read tables, those that know processors, and another model if one is given."""
    script = _PREDICT.read_text(encoding="utf-8")
    parts = {
        "def answer(": registry.KINDS.file(kind.name, "answer"),
        "def read(": _PREDICT.with_name("rows.py"),
        "def another_cpu(": _PREDICT.with_name("cpu.py"),
    }
    for head, file in {**parts, **({"class Model:": model} if model else {})}.items():
        source = file.read_text(encoding="utf-8")
        start = script.index(f"\n{head}") + 1
        script = script[:start] + source[source.index(head) :].rstrip() + script[script.index("\n\n\n", start) :]
    return script
