"""The peers of `runtimes.py`: INT8 made of a float folder as it is opened. Each is a `study.runtime.Runtime`, as our own are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from edgemin import load
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.schemes.int8_dynamic.in_torch import pack
from edgemin.study import registry
from edgemin.study.family import family_of
from edgemin.study.runtime import Runtime
from edgemin.study.variants import quantize_variant

if TYPE_CHECKING:
    from edgemin.study.runtime import Run


class Made(Runtime):
    """A scheme that reads sentences, with its defaults, quantized as it is opened. train: file of tokens to calibrate on. scratch: a folder that
    stays while it runs."""

    name = "made"

    def __init__(self, scheme: str, label: str, train: Path, scratch: Path) -> None:
        backend = {} if scheme == "int8_nncf" else {"backend": "onnxruntime"}
        self.variant = quantize_variant({"scheme": scheme, **backend})
        self.label, self.train, self.scratch = label, train, scratch / scheme
        if scheme == "int8_nncf":
            self.packages = ("openvino", "nncf")

    def open(self, folder: Path, threads: int) -> Run:
        spec = {"variant": self.variant.model_dump(), "seed": 0}
        self.variant.quantize(QuantizeInputs(folder, self.scratch, spec, self.train))
        return registry.RUNTIMES[self.variant.backend].open(self.scratch, threads)


class TorchAo(Runtime):
    """torchao's dynamic INT8, compiled at the first call."""

    name = "torchao"
    label = "torchao INT8, compiled"
    packages = ("torchao",)

    def open(self, folder: Path, threads: int) -> Run:
        from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

        model = load(folder)
        quantize_(model, Int8DynamicActivationInt8WeightConfig())
        return called(torch.compile(model, dynamic=True), family_of(model.config).inputs, threads)


class TorchDotAo(Runtime):
    """What is in PyTorch itself: torch.ao's dynamic INT8, eager."""

    name = "torch_ao"
    label = "torch.ao INT8"

    def open(self, folder: Path, threads: int) -> Run:
        model = pack(load(folder), per_channel=True)
        return called(model, family_of(model.config).inputs, threads)


def called(model: Any, wanted: tuple[str, ...], threads: int) -> Run:
    """A PyTorch model in memory. wanted: names of its inputs."""
    torch.set_num_threads(threads)

    def run(inputs: dict[str, np.ndarray]) -> np.ndarray:
        with torch.inference_mode():
            return model(**{name: torch.from_numpy(inputs[name]) for name in wanted if name in inputs}).logits.float().numpy()

    return run
