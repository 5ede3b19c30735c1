"""The examples of docs/extending.md as they are there, added to a copy with a finished smoke study."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from typing import Any

import yaml
from copies import ROOT, Copy
from transformers import CamembertConfig, CamembertForSequenceClassification

RESULTS = "results/smoke"


@dataclass(frozen=True)
class Example:
    files: dict[str, str]
    study: dict[str, Any]


def read_examples() -> dict[str, Example]:
    text = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
    found = {}
    for section in text.split("## Seven examples")[1].split("\n## ")[0].split("\n### ")[1:]:
        files = dict(re.findall(r"^`(workflow/\S+)`\n\n```python\n(.*?)```", section, re.MULTILINE | re.DOTALL))
        (study,) = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
        found[section.partition("\n")[0]] = Example(files, yaml.safe_load(study))
    return found


EXAMPLES = read_examples()


def merged(study: dict, more: dict) -> None:
    """What an example says is added to a study."""
    for key, value in more.items():
        if isinstance(value, dict):
            merged(study.setdefault(key, {}), value)
        else:
            study[key] = value


def add(copy: Copy, files: dict[str, str]) -> None:
    """Only new files."""
    for name, text in files.items():
        file = copy.folder / name
        assert not file.exists(), name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def extend(copy: Copy, finished: Copy) -> Copy:
    """`copy` with the results of the finished one and the files of all examples; nothing that was there is changed."""
    for name in ("results", ".snakemake"):
        shutil.copytree(finished.folder / name, copy.folder / name)
    for example in EXAMPLES.values():
        add(copy, example.files)
    _camembert(copy)
    return copy


def _camembert(copy: Copy) -> None:
    """A tiny model of that family, with the smoke study's tokenizer."""
    folder = copy.folder / "models/camembert"
    (source,) = (copy.folder / RESULTS / "encoders/snippets").iterdir()
    vocabulary = len(json.loads((source / "tokenizer.json").read_text())["model"]["vocab"])
    config = CamembertConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=66,
        pad_token_id=0,
    )
    CamembertForSequenceClassification(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(source / name, folder)
