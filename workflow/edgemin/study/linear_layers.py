"""The linear layers of a model, by the dotted names of their modules: what `skip` of a quantize variant chooses from. Needs no torch.

A test compares the names with the layers of exported graphs.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from edgemin.core.errors import EdgeminError
from edgemin.study.expected import abbreviated
from edgemin.study.family import family_of
from edgemin.study.structure import Shape

_DENSE = ("classifier.dense", "classifier.out_proj")
HEADS = {
    "bert": ("bert.pooler.dense", "classifier"),
    "distilbert": ("pre_classifier", "classifier"),
    "electra": _DENSE,
    "mpnet": _DENSE,
    "roberta": _DENSE,
}
"""Family -> linear layers of its sequence classifier besides those of the encoder. The layers of another family are known once it is loaded."""


def linear_layers(config: Any, shape: Shape) -> list[str] | None:
    """Names of a model's linear layers, in its order; None for a family that is not in `HEADS`.

    config: of the encoder that it was made from. shape: its own. Of layers whose parts learned masks cut, all parts are listed.
    """
    family = family_of(config)
    if family.name not in HEADS:
        return None
    outside = family.outside(config)
    names = [name.removesuffix(".bias") for name in outside if name.endswith(".bias") and f"{name[:-5]}.weight" in outside]
    neurons = shape.neurons or (1,) * len(shape.heads)
    for number, (heads, width) in enumerate(zip(shape.heads, neurons, strict=True)):
        attention = (family.query, family.key, family.value, family.output) if heads or not shape.exact else ()
        ffn = (family.ffn_in, family.ffn_out) if width else ()
        names += [f"{family.layers}.{number}.{name}" for name in (*attention, *ffn)]
    return [*(f"{family.base}.{name}" for name in names), *HEADS[family.name]]


def skips(wanted: Sequence[str], module: str) -> bool:
    """Whether a module is one of those named, or inside one. A name may omit its prefix."""
    return any(f".{name}." in f".{module}." for name in wanted)


def check_skip(wanted: Sequence[str], modules: Sequence[str]) -> None:
    """Raises EdgeminError, which begins with the key, for a name that stands for none of the linear layers `modules`."""
    for name in wanted:
        if not any(skips([name], module) for module in modules):
            near = get_close_matches(name, _parts(modules), n=3, cutoff=0)
            raise EdgeminError(
                f"skip: '{name}' is no linear layer of the model, nor a module with one inside; nearest: {', '.join(near)}; "
                f"its linear layers: {abbreviated(modules)}"
            )


def _parts(modules: Sequence[str]) -> list[str]:
    """Every name that `skip` could say: runs of whole parts of dotted names."""
    parts: dict[str, None] = {}
    for module in modules:
        words = module.split(".")
        parts |= {".".join(words[start:end]): None for start in range(len(words)) for end in range(start + 1, len(words) + 1)}
    return list(parts)
