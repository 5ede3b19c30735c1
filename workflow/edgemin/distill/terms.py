"""Terms of a phase: a config's objective bound to the student that it trains.

A term is called as term(logits, mask, labels, teacher) after the student's forward and returns a scalar. A new objective
is a function in `objectives`, a config model, and one entry here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from edgemin.config.variants import (
    CofiLayers,
    DistilBert,
    FeatureRelation,
    Labels,
    Logits,
    MiniLM,
    MiniLMv2,
    Preference,
    TinyBert,
)
from edgemin.distill import objectives
from edgemin.distill.capture import PROJECTIONS, Capture, layer_number
from edgemin.distill.relation_heads import relation_heads
from edgemin.encoders.families import Classifier, hidden_width, layers_of
from edgemin.errors import EdgeminError
from edgemin.files import read_json
from edgemin.training.labels import LabelsTerm, Teacher, labels_loss


@dataclass(frozen=True)
class TeacherShape:
    """What a term must know of the teacher before its first batch."""

    width: int
    """Of its hidden states."""

    @classmethod
    def of(cls, folder: Path) -> TeacherShape:
        return cls(hidden_width(read_json(folder / "config.json")))


class LogitsTerm(nn.Module):
    def __init__(self, config: Logits, student: Classifier, teacher: TeacherShape) -> None:
        super().__init__()
        self.config = config
        # One output is a regression: its softmax is constant, so the KL would be zero whatever the student says.
        self.mse = config.loss == "mse" or student.config.num_labels == 1

    def forward(self, logits: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor, teacher: Teacher) -> torch.Tensor:
        if self.mse:
            return objectives.logits_mse(logits, teacher["logits"])
        if self.config.loss == "cross_entropy":
            return objectives.soft_cross_entropy(logits, teacher["logits"], self.config.temperature)
        return objectives.logits_kl(logits, teacher["logits"], self.config.temperature)


class Projection(nn.Module):
    """Student hidden states -> the teacher's width. Nothing is learned where `needed` is false."""

    def __init__(self, student_width: int, teacher_width: int, needed: bool = True, identity: bool = False) -> None:
        super().__init__()
        self.linear = nn.Linear(student_width, teacher_width, bias=False) if needed else None
        if self.linear is not None and identity:
            nn.init.eye_(self.linear.weight)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden if self.linear is None else self.linear(hidden)


class DistilBertTerm(nn.Module):
    def __init__(self, config: DistilBert, student: Classifier, teacher: TeacherShape) -> None:
        super().__init__()
        self.config = config
        self.last = len(layers_of(student))
        self.capture = Capture(student, hidden=True)
        width = hidden_width(student.config)
        self.project = Projection(width, teacher.width, needed=width != teacher.width)
        self.logits = LogitsTerm(Logits(objective="logits", temperature=config.temperature), student, teacher)
        self.parts: dict[str, float] = {}

    def forward(self, logits: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor, teacher: Teacher) -> torch.Tensor:
        ours, theirs = self.project(self.capture.hidden(self.last)), teacher["hidden_last.1"]
        parts = {
            "logits": self.logits(logits, mask, labels, teacher),
            "labels": labels_loss(logits, labels),
            "cosine": objectives.hidden_cosine(ours, theirs, mask),
        }
        return weighted(self, parts, {name: getattr(self.config, name) for name in parts})


class TinyBertTerm(nn.Module):
    def __init__(self, config: TinyBert, student: Classifier, teacher: TeacherShape) -> None:
        super().__init__()
        self.config = config
        count = len(layers_of(student))
        if count != config.layers:
            raise EdgeminError(f"tinybert.layers: {config.layers}, but the student has {count} layers; write layers: {count}")
        of_hidden = bool(config.embeddings or config.hidden)
        self.capture = Capture(student, range(count) if config.attention else (), hidden=of_hidden)
        self.project = Projection(hidden_width(student.config), teacher.width, needed=of_hidden)
        self.parts: dict[str, float] = {}

    def forward(self, logits: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor, teacher: Teacher) -> torch.Tensor:
        config, parts = self.config, {}
        hidden = {
            n: objectives.hidden_mse(self.project(self.capture.hidden(n)), teacher[f"hidden_map{config.layers}.{n}"], mask)
            for n in range(config.layers + 1)
            if (config.hidden if n else config.embeddings)
        }
        if config.embeddings:
            parts["embeddings"] = hidden.pop(0)
        if config.hidden:
            parts["hidden"] = torch.stack(list(hidden.values())).sum()
        if config.attention:
            parts["attention"] = torch.stack([self._scores(n, mask, teacher) for n in range(config.layers)]).sum()
        return weighted(self, parts, {name: getattr(config, name) for name in parts})

    def _scores(self, layer: int, mask: torch.Tensor, teacher: Teacher) -> torch.Tensor:
        ours, theirs = self.capture.scores(layer), teacher[f"scores_map{self.config.layers}.{layer + 1}"]
        _same_heads("tinybert", ours, theirs, "set attention: 0")
        return objectives.scores_mse(ours, theirs, mask)


class MiniLMTerm(nn.Module):
    def __init__(self, config: MiniLM, student: Classifier, teacher: TeacherShape) -> None:
        super().__init__()
        self.last = len(layers_of(student)) - 1
        self.capture = Capture(student, [self.last])
        self.parts: dict[str, float] = {}

    def forward(self, logits: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor, teacher: Teacher) -> torch.Tensor:
        ours, theirs = self.capture.scores(self.last), teacher["scores_last.1"]
        _same_heads("minilm", ours, theirs, "use minilmv2, whose relation heads are regrouped")
        ours_v, theirs_v = self.capture[self.last, "value"], teacher["qkv_last.value"]
        parts = {
            "attention": objectives.attention_kl(ours, theirs, mask),
            "values": objectives.relation_kl([(ours_v, ours_v)], [(theirs_v, theirs_v)], mask, ours.shape[-1]),
        }
        return weighted(self, parts, dict.fromkeys(parts, 1.0))


class MiniLMv2Term(nn.Module):
    def __init__(self, config: MiniLMv2, student: Classifier, teacher: TeacherShape) -> None:
        super().__init__()
        self.config = config
        self.layer = layer_number(student, config.student_layer, "minilmv2.student_layer")
        self.capture = Capture(student, [self.layer])

    def forward(self, logits: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor, teacher: Teacher) -> torch.Tensor:
        signal, pairs = f"qkv_{self.config.teacher_layer}", self.config.relations
        theirs = {name: teacher[f"{signal}.{name}"] for name in PROJECTIONS}
        ours = {name: self.capture[self.layer, name] for name in PROJECTIONS}
        heads = _relation_heads("minilmv2", self.config.relation_heads, ours["query"], theirs["query"])
        return objectives.relation_kl(
            [(ours[a], ours[b]) for a, b in pairs], [(theirs[a], theirs[b]) for a, b in pairs], mask, heads
        )


_SMALLEST = 1e-3  # a student that begins as its own teacher has first sizes of mere rounding: nothing to divide by


class FeatureRelationTerm(nn.Module):
    """Each part is divided by its size at the first step, which is kept as a buffer: a resumed run goes on with it."""

    first: torch.Tensor

    def __init__(self, config: FeatureRelation, student: Classifier, teacher: TeacherShape) -> None:
        super().__init__()
        self.config = config
        self.last = len(layers_of(student))
        self.capture = Capture(student, [self.last - 1], hidden=True)
        self.project = Projection(hidden_width(student.config), teacher.width)
        self.register_buffer("first", torch.zeros(2))
        self.parts: dict[str, float] = {}

    def forward(self, logits: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor, teacher: Teacher) -> torch.Tensor:
        ours = [self.capture[self.last - 1, name] for name in PROJECTIONS]
        theirs = [teacher[f"qkv_last.{name}"] for name in PROJECTIONS]
        heads = _relation_heads("feature_relation", self.config.relation_heads, ours[0], theirs[0])
        parts = {
            "hidden": objectives.hidden_mse(self.project(self.capture.hidden(self.last)), teacher["hidden_last.1"], mask),
            "relation": objectives.relation_kl([(x, x) for x in ours], [(x, x) for x in theirs], mask, heads),
        }
        if self.config.normalise and not self.first.any():
            self.first.copy_(torch.stack(list(parts.values())).detach())
        sizes = self.first.clamp(min=_SMALLEST).tolist() if self.config.normalise else [1.0, 1.0]
        return weighted(self, parts, {"hidden": self.config.hidden / sizes[0], "relation": self.config.relation / sizes[1]})


class PreferenceTerm(nn.Module):
    def __init__(self, config: Preference, student: Classifier, teacher: TeacherShape) -> None:
        super().__init__()
        self.config = config
        if config.between == "classes" and student.config.num_labels == 1:
            raise EdgeminError("preference: a regression has no classes to prefer; set between: examples")

    def forward(self, logits: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor, teacher: Teacher) -> torch.Tensor:
        ours, theirs = logits, teacher["logits"]
        if self.config.between == "examples":
            ours, theirs = ours.T, theirs.T
            if ours.shape[1] == 1:  # the last batch may hold one example: no pair
                return ours.sum() * 0
        return objectives.preference_kl(ours, theirs, self.config.temperature)


class CofiLayersTerm(nn.Module):
    def __init__(self, config: CofiLayers, student: Classifier, teacher: TeacherShape) -> None:
        super().__init__()
        self.config = config
        self.count = len(layers_of(student))
        if config.layers > self.count:
            raise EdgeminError(f"cofi_layers.layers: {config.layers} cannot be matched with a student of {self.count} layers")
        self.capture = Capture(student, hidden=True)
        width = hidden_width(student.config)
        self.project = Projection(width, teacher.width, identity=width == teacher.width)

    def forward(self, logits: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor, teacher: Teacher) -> torch.Tensor:
        ours = [self.project(self.capture.hidden(n)) for n in range(1, self.count + 1)]
        theirs = [teacher[f"hidden_map{self.config.layers}.{part}"] for part in range(1, self.config.layers + 1)]
        errors = torch.stack([torch.stack([objectives.hidden_mse(o, t, mask) for o in ours]) for t in theirs])
        chosen = objectives.rising_match(errors.detach())
        return torch.stack([errors[t, s] for t, s in enumerate(chosen)]).sum()


def weighted(term: Any, parts: dict[str, torch.Tensor], weights: dict[str, float]) -> torch.Tensor:
    """The weighted sum; the parts' own sizes go into `term.parts`, for the log."""
    term.parts = {name: float(value.detach()) for name, value in parts.items()}
    return torch.stack([weights[name] * value for name, value in parts.items()]).sum()


def _same_heads(objective: str, ours: torch.Tensor, theirs: torch.Tensor, remedy: str) -> None:
    if ours.shape[-1] != theirs.shape[-1]:
        raise EdgeminError(
            f"{objective}: the student has {ours.shape[-1]} attention heads where the teacher has {theirs.shape[-1]}; {remedy}"
        )


def _relation_heads(objective: str, requested: int | str, ours: torch.Tensor, theirs: torch.Tensor) -> int:
    try:
        return relation_heads(requested, ours.shape[-1], theirs.shape[-1])
    except ValueError as error:
        raise EdgeminError(f"{objective}.relation_heads: {error}; use auto, or a divisor of both") from None


TERMS: dict[type, Callable[[Any, Classifier, TeacherShape], nn.Module]] = {
    Labels: lambda config, student, teacher: LabelsTerm(config, student),
    Logits: LogitsTerm,
    DistilBert: DistilBertTerm,
    TinyBert: TinyBertTerm,
    MiniLM: MiniLMTerm,
    MiniLMv2: MiniLMv2Term,
    FeatureRelation: FeatureRelationTerm,
    Preference: PreferenceTerm,
    CofiLayers: CofiLayersTerm,
}


def term_maker(student: Classifier, teacher: TeacherShape) -> Callable[[Any], nn.Module]:
    """A function from a term's config to its module on `student`."""
    return lambda config: TERMS[type(config)](config, student, teacher)
