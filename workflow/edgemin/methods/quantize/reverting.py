"""Quantize, then give the layers that lose most their floats back, until the metric on validation is within a limit.

Layers are ranked once: each is quantized alone, all others staying floats, and its harm is the divergence of the answers from the float
parent's. A divergence is far less noisy than a metric: of a few hundred texts one layer rarely changes a decision. Then the layer of most harm goes
back to floats, the metric is judged anew, and so on. The draw of these texts is always the same, and the test split is not looked at.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgemin.core.files import write_json
from edgemin.data.drawn import at, drawn
from edgemin.data.tokens import Tokens
from edgemin.methods.quantize.graphs import quantizing
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.runtimes.onnxruntime.run import open_graph
from edgemin.study import registry
from edgemin.study.kind import kind_of
from edgemin.study.revert import REVERTED, Revert
from edgemin.study.variants import quantize_variant

if TYPE_CHECKING:
    from edgemin.study.runtime import Run

Predict = Callable[["Run", Tokens, int], np.ndarray]
"""`measure.quality.predict`."""


@dataclass(frozen=True)
class Partly:
    """A scheme that can leave any of its linear layers in floats: what `partly` in a scheme's reverting.py returns."""

    layers: Sequence[str]
    """Modules that it quantizes, in the graph's order."""
    write: Callable[[Sequence[str], Path], None]
    """Write the graph in which these modules are floats."""


@dataclass(frozen=True)
class Judged:
    """A graph: how far its metric is below the float parent's, and its bytes."""

    drop: float
    bytes: int


def quantize_and_revert(given: QuantizeInputs, validation: Path, predict: Predict) -> None:
    """Writes what the scheme writes, and reverted.json. Reads the parent's model.onnx, tokens of validation, and what else the scheme reads.

    given.spec: `variant`, with `revert`; metric, batch_size, threads; `seed` for schemes that read sentences.
    """
    variant = quantize_variant(given.spec["variant"])
    limits = variant.revert
    assert limits is not None
    with quantizing(given, validation, *([given.tokens] if given.tokens else [])) as target:
        partly: Partly = registry.SCHEMES.half(variant.scheme, "reverting").partly(variant, given)
        answers = Answers(given.parent, Tokens.read(validation, given.parent), given.spec, predict)
        harm = harms(partly, lambda graph: answers.divergence(graph, limits.sentences), target)
        worst_first = sorted(harm, key=lambda layer: -harm[layer])

        def judge(floats: Sequence[str]) -> Judged:
            partly.write(floats, target)
            return Judged(answers.drop(target), target.stat().st_size)

        seen = revert(worst_first, judge, limits.max_drop)
        found = {
            "metric": given.spec["metric"],
            "texts": len(answers.tokens),
            "float": answers.float,
            "max_drop": limits.max_drop,
        }
        write_json(target.parent / REVERTED, {**found, **_told(worst_first, seen, limits), "harm": harm})


def within(drop: float, max_drop: float) -> bool:
    """Whether a drop is at most the limit, to nine decimals: 0.888 - 0.886 is a little more than 0.002 in binary."""
    return round(drop - max_drop, 9) <= 0


def revert(worst_first: Sequence[str], judge: Callable[[Sequence[str]], Judged], max_drop: float) -> list[Judged]:
    """The graphs with none, the first, the first two … of these layers in floats, up to the first whose drop is at most `max_drop`; or up to the
    last, if there is none. judge: writes and judges a graph with these layers in floats."""
    seen = [judge([])]
    while not within(seen[-1].drop, max_drop) and len(seen) <= len(worst_first):
        seen.append(judge(worst_first[: len(seen)]))
    return seen


def harms(partly: Partly, divergence: Callable[[Path], float], scratch: Path) -> dict[str, float]:
    """Layer -> divergence of the answers from the float parent's when it alone is quantized, of the linear layers. scratch: a file for graphs."""
    found = {}
    for layer in partly.layers:
        partly.write([other for other in partly.layers if other != layer], scratch)
        found[layer] = divergence(scratch)
    return found


class Answers:
    """Of graphs to the texts of validation, beside the float parent's."""

    def __init__(self, parent: Path, tokens: Tokens, spec: Mapping[str, Any], predict: Predict) -> None:
        self.tokens, self._spec, self._predict = tokens, spec, predict
        self._judge = kind_of(spec).scores()
        self._score, self._labels = self._judge.score(spec["metric"]), self._judge.gold(tokens.column("label"))
        self._floats = self._of(parent / "model.onnx", tokens)
        self.float: float = self._score(self._labels, self._floats)
        """The metric of the float parent."""

    def drop(self, graph: Path) -> float:
        """How far the metric is below the float parent's; below 0 where it is above."""
        return float(self.float - self._score(self._labels, self._of(graph, self.tokens)))

    def divergence(self, graph: Path, count: int) -> float:
        """From the float parent's answers, of `count` texts drawn at random, the same for every graph."""
        places = drawn(len(self.tokens), count)
        return float(self._judge.divergence(self._floats[places], self._of(graph, at(self.tokens, places))))

    def _of(self, graph: Path, tokens: Tokens) -> np.ndarray:
        return self._predict(open_graph(graph, self._spec["threads"]), tokens, self._spec["batch_size"])


def _told(worst_first: Sequence[str], seen: Sequence[Judged], limits: Revert) -> dict[str, Any]:
    """What reverted.json says of the layers; the same in the log."""
    steps = [
        {"layer": layer, "before": before.drop, "after": after.drop, "bytes": after.bytes - before.bytes}
        for layer, before, after in zip(worst_first, seen, seen[1:], strict=False)
    ]
    for step in steps:
        logging.info("floats again: %(layer)s; drop %(before).4f before, %(after).4f after; %(bytes)d bytes more", step)
    first, last = seen[0], seen[-1]
    if not within(last.drop, limits.max_drop):
        logging.warning(
            "revert: all %d linear layers are floats again, and the drop of %.4f on validation is still above max_drop %g; what is left is the "
            "rounding of the embedding tables, if they are quantized: set `embeddings`, or raise the limit",
            len(steps),
            last.drop,
            limits.max_drop,
        )
    else:
        logging.info("revert: %d of %d linear layers are floats again; drop %.4f", len(steps), len(worst_first), last.drop)
    return {
        "within": within(last.drop, limits.max_drop),
        "drop": last.drop,
        "drop_before": first.drop,
        "bytes": last.bytes,
        "bytes_before": first.bytes,
        "layers": len(worst_first),
        "steps": steps,
    }
