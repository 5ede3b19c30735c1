"""The unions of what a prune and a quantize variant may be, made of what the registry finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Discriminator, Tag, TypeAdapter

from edgemin.study import registry
from edgemin.study.pruning import Pruning
from edgemin.study.quantizing import Quantizing


def _tagged(key: str, default: str) -> Callable[[Any], str]:
    """The tag of a variant, raw or parsed: its value of `key`, or the default."""
    return lambda value: str(value.get(key, default)) if isinstance(value, dict) else getattr(value, key, default)


def _union(group: registry.Group, key: str, default: str) -> Any:
    wrong = f"{key} is not one of {', '.join(group.names())}"
    chosen = Discriminator(_tagged(key, default), custom_error_type=key, custom_error_message=wrong)
    return Annotated[group.union(tag=Tag), chosen]


if TYPE_CHECKING:
    AnyPrune = Pruning
    AnyQuantize = Quantizing
else:
    AnyPrune = _union(registry.STRUCTURES, "structure", "heads")
    AnyQuantize = _union(registry.SCHEMES, "scheme", "int8_dynamic")


def prune_variant(spec: Any) -> Pruning:
    """A prune variant out of the spec of its job."""
    variant: Pruning = TypeAdapter(AnyPrune).validate_python(spec)
    return variant


def quantize_variant(spec: Any) -> Quantizing:
    """A quantize variant out of the spec of its job."""
    variant: Quantizing = TypeAdapter(AnyQuantize).validate_python(spec)
    return variant
