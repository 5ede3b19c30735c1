"""What acceptance catches and what it lets pass: the record's sound cells, and real graphs, some with a planted fault.

The parents are small encoders of movie reviews, trained here; this project's quantizers make graphs of them, and ONNX Runtime answers. A fault is a wrong number in a graph
that is written. It needs the download of config/quick.yaml's texts (a package of PyPI), or results/downloads.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import parents
import planted
import pytest

from edgemin.methods.quantize.ranges import input_ranges
from edgemin.methods.schemes.int4 import Int4
from edgemin.methods.schemes.int4.in_onnxruntime import quantize as quantize_int4
from edgemin.methods.schemes.int8_dynamic import Int8Dynamic
from edgemin.methods.schemes.int8_dynamic.in_onnxruntime import quantize as quantize_dynamic
from edgemin.methods.schemes.int8_static import Int8Static
from edgemin.methods.schemes.int8_static.in_onnxruntime import quantize as quantize_static
from edgemin.report.acceptance.gate import of_seeds
from edgemin.report.acceptance.measures import MEASURES, Answers
from edgemin.report.measured import answers_of
from edgemin.report.record import predictions_of
from edgemin.report.statistics.judge import Judge
from edgemin.study.acceptance import Acceptance

ROOT = Path(__file__).resolve().parents[2]
LIMITS = Acceptance().limits
EACH = {"halves": 6, "fourths": 27, "value": 6}
"""Faults of a parent and scheme. With four classes more of them cost one to three points."""


def failed(metric: str, answers: Answers) -> list[str]:
    judge = Judge.of({"metric": metric})
    found = {name: of_seeds(MEASURES[name], judge, [answers], limit, [0]) for name, limit in LIMITS.items()}
    return [name for name, one in found.items() if one is not None and not one["accepted"]]


# -- the record ----------------------------------------------------------------------------------------------------------


def on_record() -> Iterator[tuple[str, Answers]]:
    """Every quantized cell of every seed that is kept with the code, on validation, if its float parent's answers are kept, too."""
    for file in sorted(ROOT.glob("docs/reference/*/*/seed*.parquet")):
        tables = predictions_of(file, json.loads(file.with_suffix(".json").read_text(encoding="utf-8")))
        for name, table in tables.items():
            if found := re.fullmatch(r"(measurements/\w+/seed\d+/.*)/quantize-\w+/(\w+)/predictions.parquet", name):
                parents = [tables.get(f"{found[1]}/{runtime}/predictions.parquet") for runtime in (found[2], "onnxruntime")]
                parent = next((one for one in parents if one is not None), None)
                if parent is None:
                    continue
                labels, ours = answers_of([table], "validation")
                yield f"{file}: {name}", Answers(labels, answers_of([parent], "validation")[1][0], ours[0])


def test_of_the_quantized_models_on_record_only_few_bits_are_not_accepted() -> None:
    """Dynamic and static INT8, INT8 that was trained, four bits, PyTorch's: no one is known to be broken. Of two bits all that were only
    rounded lose two points and more. Three bits of the study `full` lose a point, and one answer of twenty is another; those of `bits` are accepted."""
    found = {name: failed("accuracy", answers) for name, answers in on_record()}
    few_bits = {name for name in found if re.search(r"/quantize-(ptq2|qat2|ptq8_embeddings2|few_bits3)/", name)}
    assert len(found) >= 120
    assert {name: why for name, why in found.items() if why and name not in few_bits} == {}
    assert all(found[name] for name in few_bits if "/quantize-qat2/" not in name)


# -- real graphs -----------------------------------------------------------------------------------------------------------

CHOSEN, PROVED = 0, 1
"""Seeds of parents: the limit on divergence was chosen by the models and faults of the first; those of the second were looked at afterwards."""
VARIANTS: dict[str, Any] = {
    "int8_dynamic": Int8Dynamic(backend="onnxruntime"),
    "int8_tensor": Int8Dynamic(backend="onnxruntime", per_channel=False),
    "int8_static": Int8Static(scheme="int8_static", backend="onnxruntime"),
    "int8_percentile": Int8Static(scheme="int8_static", backend="onnxruntime", calibration="percentile"),
    "int4_embeddings": Int4(scheme="int4", backend="onnxruntime", linear=8),
}
BROKEN = ("int8_dynamic", "int8_static", "int4_embeddings")
"""Those that faults are planted into."""


@dataclass(frozen=True)
class Parent:
    task: str
    seed: int
    pruned: bool
    model: Any
    file: Path
    logits: np.ndarray


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> parents.Texts:
    return parents.read_texts(tmp_path_factory.mktemp("download"))


@pytest.fixture(scope="module")
def made(texts: parents.Texts, tmp_path_factory: pytest.TempPathFactory) -> list[Parent]:
    """Two and four classes, and values; of two seeds; whole and pruned."""
    found, folder = [], tmp_path_factory.mktemp("parents")
    for task in parents.METRICS:
        for seed in (CHOSEN, PROVED):
            model = parents.train(texts, task, seed)
            for pruned in (False, True):
                if pruned:
                    model = copy.deepcopy(model)
                    parents.prune(model, texts, task)
                file = parents.write_parent(model, folder / f"{task}{seed}{pruned}.onnx")
                found.append(Parent(task, seed, pruned, model, file, parents.answers(texts, file, alone=False)))
    return found


def quantized(texts: parents.Texts, parent: Parent, name: str, file: Path) -> Path:
    variant = VARIANTS[name]
    if isinstance(variant, Int8Dynamic):
        quantize_dynamic(parent.file, file, variant)
    elif isinstance(variant, Int8Static):
        quantize_static(parent.file, file, variant, input_ranges(parent.model, parents.calibration(texts), variant))
    else:
        quantize_int4(parent.file, file, variant)
    return file


def judged(texts: parents.Texts, parent: Parent, ours: np.ndarray) -> dict[str, Any]:
    """What fails on the texts that acceptance reads; `cost` on all that no model was trained on, in points."""
    metric, labels = parents.METRICS[parent.task], texts.labels(parent.task)[texts.held_out]
    every, judge = Answers(labels, parent.logits, ours), Judge.of({"metric": metric})
    read = every.at(np.arange(parents.VALIDATION))
    cost = MEASURES["drop"].of(judge, every)
    return {
        "task": parent.task,
        "seed": parent.seed,
        "pruned": parent.pruned,
        "cost": 100 * (1.0 if cost is None or not np.isfinite(cost) else cost),
        "divergence": MEASURES["divergence"].of(judge, read),
        "agreement": MEASURES["agreement"].of(judge, read),
        "why": " ".join(failed(metric, read)),
    }


def alone(name: str) -> bool:
    """Whether the ranges of a scheme's graphs span a batch."""
    return not getattr(VARIANTS[name], "batch_invariant", False)


def test_sound_models_are_accepted(texts: parents.Texts, made: list[Parent], tmp_path: Path) -> None:
    rows = []
    for parent in made:
        for name in VARIANTS:
            ours = parents.answers(texts, quantized(texts, parent, name, tmp_path / "q.onnx"), alone(name))
            rows.append({"scheme": name, **judged(texts, parent, ours)})
    found = pd.DataFrame(rows)
    print(found.to_string())
    assert len(found) >= 50
    assert found[found["why"] != ""].to_dict("records") == []


def test_planted_faults_are_caught(texts: parents.Texts, made: list[Parent], tmp_path: Path) -> None:
    """On every parent that is not pruned, each scheme has a share of the faults, drawn by its seed."""
    rows = []
    for parent in (one for one in made if not one.pruned):
        for name in BROKEN:
            sound = quantized(texts, parent, name, tmp_path / "q.onnx")
            every = list(planted.faults(name))
            for number in np.random.default_rng(parent.seed).permutation(len(every))[: EACH[parent.task]]:
                what, fault = every[number]
                graph = onnx.load(sound)
                fault(planted.Graph(graph))
                onnx.save(graph, tmp_path / "broken.onnx")
                ours = parents.answers(texts, tmp_path / "broken.onnx", alone=False)
                rows.append({"scheme": name, "fault": what, **judged(texts, parent, ours)})
    found = pd.DataFrame(rows)
    found["caught"] = found["why"] != ""
    print(found.sort_values("cost").to_string())
    for seed in (CHOSEN, PROVED):
        some = found[found["seed"] == seed]
        for of, least, most in (("1 to 3 points", 1, 3), ("three and more", 3, np.inf), ("less", -np.inf, 1)):
            those = some[(some["cost"] >= least) & (some["cost"] < most)]
            print(f"seed {seed}, faults that cost {of}: {those['caught'].sum()} of {len(those)} caught")
    costly = found[found["cost"] >= 1]
    assert len(costly) >= 50
    assert costly["cost"].lt(3).sum() >= 15
    assert costly[costly["cost"] >= 3]["caught"].all()
    assert costly[costly["cost"] < 3]["caught"].mean() >= 0.85  # other processors train other parents, of which one may be unsure


def test_calibrations_on_one_class_or_one_length(texts: parents.Texts, made: list[Parent], tmp_path: Path) -> None:
    """On every parent, static INT8 whose ranges are of training texts of one class alone (of a value: on one side of its median), or of one length
    alone. Those that cost less than a point are no faults, and are accepted; what costs three is caught, as among the planted ones."""
    rows = []
    for parent in made:
        for name in ("int8_static", "int8_percentile"):
            for what, batches in parents.narrow_calibrations(texts, parent.task):
                variant = VARIANTS[name]
                quantize_static(parent.file, tmp_path / "q.onnx", variant, input_ranges(parent.model, batches, variant))
                ours = parents.answers(texts, tmp_path / "q.onnx", alone=False)
                rows.append({"scheme": name, "read": what, **judged(texts, parent, ours)})
    found = pd.DataFrame(rows)
    found["caught"] = found["why"] != ""
    print(found.sort_values("cost").to_string())
    for least, most in ((-np.inf, 1), (1, 3), (3, np.inf)):
        those = found[(found["cost"] >= least) & (found["cost"] < most)]
        print(f"calibrations that cost {least} to {most} points: {those['caught'].sum()} of {len(those)} caught")
    assert len(found) == 2 * (2 + 4 + 2 + 3 * 2) * 4
    assert found["divergence"].gt(0).all()
    assert not found[found["cost"] < 1]["caught"].any()
    assert found[found["cost"] >= 3]["caught"].all()
