"""Training with the rounding in place: what quantization-aware schemes share."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from edgemin.core.files import write_json
from edgemin.encoders import checkpoint
from edgemin.encoders.blocks import Classifier
from edgemin.encoders.folder import saving
from edgemin.encoders.onnx_export import export
from edgemin.methods.distill import teachers
from edgemin.methods.distill.term import TeacherShape, term_maker
from edgemin.methods.quantize.graphs import write_config
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.study.kind import kind_of
from edgemin.study.linear_layers import check_skip
from edgemin.study.phases import Phase
from edgemin.study.term import Term
from edgemin.training.run import train


class Rounding(nn.Module):
    """A term that rounds what modules of the student compute with during a phase. Its loss is 0."""

    def __init__(self, modules_of: Mapping[str, Any]) -> None:
        """modules_of: dotted name -> module, whose `forward` the scheme replaces."""
        super().__init__()
        self._modules_of = dict(modules_of)

    def forward(self, logits: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor, teacher: Any) -> torch.Tensor:
        return logits.new_zeros(())

    def told(self) -> dict[str, Any]:
        """What history.json says of it."""
        return {}

    def remove(self) -> None:
        """The student computes in floats again."""
        for module in self._modules_of.values():
            del module.forward


R = TypeVar("R", bound=Rounding)


def quantize_aware(
    given: QuantizeInputs,
    learn: Phase,
    skip: Sequence[str],
    term: Term,
    rounding_of: Callable[[Classifier], R],
    quantize: Callable[[Path, Path, R], None],
) -> None:
    """Writes model.onnx, config.json, history.json and the tokenizer.

    term: stands for the rounding among the terms of the phase. rounding_of: puts it into the student. quantize: reads the float graph of what was
    trained, writes the quantized one. Raises EdgeminError, before any training, for a `skip` that names no linear layer.
    """
    assert given.training is not None
    (files, teacher_files), parent, spec = given.training, given.parent, given.spec
    model = checkpoint.load(parent)
    check_skip(skip, [name for name, module in model.named_modules() if isinstance(module, nn.Linear)])
    usual = term_maker(model, TeacherShape.of(teacher_files.teacher), kind_of(spec))
    rounding = rounding_of(model)
    done = train(
        model,
        [learn.model_copy(update={"terms": [*learn.terms, term]})],
        lambda one: rounding if isinstance(one, type(term)) else usual(one),
        files=files,
        tokenizer=parent,
        spec=spec,
        parents=[parent / "model.safetensors", teacher_files.teacher / "model.safetensors"],
        name="quantize",
        signals=teachers.reader(teacher_files, parent, spec),
    )
    rounding.remove()
    with saving(given.out, tokenizer_from=parent, spec=spec, parents=dict.fromkeys(done.inputs)) as partial:
        graph = partial / "float.onnx"
        export(model.to("cpu"), graph)
        quantize(graph, partial / "model.onnx", rounding)
        graph.unlink()
        write_config(parent, partial, spec)
        write_json(partial / "history.json", {**done.history, **rounding.told()})
    shutil.rmtree(done.state, ignore_errors=True)
