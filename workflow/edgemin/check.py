"""The early check: once sources are fetched and before anything is trained, can every chain of the study work?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgemin.chains import Chain
from edgemin.config.pins import encoder_name
from edgemin.config.study import Study
from edgemin.config.variants import Distill, Heads, LayerSubset, MiniLMv2, OwnSource
from edgemin.distill.objectives import relation_heads
from edgemin.encoders.families import family_of
from edgemin.encoders.structure import Structure
from edgemin.errors import EdgeminError
from edgemin.files import read_json
from edgemin.prune.selection import select
from edgemin.tasks import store


def check_study(study: Study, task: str, data: Path, encoders: Mapping[str, Path]) -> dict[str, Any]:
    """encoders: name -> folder of each normalised source. Returns what was found (layers and heads of every chain).

    Raises EdgeminError with one line per problem.
    """
    problems: list[str] = []
    max_length = study.tasks[task].max_length
    configs = {name: read_json(folder / "config.json") for name, folder in encoders.items()}
    for name, config in configs.items():
        positions = int(config["max_position_embeddings"]) - family_of(config).positions_offset
        if max_length > positions:
            problems.append(
                f"tasks.{task}.max_length: {max_length} tokens, but {name} has positions for {positions}; lower max_length"
            )
    teacher = configs[encoder_name(study.teacher.source)]
    if study.teacher.training == "none":
        names = store.label_names(data)
        outputs = len(teacher.get("id2label") or {0: "", 1: ""})
        if outputs != (len(names) if names else 1):
            problems.append(
                f"teacher: the fine-tuned model has {outputs} outputs, task {task} has {len(names) if names else 'one value'}; check label_names"
            )
    shapes: dict[str, Shape] = {}
    for chain in study.chains():
        try:
            shapes[str(chain)] = _shape(study, chain, shapes, configs, teacher)
        except EdgeminError as error:
            problems.append(str(error))
            break  # what follows may hang on it
    if problems:
        raise EdgeminError("\n".join(problems))
    return {"chains": {chain: {"layers": len(shape.heads), "heads": sum(shape.heads)} for chain, shape in shapes.items()}}


@dataclass(frozen=True)
class Shape:
    """What can be known of a chain's encoder before anything is trained."""

    heads: tuple[int, ...]
    head_dim: int
    exact: bool = True
    """False once heads were cut across layers: then only their sum is known."""

    @property
    def width(self) -> int:
        """Of the last layer's projections."""
        return self.heads[-1] * self.head_dim


def _shape(study: Study, chain: Chain, shapes: Mapping[str, Shape], configs: Mapping[str, Any], teacher: Any) -> Shape:
    """Raises EdgeminError for a link that cannot work."""
    if chain.parent is None:
        return _of(teacher)
    parent = shapes[str(chain.parent)]
    if chain.quantized:
        return parent
    assert chain.last is not None
    variant = study.variant(chain)
    key = f"{chain.last.stage}.{chain.last.variant}"
    if isinstance(variant, Distill):
        shape, phases = _student(variant, parent, configs, key, str(chain.parent)), variant.phases
    else:
        assert isinstance(variant, Heads)
        shape, phases = _pruned(variant, parent, key), variant.recovery
    taught_by = shapes[str(Chain())] if variant.teacher == "root" else parent
    for term in (term for phase in phases for term in phase.terms):
        if isinstance(term, MiniLMv2):
            _check_relations(term, key, taught_by, shape)
    return shape


def _student(variant: Distill, parent: Shape, configs: Mapping[str, Any], key: str, parent_name: str) -> Shape:
    if isinstance(variant.student, OwnSource):
        return _of(configs[encoder_name(variant.student.source)])
    if not isinstance(variant.student, LayerSubset):
        return parent
    wanted, last = variant.student.layers, len(parent.heads) - 1
    if max(wanted) > last:
        raise EdgeminError(
            f"{key}.student.layers: layer {max(wanted)} does not exist in its parent '{parent_name}', which has layers 0 to {last}"
        )
    return replace(parent, heads=tuple(parent.heads[layer] for layer in wanted))


def _pruned(variant: Heads, parent: Shape, key: str) -> Shape:
    if not parent.exact and variant.scope == "per_layer":
        return parent  # its job will tell
    try:
        kept = select([[0.0] * count for count in parent.heads], variant.ratio, variant.scope)
    except EdgeminError as error:
        raise EdgeminError(f"{key}: {error}") from None
    return replace(parent, heads=tuple(map(len, kept)), exact=parent.exact and variant.scope == "per_layer")


def _check_relations(term: MiniLMv2, key: str, teacher: Shape, student: Shape) -> None:
    for who, layer, shape in (("teacher", term.teacher_layer, teacher), ("student", term.student_layer, student)):
        if layer != "last" and int(layer) >= len(shape.heads):
            raise EdgeminError(
                f"{key}: minilmv2.{who}_layer {layer} does not exist; the {who} has layers 0 to {len(shape.heads) - 1}"
            )
    if teacher.exact and student.exact:
        try:
            relation_heads(term.relation_heads, student.width, teacher.width)
        except ValueError as error:
            raise EdgeminError(f"{key}: minilmv2.{error}; use auto, or a divisor of both") from None


def _of(config: Any) -> Shape:
    structure = Structure.of(config)
    return Shape(tuple(map(len, structure.heads)), structure.head_dim)
