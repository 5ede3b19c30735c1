"""From a study's file to a checked `Study`: one line per problem, with the key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from edgemin.core import messages
from edgemin.core.errors import EdgeminError
from edgemin.study.study import Study
from edgemin.study.written import Place, Written

REFERENCE = "config/README.md"
"""The document with the keys of a study."""


def read_study(file: str) -> Study:
    """A study file, as Snakemake would read it.

    Raises EdgeminError for a file that is not there, is no YAML or is no study, and for a key that is written twice.
    """
    try:
        config = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:  # ValueError: of UTF-8, or of a date
        raise EdgeminError(f"{file}: cannot be read as YAML ({' '.join(str(error).split())}); name a study file") from None
    if not isinstance(config, dict):
        raise EdgeminError(f"{file}: holds no study; name a study file")
    return parse_study(config, file=file, written=Written([file]))


def parse_study(config: Mapping[str, Any], file: str = "study", written: Written | None = None) -> Study:
    """Check a study that was read from YAML. written: its files, if there are any; messages then explain how YAML reads a word.

    Raises EdgeminError with one line per problem: file, key, what is wrong.
    """
    _refuse(messages.unreadable(config), file)
    if not isinstance(config, Mapping):
        raise EdgeminError(f"{file}: study: found {messages.excerpt(config)}; a study is a mapping of the keys in {REFERENCE}")
    written = written or Written([])
    try:
        study = Study.model_validate(dict(config))
    except ValidationError as error:
        lines = _lines([dict(problem) for problem in error.errors(include_url=False)], config, written)
        raise EdgeminError("\n".join(dict.fromkeys(f"{file}: {line}" for line in lines))) from None
    dumped = study.model_dump()
    _refuse(_counted(config, dumped, written), file)
    _refuse(messages.unreadable(dumped), file)  # `1e10` and "10000000000" are whole numbers by now
    return study


def _refuse(problems: Iterable[str], file: str) -> None:
    if lines := [f"{file}: {problem}" for problem in problems]:
        raise EdgeminError("\n".join(lines[:20]))


def _lines(problems: list[dict[str, Any]], config: Any, written: Written) -> Iterator[str]:
    """`key: what is wrong` of each of pydantic's problems; where a text was wanted and YAML has read none, of that alone."""
    read = {}
    for problem in problems:
        place = _place(problem["loc"], config, missing=False)
        for inner, value in _inside(place, problem["input"]):
            scalar = written.scalar(inner, value)
            if scalar and (scalar.word or (inner == place and problem["type"] == "string_type")):
                read[inner] = scalar.remedy
    yield from (f"{_key(place)}: {remedy}" for place, remedy in read.items())
    for problem in problems:
        place = _place(problem["loc"], config, problem["type"] == "missing")
        if not any(inner[: len(place)] == place for inner in read):
            yield f"{_key(place)}: {messages.line(_message(problem))}"


def _inside(place: Place, value: Any) -> list[tuple[Place, Any]]:
    """A place and its value, or those of the items of a list."""
    return [((*place, number), item) for number, item in enumerate(value)] if isinstance(value, list) else [(place, value)]


def _counted(config: Any, study: Any, written: Written, place: Place = ()) -> Iterator[str]:
    """Problems: each true or false that was read as a number. study: the parsed `config`."""
    if isinstance(config, bool) and isinstance(study, int | float) and not isinstance(study, bool):
        scalar = written.scalar(place, config)
        yield f"{_key(place)}: {f'{scalar.remedy}, or' if scalar and scalar.word else f'found {config}; write'} a number"
    elif isinstance(config, Mapping) and isinstance(study, Mapping):
        for name in config:
            yield from _counted(config[name], study.get(name), written, (*place, name))
    elif isinstance(config, list) and isinstance(study, list | tuple):
        for number, (one, other) in enumerate(zip(config, study, strict=False)):
            yield from _counted(one, other, written, (*place, number))


def _message(problem: dict[str, Any]) -> str:
    if problem["type"] == "extra_forbidden":
        return f"unknown key; see {REFERENCE} for the keys of a study"
    if problem["type"] == "missing":
        return "missing; add this key"
    if problem["type"] == "string_pattern_mismatch":
        return f"{messages.excerpt(problem['input'])} does not match {problem['ctx']['pattern']}"
    message = str(problem["msg"]).removeprefix("Value error, ")
    return message if problem["type"] == "value_error" else f"{message}; found {messages.excerpt(problem['input'])}"


def _key(place: Place) -> str:
    return messages.line(".".join(map(str, place))) or "study"


def _place(location: tuple[int | str, ...], config: Any, missing: bool) -> Place:
    """`(tasks, movies, label)` from pydantic's location, without the names of union members that it puts in.

    A part counts if it is a key or an index of the study at that place. missing: the last one is what is not there.
    """
    parts: list[int | str] = []
    for number, part in enumerate(location):
        if _has(config, part):
            config = config[part]
        elif not missing or number < len(location) - 1:
            continue
        parts.append(part)
    return tuple(parts)


def _has(config: Any, part: int | str) -> bool:
    if isinstance(config, Mapping):
        return part in config
    return isinstance(config, list) and isinstance(part, int) and part < len(config)
