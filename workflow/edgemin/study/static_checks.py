"""What is wrong with static students in a study: one line per problem, before any training. Needs nothing but the study."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from edgemin.study import registry
from edgemin.study.distilling import Distill, OwnSource
from edgemin.study.static import StaticStudent

if TYPE_CHECKING:
    from edgemin.study.study import Study

_SEEN = {"logits"}
"""Signals that a model without layers can follow."""


def problems(study: Study) -> Iterator[str]:
    """All of them."""
    found = {name: variant for name, variant in study.distill.items() if isinstance(variant.student, StaticStudent)}
    for name, variant in found.items():
        yield from _of_variant(study, f"distill.{name}", variant)
    for chain in study.chains():
        if chain.parent is not None and study.static(chain.parent) and (problem := _after(study.variant(chain))):
            assert chain.last is not None
            yield f"{chain.last.stage}.{chain.last.variant}: stands after the static student '{chain.parent}'; {problem}"
    if study.sensitivity and study.sensitivity.cell in study.cells and study.static(study.chain(study.sensitivity.cell)):
        yield f"sensitivity.cell: '{study.sensitivity.cell}' is a static student, of which nothing can be cut; name another"


def _of_variant(study: Study, key: str, variant: Distill) -> Iterator[str]:
    for number, phase in enumerate(variant.phases):
        for term in phase.terms:
            if not set(term.needs) <= _SEEN:
                yield (
                    f"{key}.phases.{number}: {term.objective} compares what layers say, and a static student has none; "
                    "use labels, logits or preference"
                )
    for task, settings in study.tasks.items():
        if len(settings.text_columns) > 1:
            yield (
                f"{key}.student.static: task {task} has sentence pairs, and a mean over both texts does not tell them apart; choose a student "
                "with layers"
            )
    if not any(registry.RUNTIMES[name].graph for name in study.runtimes):
        yield f"{key}.student.static: runs as a graph, and none of `runtimes` runs one; add onnxruntime"


def _after(variant: Any) -> str | None:
    """What keeps a link from standing after a static student."""
    if isinstance(variant, Distill):
        return (
            None if isinstance(variant.student, OwnSource) else "it has no layers to go on from: let it be the last distill link"
        )
    if not hasattr(variant, "scheme"):
        return "it has no layers to prune; cut the vocabulary before it: teacher/prune-<vocabulary>/distill-<static>"
    if not registry.RUNTIMES[variant.backend].graph or variant.trains or variant.reads_data:
        return "it is quantized as a graph, without training or calibration: use int8_dynamic or int4 in onnxruntime"
    return None
