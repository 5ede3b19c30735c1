"""Tiny models as transformers writes them, in folders that a user could have, and what can be spoilt in them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch
from hostile import outcome
from safetensors.torch import load, save, save_file
from transformers import AutoConfig, AutoModelForSequenceClassification, BertTokenizer

from edgemin.core.provenance import write_provenance
from edgemin.encoders import checkpoint
from edgemin.encoders.normalise import normalise
from edgemin.plan import checks
from edgemin.plan.plan import Plan
from edgemin.study.foreign import check_folder
from edgemin.study.read import parse_study
from edgemin.study.registry import KINDS
from edgemin.study.sources import ModelSource

FAMILIES = ("bert", "distilbert", "electra", "mpnet", "roberta")
CLASSES = ["negative", "positive", "neutral", "mixed"]
TASK = {
    "source": {"files": {"train": "train.csv"}},
    "text": "text",
    "label": "label",
    "label_names": CLASSES[:2],
    "max_length": 16,
}
TRAINING = [{"epochs": 1}]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghij", *(f"##{letter}" for letter in "abcdefghij")]
COUNTS = {"distilbert": ("n_layers", "n_heads", "dim", "hidden_dim")}
USUAL = ("num_hidden_layers", "num_attention_heads", "hidden_size", "intermediate_size")
COUNTED = {"roberta": 1, "mpnet": 1}
"""Padding ids that positions count from."""


def shape_of(family: str, layers: int = 2, heads: int = 2, width: int = 8, neurons: int = 12) -> dict[str, int]:
    """Sizes by the keys of a family's config."""
    return dict(zip(COUNTS.get(family, USUAL), (layers, heads, width, neurons), strict=True))


@cache
def _made(family: str, changes: str) -> tuple[str, bytes]:
    """config.json and the bytes of model.safetensors."""
    values = {
        **shape_of(family),
        "vocab_size": len(VOCABULARY),
        "max_position_embeddings": 24,
        **({"embedding_size": 6} if family == "electra" else {}),
        **json.loads(changes),
    }
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_config(AutoConfig.for_model(family, **values))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.3)
    model.config.architectures = [type(model).__name__]
    return model.config.to_json_string(use_diff=False), save({k: v.contiguous() for k, v in model.state_dict().items()})


@cache
def _tokenizer() -> dict[str, bytes]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
        BertTokenizer(str(Path(folder) / "vocab.txt")).save_pretrained(folder)
        return {name: (Path(folder) / name).read_bytes() for name in ("tokenizer.json", "tokenizer_config.json")}


class Model:
    """A folder that can be written spoilt: config and weights are plain dicts."""

    def __init__(self, family: str, **changes: Any) -> None:
        config, weights = _made(family, json.dumps(changes, sort_keys=True))
        self.family: str = family
        self.config: dict[str, Any] = json.loads(config)
        self.weights: dict[str, torch.Tensor] = load(weights)
        self.files = dict(_tokenizer())

    def tokenizer(self, change: Callable[[dict], None]) -> None:
        """Change tokenizer.json."""
        said = json.loads(self.files["tokenizer.json"])
        change(said)
        self.files["tokenizer.json"] = json.dumps(said).encode()

    def write(self, folder: Path, shards: int = 1) -> Path:
        """shards: files that the weights are spread over."""
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps(self.config), encoding="utf-8")
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        if shards == 1:
            save_file(self.weights, folder / "model.safetensors", metadata={"format": "pt"})
            return folder
        names, where = list(self.weights), {}
        for number in range(shards):
            file = f"model-{number + 1:05}-of-{shards:05}.safetensors"
            where |= dict.fromkeys(names[number::shards], file)
            save_file({name: self.weights[name] for name in names[number::shards]}, folder / file, metadata={"format": "pt"})
        index = {"metadata": {}, "weight_map": where}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
        return folder


def renamed(weights: Mapping[str, torch.Tensor], new: Callable[[str], str]) -> dict[str, torch.Tensor]:
    return {new(name): tensor for name, tensor in weights.items()}


def logits_by_transformers(model: Model, ids: torch.Tensor) -> torch.Tensor:
    """What transformers' own class answers with these weights, put in one by one."""
    built = AutoModelForSequenceClassification.from_config(AutoConfig.for_model(**model.config)).eval()
    built.load_state_dict({name: tensor.float() for name, tensor in model.weights.items()}, strict=True)
    with torch.no_grad():
        found: torch.Tensor = built(input_ids=ids).logits
    return found


def taken(folder: Path) -> tuple[Path | None, str]:
    """The folder that a job would make of a source, or why it is refused."""
    out = folder.parent / (folder.name + "-taken")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    return outcome(lambda: normalise(ModelSource(path=str(folder)), [], None, out) or out)


def loaded(folder: Path, labels: list[str]) -> Any:
    """As the teacher's job loads a fine-tuned model."""
    write_provenance(folder, spec={})
    return checkpoint.load_source(folder, kind=KINDS["classification"], labels=labels, finetuned=True)


def refused(folder: Path, *words: str) -> None:
    """In planning already, and by the job; in lines that can be read."""
    for _, refusal in (outcome(lambda: check_folder(folder) or "taken"), taken(folder)):
        assert refusal
        assert all(word in refusal for word in words), (words, refusal)
        assert all(line.isprintable() and line.startswith(str(folder)) for line in refusal.splitlines()), refusal


def planned(folder: Path, task: dict | None = None, training: Any = TRAINING, **more: Any) -> str:
    """Why a study of this model is refused before any job; empty if it is planned."""
    study = {
        "study": "x",
        "tasks": {"t": {**TASK, **(task or {})}},
        "teacher": {"source": {"path": str(folder)}, "training": training},
        "cells": {"teacher": "teacher"},
        "seeds": [0],
        **more,
    }
    plan = Plan(parse_study(study))
    _, refusal = outcome(lambda: (check_folder(folder), checks.check_chains(plan, "t")))
    assert refusal.isprintable() or all(line.isprintable() for line in refusal.splitlines())
    return refusal
