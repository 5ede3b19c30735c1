"""What was done otherwise on two sides: settings, code, packages, machines. From the effective studies and from provenances."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edgemin.report.differences.pairs import Pair
from edgemin.report.differences.sides import Side

NOTHING = "(none)"
"""Value of what a side has not."""
_HOST = ("cpu", "flags", "cores_physical", "cores_logical", "memory_gib", "governor", "os", "python", "threads")


@dataclass(frozen=True)
class Change:
    """One thing that differs."""

    what: str
    """Key of the study, link of a chain, package, or property of a machine."""
    a: str
    b: str


def changes(a: Side, b: Side, both: Iterable[Pair]) -> dict[str, list[Change] | None]:
    """Kind of change -> all of its kind, in the order of their names; None where a side does not say."""
    both = list(both)
    ours, theirs = a.models(), b.models()
    whole = a.settings is not None and b.settings is not None
    by_kind = {
        "settings": _settings(a, b) if whole else _of_links("spec", ours, theirs),
        "code": _of_links("code", ours, theirs),
        "lineage": _lineage(a, b),
        "weights": _weights(ours, theirs),
        "versions": _sets(_versions(a, ours, both), _versions(b, theirs, both)),
        "host": _sets(_hosts(a, both), _hosts(b, both)),
    }
    return {kind: None if those is None else sorted(those, key=lambda change: change.what) for kind, those in by_kind.items()}


def _settings(a: Side, b: Side) -> list[Change]:
    """Keys of the effective studies, but for their names."""
    ours, theirs = (
        dict(flat({name: value for name, value in (side.settings or {}).items() if name != "study"})) for side in (a, b)
    )
    return _differing(ours, theirs)


def flat(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """`prune.heads25.ratio`, and its value as text, of everything in nested mappings and lists."""
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    if not isinstance(value, Mapping | list) or not value:
        yield place, str(value)
    for name, item in items:
        yield from flat(item, f"{place}.{name}" if place else str(name))


def _differing(ours: Mapping[str, str], theirs: Mapping[str, str]) -> list[Change]:
    names = dict.fromkeys([*ours, *theirs])
    return [
        Change(name, ours.get(name, NOTHING), theirs.get(name, NOTHING)) for name in names if ours.get(name) != theirs.get(name)
    ]


def _of_links(part: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[Change] | None:
    """What differs in the provenances of models of the same task and chain, whatever their seeds: `spec` without code and seed, or `code` alone."""
    a, b = ({_link(name): _part(provenance, part) for name, provenance in models.items()} for models in (ours, theirs))
    common = [link for link in a if link in b]
    distinct: dict[str, Change] = {}
    for link in common:
        for change in _differing(a[link], b[link]):
            what = ": ".join(filter(None, [link.partition("/")[2], change.what]))  # of every task the same
            distinct.setdefault(what, Change(what, change.a, change.b))
    return list(distinct.values()) if common else None


def _link(model: str) -> str:
    """`movies/teacher/distill-kd` of `models/movies/seed0/teacher/distill-kd`."""
    _, task, _, chain = model.split("/", 3)
    return f"{task}/{chain}"


def _part(provenance: Mapping[str, Any], part: str) -> dict[str, str]:
    if part == "code":
        return {"": str(provenance["spec"].get("code", NOTHING))}
    return dict(flat({name: value for name, value in provenance["spec"].items() if name not in ("code", "seed")}))


def _weights(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[Change] | None:
    """Of models of the same task, chain and seed."""
    common = [name for name in ours if name in theirs]
    a, b = ({name.removeprefix("models/"): _digest(models[name]) for name in common} for models in (ours, theirs))
    return _differing(a, b) if common else None


def _digest(provenance: Mapping[str, Any]) -> str:
    return ", ".join(digest[:12] for file, digest in provenance["sha256"].items() if file.startswith("model.")) or NOTHING


def _lineage(a: Side, b: Side) -> list[Change] | None:
    """Of two records: measurements and models that other jobs, settings or code made, anywhere on their way."""
    common = [name for name in a.made_by if name in b.made_by]
    digests = ({name: side.made_by[name][:12] for name in common} for side in (a, b))
    return _differing(*digests) if common else None


def _hosts_of(side: Side, both: Iterable[Pair]) -> Iterator[Mapping[str, Any]]:
    """Of all measurements of the rows that both have."""
    for pair in both:
        for folder in side.folders[pair.key].values():
            for name in ("quality.json", "latency.json"):
                yield (side.json(f"{folder}/{name}") or {}).get("host", {})


def _versions(side: Side, models: Mapping[str, Any], both: Iterable[Pair]) -> dict[str, set[str]]:
    versions: dict[str, set[str]] = {}
    for source in (*models.values(), *_hosts_of(side, both)):
        for package, version in source.get("versions", {}).items():
            versions.setdefault(package, set()).add(version)
    return versions


def _hosts(side: Side, both: Iterable[Pair]) -> dict[str, set[str]]:
    values: dict[str, set[str]] = {}
    for host in _hosts_of(side, both):
        for name in _HOST:
            if name in host:
                value = host[name]
                values.setdefault(name, set()).add(", ".join(value) if isinstance(value, list) else str(value))
    return values


def _sets(ours: Mapping[str, set[str]], theirs: Mapping[str, set[str]]) -> list[Change] | None:
    if not ours or not theirs:
        return None
    a, b = ({name: " and ".join(sorted(values)) for name, values in side.items()} for side in (ours, theirs))
    return _differing(a, b)
