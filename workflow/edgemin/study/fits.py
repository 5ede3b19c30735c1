"""Can every chain of a study work, as far as its encoders' configs tell? Needs no torch.

Asked while the DAG is built, and again as every training job starts: by then the encoders have been fetched. It is no Snakemake job:
otherwise every edit of the study would re-run everything that depends on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json
from edgemin.study import heads
from edgemin.study.chains import Chain
from edgemin.study.distilling import Distill, OwnSource
from edgemin.study.family import family_of, hidden_width, usable_positions
from edgemin.study.linear_layers import check_skip, linear_layers
from edgemin.study.pins import encoder_name
from edgemin.study.static import Static, StaticStudent
from edgemin.study.structure import Shape, Structure
from edgemin.study.study import Study
from edgemin.study.tokenizer_file import read_tokenizer, type_ids_of


def check_study(study: Study, task: str, encoders: Mapping[str, Path], label_names: list[str] | None = None) -> dict[str, Shape]:
    """encoders: name -> folder of each normalised source; those that are not there yet are passed over, and what hangs on
    them. label_names: of the prepared data, if they are there already; else the study's.

    Returns the shape of every chain that could be looked at. Raises EdgeminError with one line per problem.
    """
    configs = {name: read_json(folder / "config.json") for name, folder in encoders.items() if (folder / "config.json").exists()}
    problems = [*_positions(study, task, configs), *_types(study, task, configs, encoders)]
    problems += heads.problems(study, task, {name: (config, encoders[name]) for name, config in configs.items()}, label_names)
    cut = any(variant.cuts_tokenizer for variant in study.prune.values())  # tokenizers are large, and else not asked
    origins = {name: _shape_of(config, encoders[name] / "tokenizer.json" if cut else None) for name, config in configs.items()}
    shapes: dict[str, Shape] = {}
    for chain in study.chains():
        try:
            shape = _shape(study, task, chain, shapes, origins)
            if shape and chain.quantized:
                _check_skip(study, chain, shape, configs)
        except EdgeminError as error:
            problems.append(str(error))
            break  # what follows may hang on it
        if shape:
            shapes[str(chain)] = shape
    if problems:
        raise EdgeminError("\n".join(problems))
    return shapes


def _positions(study: Study, task: str, configs: Mapping[str, Any]) -> Iterator[str]:
    wanted = study.tasks[task].max_length
    for name, config in configs.items():
        if wanted > (positions := usable_positions(config)):
            yield f"tasks.{task}.max_length: {wanted} tokens, but {name} has positions for {positions}; lower max_length"


def _types(study: Study, task: str, configs: Mapping[str, Any], encoders: Mapping[str, Path]) -> Iterator[str]:
    """Whether models have embeddings for the type ids that their tokenizers give."""
    pairs = len(study.tasks[task].text_columns) > 1
    for name, config in configs.items():
        has = int(config.get("type_vocab_size", 2))
        tokenizer = read_tokenizer(encoders[name]) if family_of(config).token_types and has < 2 else None
        if tokenizer is not None and (wanted := type_ids_of(tokenizer, pairs)) > has:
            yield (
                f"tasks.{task}.text: the tokenizer of {name} gives {'sentence pairs' if pairs else 'texts'} {wanted} type ids, the model has "
                f"embeddings for {has} (type_vocab_size); choose a model that was trained on them"
            )


def _shape_of(config: Any, tokenizer: Path | None) -> Shape:
    structure = Structure.of(config)
    model = read_json(tokenizer)["model"] if tokenizer and tokenizer.exists() else {}
    family = family_of(config)
    return Shape(
        tuple(map(len, structure.heads)),
        structure.head_dim,
        model.get("type"),
        neurons=structure.intermediate,
        hidden=hidden_width(config),
        embedding=family.embedding_width(config),
        config_heads=int(config[family.sizes[1]]),
    )


def _shape(study: Study, task: str, chain: Chain, shapes: Mapping[str, Shape], origins: Mapping[str, Shape]) -> Shape | None:
    """None if it depends on an encoder that does not exist yet. Raises EdgeminError for a link that cannot work."""
    if chain.parent is None:
        return origins.get(encoder_name(study.teacher.source))
    parent = shapes.get(str(chain.parent))
    if parent is None:
        return None
    assert chain.last is not None
    variant = study.variant(chain)
    try:
        shape = _after(variant, chain, parent, origins)
        if variant.phases:
            _check_terms(study, task, variant.phases, shapes[str(Chain())] if variant.teacher == "root" else parent, shape)
    except EdgeminError as error:
        raise EdgeminError(_at(f"{chain.last.stage}.{chain.last.variant}", str(error))) from None
    return shape


def _check_skip(study: Study, chain: Chain, shape: Shape, configs: Mapping[str, Any]) -> None:
    """Raises EdgeminError for a scheme that leaves out a linear layer which the model does not have."""
    assert chain.last is not None
    origin = study.teacher.source
    for link in chain.links:
        variant = study.variants()[link.stage][link.variant]
        if isinstance(variant, Distill) and isinstance(variant.student, OwnSource):
            origin = variant.student.source
    if modules := linear_layers(configs[encoder_name(origin)], shape):
        try:
            check_skip(getattr(study.variant(chain), "skip", []), modules)
        except EdgeminError as error:
            raise EdgeminError(f"{chain.last.stage}.{chain.last.variant}.{error}") from None


def _check_terms(study: Study, task: str, phases: Any, teacher: Shape, student: Shape | None) -> None:
    """Raises EdgeminError for a term that does not fit; it names the task, where the study has several."""
    try:
        for term in (term for phase in phases for term in phase.terms):
            term.check(teacher, student, study.tasks[task].asks)
    except EdgeminError as error:
        raise EdgeminError(f"{error} (task {task})" if len(study.tasks) > 1 else str(error)) from None


def _at(variant: str, problem: str) -> str:
    """A problem that begins with a point begins with a key of the variant."""
    return f"{variant}{problem}" if problem.startswith(".") else f"{variant}: {problem}"


def _after(variant: Any, chain: Chain, parent: Shape, origins: Mapping[str, Shape]) -> Shape | None:
    """The shape after a link, from its parent's shape."""
    if isinstance(variant, Distill):
        return _student(variant, parent, origins, str(chain.parent))
    if chain.quantized:
        variant.check(parent)
        return parent
    shape: Shape = variant.shape(parent)
    return shape


def _student(variant: Distill, parent: Shape, origins: Mapping[str, Shape], parent_name: str) -> Shape | None:
    if isinstance(variant.student, StaticStudent):
        return _static(variant.student.static, parent, parent_name)
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
            f".student.layers: layer {max(wanted)} does not exist in {name}, which has layers 0 to {len(origin.heads) - 1}"
        )
    neurons = origin.neurons and tuple(origin.neurons[layer] for layer in wanted)
    return replace(origin, heads=tuple(origin.heads[layer] for layer in wanted), neurons=neurons)


def _static(static: Static, parent: Shape, parent_name: str) -> Shape:
    """The shape of a student without layers."""
    if parent.hidden is not None and static.width > parent.hidden:
        raise EdgeminError(
            f".student.static.width: {static.width}, but the vectors of its parent '{parent_name}' have {parent.hidden} dimensions; lower it"
        )
    return replace(parent, heads=(), exact=True, neurons=(), hidden=static.width, embedding=static.width, config_heads=1)
