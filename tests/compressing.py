"""Data files and model folders for tests of `edgemin compress`."""

from __future__ import annotations

import csv
import itertools
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

THINGS = ("film", "story", "cast", "script", "score", "ending", "plot", "tone", "pace", "scene")
WORDS = {
    "good": ("warm", "funny", "clever", "moving"),
    "bad": ("dull", "cold", "clumsy", "noisy"),
    "so": ("long", "short", "old", "new"),
}
"""Class -> the adjectives that tell it."""


def sentences(classes: Sequence[str], count: int) -> list[tuple[str, str]]:
    """Different texts, as many of each class, in a fixed order."""
    rows = []
    for name in classes:
        pairs = itertools.product(WORDS[name], WORDS[name], THINGS, THINGS)
        some = [(f"the {a} {one} and {b} {other}", name) for a, b, one, other in pairs if one != other]
        rows += random.Random(0).sample(some, count // len(classes))
    random.Random(1).shuffle(rows)
    return rows


def write_csv(file: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])
    return str(file)


def classes_csv(folder: Path, classes: Sequence[str] = ("bad", "good", "so"), count: int = 300) -> str:
    return write_csv(folder / "texts.csv", ["text", "label"], sentences(classes, count))


def pairs_csv(folder: Path, count: int = 300, numbers: bool = False) -> str:
    """Two texts and whether they are of one class; or the share of words that they have in common."""
    texts = sentences(("bad", "good", "so"), 2 * count)
    rows = []
    for (one, a), (other, b) in zip(texts[::2], texts[1::2], strict=True):
        common = len(set(one.split()) & set(other.split())) / len(set(one.split()) | set(other.split()))
        rows.append((one, other, round(common, 3) if numbers else "same" if a == b else "other"))
    return write_csv(folder / "pairs.csv", ["one", "two", "label"], rows)


def bert_folder(
    folder: Path, labels: Sequence[str] | None = ("bad", "good", "so"), layers: int = 4, width: int = 32, **changes: Any
) -> str:
    """A small random BERT, as `save_pretrained` writes it. labels: names of its outputs; None: the encoder alone."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertModel, BertTokenizer

    folder.mkdir(parents=True)
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "the",
        "and",
        *THINGS,
        *itertools.chain(*WORDS.values()),
        *"abcdefghijklmnopqrstuvwxyz",
    ]
    words += [f"unused{number}" for number in range(100)]
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    shape = {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": 64,
    }
    names = (
        {"id2label": dict(enumerate(labels)), "label2id": {name: number for number, name in enumerate(labels)}} if labels else {}
    )
    config = BertConfig(vocab_size=len(words), **{**shape, **changes}, **names)
    (BertForSequenceClassification if labels else BertModel)(config).save_pretrained(folder)
    return str(folder)
