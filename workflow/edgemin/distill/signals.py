"""What a frozen teacher says about every training example: computed once, stored in bf16, read memory-mapped.

One file per signal: `logits` (N, K) float32, or `qkv_<layer>.{query,key,value}` (tokens, width) bfloat16; `offsets`
(N + 1) int64, where each example's tokens begin. Its metadata digest teacher and texts, so that no other run reads it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from edgemin.distill.capture import PROJECTIONS, Capture, layer_number
from edgemin.encoders.families import Classifier, family_of, layers_of
from edgemin.errors import EdgeminError
from edgemin.files import whole_file
from edgemin.training.data import Examples

log = logging.getLogger(__name__)
BATCH = 64


def _layers(teacher: Classifier, needs: Sequence[str]) -> dict[str, int]:
    """Signal name -> layer, for the needs that capture Q, K and V."""
    wanted = {need: need.removeprefix("qkv_") for need in needs if need.startswith("qkv_")}
    return {
        need: layer_number(teacher, "last" if at == "last" else int(at), "minilmv2.teacher_layer") for need, at in wanted.items()
    }


class LiveSignals:
    """The same signals from a forward pass at each batch. For training sets whose cache would be too large."""

    def __init__(self, teacher: Classifier, examples: Examples, needs: Sequence[str], precision: str) -> None:
        self.teacher, self.examples, self.needs = teacher.eval(), examples, needs
        self.bf16 = precision == "bf16"
        self.layers = _layers(teacher, needs)
        self.capture = Capture(teacher, self.layers.values())

    @torch.no_grad()
    def batch(self, indices: Sequence[int], length: int) -> dict[str, torch.Tensor]:
        device = next(self.teacher.parameters()).device
        inputs = {name: values.to(device) for name, values in self.examples.collate(indices)["inputs"].items()}
        with torch.autocast(device.type, torch.bfloat16, enabled=self.bf16):
            logits = self.teacher(**inputs).logits
        signals = {"logits": logits.float().cpu()}
        mask = inputs["attention_mask"].bool()[..., None]
        for need, layer in self.layers.items():
            for name in PROJECTIONS:
                padded = self.capture[layer, name].to(torch.bfloat16).masked_fill(~mask, 0).cpu()
                signals[f"{need}.{name}"] = torch.nn.functional.pad(padded, (0, 0, 0, length - padded.shape[1]))
        return signals


def bytes_of(teacher: Classifier, examples: Examples, need: str) -> int:
    """How large the cache of one signal will be."""
    if need == "logits":
        return len(examples) * teacher.config.num_labels * 4
    layer = layers_of(teacher)[_layers(teacher, [need])[need]]
    family = family_of(teacher.config)
    widths = sum(layer.get_submodule(getattr(family, projection)).out_features for projection in PROJECTIONS)
    return sum(examples.lengths) * widths * 2


@torch.no_grad()
def write_cache(teacher: Classifier, examples: Examples, need: str, file: Path, precision: str, facts: dict[str, str]) -> float:
    """Run the teacher once over the examples and write one signal; returns the seconds. facts: digests, checked on reading."""
    live = LiveSignals(teacher, examples, [need], precision)
    lengths = np.asarray(examples.lengths)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    tensors: dict[str, torch.Tensor] = {}
    order = np.argsort(lengths, kind="stable")
    started = shown = time.monotonic()
    for start in range(0, len(order), BATCH):
        indices = order[start : start + BATCH].tolist()
        got = live.batch(indices, -(-int(lengths[indices].max()) // 8) * 8)
        for name, values in got.items():
            if name == "logits" and need == "logits":
                tensors.setdefault(name, torch.empty(len(order), values.shape[-1]))[indices] = values
            elif name != "logits":
                stored = tensors.setdefault(name, torch.empty(int(offsets[-1]), values.shape[-1], dtype=values.dtype))
                for row, index in enumerate(indices):
                    stored[offsets[index] : offsets[index + 1]] = values[row, : lengths[index]]
        if time.monotonic() - shown > 15:
            shown = time.monotonic()
            log.info("teacher signals: %d of %d examples, %.0f s", start + len(indices), len(order), shown - started)
    live.capture.remove()
    tensors["offsets"] = torch.from_numpy(offsets)
    with whole_file(file) as partial:
        save_file(tensors, partial, metadata=facts)
    return time.monotonic() - started


class CachedSignals:
    """Reads batches out of cache files, memory-mapped. Raises EdgeminError for another teacher's, data's or tokenizer's cache."""

    def __init__(self, files: Sequence[Path], examples: Examples, facts: dict[str, str]) -> None:
        self.logits: torch.Tensor | None = None
        self.slices: dict[str, Any] = {}
        self.offsets = np.concatenate([[0], np.cumsum(examples.lengths)])
        for file in files:
            self._open(file, facts)

    def _open(self, file: Path, facts: dict[str, str]) -> None:
        try:
            opened = safe_open(file, framework="pt")
            opened.__enter__()  # stays open: batches are read from its memory map
            names = set(opened.keys())
        except (SafetensorError, OSError) as error:
            raise EdgeminError(f"{file}: not a readable teacher cache ({error}); delete it and run snakemake again") from None
        metadata = opened.metadata() or {}
        for name, value in facts.items():
            if metadata.get(name) != value:
                raise EdgeminError(f"{file}: made with another {name}; delete it and run snakemake again")
        if "logits" in names:
            self.logits = opened.get_tensor("logits")
            return
        if not np.array_equal(opened.get_tensor("offsets").numpy(), self.offsets):
            raise EdgeminError(
                f"{file}: the student's tokenizer gives other token counts than the teacher's; token-level terms need the same pieces"
            )
        self.slices.update({name: opened.get_slice(name) for name in sorted(names - {"offsets"})})

    def batch(self, indices: Sequence[int], length: int) -> dict[str, torch.Tensor]:
        signals = {} if self.logits is None else {"logits": self.logits[list(indices)]}
        for name, stored in self.slices.items():
            padded = torch.zeros(len(indices), length, stored.get_shape()[1], dtype=torch.bfloat16)
            for row, index in enumerate(indices):
                begin, end = int(self.offsets[index]), int(self.offsets[index + 1])
                padded[row, : end - begin] = stored[begin:end]
            signals[name] = padded
        return signals


class JoinedSignals:
    """Some signals from their caches, the others from a live teacher."""

    def __init__(self, cached: CachedSignals, live: LiveSignals) -> None:
        self.cached, self.live = cached, live

    def batch(self, indices: Sequence[int], length: int) -> dict[str, torch.Tensor]:
        return {**self.live.batch(indices, length), **self.cached.batch(indices, length)}
