"""Settings as plain types, with phases, samples and sweeps made short."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from edgemin.study.chains import Link
from edgemin.study.pins import encoder_name
from edgemin.study.sources import ModelSource

if TYPE_CHECKING:
    from edgemin.study.study import Study

BATCH = 16
SHORT: Mapping[str, Callable[[Any], Any]] = {
    "epochs": lambda _: 1,
    "batch_size": lambda size: min(size, BATCH),
    "sentences": lambda count: min(count, 32),
    "iterations": lambda count: min(count, 2),
    "floor": lambda _: 1,  # a share of it may be all that a tiny layer has
    "relation_heads": lambda heads: heads if heads == "auto" else 4,  # as many as a tiny encoder has
    "speedup": lambda speedup: min(speedup, 1.2),  # of a tiny model little but its blocks takes time, and all of it is noisy
    "tokens": lambda count: min(count, 16),
    "mask_learning_rate": lambda _: 0.3,  # masks have a handful of updates to move in
}
"""Key of any variant -> what becomes of its value."""


def plain(value: Any, place: Callable[[ModelSource], Any], short: Mapping[str, Callable[[Any], Any]] = SHORT) -> Any:
    """What a study says of `value`, short. place: what is written in place of the source of a model.

    Defaults are written only where they become something else.
    """
    if isinstance(value, ModelSource):
        return place(value)
    if isinstance(value, BaseModel):
        fields = {}
        for name in type(value).model_fields:
            own = getattr(value, name)
            made = short[name](own) if name in short and own is not None else plain(own, place, short)
            if name in value.model_fields_set or made != plain(own, place, {}):
                fields[name] = made
        return fields
    if isinstance(value, Mapping):
        return {str(name): plain(one, place, short) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one, place, short) for one in value]
    return value


def alike(study: Study) -> dict[Link, str]:
    """Link -> what it is once it is short: variants that then differ in a fraction alone (a rate, a ratio, a weight) are one. Zero is another thing
    than any other fraction, since it turns something off; so is another transfer set, unless it differs in the number of its rows alone."""
    sets = {name: {**transfer.model_dump(mode="json"), "rows": None} for name, transfer in study.transfer.items()}
    kinds = {}
    for stage, variants in study.variants().items():
        for name, variant in variants.items():
            settings = plain(variant, encoder_name)
            settings["transfer"] = sets.get(getattr(variant, "transfer", None) or "")
            kinds[Link(stage, name)] = f"{stage} {json.dumps(_coarse(settings), sort_keys=True)}"
    return kinds


def _coarse(value: Any) -> Any:
    if isinstance(value, float):
        return "some" if value else "none"
    if isinstance(value, Mapping):
        return {name: _coarse(one) for name, one in value.items()}
    return [_coarse(one) for one in value] if isinstance(value, list) else value
