"""What layers and their blocks contribute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from edgemin.distill.capture import Capture
from edgemin.encoders.families import Classifier, family_of, layers_of


@torch.no_grad()
def similarities(model: Classifier, batches: Sequence[dict[str, Any]], part: str = "layer") -> list[float]:
    """Per layer, the mean cosine of what enters and what leaves it at the first token, which the classifier reads.

    part: `layer`; or `attention` or `ffn`, the block with the LayerNorm after it.
    """
    layers = layers_of(model)
    sums = torch.zeros(len(layers), dtype=torch.float64)
    capture, between = Capture(model, hidden=True), [torch.empty(0)] * len(layers)

    def keep(number: int) -> Any:
        def hook(module: Any, arguments: Any) -> None:
            between[number] = arguments[0]

        return hook

    name = family_of(model.config).ffn_in  # reads what the attention block leaves
    handles = [layer.get_submodule(name).register_forward_pre_hook(keep(number)) for number, layer in enumerate(layers)]
    model.eval()
    try:
        for batch in batches:
            model(**batch["inputs"])
            for number in range(len(layers)):
                enters, leaves = capture.hidden(number), capture.hidden(number + 1)
                enters, leaves = {
                    "layer": (enters, leaves),
                    "attention": (enters, between[number]),
                    "ffn": (between[number], leaves),
                }[part]
                sums[number] += torch.cosine_similarity(enters[:, 0].double(), leaves[:, 0].double(), dim=-1).sum()
    finally:
        capture.remove()
        for handle in handles:
            handle.remove()
    return (sums / sum(len(batch["labels"]) for batch in batches)).tolist()
