"""What whole layers contribute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from edgemin.distill.capture import Capture
from edgemin.encoders.families import Classifier, layers_of


@torch.no_grad()
def similarities(model: Classifier, batches: Sequence[dict[str, Any]]) -> list[float]:
    """Per layer, the mean cosine of what enters and what leaves it at the first token, which the classifier reads."""
    count = len(layers_of(model))
    sums = torch.zeros(count, dtype=torch.float64)
    capture = Capture(model, hidden=True)
    model.eval()
    try:
        for batch in batches:
            model(**batch["inputs"])
            first = [capture.hidden(number)[:, 0].double() for number in range(count + 1)]
            for layer in range(count):
                sums[layer] += torch.cosine_similarity(first[layer], first[layer + 1], dim=-1).sum()
    finally:
        capture.remove()
    return (sums / sum(len(batch["labels"]) for batch in batches)).tolist()
