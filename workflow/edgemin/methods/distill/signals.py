"""Outputs of a frozen teacher for every training example: computed once, stored in bf16, read memory-mapped.

One file per need. A need is the name by which a term requests signals:
`logits`; `qkv_<layer>`: queries, keys and values; `hidden_last`, `hidden_map<M>`: hidden states of the last layer, or of every
M-th part of the teacher from its embeddings on; `scores_last`, `scores_map<M>`: raw attention scores, likewise.
Every file holds `logits` (N, K) in float32. For its need it adds one bfloat16 tensor per layer and kind: per token (tokens,
width), or per pair of tokens (pairs, heads) for scores. Its metadata hold digests of teacher and texts: no other run can read it.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from edgemin.core.errors import EdgeminError
from edgemin.core.files import whole_file
from edgemin.encoders.blocks import Classifier, layers_of
from edgemin.methods.distill.capture import PROJECTIONS, Capture, layer_number
from edgemin.study.family import family_of, hidden_width
from edgemin.study.structure import Structure
from edgemin.training.data import Examples

log = logging.getLogger(__name__)
BATCH = 64


@dataclass(frozen=True)
class Signal:
    """One stored tensor: `kind` is query, key, value, hidden or scores; `layer` counts hidden states from 0, the embeddings."""

    kind: str
    layer: int

    @property
    def pairwise(self) -> bool:
        return self.kind == "scores"


def signals_of(need: str, teacher: Classifier) -> dict[str, Signal]:
    """Name -> signal of what a need comprises beside the logits. Raises EdgeminError for a layer that does not exist."""
    kind, _, at = need.partition("_")
    if kind == "logits":
        return {}
    count = len(layers_of(teacher))
    if kind == "qkv":
        layer = layer_number(teacher, "last" if at == "last" else int(at), "minilmv2.teacher_layer")
        return {f"{need}.{name}": Signal(name, layer) for name in PROJECTIONS}
    parts = 1 if at == "last" else int(at.removeprefix("map"))
    if count % parts:
        raise EdgeminError(
            f"layers: {parts} do not divide the teacher's {count} layers evenly; choose a divisor, or drop layers of the student"
        )
    if kind == "scores":
        return {f"{need}.{part}": Signal(kind, part * count // parts - 1) for part in range(1, parts + 1)}
    return {f"{need}.{part}": Signal(kind, part * count // parts) for part in range(0 if at != "last" else 1, parts + 1)}


class LiveSignals:
    """The same signals from a forward pass at each batch. For training sets whose cache would be too large."""

    def __init__(self, teacher: Classifier, examples: Examples, needs: Sequence[str], precision: str) -> None:
        self.teacher, self.examples = teacher.eval(), examples
        self.bf16 = precision == "bf16"
        self.signals = {name: signal for need in needs for name, signal in signals_of(need, teacher).items()}
        kinds = {signal.kind for signal in self.signals.values()}
        self.capture = Capture(
            teacher, {signal.layer for signal in self.signals.values() if signal.kind != "hidden"}, "hidden" in kinds
        )

    def _of(self, signal: Signal) -> torch.Tensor:
        if signal.kind == "hidden":
            return self.capture.hidden(signal.layer)
        if signal.kind == "scores":
            return self.capture.scores(signal.layer)
        return self.capture[signal.layer, signal.kind]

    @torch.no_grad()
    def batch(self, indices: Sequence[int], length: int) -> dict[str, torch.Tensor]:
        device = next(self.teacher.parameters()).device
        inputs = {name: values.to(device) for name, values in self.examples.collate(indices)["inputs"].items()}
        with torch.autocast(device.type, torch.bfloat16, enabled=self.bf16):
            logits = self.teacher(**inputs).logits
        outputs = {"logits": logits.float().cpu()}
        mask = inputs["attention_mask"].bool()
        more = length - mask.shape[1]
        for name, signal in self.signals.items():
            real = (mask[:, :, None] & mask[:, None, :])[..., None] if signal.pairwise else mask[..., None]
            values = self._of(signal).to(torch.bfloat16).masked_fill(~real, 0).cpu()
            outputs[name] = torch.nn.functional.pad(values, (0, 0, 0, more, 0, more) if signal.pairwise else (0, 0, 0, more))
        return outputs


def bytes_of(teacher: Classifier, examples: Examples, need: str) -> int:
    """The size in bytes of the cache of one need."""
    family, structure = family_of(teacher.config), Structure.of(teacher.config)
    lengths = np.asarray(examples.lengths)
    size = len(examples) * teacher.config.num_labels * 4
    for signal in signals_of(need, teacher).values():
        if signal.pairwise:
            size += int((lengths**2).sum()) * len(structure.heads[signal.layer]) * 2
        elif signal.kind == "hidden":
            size += int(lengths.sum()) * hidden_width(teacher.config) * 2
        else:
            module = layers_of(teacher)[signal.layer].get_submodule(getattr(family, signal.kind))
            size += int(lengths.sum()) * module.out_features * 2
    return size


@torch.no_grad()
def write_cache(teacher: Classifier, examples: Examples, need: str, file: Path, precision: str, facts: dict[str, str]) -> float:
    """Run the teacher once over the examples and write one need; returns the seconds. facts: digests, checked on reading."""
    live = LiveSignals(teacher, examples, [need], precision)
    lengths = np.asarray(examples.lengths)
    offsets, pair_offsets = _offsets(lengths), _offsets(lengths**2)
    tensors: dict[str, torch.Tensor] = {}
    order = np.argsort(lengths, kind="stable")
    started = logged = time.monotonic()
    for start in range(0, len(order), BATCH):
        indices = order[start : start + BATCH].tolist()
        for name, values in live.batch(indices, -(-int(lengths[indices].max()) // 8) * 8).items():
            if name == "logits":
                tensors.setdefault(name, torch.empty(len(order), values.shape[-1]))[indices] = values
                continue
            pairwise = live.signals[name].pairwise
            at = pair_offsets if pairwise else offsets
            stored = tensors.setdefault(name, torch.empty(int(at[-1]), values.shape[-1], dtype=values.dtype))
            for row, index in enumerate(indices):
                n = lengths[index]
                stored[at[index] : at[index + 1]] = values[row, :n, :n].flatten(0, 1) if pairwise else values[row, :n]
        if time.monotonic() - logged > 15:
            logged = time.monotonic()
            log.info("teacher signals: %d of %d examples, %.0f s", start + len(indices), len(order), logged - started)
    live.capture.remove()
    tensors["offsets"] = torch.from_numpy(offsets)
    with whole_file(file) as partial:
        # One key: safetensors writes several in an order of chance, and the same signals are to be the same bytes.
        save_file(tensors, partial, metadata={"facts": json.dumps(facts, sort_keys=True)})
    return time.monotonic() - started


def _offsets(sizes: np.ndarray) -> np.ndarray:
    """The first row of each example, and the end: (N + 1)."""
    return np.concatenate([[0], np.cumsum(sizes)])


class CachedSignals:
    """Reads batches out of cache files, memory-mapped. Raises EdgeminError for another teacher's, data's or tokenizer's cache."""

    def __init__(self, files: Sequence[Path], examples: Examples, facts: dict[str, str]) -> None:
        self.logits: torch.Tensor | None = None
        self.slices: dict[str, Any] = {}
        self.lengths = np.asarray(examples.lengths)
        self.offsets, self.pair_offsets = _offsets(self.lengths), _offsets(self.lengths**2)
        for file in files:
            self._open(file, facts)

    def _open(self, file: Path, facts: dict[str, str]) -> None:
        try:
            opened = safe_open(file, framework="pt")
            opened.__enter__()  # stays open: batches are read from its memory map
            names = set(opened.keys())
        except (SafetensorError, OSError) as error:
            raise EdgeminError(f"{file}: not a readable teacher cache ({error}); delete it and run snakemake again") from None
        metadata = json.loads((opened.metadata() or {}).get("facts", "{}"))
        for name, value in facts.items():
            if metadata.get(name) != value:
                raise EdgeminError(f"{file}: made with another {name}; delete it and run snakemake again")
        if self.logits is None:
            self.logits = opened.get_tensor("logits")
        per_token = sorted(names - {"offsets", "logits"})
        if per_token and not np.array_equal(opened.get_tensor("offsets").numpy(), self.offsets):
            raise EdgeminError(
                f"{file}: the student's tokenizer gives other token counts than the teacher's; token-level terms need the same pieces"
            )
        self.slices.update({name: opened.get_slice(name) for name in per_token})

    def batch(self, indices: Sequence[int], length: int) -> dict[str, torch.Tensor]:
        signals = {} if self.logits is None else {"logits": self.logits[list(indices)]}
        for name, stored in self.slices.items():
            pairwise = name.startswith("scores_")
            at, width = self.pair_offsets if pairwise else self.offsets, stored.get_shape()[1]
            shape = (length, length, width) if pairwise else (length, width)
            padded = torch.zeros(len(indices), *shape, dtype=torch.bfloat16)
            for row, index in enumerate(indices):
                values, n = stored[int(at[index]) : int(at[index + 1])], int(self.lengths[index])
                if pairwise:
                    padded[row, :n, :n] = values.unflatten(0, (n, n))
                else:
                    padded[row, :n] = values
            signals[name] = padded
        return signals


class JoinedSignals:
    """Some signals from their caches, the others from a live teacher."""

    def __init__(self, cached: CachedSignals, live: LiveSignals) -> None:
        self.cached, self.live = cached, live

    def batch(self, indices: Sequence[int], length: int) -> dict[str, torch.Tensor]:
        return {**self.live.batch(indices, length), **self.cached.batch(indices, length)}
