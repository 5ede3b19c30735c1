"""From a study's file to a checked `Study`: one line per problem, with the key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from edgemin.core import messages
from edgemin.core.errors import EdgeminError
from edgemin.study.study import Study

REFERENCE = "config/README.md"
"""Where people find the keys of a study."""


def read_study(file: str) -> Study:
    """A study file, as Snakemake would read it.

    Raises EdgeminError for a file that is not there, is no YAML or is no study.
    """
    try:
        config = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise EdgeminError(f"{file}: cannot be read as YAML ({' '.join(str(error).split())}); name a study file") from None
    if not isinstance(config, dict):
        raise EdgeminError(f"{file}: holds no study; name a study file")
    return parse_study(config, file=file)


def parse_study(config: Mapping[str, Any], file: str = "study") -> Study:
    """Check a study as read from YAML.

    Raises EdgeminError with one line per problem: file, key, what is wrong.
    """
    _refuse(messages.unreadable(config), file)
    if not isinstance(config, Mapping):
        raise EdgeminError(f"{file}: study: found {messages.found(config)}; a study is a mapping of the keys in {REFERENCE}")
    try:
        study = Study.model_validate(dict(config))
    except ValidationError as error:
        lines = [f"{file}: {_line(dict(problem), config)}" for problem in error.errors(include_url=False)]
        raise EdgeminError("\n".join(dict.fromkeys(lines))) from None
    _refuse(messages.unreadable(study.model_dump()), file)  # `1e10` and "10000000000" are whole numbers by now
    return study


def _refuse(problems: Iterable[str], file: str) -> None:
    if told := [f"{file}: {problem}" for problem in problems]:
        raise EdgeminError("\n".join(told[:20]))


def _line(problem: dict[str, Any], config: Any) -> str:
    """`key: what is wrong` of one of pydantic's problems."""
    key = _key(problem["loc"], config, problem["type"] == "missing")
    return f"{messages.line(key)}: {messages.line(_message(problem))}"


def _message(problem: dict[str, Any]) -> str:
    if problem["type"] == "extra_forbidden":
        return f"unknown key; see {REFERENCE} for the keys of a study"
    if problem["type"] == "missing":
        return "missing; add this key"
    if problem["type"] == "string_pattern_mismatch":
        return f"{messages.found(problem['input'])} does not match {problem['ctx']['pattern']}"
    message = str(problem["msg"]).removeprefix("Value error, ")
    return message if problem["type"] == "value_error" else f"{message}; found {messages.found(problem['input'])}"


def _key(location: tuple[int | str, ...], config: Any, missing: bool) -> str:
    """`tasks.movies.label` from pydantic's location, without the names of union members that it puts in.

    A part counts if it is a key or an index of the study at that place. missing: the last one is what is not there.
    """
    parts = []
    for number, part in enumerate(location):
        if _has(config, part):
            config = config[part]
        elif not missing or number < len(location) - 1:
            continue
        parts.append(str(part))
    return ".".join(parts) or "study"


def _has(config: Any, part: int | str) -> bool:
    if isinstance(config, Mapping):
        return part in config
    return isinstance(config, list) and isinstance(part, int) and part < len(config)
