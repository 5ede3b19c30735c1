"""How much can go: one score, many ratios, no recovery, judged on validation."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter

from edgemin.config.variants import AnyPrune, Units, Weights
from edgemin.encoders import checkpoint
from edgemin.encoders.families import layers_of
from edgemin.prune.criteria import score
from edgemin.prune.cuts import batches_of, keep_best
from edgemin.prune.weights import cut_weights
from edgemin.tasks.metrics import compute
from edgemin.training.data import read_examples
from edgemin.training.loop import predict


def sweep(parent: Path, data: Path, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Scores, and per ratio the validation metric and the parameters left in the layers. spec: `variant` (its own ratio does not
    matter), `ratios`, seed, max_length, metric, threads."""
    torch.set_num_threads(spec["threads"])
    variant = TypeAdapter(AnyPrune).validate_python(spec["variant"])
    assert isinstance(variant, Units | Weights)
    model = checkpoint.load(parent)
    started = time.monotonic()
    scores: list[list[float]] = []
    if isinstance(variant, Units):
        batches = batches_of(variant, lambda: read_examples(data, "train", parent, spec["max_length"]), spec["seed"])
        scores = [layer.tolist() for layer in score(model, variant, batches, spec["seed"])]
    scoring = time.monotonic() - started
    validation = read_examples(data, "validation", parent, spec["max_length"])
    points = []
    for ratio in spec["ratios"]:
        started = time.monotonic()
        smaller = copy.deepcopy(model)
        if isinstance(variant, Weights):
            cut_weights(smaller, ratio, variant.scope, variant.criterion, spec["seed"])
        elif ratio:
            keep_best(smaller, variant, scores, ratio)
        value = compute(spec["metric"], validation.labels, predict(smaller, validation))
        left = sum(int((weight != 0).sum()) for weight in layers_of(smaller).parameters())
        points.append({"ratio": ratio, "value": value, "parameters": left, "seconds": round(time.monotonic() - started, 2)})
    told = {"structure": variant.structure, "criterion": variant.criterion, "metric": spec["metric"]}
    return {**told, "scores": scores, "scoring_seconds": round(scoring, 2), "points": points}
