"""Graphs of one float model: ours, and those that libraries make of it. Bytes, nodes, and answers to the validation texts."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from edgemin.data.tokens import Tokens
from edgemin.encoders import checkpoint
from edgemin.measure.quality import predict
from edgemin.methods.quantize.calibration import sentences
from edgemin.methods.quantize.graphs import contrib, linear_layers, read_graph, split_gemms
from edgemin.methods.quantize.ranges import input_ranges
from edgemin.methods.schemes.few_bits import FewBits
from edgemin.methods.schemes.few_bits import in_onnxruntime as few_bits
from edgemin.methods.schemes.int4 import Int4
from edgemin.methods.schemes.int4 import in_onnxruntime as int4
from edgemin.methods.schemes.int8_static import Int8Static
from edgemin.methods.schemes.int8_static import in_onnxruntime as int8_static
from edgemin.report.acceptance.measures import Answers, agreement, divergence
from edgemin.runtimes.onnxruntime.run import open_graph
from kept_case import Case

CALIBRATIONS = {"minmax": "MinMax", "percentile": "Percentile", "entropy": "Entropy"}
"""Ours -> onnxruntime's."""
BLOCK = 32
"""Weights that share a scale."""
INT8_ACTIVATIONS = 4
"""The kernel's accuracy_level, as in our scheme."""
BATCH = 32
Write = Callable[[Path], None]
"""Makes a graph at a path."""


def ways(case: Case, count: int) -> dict[str, Write]:
    """Name -> what makes the graph. count: of calibration sentences."""
    batches = sentences(case.train, case.folder, count, seed=0)
    return {"float": lambda to: write(read_graph(case.graph), to)} | _static(case, batches) | _four_bits(case) | _cleaned(case)


def _static(case: Case, batches: Sequence[Mapping[str, Any]]) -> dict[str, Write]:
    """Linear layers of the encoder, embedding tables as they are. The library's histograms need texts of one length, so padding counts in them."""

    def ours(calibration: str) -> Write:
        config = Int8Static.model_validate(
            {"scheme": "int8_static", "backend": "onnxruntime", "calibration": calibration, "embeddings": False}
        )

        def make(to: Path) -> None:
            int8_static.quantize(case.graph, to, config, input_ranges(checkpoint.load(case.folder), batches, config))

        return make

    def library(calibration: str, form: str, leave: Sequence[str] = ()) -> Write:
        """leave: operators whose results are not rounded."""
        from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

        def make(to: Path) -> None:
            with _silent():
                quantize_static(
                    read_graph(case.graph),
                    to,
                    reader(batches, alike=calibration != "minmax"),
                    quant_format=QuantFormat[form],
                    op_types_to_quantize=["MatMul"],
                    per_channel=True,
                    activation_type=QuantType.QUInt8,
                    weight_type=QuantType.QInt8,
                    calibrate_method=CalibrationMethod[CALIBRATIONS[calibration]],
                    extra_options={
                        "MatMulConstBOnly": True,
                        "DefaultTensorType": 1,
                        "CalibPercentile": 99.99,
                        "OpTypesToExcludeOutputQuantization": list(leave),
                    },
                )

        return make

    forms: dict[str, tuple[str, Sequence[str]]] = {
        "QDQ": ("QDQ", ()),
        "QDQ, inputs alone": ("QDQ", ("MatMul",)),
        "QOperator": ("QOperator", ()),
    }
    return {f"int8_static, {one}: ours": ours(one) for one in CALIBRATIONS} | {
        f"int8_static, {one}: quantize_static, {name}": library(one, *form)
        for one in CALIBRATIONS
        for name, form in forms.items()
    }


def reader(batches: Sequence[Mapping[str, Any]], alike: bool) -> Any:
    """The sentences one by one, as onnxruntime's calibrators ask for them. alike: all padded to the longest, else without padding."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.texts = _texts(batches, alike)

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self.texts, None)

    return Reader()


def _texts(batches: Sequence[Mapping[str, Any]], alike: bool) -> Iterator[dict[str, np.ndarray]]:
    longest = max(int(batch["inputs"]["attention_mask"].sum(1).max()) for batch in batches)
    for batch in batches:
        for row in range(len(batch["inputs"]["attention_mask"])):
            length = int(batch["inputs"]["attention_mask"][row].sum())
            text = {name: values[row, :length].numpy() for name, values in batch["inputs"].items()}
            fill = longest - length if alike else 0
            yield {name: np.pad(values, (0, fill))[None] for name, values in text.items()}


def _four_bits(case: Case) -> dict[str, Write]:
    """Linear layers and embedding tables, with a scale of the largest value, or of least squared error. The library gets each Gemm as a product and a sum, as our scheme writes it."""
    config = Int4(scheme="int4", backend="onnxruntime", block_size=BLOCK)

    def library(symmetric: bool) -> Write:
        from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

        def make(to: Path) -> None:
            model = read_graph(case.graph)
            split_gemms(model)
            quantizer = MatMulNBitsQuantizer(
                model,
                block_size=BLOCK,
                is_symmetric=symmetric,
                accuracy_level=INT8_ACTIVATIONS,
                op_types_to_quantize=("MatMul", "Gather"),
            )
            with _silent():
                quantizer.process()
            contrib(quantizer.model.model)
            write(quantizer.model.model, to)

        return make

    def fitted(zero_point: bool) -> Write:
        found = FewBits(scheme="few_bits", backend="onnxruntime", bits=4, embeddings=4, group=BLOCK, zero_point=zero_point)
        return lambda to: few_bits.quantize(case.graph, to, found)

    return {
        "4 bits: ours, int4": lambda to: int4.quantize(case.graph, to, config),
        "4 bits: MatMulNBitsQuantizer, symmetric": library(True),
        "4 bits: ours, few_bits": fitted(False),
        "4 bits: ours, few_bits, zero points": fitted(True),
        "4 bits: MatMulNBitsQuantizer, zero points": library(False),
    }


PASSES = (
    "IdentityEliminationPass",
    "LiftConstantsToInitializersPass",
    "CommonSubexpressionEliminationPass",
    "DeduplicateInitializersPass",
    "RemoveUnusedNodesPass",
    "RemoveUnusedOpsetsPass",
    "ClearMetadataAndDocStringPass",
)
"""Of onnx_ir, in this order."""


def _cleaned(case: Case) -> dict[str, Write]:
    """What our exporter wrote, through onnx_ir's passes."""

    def make(to: Path) -> None:
        import onnx_ir
        from onnx_ir.passes import common

        model = onnx_ir.from_proto(read_graph(case.graph))
        for name in PASSES:
            getattr(common, name)()(model)
        write(onnx_ir.to_proto(model), to)

    return {"float: onnx_ir passes": make}


def write(model: Any, to: Path) -> None:
    import onnx

    onnx.save(model, to)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """onnxruntime's quantizers print and log each node, and warn of a step that fails on graphs of this exporter."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)


def nodes_of(file: Path) -> int:
    import onnx

    return len(onnx.load(file, load_external_data=False).graph.node)


def nodes_run(file: Path) -> int:
    """Nodes that the runtime is left with when it has fused what it can."""
    import onnxruntime

    optimised = file.with_suffix(".optimised.onnx")
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath, options.log_severity_level = str(optimised), 3
    onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return nodes_of(optimised)


def compare(case: Case, made: Mapping[str, Write], count: int | None = None) -> pd.DataFrame:
    """A row for each graph; the first is what the others' answers are compared with. count: of validation texts, all by default.

    A library that does not take the model leaves a row with what it said.
    """
    texts = Tokens.read(case.validation[0], case.folder)
    texts = texts if count is None else texts.head(count)
    labels, rows, parent = case.judge.scores.gold(texts.column("label")), [], None
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, make) in enumerate(made.items()):
            file = Path(folder, f"{number}.onnx")
            try:
                make(file)
                logits = predict(open_graph(file, 1), texts, BATCH)
            except Exception as error:  # of a library that does not take this model
                if parent is None:
                    raise
                said = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
                rows.append({"graph": name, "note": said})
                print(f"{name}: {said}", file=sys.stderr, flush=True)
                continue
            parent = logits if parent is None else parent
            answers = Answers(labels, parent, logits)
            rows.append(
                {
                    "graph": name,
                    "linear": len(linear_layers(read_graph(file))),
                    "kb": file.stat().st_size / 1000,
                    "nodes": nodes_of(file),
                    "nodes_run": nodes_run(file),
                    case.metric: case.judge.scores.score(case.metric)(labels, logits),
                    "agreement": float((case.judge.scores.decide(logits) == case.judge.scores.decide(parent)).mean()),
                    "accepted_agreement": agreement(case.judge, answers),
                    "divergence": divergence(case.judge, answers),
                }
            )
            print(f"{name}: done", file=sys.stderr, flush=True)
    return pd.DataFrame(rows)
