"""The grammar of chains: path <-> chain <-> cell.

A chain is written as its path below `seed{seed}/`: `teacher/distill-minilmv2/prune-heads25`.
Legal: `teacher`, then distill and prune links in any order, then at most one quantize link, always last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from edgemin.core.errors import EdgeminError

ROOT = "teacher"
FLOAT_STAGES = ("distill", "prune")
STAGES = (*FLOAT_STAGES, "quantize")
NAME = r"[a-z][a-z0-9_]*"
_NOTHING = r"(?!)"  # a regex that matches no text: for a stage of which the study has no variant


@dataclass(frozen=True)
class Link:
    stage: str
    variant: str

    def __str__(self) -> str:
        return f"{self.stage}-{self.variant}"


@dataclass(frozen=True)
class Chain:
    """A legal chain. `Chain.parse` checks; `str(chain)` is the path again."""

    links: tuple[Link, ...] = ()

    def __post_init__(self) -> None:
        for link in self.links[:-1]:
            if link.stage == "quantize":
                raise EdgeminError(f"chain '{self}': '{link}' is not last; a quantize stage ends its chain, move it there")

    @classmethod
    def parse(cls, text: str) -> Chain:
        """Raises EdgeminError for anything but a legal chain."""
        root, *rest = text.split("/")
        if root != ROOT:
            raise EdgeminError(f"chain '{text}': starts with '{root}'; every chain starts with '{ROOT}'")
        links = []
        for part in rest:
            stage, dash, variant = part.partition("-")
            if not dash or not re.fullmatch(NAME, variant):
                raise EdgeminError(f"chain '{text}': '{part}' is not of the form <stage>-<variant>, such as distill-minilmv2")
            if stage not in STAGES:
                raise EdgeminError(f"chain '{text}': unknown stage '{stage}'; known: {', '.join(STAGES)}")
            links.append(Link(stage, variant))
        return cls(tuple(links))

    def __str__(self) -> str:
        return "/".join([ROOT, *map(str, self.links)])

    @property
    def parent(self) -> Chain | None:
        return Chain(self.links[:-1]) if self.links else None

    @property
    def last(self) -> Link | None:
        return self.links[-1] if self.links else None

    @property
    def quantized(self) -> bool:
        return bool(self.links) and self.links[-1].stage == "quantize"

    @property
    def prefixes(self) -> list[Chain]:
        """Every chain that has to be built for this one, the root first, itself last."""
        return [Chain(self.links[:n]) for n in range(len(self.links) + 1)]


def one_of(names: Iterable[str]) -> str:
    """A regex for exactly these names; one that matches nothing if there are none."""
    return "|".join(map(re.escape, sorted(names))) or _NOTHING


def float_chain_regex(variants: Mapping[str, Iterable[str]]) -> str:
    """Wildcard constraint of a chain without a quantize stage. `variants`: stage -> names, from the study."""
    link = "|".join(f"{stage}-(?:{one_of(variants.get(stage, ()))})" for stage in FLOAT_STAGES)
    return f"{ROOT}(?:/(?:{link}))*"


def any_chain_regex(variants: Mapping[str, Iterable[str]]) -> str:
    """Wildcard constraint of any legal chain."""
    return f"{float_chain_regex(variants)}(?:/quantize-(?:{one_of(variants.get('quantize', ()))}))?"
