"""Train with rounded weights, then write them by the scales that came out."""

from __future__ import annotations

import shutil

from torch import nn

from edgemin.core.files import write_json
from edgemin.encoders import checkpoint
from edgemin.encoders.folder import saving
from edgemin.encoders.onnx_export import export
from edgemin.methods.distill import teachers
from edgemin.methods.distill.term import TeacherShape, term_maker
from edgemin.methods.quantize.graphs import write_config
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.schemes.few_bits.in_onnxruntime import quantize
from edgemin.methods.schemes.few_bits_qat import FewBitsQat, LearnedScalesTerm
from edgemin.methods.schemes.few_bits_qat.learned import LearnedScales
from edgemin.study.kind import kind_of
from edgemin.study.linear_layers import check_skip
from edgemin.training.run import train


def quantize_aware(variant: FewBitsQat, given: QuantizeInputs) -> None:
    """Writes model.onnx, config.json, history.json and the tokenizer. Raises EdgeminError, before any training, for a `skip` that names
    no linear layer."""
    assert given.training is not None
    (files, teacher_files), parent, spec = given.training, given.parent, given.spec
    model = checkpoint.load(parent)
    check_skip(variant.skip, [name for name, module in model.named_modules() if isinstance(module, nn.Linear)])
    usual = term_maker(model, TeacherShape.of(teacher_files.teacher), kind_of(spec))
    learned = LearnedScales(model, variant)
    done = train(
        model,
        [variant.learn.model_copy(update={"terms": [*variant.learn.terms, LearnedScalesTerm()]})],
        lambda term: learned if isinstance(term, LearnedScalesTerm) else usual(term),
        files=files,
        tokenizer=parent,
        spec=spec,
        parents=[parent / "model.safetensors", teacher_files.teacher / "model.safetensors"],
        name="quantize",
        signals=teachers.reader(teacher_files, parent, spec),
    )
    learned.remove()
    with saving(given.out, tokenizer_from=parent, spec=spec, parents=dict.fromkeys(done.inputs)) as partial:
        graph = partial / "float.onnx"
        export(model.to("cpu"), graph)
        quantize(graph, partial / "model.onnx", variant.rounding, learned.scales())
        graph.unlink()
        write_config(parent, partial, spec)
        write_json(partial / "history.json", done.history)
    shutil.rmtree(done.state, ignore_errors=True)
