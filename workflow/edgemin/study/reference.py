"""The reference of what a study may say, written from the settings: its JSON schema, and tables of keys in Markdown.

A document has places `<!-- keys: Task -->` … `<!-- end -->`; what is between them is written anew.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter

from edgemin.core.errors import EdgeminError
from edgemin.study import (
    acceptance,
    cascade,
    cells,
    distilling,
    measuring,
    phases,
    pruning,
    recommend,
    registry,
    revert,
    sources,
    static,
    tables,
    task,
    timed,
    transfer,
)
from edgemin.study.base import Name
from edgemin.study.study import Study
from edgemin.study.table import Table

_PLACE = re.compile(r"(<!-- (?P<what>\w+)(?:: (?P<name>[\w, ]+))? -->\n).*?(<!-- end -->)", re.DOTALL)
_NAME = TypeAdapter(Name).json_schema()["pattern"]
_LINKS = {
    "Task": "[task](#task)",
    "Teacher": "[teacher](#teacher)",
    "Transfer": "[transfer set](#transfer)",
    "Distill": "[distill variant](#distill)",
    "Cell": "[cell](#cells)",
    "Cascade": "[cascade](#cascades)",
    "Grid": "[grid](#grids)",
    "Tables": "[tables](#tables)",
    "Recommend": "[limits](#recommendation)",
    "Acceptance": "[limits](#acceptance)",
    "Sensitivity": "[sweeps](#sensitivity)",
    "LayerSensitivity": "[scan](#layer-sensitivity)",
    "Threads": "[threads](#threads)",
    "Latency": "[protocol](#latency)",
    "TeacherCache": "[cache](#teacher-cache)",
    "DataSource": "[data source](#sources-of-data)",
    "ModelSource": "[model source](#sources-of-models)",
    "Static": "[static student](#static-students)",
    **dict.fromkeys(("Phase", "LabelPhase"), "[phase](#phases)"),
    "Splits": "[sizes](#splits)",
    "SignOf": "[`sign_of` rule](#labels-from-ratings)",
    "TestSet": "[test set](#test-sets-of-other-texts)",
    "Target": "[target](#a-target-of-time)",
    "Revert": "[limit](#layers-back-to-floats)",
    "Augment": "[augmentation](#augmentation)",
}
"""Where the model of a key is described."""
_THINGS = {
    registry.OBJECTIVES: "[term](#terms)",
    registry.STRUCTURES: "[prune variant](#prune)",
    registry.SCHEMES: "[quantize variant](#quantize)",
    registry.BASELINES: "[baseline](#baselines)",
}


def schema_text() -> str:
    """The JSON schema of a study, for editors and for people."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Study.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def filled(document: str, name: str) -> str:
    """A document with its places written anew. Raises EdgeminError for a place that nothing is known of. name: of the file."""

    def write(match: re.Match[str]) -> str:
        if match["what"] not in _WRITERS:
            raise EdgeminError(f"{name}: nothing is known to write at {match[1].strip()}; known: {', '.join(_WRITERS)}")
        if unknown := set((match["name"] or "").split(", ")) - {"", *_models()}:
            raise EdgeminError(f"{name}: {', '.join(sorted(unknown))} at {match[1].strip()} is no model of settings")
        return f"{match[1]}{_WRITERS[match['what']](match['name'] or '').strip()}\n{match[4]}"

    return _PLACE.sub(write, document)


@cache
def _links() -> dict[str, str]:
    """Name of a model -> where it is described."""
    links = {model.__name__: link for group, link in _THINGS.items() for model in group.all().values()}
    every = registry.TABLES.all().values()
    links |= {name: f"[{name.lower()}](#{table.title.lower()})" for table in every for name in _models_of(table)}
    return _LINKS | links


# -- tables of keys ----------------------------------------------------------------------------------------------------


def _models() -> dict[str, type[BaseModel]]:
    stages = (cells, distilling, phases, pruning, revert, sources, static, timed, transfer)
    others = (acceptance, cascade, measuring, recommend, tables, task)
    found = [*(_models_in(vars(module)) for module in (*stages, *others)), *map(_models_of, registry.TABLES.all().values())]
    return {"Study": Study, **{name: model for models in found for name, model in models.items()}}


def _models_in(names: Mapping[str, Any]) -> dict[str, type[BaseModel]]:
    return {name: one for name, one in names.items() if isinstance(one, type) and issubclass(one, BaseModel)}


def _models_of(table: Table) -> dict[str, type[BaseModel]]:
    """The models of what a study says of a table, where they are its own: those of the modules that its key comes from."""
    own = [one for one in get_args(table.key) if isinstance(one, type) and issubclass(one, BaseModel)]
    return {
        name: model
        for one in own
        for name, model in _models_in(vars(sys.modules[one.__module__])).items()
        if model.__module__ == one.__module__
    }


def _keys(name: str) -> str:
    """The table of a model's keys; of several, one after the other."""
    known = _models()
    return "\n".join([_HEAD, *(row for one in name.split(", ") for row in _rows(known[one]))])


_HEAD = "| key | type | default | meaning |\n|---|---|---|---|"


def _rows(model: type[BaseModel], but: frozenset[str] = frozenset()) -> Iterator[str]:
    schema = model.model_json_schema()
    required = schema.get("required", [])
    for key, value in schema.get("properties", {}).items():
        if key not in but:
            default = "required" if key in required else _default(value.get("default"))
            # Not the schema's own: it drops a description that is that of the key's model.
            meaning = _cell(model.model_fields[key].description or "")
            yield f"| `{key}` | {_type(value, schema.get('$defs', {}))} | {default} | {meaning} |"


def _default(value: Any) -> str:
    if value is None or value == "":
        return "–"
    if value in ({}, []):
        return "none"
    if isinstance(value, Mapping) or (isinstance(value, list) and any(isinstance(one, Mapping | list) for one in value)):
        return "see there"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"`{text}`".replace('"', "")


def _cell(text: str) -> str:
    """A description in one line, for a cell of a table."""
    text = " ".join(text.split()).rstrip(".")
    return text.replace("|", r"\|")


def _type(value: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    """A JSON schema in words."""
    if "$ref" in value:
        return _reference(value["$ref"].rsplit("/", 1)[1], defs)
    for several in ("anyOf", "oneOf"):
        if several in value:
            words = dict.fromkeys(_type(one, defs) for one in value[several] if one.get("type") != "null")
            return " or ".join(words) if len(words) < 5 else "one of those below"
    if "enum" in value or "const" in value:
        return ", ".join(f"`{one}`" for one in value.get("enum", [value.get("const")]))
    return _plain_type(value, defs)


def _reference(name: str, defs: Mapping[str, Any]) -> str:
    if link := _links().get(name):
        return link
    return "mapping" if "properties" in defs.get(name, {}) else _type(defs.get(name, {}), defs)


def _plain_type(value: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    kind = value.get("type")
    if kind == "array":
        if "prefixItems" in value:
            return "pair"
        inner = _type(value["items"], defs) if value.get("items") else "values"
        return f"two of {inner}" if value.get("maxItems") == value.get("minItems") == 2 else f"list of {inner}"
    if kind == "object":
        rest = value.get("additionalProperties") or next(iter(value.get("patternProperties", {}).values()), None)
        return f"name → {_type(rest, defs)}" if isinstance(rest, Mapping) else "mapping"
    if kind in ("integer", "number"):
        return f"{kind} {_bounds(value)}".strip()
    if kind == "string" and value.get("pattern") == _NAME:
        return "name"
    return {"string": "text", "boolean": "`true` or `false`"}.get(str(kind), "any")


def _bounds(value: Mapping[str, Any]) -> str:
    low, high = value.get("minimum"), value.get("maximum")
    above, below = value.get("exclusiveMinimum"), value.get("exclusiveMaximum")
    lower = f"[{low}" if low is not None else f"({above}" if above is not None else None
    upper = f"{high}]" if high is not None else f"{below})" if below is not None else None
    if lower and upper and below != 2**31:
        return f"in {lower}, {upper}"
    return f"≥ {low}" if low is not None else f"> {above}" if above is not None else ""


# -- things that the registry finds ------------------------------------------------------------------------------------


def _things(group: registry.Group, base: type[BaseModel] | None, shared: str) -> str:
    """A section for each settings class: its description and its own keys. shared: the text for a class without own keys."""
    common = frozenset(base.model_fields) if base else frozenset()
    parts = []
    for name, model in group.all().items():
        own = list(_rows(model, but=common - _own_defaults(model, base) | {str(group.tag)}))
        words = " ".join((model.__doc__ or "").split())
        if getattr(model, "predicts", False):
            words += " It trains the predictions."
        parts.append(f"`{group.tag}: {name}`: {words}" + ("" if own else f" {shared}"))
        if own:
            parts.append("\n".join([_HEAD, *own]))
    return "\n\n".join(parts)


def _own_defaults(model: type[BaseModel], base: type[BaseModel] | None) -> frozenset[str]:
    """Keys of the base that a thing describes anew."""
    return frozenset(name for name in (base.model_fields if base else ()) if name in vars(model).get("__annotations__", {}))


def _objectives(_: str) -> str:
    from edgemin.study.term import Term

    return _things(registry.OBJECTIVES, Term, "No further keys.")


def _structures(_: str) -> str:
    return _things(registry.STRUCTURES, pruning.Pruning, "No further keys.")


def _schemes(_: str) -> str:
    return _things(registry.SCHEMES, None, "No further keys.")


def _criteria(_: str) -> str:
    head = "| criterion | ranks | reads sentences | heads and neurons compare | score |\n|---|---|---|---|---|"
    rows = [
        f"| `{name}` | {', '.join(one.ranks)} | {'yes' if one.reads_data else ''} | {'yes' if one.comparable else ''} | {one.description} |"
        for name, one in registry.CRITERIA.all().items()
    ]
    return "\n".join([head, *rows])


def _runtimes(_: str) -> str:
    head = "| runtime | what it is | runs | to install |\n|---|---|---|---|"
    rows = [
        f"| `{name}` | {one.label} | {'model.onnx' if one.graph else 'model.safetensors'} | "
        f"{'`make ' + name + '`' if one.packages else 'comes with `make`'} |"
        for name, one in registry.RUNTIMES.all().items()
    ]
    return "\n".join([head, *rows])


def _families(_: str) -> str:
    return ", ".join(f"`{name}`" for name in registry.FAMILIES.names()) + "."


def _kinds(_: str) -> str:
    head = "| kind of task | metrics | an answer |\n|---|---|---|"
    rows = [
        f"| `{name}` | {', '.join(f'`{metric.name}`' for metric in one.metrics)} | {_cell(one.__doc__ or '')} |"
        for name, one in registry.KINDS.all().items()
    ]
    return "\n".join([head, *rows])


def _names(_: str) -> str:
    """Everything that the registry finds."""
    rows = [f"| {one.plural} | `{one.path}/` | {', '.join(f'`{name}`' for name in one.names())} |" for one in registry.GROUPS]
    return "\n".join(["| | in | |\n|---|---|---|", *rows])


_WRITERS: dict[str, Callable[[str], str]] = {
    "keys": _keys,
    "objectives": _objectives,
    "structures": _structures,
    "criteria": _criteria,
    "schemes": _schemes,
    "baselines": lambda _: _things(registry.BASELINES, None, "No further keys."),
    "runtimes": _runtimes,
    "families": _families,
    "kinds": _kinds,
    "names": _names,
}
