"""INT8 of one model in several runtimes, in turns: ours in ONNX Runtime, OpenVINO's static INT8, torch.ao, torchao compiled.

All start from the same float checkpoint and answer the same test sentences, one at a time, on one thread. Runtimes take turns in
blocks, as in the workflow's own measurements, and every ratio is paired. Quality on the same sentences stands beside, so that
nobody is fast by being wrong. OpenVINO computes floats as floats (its hint is pinned to f32, else it takes bf16).
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from edgemin.config.study import Latency
from edgemin.measure import host as hosts
from edgemin.measure.blocks import percentile, ratio
from edgemin.measure.latency import take_turns
from edgemin.measure.quality import predict
from edgemin.measure.runtimes import Run, open_model
from edgemin.quantize.torch_dynamic import pack
from edgemin.tasks import store
from edgemin.tasks.metrics import compute
from edgemin.tasks.tokens import load_tokenizer, pad, tokenize

REFERENCE = "ours, ONNX Runtime INT8"
CALIBRATION = 300  # sentences, the peer's own default


def openvino_fp32(folder: Path, threads: int) -> Run:
    import openvino as ov

    return _compiled(ov.Core().read_model(folder / "model.onnx"), threads)


def openvino_int8(folder: Path, threads: int, examples: Sequence[dict[str, np.ndarray]]) -> Run:
    import nncf
    import openvino as ov

    model = ov.Core().read_model(folder / "model.onnx")
    names = {name for port in model.inputs for name in port.get_names()}
    chosen = [{name: values for name, values in example.items() if name in names} for example in examples]
    quantized = nncf.quantize(model, nncf.Dataset(chosen), model_type=nncf.ModelType.TRANSFORMER, subset_size=len(chosen))
    return _compiled(quantized, threads)


def _compiled(model: Any, threads: int) -> Run:
    import openvino as ov

    settings = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = ov.Core().compile_model(model, "CPU", settings)
    names = {name for port in compiled.inputs for name in port.get_names()}
    return lambda inputs: np.asarray(compiled({name: inputs[name] for name in names})[0])


def torch_ao(folder: Path, threads: int) -> Run:
    from edgemin import load

    return _called(pack(load(folder), per_channel=True), threads)


def torchao_compiled(folder: Path, threads: int) -> Run:
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

    from edgemin import load

    model = load(folder)
    quantize_(model, Int8DynamicActivationInt8WeightConfig())
    return _called(torch.compile(model, dynamic=True), threads)


def _called(model: Any, threads: int) -> Run:
    torch.set_num_threads(threads)

    def run(inputs: dict[str, np.ndarray]) -> np.ndarray:
        with torch.inference_mode():
            return np.asarray(model(**{name: torch.from_numpy(values) for name, values in inputs.items()}).logits.float())

    return run


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="folder of a float checkpoint with model.onnx, such as results/.../distill-x")
    parser.add_argument("int8", type=Path, help="folder of its dynamic INT8 in ONNX Runtime: results/.../distill-x/quantize-y")
    parser.add_argument("data", type=Path, help="folder of the task's data: results/.../data/movies")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--max-length", type=int, default=128)
    parser.add_argument("--metric", default="accuracy")
    parser.add_argument("--sentences", type=int, default=2000, help="of the test split, for the quality")
    parser.add_argument("--seconds", type=float, default=10, help="per runtime")
    parser.add_argument("--out", type=Path, help="also write the table to this CSV file")
    arguments = parser.parse_args(argv)
    warnings.filterwarnings("ignore")
    hosts.pin(arguments.threads)

    tokenizer = load_tokenizer(arguments.model)
    test = store.read_split(arguments.data, "test").head(arguments.sentences)
    train = store.read_split(arguments.data, "train").sample(CALIBRATION, random_state=0)
    tokens, few = (tokenize(tokenizer, rows, arguments.max_length) for rows in (test, train))
    makers: dict[str, Callable[[], Run]] = {
        REFERENCE: lambda: open_model(arguments.int8, "onnxruntime", arguments.threads),
        "ONNX Runtime fp32": lambda: open_model(arguments.model, "onnxruntime", arguments.threads),
        "OpenVINO static INT8": lambda: openvino_int8(
            arguments.model, arguments.threads, [pad([one], tokenizer.pad_token_id) for one in few]
        ),
        "OpenVINO fp32": lambda: openvino_fp32(arguments.model, arguments.threads),
        "torchao INT8, compiled": lambda: torchao_compiled(arguments.model, arguments.threads),
        "torch.ao INT8": lambda: torch_ao(arguments.model, arguments.threads),
        "PyTorch fp32": lambda: open_model(arguments.model, "torch", arguments.threads),
    }
    runs = {}
    for name, make in makers.items():
        try:
            runs[name] = make()
        except Exception as error:  # a package that is not there, or does not take this model
            print(f"{name}: left out ({type(error).__name__}: {str(error).splitlines()[0]})", file=sys.stderr)
    quality = {}
    for name, run in runs.items():
        quality[name] = compute(arguments.metric, test["label"].to_numpy(), predict(run, tokens, tokenizer.pad_token_id, 1))
        print(f"{name}: {arguments.metric} {quality[name]:.4f}", file=sys.stderr, flush=True)
    order = np.random.default_rng(0).permutation(len(tokens))
    ones = [pad([tokens[index]], tokenizer.pad_token_id) for index in order]
    protocol = Latency(seconds=arguments.seconds, calls=1000)
    timings = take_turns({name: (lambda i, run=run: run(ones[i])) for name, run in runs.items()}, range(len(ones)), protocol)
    rows = []
    for name, values in timings.items():
        against = ratio(values, timings[REFERENCE])
        rows.append(
            {
                "runtime": name,
                arguments.metric: quality[name],
                "p50_ms": percentile(values, 50).value * 1e3,
                "p90_ms": percentile(values, 90).value * 1e3,
                "ours_faster": against.value,
                "low": against.low,
                "high": against.high,
                "calls": values.size,
            }
        )
    table = pd.DataFrame(rows).sort_values("p50_ms")
    print(table.to_string(index=False, float_format="{:.3f}".format))
    machine = hosts.host(arguments.threads)
    print(*(f"{name}: {value}" for name, value in machine.items()), sep="\n")
    if arguments.out:
        table.assign(cpu=machine["cpu"], threads=arguments.threads).to_csv(arguments.out, index=False, float_format="%.5g")


if __name__ == "__main__":
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    main()
