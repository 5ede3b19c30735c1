"""Times of shapes: attention and FFN of an encoder with fewer heads and neurons, on this machine.

Models of the encoder's depth, all layers alike and weights at random, are built, exported and timed in turn with the float teacher. The time
of a block follows from differences between models, so it includes what the runtime makes of a whole graph.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from edgemin.core.errors import EdgeminError
from edgemin.core.provenance import EXPORT_PROVENANCE, write_provenance
from edgemin.encoders import checkpoint
from edgemin.encoders.onnx_export import export
from edgemin.measure import host as hosts
from edgemin.measure.fit import Shape, fit
from edgemin.measure.latency import Call, sentences_of_block, take_turns
from edgemin.methods.prune.times import Sizes, Times
from edgemin.methods.schemes.int8_dynamic import Int8Dynamic
from edgemin.methods.schemes.int8_dynamic.in_onnxruntime import quantize
from edgemin.study.family import family_of, usable_positions
from edgemin.study.measuring import Latency
from edgemin.study.runtime import open_model
from edgemin.study.structure import Structure

log = logging.getLogger(__name__)
PROTOCOL = Latency(rounds=1, warmup=20, calls=600, seconds=3.0, minimum_calls=100, blocks=20)
"""Of every model. No key of a study: other times are other cuts, so they do not change with how tables measure latency."""
SMALLEST = 8
"""Neurons of the smallest FFN that is timed, and what all widths are multiples of."""
LOOSE = 0.05
"""Relative error of the sum over blocks above which all is timed again: most likely other programs ran."""
ATTEMPTS = 3
"""As often at most; the best counts."""


def measure(encoder: Path, teacher: Path, spec: Mapping[str, Any], protocol: Latency = PROTOCOL) -> dict[str, Any]:
    """encoder: folder of the config.json whose layers are timed with all and with fewer units. teacher: folder of the float teacher's graph.
    spec: runtime, quantized, tokens, threads.

    Returns `Times.as_json`, and how they were measured. Raises EdgeminError for models without so many positions.
    """
    configs = {"encoder": checkpoint.load_config(encoder), "teacher": checkpoint.load_config(teacher)}
    for name, config in configs.items():
        if spec["tokens"] > (positions := usable_positions(config)):
            raise EdgeminError(f"target.tokens: {spec['tokens']}, but the {name} has positions for {positions}; lower it")
    torch.set_num_threads(spec["threads"])
    shapes = shapes_of(Structure.of(configs["encoder"]))
    with tempfile.TemporaryDirectory() as scratch:
        folders = {shape: Path(scratch, f"{shape[0]}-{shape[1]}") for shape in shapes}
        for number, (shape, folder) in enumerate(folders.items(), start=1):
            write_graph(encoder, shape, folder, spec["quantized"])
            log.info("graph %d of %d: %d heads and %d neurons in every layer", number, len(shapes), *shape)
        cpus = hosts.pin(spec["threads"])
        manifest = hosts.host(spec["threads"])
        items = {name: _inputs(config, spec["tokens"], sentences_of_block(protocol)) for name, config in configs.items()}
        calls: dict[Any, Call] = {"teacher": _on(open_model(teacher, spec["runtime"], spec["threads"]), items["teacher"])}
        for shape, folder in folders.items():
            calls[shape] = _on(open_model(folder, spec["runtime"], spec["threads"]), items["encoder"])
        summary = _best_of(calls, range(len(items["teacher"])), protocol, shapes, Sizes.of(configs["encoder"]))
    how = {name: spec[name] for name in ("runtime", "quantized", "tokens", "threads")}
    kept = {"warmup", "calls", "seconds", "minimum_calls", "blocks"}
    return {**how, **summary, "protocol": protocol.model_dump(include=kept), "cpus": cpus, "host": manifest}


def _best_of(
    calls: Mapping[Any, Call], items: Sequence[Any], protocol: Latency, shapes: Sequence[Shape], sizes: Sizes
) -> dict[str, Any]:
    best: dict[str, Any] = {}
    for attempt in range(1, ATTEMPTS + 1):
        found = summarised(take_turns(calls, items, protocol), shapes, sizes)
        log.info("timed: the sum over blocks is off by at most %+.1f %%", found["largest_error"] * 100)
        if not best or abs(found["largest_error"]) < abs(best["largest_error"]):
            best = found
        if abs(best["largest_error"]) <= LOOSE:
            return {**best, "attempts": attempt}
    log.warning("still more than %g %%: were other programs running? Delete the file of times to measure anew", LOOSE * 100)
    return {**best, "attempts": ATTEMPTS}


def shapes_of(structure: Structure) -> list[Shape]:
    """What is built: no block at all; attention alone with 1, a third, two thirds and all of the heads; FFN alone with 8 neurons, a quarter, a
    half and all; and the three largest of each together. 12 models, fewer where there are few units."""
    most, widest = max(map(len, structure.heads), default=0), max(structure.intermediate, default=0)
    heads = _levels(most, [1, round(most / 3), round(most * 2 / 3)])
    neurons = _levels(widest, [SMALLEST, *(round(widest / part / SMALLEST) * SMALLEST for part in (4, 2))])
    together = zip(heads[::-1][:3], neurons[::-1][:3], strict=False)
    return list(dict.fromkeys([(0, 0), *((h, 0) for h in heads), *((0, n) for n in neurons), *together]))


def _levels(most: int, fewer: Sequence[int]) -> list[int]:
    return sorted({units for units in (*fewer, most) if 0 < units <= most})


def write_graph(encoder: Path, shape: Shape, folder: Path, quantized: bool) -> None:
    """A model of random weights with the encoder's config, but `shape` in every layer, as model.onnx with its digest."""
    config = checkpoint.load_config(encoder)
    structure, (heads, neurons) = Structure.of(config), shape
    layers = len(structure.heads)
    Structure((tuple(range(heads)),) * layers, structure.head_dim, (neurons,) * layers).write(config)
    folder.mkdir()
    graph = folder / "model.onnx"
    torch.manual_seed(0)
    export(checkpoint.build(config), graph)
    if quantized:
        graph.rename(folder / "float.onnx")
        quantize(folder / "float.onnx", graph, Int8Dynamic(backend="onnxruntime"))
        (folder / "float.onnx").unlink()
    write_provenance(folder, spec={}, name=EXPORT_PROVENANCE)


def _inputs(config: Any, tokens: int, count: int) -> list[dict[str, np.ndarray]]:
    """Random ids, int64 (1, tokens), none of them padding."""
    random, padding = np.random.default_rng(0), int(config.pad_token_id or 0)
    others = np.setdiff1d(np.arange(config.vocab_size), [padding])
    batches = []
    for _ in range(count):
        ids = random.choice(others, (1, tokens)).astype(np.int64)
        values = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        batches.append({name: values[name] for name in family_of(config).inputs})
    return batches


def _on(run: Any, inputs: Sequence[Any]) -> Call:
    return lambda index: run(inputs[index])


def summarised(timed: Mapping[Any, np.ndarray], shapes: Sequence[Shape], sizes: Sizes) -> dict[str, Any]:
    """timed: seconds (blocks, calls) of `teacher` and of every shape, in turn. A shape's time is the teacher's median times the median over
    blocks of median(shape) / median(teacher): what slows both down does not count, nor do a few blocks in which something else ran. Half of the
    blocks are between `low_ms` and `high_ms`."""
    teacher = float(np.median(timed["teacher"]) * 1e3)
    medians = {name: np.median(seconds, axis=1) for name, seconds in timed.items()}
    spread = {shape: teacher * np.quantile(medians[shape] / medians["teacher"], (0.25, 0.5, 0.75)) for shape in shapes}
    times = Times(sizes, teacher, *fit({shape: float(middle) for shape, (_, middle, _) in spread.items()}, sizes.layers))
    rows = []
    for shape, (low, middle, high) in spread.items():
        fitted = times.rest + sizes.layers * times.of(*shape)
        interval = {"ms": float(middle), "low_ms": float(low), "high_ms": float(high)}
        rows.append(
            {"heads": shape[0], "neurons": shape[1], **interval, "fitted_ms": fitted, "error": fitted / float(middle) - 1}
        )
    return {**times.as_json(), "largest_error": max((row["error"] for row in rows), key=abs), "shapes": rows}
