"""The tables of a study: a key for each table that has settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, create_model

from edgemin.study import registry
from edgemin.study.base import AsBefore, Strict


def _keys() -> dict[str, Any]:
    """A table that is added later changes no study that does not ask for it."""
    return {
        name: (Annotated[table.key, AsBefore(table.default)], Field(default=table.default, description=table.meaning))
        for name, table in registry.TABLES.all().items()
        if table.key is not None
    }


if TYPE_CHECKING:
    Tables = Any
    PageTable = str
else:
    Tables = create_model("Tables", __base__=Strict, __doc__="Which cells are in which table.", **_keys())
    PageTable = Literal[registry.TABLES.names()]
