"""The early check: can every chain of the study work? Needs no torch.

Done while the DAG is built, as far as the encoders' configs are on disk, and again as every training job starts: by then
they have been fetched. It is no job of its own, because whatever depends on it would run again with every edit of a study.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgemin.chains import Chain
from edgemin.config.pins import encoder_name
from edgemin.config.study import Study
from edgemin.config.variants import (
    Cofi,
    CofiLayers,
    Distill,
    FeatureRelation,
    Heads,
    Int8Qat,
    Layers,
    MiniLM,
    MiniLMv2,
    OwnSource,
    Preference,
    Pruning,
    Quantizing,
    Term,
    TinyBert,
    Vocabulary,
)
from edgemin.distill.relation_heads import relation_heads
from edgemin.encoders.families import usable_positions
from edgemin.encoders.structure import Structure
from edgemin.errors import EdgeminError
from edgemin.files import read_json
from edgemin.prune.selection import layers_that_keep, select


def check_study(study: Study, task: str, encoders: Mapping[str, Path], label_names: list[str] | None = None) -> dict[str, Shape]:
    """encoders: name -> folder of each normalised source; those that are not there yet are passed over, and what hangs on
    them. label_names: of the prepared data, if they stand already; else the study's.

    Returns the shape of every chain that could be looked at. Raises EdgeminError with one line per problem.
    """
    problems: list[str] = []
    max_length = study.tasks[task].max_length
    configs = {name: read_json(folder / "config.json") for name, folder in encoders.items() if (folder / "config.json").exists()}
    for name, config in configs.items():
        positions = usable_positions(config)
        if max_length > positions:
            problems.append(
                f"tasks.{task}.max_length: {max_length} tokens, but {name} has positions for {positions}; lower max_length"
            )
    teacher = configs.get(encoder_name(study.teacher.source))
    names = label_names or study.tasks[task].label_names
    if teacher and study.teacher.training == "none" and (names or study.tasks[task].regression):
        problems += _check_labels(teacher, names, task)
    cut = any(isinstance(variant, Vocabulary) for variant in study.prune.values())  # tokenizers are large, and else not asked
    origins = {name: _of(config, encoders[name] / "tokenizer.json" if cut else None) for name, config in configs.items()}
    shapes: dict[str, Shape] = {}
    for chain in study.chains():
        try:
            shape = _shape(study, task, chain, shapes, origins, encoder_name(study.teacher.source))
        except EdgeminError as error:
            problems.append(str(error))
            break  # what follows may hang on it
        if shape:
            shapes[str(chain)] = shape
    if problems:
        raise EdgeminError("\n".join(problems))
    return shapes


def _check_labels(config: Mapping[str, Any], names: list[str] | None, task: str) -> list[str]:
    """Whether a fine-tuned model's outputs are the task's classes, in the same order where the model names them."""
    theirs = [
        str(name) for _, name in sorted((config.get("id2label") or {0: "LABEL_0", 1: "LABEL_1"}).items(), key=lambda x: int(x[0]))
    ]
    if len(theirs) != (len(names) if names else 1):
        return [
            f"teacher: the fine-tuned model has {len(theirs)} outputs ({', '.join(theirs[:5])}), "
            f"task {task} has {len(names) if names else 'one value'}; check label_names"
        ]
    if not names or all(name.upper().startswith("LABEL_") for name in theirs):
        return []
    ours = [name.lower() for name in names]
    if ours != (lower := [name.lower() for name in theirs]) and sorted(ours) == sorted(lower):
        return [
            f"tasks.{task}.label_names: {', '.join(names)}, but the model's outputs are {', '.join(theirs)}; write them in its order"
        ]
    return []


@dataclass(frozen=True)
class Shape:
    """What can be known of a chain's encoder before anything is trained."""

    heads: tuple[int, ...]
    head_dim: int
    tokenizer: str | None = None
    """What its tokenizer.json calls its model: WordPiece, BPE, Unigram; None if it was not asked."""
    exact: bool = True
    """False once heads were cut across layers: then only their sum is known."""

    @property
    def width(self) -> int:
        """Of the last layer's projections."""
        return self.heads[-1] * self.head_dim


def _shape(
    study: Study, task: str, chain: Chain, shapes: Mapping[str, Shape], origins: Mapping[str, Shape], teacher: str
) -> Shape | None:
    """None if it hangs on an encoder that is not there yet. Raises EdgeminError for a link that cannot work."""
    if chain.parent is None:
        return origins.get(teacher)
    parent = shapes.get(str(chain.parent))
    if parent is None:
        return parent
    assert chain.last is not None
    variant = study.variant(chain)
    key = f"{chain.last.stage}.{chain.last.variant}"
    shape: Shape | None
    if isinstance(variant, Distill):
        shape, phases = _student(variant, parent, origins, key, str(chain.parent)), variant.phases
    elif isinstance(variant, Quantizing):
        if not isinstance(variant, Int8Qat):
            return parent
        shape, phases = parent, variant.phases
    else:
        assert isinstance(variant, Pruning)
        shape, phases = _pruned(variant, parent, key), variant.phases
    taught_by = shapes[str(Chain())] if variant.teacher == "root" else parent
    for term in (term for phase in phases for term in phase.terms):
        if study.tasks[task].regression and isinstance(term, Preference) and term.between == "classes":
            raise EdgeminError(
                f"{key}: preference: task {task} is a regression, without classes to prefer; set between: examples"
            )
        if shape and taught_by:
            _check_term(term, key, taught_by, shape)
    return shape


def _student(variant: Distill, parent: Shape, origins: Mapping[str, Shape], key: str, parent_name: str) -> Shape | None:
    origin, name = parent, f"its parent '{parent_name}'"
    if isinstance(variant.student, OwnSource):
        name = encoder_name(variant.student.source)
        if name not in origins:
            return None
        origin = origins[name]
    wanted = None if variant.student == "parent" else variant.student.layers
    if not wanted:
        return origin
    if max(wanted) >= len(origin.heads):
        raise EdgeminError(
            f"{key}.student.layers: layer {max(wanted)} does not exist in {name}, which has layers 0 to {len(origin.heads) - 1}"
        )
    return replace(origin, heads=tuple(origin.heads[layer] for layer in wanted))


def _pruned(variant: Pruning, parent: Shape, key: str) -> Shape:
    if isinstance(variant, Layers):
        return _dropped(variant, parent, key)
    if isinstance(variant, Cofi):
        return replace(parent, exact=False)
    if isinstance(variant, Vocabulary) and parent.tokenizer not in (None, "WordPiece"):
        raise EdgeminError(
            f"{key}: structure: vocabulary cuts WordPiece tokenizers, this one is {parent.tokenizer}; leave it out"
        )
    if not isinstance(variant, Heads) or not variant.ratio:
        return parent
    if variant.iterations > 1 or (not parent.exact and variant.scope == "per_layer"):
        return replace(parent, exact=False)  # its job will tell
    try:
        kept = select([[0.0] * count for count in parent.heads], variant.ratio, variant.scope, variant.floor)
    except EdgeminError as error:
        raise EdgeminError(f"{key}: {error}") from None
    return replace(parent, heads=tuple(map(len, kept)), exact=parent.exact and variant.scope == "per_layer")


def _dropped(variant: Layers, parent: Shape, key: str) -> Shape:
    numbers = range(len(parent.heads))
    has = parent.heads if variant.part == "attention" else [True] * len(numbers)
    try:
        kept = layers_that_keep(has, variant, [0.0] * len(numbers))
    except EdgeminError as error:
        raise EdgeminError(f"{key}.{error}") from None
    known = parent.exact and (variant.strategy != "contribution" or len(set(parent.heads)) == 1)
    if variant.part == "layer":
        return replace(parent, heads=tuple(parent.heads[layer] for layer in kept), exact=known)
    if variant.part == "ffn":
        return parent
    heads = tuple(parent.heads[layer] if layer in kept else 0 for layer in numbers)
    return replace(parent, heads=heads, exact=parent.exact and variant.strategy != "contribution")


def _check_term(term: Term, key: str, teacher: Shape, student: Shape) -> None:
    """Raises EdgeminError for a term that does not fit this teacher and this student."""
    ours, theirs = len(student.heads), len(teacher.heads)
    if isinstance(term, TinyBert) and term.layers != ours:
        raise EdgeminError(f"{key}: tinybert.layers is {term.layers}, but the student has {ours} layers; write layers: {ours}")
    if isinstance(term, CofiLayers) and term.layers > ours:
        raise EdgeminError(f"{key}: cofi_layers.layers is {term.layers}, but the student has {ours} layers; lower it")
    if isinstance(term, TinyBert | CofiLayers) and theirs % term.layers:
        raise EdgeminError(
            f"{key}: {term.objective}.layers {term.layers} does not divide the teacher's {theirs} layers evenly; "
            "choose a student whose layers do"
        )
    if isinstance(term, MiniLMv2):
        _check_layers(term, key, teacher, student)
    if not (teacher.exact and student.exact):
        return
    if isinstance(term, MiniLM) and student.heads[-1] != teacher.heads[-1]:
        raise EdgeminError(
            f"{key}: minilm needs as many attention heads in the student's last layer ({student.heads[-1]}) as in the "
            f"teacher's ({teacher.heads[-1]}); use minilmv2, whose relation heads are regrouped"
        )
    if isinstance(term, TinyBert) and term.attention:
        step = theirs // ours
        for layer, heads in enumerate(student.heads):
            if heads != (wanted := teacher.heads[(layer + 1) * step - 1]):
                raise EdgeminError(
                    f"{key}: tinybert compares attention scores head by head, but layer {layer} of the student has {heads} heads "
                    f"and the teacher's has {wanted}; set attention: 0"
                )
    if isinstance(term, MiniLMv2 | FeatureRelation):
        _check_relations(term, key, teacher, student)


def _check_relations(term: MiniLMv2 | FeatureRelation, key: str, teacher: Shape, student: Shape) -> None:
    if not (student.heads[-1] and teacher.heads[-1]):
        raise EdgeminError(f"{key}: {term.objective} needs attention in the last layer of student and teacher; it was dropped")
    try:
        relation_heads(term.relation_heads, student.width, teacher.width)
    except ValueError as error:
        raise EdgeminError(f"{key}: {term.objective}.{error}; use auto, or a divisor of both") from None


def _check_layers(term: MiniLMv2, key: str, teacher: Shape, student: Shape) -> None:
    for who, layer, shape in (("teacher", term.teacher_layer, teacher), ("student", term.student_layer, student)):
        if layer != "last" and int(layer) >= len(shape.heads):
            raise EdgeminError(
                f"{key}: minilmv2.{who}_layer {layer} does not exist; the {who} has layers 0 to {len(shape.heads) - 1}"
            )


def _of(config: Any, tokenizer: Path | None) -> Shape:
    structure = Structure.of(config)
    model = read_json(tokenizer)["model"] if tokenizer and tokenizer.exists() else {}
    return Shape(tuple(map(len, structure.heads)), structure.head_dim, model.get("type"))
