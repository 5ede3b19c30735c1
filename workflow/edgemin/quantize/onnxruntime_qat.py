"""Quantization-aware training for ONNX Runtime: train with fake quantization, then write static INT8 by the ranges that came out."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgemin.config.variants import FakeQuantTerm, Int8Qat, Int8Static
from edgemin.deploy.onnx_export import export
from edgemin.distill import teachers
from edgemin.distill.terms import TeacherShape, term_maker
from edgemin.encoders import checkpoint
from edgemin.encoders.folder import saving
from edgemin.files import write_json
from edgemin.quantize.fake_quant import FakeQuant
from edgemin.quantize.graphs import write_config
from edgemin.quantize.onnxruntime_static import quantize
from edgemin.quantize.ranges import input_ranges
from edgemin.training.data import read_examples, sampled
from edgemin.training.run import train

_FIRST = 64  # training sentences that the first ranges are found on


def quantize_aware(
    parent: Path,
    teacher: Path,
    transfer: Path | None,
    caches: Sequence[Path],
    data: Path,
    out: Path,
    scratch: Path,
    spec: Mapping[str, Any],
) -> None:
    """Writes model.onnx, config.json, history.json and the tokenizer. spec["variant"]: dump of an Int8Qat."""
    variant = Int8Qat.model_validate(spec["variant"])
    static = Int8Static(
        scheme="int8_static",
        backend="onnxruntime",
        per_channel=variant.per_channel,
        embeddings=variant.embeddings,
        skip=variant.skip,
    )
    model = checkpoint.load(parent)
    usual = term_maker(model, TeacherShape.of(teacher))
    few = sampled(read_examples(data, "train", parent, spec["max_length"]), _FIRST, spec["seed"])
    fake = FakeQuant(model, variant, input_ranges(model, few, static))
    phase = variant.learn.model_copy(update={"terms": [*variant.learn.terms, FakeQuantTerm()]})
    done = train(
        model,
        [phase],
        lambda config: fake if isinstance(config, FakeQuantTerm) else usual(config),
        data=data,
        tokenizer_folder=parent,
        scratch=scratch,
        spec=spec,
        parents=[parent / "model.safetensors", teacher / "model.safetensors"],
        name="quantize",
        transfer=transfer,
        signals=teachers.reader(caches, teacher, parent, data, spec),
    )
    fake.remove()
    with saving(out, tokenizer_from=parent, spec=spec, parents=dict.fromkeys(done.inputs)) as partial:
        graph = partial / "float.onnx"
        export(model.to("cpu"), graph)
        quantize(graph, partial / "model.onnx", static, fake.ranges())
        graph.unlink()
        write_config(parent, partial, spec)
        write_json(partial / "history.json", {**done.history, "ranges": fake.ranges()})
    shutil.rmtree(done.state, ignore_errors=True)
