"""Small lessons: one objective of each form, a student of two layers, width 16, and five texts that a teacher speaks about."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
import torch.nn.functional as F
from pydantic import TypeAdapter
from torch import nn

from edgemin.data.arrow import FACTS
from edgemin.data.tokens import Tokens
from edgemin.encoders.blocks import layers_of
from edgemin.methods.distill.signals import LiveSignals
from edgemin.methods.distill.term import TeacherShape, shape_of, term_maker
from edgemin.study.phases import AnyTerm
from edgemin.study.registry import KINDS
from edgemin.study.term import Term, needs_of
from edgemin.training.data import Examples

TERMS_OF: dict[str, dict[str, Any]] = {
    "labels": {},
    "logits": {"temperature": 2},
    "logits, mse": {"loss": "mse"},
    "logits, cross_entropy": {"loss": "cross_entropy"},
    "distilbert": {},
    "tinybert": {"layers": 2},
    "tinybert, hidden": {"layers": 2, "embeddings": 0, "attention": 0},
    "tinybert, attention": {"layers": 2, "embeddings": 0, "hidden": 0},
    "minilm": {},
    "minilmv2": {},
    "feature_relation": {},
    "feature_relation, raw": {"normalise": False},
    "preference": {"temperature": 2},
    "preference, examples": {"between": "examples"},
    "cofi_layers": {"layers": 2},
}
PROJECTED = {"distilbert", "tinybert", "tinybert, hidden", "feature_relation", "feature_relation, raw", "cofi_layers"}
"""Those that compare hidden states, whose widths differ."""


def config(name: str, **changes: Any) -> Term:
    values = {"objective": name.split(",")[0], **TERMS_OF[name], **changes}
    return TypeAdapter(AnyTerm).validate_python(values)


def contrast(model: Any) -> Any:
    """Normalised hidden states at unit scale and sharper attention, so that no loss is tiny."""
    for module in model.modules():
        if isinstance(module, nn.LayerNorm):
            module.weight.data += 1
    for layer in layers_of(model):
        layer.attention.self.query.weight.data *= 2
    return model


def five_texts() -> Examples:
    """Of three to eleven tokens, labels 0 and 1."""
    random = np.random.default_rng(0)
    ids = [random.integers(5, 90, length).tolist() for length in (3, 11, 7, 8, 5)]
    columns = {"input_ids": ids, "token_type_ids": [[0] * len(one) for one in ids]}
    table = pa.table({name: pa.array(values, pa.large_list(pa.int32())) for name, values in columns.items()})
    tokens = Tokens(
        table.replace_schema_metadata({FACTS: json.dumps({"pad_id": 0, "max_length": 64}).encode()}), Path("five.arrow")
    )
    return Examples(tokens, np.array([0, 1, 1, 0, 1]))


class Lesson:
    """A student, one term on it, and a batch: `loss()` is a forward of both. One output of the student: a regression.

    more: places of padding that the batch does not need.
    """

    def __init__(self, student: Any, term: Term, teacher: Any, indices: Iterable[int] = range(5), more: int = 0) -> None:
        self.student, self.examples = student, five_texts()
        kind = KINDS["regression" if student.config.num_labels == 1 else "classification"]
        torch.manual_seed(0)  # of the projections
        self.term = term_maker(student, TeacherShape(teacher.config.hidden_size, shape_of(teacher.config)), kind)(term)
        batch = self.examples.collate(list(indices))
        self.inputs = {name: F.pad(values, (0, more)) for name, values in batch["inputs"].items()}
        self.mask, self.labels = self.inputs["attention_mask"], batch["labels"]
        live = LiveSignals(teacher, self.examples, needs_of([term]), "fp32")
        self.signals = live.batch(list(indices), self.mask.shape[1])
        live.capture.remove()

    def loss(self) -> torch.Tensor:
        logits = self.student(**self.inputs).logits
        return self.term(logits=logits, mask=self.mask, labels=self.labels, teacher=self.signals)

    def asked(self, **options: Any) -> Any:
        """What the student gives out itself."""
        with torch.no_grad():
            return self.student(**self.inputs, **options)

    def learning(self) -> set[str]:
        """Names of the student's parameters that a gradient has reached."""
        named = self.student.named_parameters()
        return {key for key, parameter in named if parameter.grad is not None and parameter.grad.any()}
