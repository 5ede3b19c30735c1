"""Train with fake quantization, then write static INT8 by the ranges that came out."""

from __future__ import annotations

import shutil

from torch import nn

from edgemin.core.files import write_json
from edgemin.encoders import checkpoint
from edgemin.encoders.folder import saving
from edgemin.encoders.onnx_export import export
from edgemin.methods.distill import teachers
from edgemin.methods.distill.term import TeacherShape, term_maker
from edgemin.methods.quantize.calibration import sentences
from edgemin.methods.quantize.graphs import write_config
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.ranges import input_ranges
from edgemin.methods.schemes.int8_qat import FakeQuantTerm, Int8Qat
from edgemin.methods.schemes.int8_qat.fake_quant import FakeQuant
from edgemin.methods.schemes.int8_static import Int8Static
from edgemin.methods.schemes.int8_static.in_onnxruntime import quantize
from edgemin.study.kind import kind_of
from edgemin.study.linear_layers import check_skip
from edgemin.training.run import train

_FIRST = 64  # training sentences for the first ranges


def quantize_aware(variant: Int8Qat, given: QuantizeInputs) -> None:
    """Writes model.onnx, config.json, history.json and the tokenizer. Raises EdgeminError, before any training, for a `skip` that names
    no linear layer."""
    assert given.training is not None
    assert given.tokens is not None
    (files, teacher_files), parent, spec = given.training, given.parent, given.spec
    static = Int8Static(
        scheme="int8_static",
        backend="onnxruntime",
        per_channel=variant.per_channel,
        embeddings=variant.embeddings,
        skip=variant.skip,
        reduce_range=variant.reduce_range,
    )
    model = checkpoint.load(parent)
    check_skip(variant.skip, [name for name, module in model.named_modules() if isinstance(module, nn.Linear)])
    usual = term_maker(model, TeacherShape.of(teacher_files.teacher), kind_of(spec))
    few = sentences(given.tokens, parent, _FIRST, spec["seed"])
    fake = FakeQuant(model, variant, input_ranges(model, few, static))
    done = train(
        model,
        [variant.learn.model_copy(update={"terms": [*variant.learn.terms, FakeQuantTerm()]})],
        lambda term: fake if isinstance(term, FakeQuantTerm) else usual(term),
        files=files,
        tokenizer=parent,
        spec=spec,
        parents=[parent / "model.safetensors", teacher_files.teacher / "model.safetensors"],
        name="quantize",
        signals=teachers.reader(teacher_files, parent, spec),
    )
    fake.remove()
    with saving(given.out, tokenizer_from=parent, spec=spec, parents=dict.fromkeys(done.inputs)) as partial:
        graph = partial / "float.onnx"
        export(model.to("cpu"), graph)
        quantize(graph, partial / "model.onnx", static, fake.ranges())
        graph.unlink()
        write_config(parent, partial, spec)
        write_json(partial / "history.json", {**done.history, "ranges": fake.ranges()})
    shutil.rmtree(done.state, ignore_errors=True)
