"""The names of a model's outputs in its config. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgemin.core.errors import EdgeminError
from edgemin.core.messages import excerpt

DEFAULT = 2
"""Outputs of a config that says nothing of them, as in transformers."""


def outputs(config: Mapping[str, Any], rows: int | None = None) -> list[str]:
    """Names by index: of `id2label`, a mapping or a list; without it as many as `num_labels`, or as the classifier has rows.

    Raises EdgeminError for names that give no such list, or another number of them than `num_labels`.
    """
    named, count = config.get("id2label"), config.get("num_labels")
    if count is not None and (not isinstance(count, int) or isinstance(count, bool) or count < 1):
        raise EdgeminError(f"num_labels is {excerpt(count)}, not a number from 1; correct it")
    if not named:
        return [f"LABEL_{number}" for number in range(count or rows or DEFAULT)]
    names = _names(named)
    if names is None:
        raise EdgeminError(
            f'id2label is {excerpt(named)}, not a name for each output from 0 on; write it as {{"0": "negative", "1": "positive"}}'
        )
    if count not in (None, len(names)):
        raise EdgeminError(f"id2label names {len(names)} outputs, num_labels is {count}; correct one of them")
    return names


def _names(named: Any) -> list[str] | None:
    if isinstance(named, list):
        return named if all(isinstance(name, str) for name in named) else None
    if not isinstance(named, Mapping):
        return None
    try:
        numbered = {int(number): str(name) for number, name in named.items()}
    except (TypeError, ValueError):
        return None
    return [numbered[number] for number in range(len(named))] if set(numbered) == set(range(len(named))) else None


def completed(config: Mapping[str, Any], rows: int | None) -> dict[str, Any]:
    """The config with `id2label` as transformers reads it; itself, where nothing says another number of outputs than the default.

    rows: of the classifier in the file of the weights; None: it has none.
    """
    names, declared = outputs(config, rows), config.get("id2label")
    if isinstance(declared, Mapping) if declared else len(names) == DEFAULT:
        return dict(config)
    numbered = {str(number): name for number, name in enumerate(names)}
    return {**config, "id2label": numbered, "label2id": {name: number for number, name in enumerate(names)}}


def contradiction(config: Mapping[str, Any]) -> str | None:
    """Why `label2id` cannot be true beside `id2label`: the same names at other places, or a name twice."""
    names, back = outputs(config), config.get("label2id")
    if len(set(names)) != len(names):
        return f"id2label has the name {next(name for name in names if names.count(name) > 1)!r} twice; give each output its own"
    if not isinstance(back, Mapping) or set(map(str, back)) != set(names):
        return None
    wrong = [name for number, name in enumerate(names) if str(back.get(name)) != str(number)]
    return (
        f"label2id says {wrong[0]!r} is output {back[wrong[0]]}, id2label says {names.index(wrong[0])}; correct one"
        if wrong
        else None
    )
