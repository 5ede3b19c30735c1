"""Pruning sweeps: one score, many ratios, no recovery, measured on validation."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from edgemin.encoders import checkpoint
from edgemin.encoders.blocks import layers_of
from edgemin.methods.prune.inputs import PruneInputs
from edgemin.study.kind import kind_of
from edgemin.study.variants import prune_variant
from edgemin.training.data import read_examples
from edgemin.training.predict import predict


def sweep(parent: Path, train: Path, validation: Path, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Scores, and per ratio the validation metric and the parameters left in the layers. train, validation: files of tokens.

    spec: `variant` (its own ratio does not matter), `ratios`, seed, metric, threads.
    """
    torch.set_num_threads(spec["threads"])
    variant: Any = prune_variant(spec["variant"])
    kind, model = kind_of(spec), checkpoint.load(parent)
    score = kind.scores().score(spec["metric"])
    started = time.monotonic()
    scores = variant.scores(PruneInputs(model, kind, lambda: read_examples(train, kind, parent), spec["seed"]))
    scoring = time.monotonic() - started
    examples = read_examples(validation, kind, parent)
    points = []
    for ratio in spec["ratios"]:
        started = time.monotonic()
        smaller = copy.deepcopy(model)
        variant.cut_share(smaller, scores, ratio, spec["seed"])
        value = score(examples.labels, predict(smaller, examples))
        left = sum(int((weight != 0).sum()) for weight in layers_of(smaller).parameters())
        points.append({"ratio": ratio, "value": value, "parameters": left, "seconds": round(time.monotonic() - started, 2)})
    settings = {"structure": variant.structure, "criterion": variant.criterion, "metric": spec["metric"]}
    return {**settings, "scores": scores, "scoring_seconds": round(scoring, 2), "points": points}
