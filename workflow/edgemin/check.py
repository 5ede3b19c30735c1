"""The early check: once sources are fetched and before anything is trained, can every chain of the study work?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgemin.chains import Chain
from edgemin.config.pins import encoder_name
from edgemin.config.study import Study
from edgemin.config.variants import Distill, Heads, LayerSubset, Logits, MiniLMv2, OwnSource
from edgemin.distill.objectives import relation_heads
from edgemin.encoders.families import family_of
from edgemin.encoders.structure import Structure
from edgemin.errors import EdgeminError
from edgemin.files import read_json
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
            problems.append(f"tasks.{task}.max_length: {max_length} tokens, but {name} has positions for {positions}; lower max_length")
    teacher = configs[encoder_name(study.teacher.source)]
    if study.teacher.training == "none":
        names = store.label_names(data)
        outputs = len(teacher.get("id2label") or {0: "", 1: ""})
        if outputs != (len(names) if names else 1):
            problems.append(f"teacher: the fine-tuned model has {outputs} outputs, task {task} has {len(names) if names else 'one value'}; check label_names")
    shapes: dict[str, tuple[int, int]] = {}  # chain -> layers, width of a layer's projections
    for chain in study.chains():
        try:
            shapes[str(chain)] = _shape(study, chain, shapes, configs, teacher)
        except EdgeminError as error:
            problems.append(str(error))
            break  # what follows may hang on it
    if problems:
        raise EdgeminError("\n".join(problems))
    return {"chains": {chain: {"layers": layers, "width": width} for chain, (layers, width) in shapes.items()}}


def _shape(study: Study, chain: Chain, shapes: Mapping[str, tuple[int, int]], configs: Mapping[str, Any], teacher: Any) -> tuple[int, int]:
    """(layers, attention width) after the chain, head pruning aside. Raises EdgeminError for what cannot work."""
    if chain.parent is None:
        return _of(teacher)
    if chain.quantized:
        return shapes[str(chain.parent)]
    assert chain.last is not None
    variant = study.variant(chain)
    key = f"{chain.last.stage}.{chain.last.variant}"
    layers, width = shapes[str(chain.parent)]
    if isinstance(variant, Distill):
        if isinstance(variant.student, LayerSubset):
            if max(variant.student.layers) >= layers:
                raise EdgeminError(
                    f"{key}.student.layers: layer {max(variant.student.layers)} does not exist in its parent '{chain.parent}', which has layers 0 to {layers - 1}"
                )
            layers = len(variant.student.layers)
        elif isinstance(variant.student, OwnSource):
            layers, width = _of(configs[encoder_name(variant.student.source)])
        phases = variant.phases
    else:
        assert isinstance(variant, Heads)
        phases = variant.recovery
    taught_by = shapes[str(Chain())] if variant.teacher == "root" else shapes[str(chain.parent)]
    for term in (term for phase in phases for term in phase.terms):
        if isinstance(term, Logits) and term.temperature != 1 and study.tasks and all(t.regression for t in study.tasks.values()):
            raise EdgeminError(f"{key}: a temperature means nothing for regression; drop it")
        if isinstance(term, MiniLMv2):
            _check_relations(term, key, taught_by, (layers, width), pruned=isinstance(variant, Heads) or "prune-" in str(chain))
    return layers, width


def _check_relations(term: MiniLMv2, key: str, teacher: tuple[int, int], student: tuple[int, int], pruned: bool) -> None:
    for who, layer, count in (("teacher", term.teacher_layer, teacher[0]), ("student", term.student_layer, student[0])):
        if layer != "last" and int(layer) >= count:
            raise EdgeminError(f"{key}: minilmv2.{who}_layer {layer} does not exist; the {who} has layers 0 to {count - 1}")
    if not pruned:  # after head pruning the widths are known only when it has happened
        try:
            relation_heads(term.relation_heads, student[1], teacher[1])
        except ValueError as error:
            raise EdgeminError(f"{key}: minilmv2.{error}; use auto, or a divisor of both") from None


def _of(config: Any) -> tuple[int, int]:
    structure = Structure.of(config)
    return len(structure.heads), len(structure.heads[-1]) * structure.head_dim
