"""Second moments of what linear layers read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from edgemin.encoders.blocks import Classifier


@torch.no_grad()
def second_moments(model: Classifier, batches: Sequence[dict[str, Any]], wanted: Iterable[str]) -> Mapping[str, np.ndarray]:
    """Per nn.Linear of `model` that is wanted, by its dotted name: sums of x xᵀ over tokens, float32 (inputs, inputs). Padding does not count."""
    model.eval()
    sums: dict[str, torch.Tensor] = {}
    mask = torch.empty(0)

    def hook(name: str) -> Any:
        def add(module: nn.Module, arguments: Any) -> None:
            x = arguments[0]
            rows = x[mask] if x.dim() == 3 else x
            product = rows.T @ rows
            sums[name] = sums[name].add_(product) if name in sums else product

        return add

    handles = [model.get_submodule(name).register_forward_pre_hook(hook(name)) for name in wanted]
    try:
        for batch in batches:
            mask = batch["inputs"]["attention_mask"].bool()
            model(**batch["inputs"])
    finally:
        for handle in handles:
            handle.remove()
    return {name: total.numpy() for name, total in sums.items()}
