"""What acceptance catches and what it lets pass: the record's sound cells, and small models of real data whose INT8 has a planted fault.

The models are perceptrons with two hidden layers, trained here on scikit-learn's handwritten digits (1,797 real images): digit below five or not, digit modulo four,
and the digit as a value. Their static INT8 is simulated: weights per output channel, activations by a range that calibration finds. A fault is one wrong
number or step in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from edgemin.report.acceptance.gate import of_seeds
from edgemin.report.acceptance.measures import MEASURES, Answers
from edgemin.report.measured import answers_of
from edgemin.report.record import predictions_of
from edgemin.report.statistics.judge import Judge
from edgemin.study.acceptance import Acceptance

ROOT = Path(__file__).resolve().parents[2]
LIMITS = Acceptance().limits
TRAINED = 797
METRICS = {"halves": "accuracy", "fourths": "accuracy", "value": "pearson"}


def failed(metric: str, answers: Answers) -> list[str]:
    judge = Judge.of({"metric": metric})
    found = {name: of_seeds(MEASURES[name], judge, [answers], limit, [0]) for name, limit in LIMITS.items()}
    return [name for name, one in found.items() if one is not None and not one["accepted"]]


# -- the record ----------------------------------------------------------------------------------------------------------


def on_record() -> Iterator[tuple[str, Answers]]:
    """Every quantized cell of every seed that is kept with the code, on validation."""
    for file in sorted(ROOT.glob("docs/reference/*/*/seed*.parquet")):
        tables = predictions_of(file, json.loads(file.with_suffix(".json").read_text(encoding="utf-8")))
        for name, table in tables.items():
            if found := re.fullmatch(r"(measurements/\w+/seed\d+/.*)/quantize-\w+/(\w+)/predictions.parquet", name):
                parent = tables.get(f"{found[1]}/{found[2]}/predictions.parquet")
                parent = tables[f"{found[1]}/onnxruntime/predictions.parquet"] if parent is None else parent
                labels, ours = answers_of([table], "validation")
                yield f"{file}: {name}", Answers(labels, answers_of([parent], "validation")[1][0], ours[0])


def test_every_quantized_model_on_record_is_accepted() -> None:
    """Dynamic and static INT8, INT8 that was trained, 4-bit embeddings, PyTorch's: no one is known to be broken."""
    found = {name: failed("accuracy", answers) for name, answers in on_record()}
    assert len(found) >= 50
    assert {name: why for name, why in found.items() if why} == {}


# -- planted faults ------------------------------------------------------------------------------------------------------


@dataclass
class Linear:
    """A layer in INT8, before it is run: a wrong one is a fault."""

    weight: np.ndarray
    """(out, in) of the float model."""
    bias: np.ndarray
    low: float
    """Range of its input."""
    high: float
    scale: np.ndarray = field(init=False)
    """(out,) of the weights."""
    shift: float = 0.0
    """Error of the zero point of its input, in steps."""

    def __post_init__(self) -> None:
        self.scale = np.maximum(np.abs(self.weight).max(1), 1e-9) / 127

    def __call__(self, x: np.ndarray) -> np.ndarray:
        step = (self.high - self.low) / 255
        coded = np.clip(np.round((x - self.low) / step), 0, 255) + self.shift
        rounded = np.clip(np.round(self.weight / np.where(self.scale == 0, np.inf, self.scale)[:, None]), -127, 127)
        return (coded * step + self.low) @ (rounded * self.scale[:, None]).T + self.bias


def run(layers: list[Any], x: np.ndarray) -> np.ndarray:
    for number, layer in enumerate(layers):
        x = layer(np.maximum(x, 0) if number else x)
    return x


@dataclass(frozen=True)
class Trained:
    metric: str
    weights: list[tuple[np.ndarray, np.ndarray]]
    seen: np.ndarray
    labels_seen: np.ndarray
    x: np.ndarray
    labels: np.ndarray

    def floats(self, x: np.ndarray) -> np.ndarray:
        return run([lambda one, w=w, b=b: one @ w.T + b for w, b in self.weights], x)

    def quantized(self, calibration: np.ndarray) -> list[Linear]:
        layers: list[Linear] = []
        x = calibration
        for number, (weight, bias) in enumerate(self.weights):
            x = np.maximum(x, 0) if number else x
            layers.append(Linear(weight, bias.copy(), float(x.min()), float(x.max())))
            x = x @ weight.T + bias
        return layers

    def answers(self, layers: list[Linear]) -> Answers:
        return Answers(self.labels, self.floats(self.x), run(layers, self.x))


def trained(task: str, seed: int, pruned: bool = False) -> Trained:
    """pruned: without the half of the neurons of each hidden layer whose incoming weights are smallest."""
    from sklearn.datasets import load_digits

    images, digits = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(digits))
    x, digits = (images[order] / 16).astype(np.float64), digits[order]
    labels = {"halves": (digits >= 5).astype(int), "fourths": digits % 4, "value": digits.astype(float)}[task]
    torch.manual_seed(seed)
    outputs = {"halves": 2, "fourths": 4, "value": 1}[task]
    model = torch.nn.Sequential(
        torch.nn.Linear(64, 48), torch.nn.ReLU(), torch.nn.Linear(48, 32), torch.nn.ReLU(), torch.nn.Linear(32, outputs)
    )
    inputs, wanted = torch.tensor(x[:TRAINED], dtype=torch.float32), torch.tensor(labels[:TRAINED])
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(150):
        found = model(inputs)
        loss = (
            torch.nn.functional.mse_loss(found[:, 0], wanted.float())
            if task == "value"
            else torch.nn.functional.cross_entropy(found, wanted)
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    weights = [(model[n].weight.detach().numpy().astype(float), model[n].bias.detach().numpy().astype(float)) for n in (0, 2, 4)]
    if pruned:
        for number in (0, 1):
            kept = np.sort(np.argsort(-np.abs(weights[number][0]).sum(1))[: len(weights[number][1]) // 2])
            weights[number] = (weights[number][0][kept], weights[number][1][kept])
            weights[number + 1] = (weights[number + 1][0][:, kept], weights[number + 1][1])
    return Trained(METRICS[task], weights, x[:TRAINED], labels[:TRAINED], x[TRAINED:], labels[TRAINED:])


Fault = Callable[[Trained, list[Linear]], list[Linear]]


def faults() -> Iterator[tuple[str, Fault]]:
    """Name and what it does to a sound model's layers."""
    for at in (0, 1, 2):
        yield f"zeroed scales of layer {at}", lambda _, layers, at=at: _set(layers, at, scale=0 * layers[at].scale)
        yield f"scales of layer {at} in another order", lambda _, layers, at=at: _rolled(layers, at)
        yield f"lost bias of layer {at}", lambda _, layers, at=at: _set(layers, at, bias=0 * layers[at].bias)
        yield (
            f"one scale for layer {at}, of its smallest channel",
            lambda _, layers, at=at: _set(layers, at, scale=np.full_like(layers[at].scale, layers[at].scale.min() / 2)),
        )
    for at in (1, 2):
        for share in (0.1, 0.2, 0.3, 0.4):
            yield (
                f"range of layer {at} cut to {share}",
                lambda _, layers, at=at, share=share: _set(layers, at, high=share * layers[at].high),
            )
        for steps in (-24, -12, 12, 24):
            yield f"zero point of layer {at} off by {steps}", lambda _, layers, at=at, steps=steps: _set(layers, at, shift=steps)
    yield (
        "neurons of two layers swapped",
        lambda _, layers: _set(layers, 1, weight=layers[1].weight[:, ::-1], scale=layers[1].scale),
    )
    yield "calibrated on one class", lambda model, layers: _calibrated(model, layers)
    yield (
        "answers of the last class are lost",
        lambda _, layers: _set(layers, 2, bias=layers[2].bias - 4 * np.eye(len(layers[2].bias))[-1]),
    )


def _set(layers: list[Linear], at: int, **changes: Any) -> list[Linear]:
    scale = changes.pop("scale", layers[at].scale)
    wrong = replace(layers[at], **changes)
    wrong.scale = scale
    return [wrong if number == at else layer for number, layer in enumerate(layers)]


def _rolled(layers: list[Linear], at: int) -> list[Linear]:
    """Weights are coded by their own scales, and read by their neighbours'."""
    scale = layers[at].scale
    weight = layers[at].weight * (np.roll(scale, 1) / scale)[:, None]
    return _set(layers, at, weight=weight, scale=np.maximum(np.abs(weight).max(1), 1e-9) / 127)


def _calibrated(model: Trained, layers: list[Linear]) -> list[Linear]:
    """On the dimmest tenth of one class's images alone."""
    images = model.seen[model.labels_seen == model.labels_seen.min()]
    dim = images[np.argsort(images.sum(1))[: max(2, len(images) // 10)]]
    return model.quantized(dim / 2)


@pytest.fixture(scope="module")
def sound() -> dict[str, Trained]:
    models = {f"{task} {seed}": trained(task, seed) for task in METRICS for seed in range(12)}
    return models | {f"{task} {seed}, pruned": trained(task, seed, pruned=True) for task in METRICS for seed in range(6)}


def test_sound_models_are_accepted(sound: dict[str, Trained]) -> None:
    """54 of them: two and four classes, values, and pruned ones of each."""
    found = {name: failed(model.metric, model.answers(model.quantized(model.seen))) for name, model in sound.items()}
    assert len(found) >= 50
    assert {name: why for name, why in found.items() if why} == {}


def test_planted_faults_are_caught(sound: dict[str, Trained]) -> None:
    """Every one that costs three points or more; of those that cost one to three, at least half. What costs less is like rounding."""
    rows = []
    for task in ("halves", "fourths"):
        model = sound[f"{task} 0"]
        layers = model.quantized(model.seen)
        for name, fault in faults():
            answers = model.answers(fault(model, layers))
            cost = MEASURES["drop"].of(Judge.of({"metric": model.metric}), answers)
            agreement = MEASURES["agreement"].of(Judge.of({"metric": model.metric}), answers)
            rows.append(
                {
                    "task": task,
                    "fault": name,
                    "cost": cost,
                    "agreement": agreement,
                    "why": " ".join(failed(model.metric, answers)),
                }
            )
    found = pd.DataFrame(rows)
    found["caught"] = found["why"] != ""
    small = found[found["cost"].between(0.01, 0.03)]
    told = f"{found['caught'].sum()} of {len(found)} caught; of {len(small)} that cost 1 to 3 points {small['caught'].sum()}"
    print(f"{told}\n{found.to_string()}")
    assert len(found) >= 50
    assert len(small) >= 10
    assert small["caught"].mean() >= 0.5
    assert found[found["cost"] >= 0.03]["caught"].all()
