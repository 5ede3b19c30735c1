"""The text of a study in its files: repeated keys, and words that YAML does not read as words.

Snakemake reads YAML 1.1. It reads `no` as false, `010` as 8, `12:30` as 750 and `2026-01-01` as a date. Of a repeated key it takes the
last one, without a warning.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from edgemin.core.errors import EdgeminError
from edgemin.core.messages import line

Place = tuple[Any, ...]
"""Keys and indices from the top of a study."""
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STRING = "tag:yaml.org,2002:str"
_MERGE = "tag:yaml.org,2002:merge"
_WORD = re.compile("yes|no|on|off", re.IGNORECASE)
_OCTAL = re.compile("[-+]?0[0-9_]+")
_SHORT = 40  # digits; what is longer is refused as too large
_CLOCK = re.compile("[-+]?[0-9][0-9_]*(:[0-9]+)+(\\.[0-9_]*)?")


@dataclass(frozen=True)
class Scalar:
    """A plain scalar that is no text to YAML."""

    text: str
    """The text as written."""
    value: Any
    line: int

    @property
    def remedy(self) -> str:
        """How YAML reads it and what to write: `YAML reads no as false: write 'no' (line 3)`."""
        if not self.text:
            return f"YAML reads nothing as null: write a value, or '' for an empty text (line {self.line})"
        text = line(self.text[:80])
        return f"YAML reads {text} as {_named(self.value)}: write '{text}' (line {self.line})"

    @property
    def word(self) -> bool:
        """Whether it is a word of a language that YAML takes for true or false."""
        return isinstance(self.value, bool) and bool(_WORD.fullmatch(self.text))

    @property
    def surprising(self) -> bool:
        """Whether it is a number that people would read as another one."""
        if not isinstance(self.value, int | float) or isinstance(self.value, bool) or len(self.text) > _SHORT:
            return False
        octal = isinstance(self.value, int) and _OCTAL.fullmatch(self.text) and int(self.text) != self.value
        return bool(octal or _CLOCK.fullmatch(self.text))


class Written:
    """The files of a study. Later files override earlier ones. Raises EdgeminError for repeated keys, keys that are no words, and numbers
    that YAML reads as others. The error names the file, the place and the lines."""

    def __init__(self, files: Iterable[Path | str]) -> None:
        self._tops: list[yaml.Node] = []
        problems: list[str] = []
        for file in files:
            top = _composed(Path(file))
            if top is not None:
                self._tops.append(top)
                problems += [f"{file}: {_joined(place)}{problem}" for place, problem in _problems(top)]
        if problems:
            raise EdgeminError("\n".join(problems[:20]))

    def scalar(self, place: Place, value: Any) -> Scalar | None:
        """What is written at a place that has this value, if that is no text; None too if the value came from elsewhere."""
        for top in reversed(self._tops):
            scalar = _scalar(_at(top, place))
            if scalar is not None and type(scalar.value) is type(value) and scalar.value == value:
                return scalar
        return None


def _named(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"the number {value}" if isinstance(value, int | float) else "a date" if hasattr(value, "year") else "no text"


def _joined(place: Place) -> str:
    return line(".".join(map(str, place))) + ": " if place else ""


def _composed(file: Path) -> yaml.Node | None:
    """The YAML tree of a file. None if it is missing or not readable: the code that reads its values reports that."""
    try:
        text = file.read_bytes()
        top: yaml.Node | None = yaml.compose(text, Loader=_LOADER)
    except (yaml.YAMLError, RecursionError):
        return _composed_json(text)
    except OSError:
        return None
    return top


def _composed_json(text: bytes) -> yaml.Node | None:
    """JSON may be indented by tabs, which YAML refuses. In its strings there are none."""
    try:
        json.loads(text)
        top: yaml.Node | None = yaml.compose(text.replace(b"\t", b" "), Loader=_LOADER)
    except (ValueError, yaml.YAMLError, RecursionError):
        return None
    return top


def _value(node: yaml.Node) -> Any:
    """The YAML value of a node. Raises yaml.YAMLError or ValueError if there is none (the 40th of May)."""
    return yaml.constructor.SafeConstructor().construct_object(node, deep=True)


def _scalar(node: yaml.Node | None) -> Scalar | None:
    if not isinstance(node, yaml.ScalarNode) or node.tag in (_STRING, _MERGE) or node.style in ("'", '"', "|", ">"):
        return None
    try:
        return Scalar(node.value, _value(node), node.start_mark.line + 1)
    except (yaml.YAMLError, ValueError):
        return None


def _problems(node: yaml.Node, place: Place = (), seen: set[int] | None = None) -> Iterator[tuple[Place, str]]:
    """(place, what is wrong there) of a tree. An anchor is looked at once, where it is written."""
    seen = set() if seen is None else seen
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        yield from _problems_of_keys(node, place)
        for key, item in node.value:
            yield from _problems(item, (*place, key.value if isinstance(key, yaml.ScalarNode) else "(key)"), seen)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _problems(item, (*place, number), seen)
    elif (scalar := _scalar(node)) is not None and scalar.surprising:
        yield place, f"{scalar.remedy}, or the number that is meant"


def _problems_of_keys(node: yaml.MappingNode, place: Place) -> Iterator[tuple[Place, str]]:
    first: dict[Hashable, int] = {}
    for key, _ in node.value:
        number = key.start_mark.line + 1
        name = _key(key)
        if name in first:
            yield (*place, key.value), f"written twice, in lines {first[name]} and {number}; keep one"
        elif (scalar := _scalar(key)) is not None:
            yield place, f"a key is a word, and {scalar.remedy}"
        first.setdefault(name, number)


def _key(node: yaml.Node) -> Hashable:
    """A value that is equal for equal keys: the key's value. For a key that is no scalar (not allowed in a study), its place."""
    if not isinstance(node, yaml.ScalarNode):
        return ("node", node.start_mark.index)
    if node.tag == _STRING:
        return ("value", node.value)
    scalar = _scalar(node)
    return ("value", scalar.value) if scalar is not None and isinstance(scalar.value, Hashable) else (node.tag, node.value)


def _at(node: yaml.Node | None, place: Place) -> yaml.Node | None:
    for part in place:
        if isinstance(node, yaml.SequenceNode):
            node = node.value[part] if isinstance(part, int) and part < len(node.value) else None
        else:
            node = _item(node, part)
    return node


def _item(node: yaml.Node | None, name: Any) -> yaml.Node | None:
    """The value of a key of a mapping, its own or one that is merged into it."""
    if not isinstance(node, yaml.MappingNode):
        return None
    merged: list[yaml.Node] = []
    for key, item in node.value:
        if key.tag == _MERGE:
            merged += item.value if isinstance(item, yaml.SequenceNode) else [item]
        elif isinstance(key, yaml.ScalarNode) and key.value == str(name):
            return item
    return next((value for one in merged if (value := _item(one, name)) is not None), None)
