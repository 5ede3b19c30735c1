"""The model card of a bundle, in the form of the Hugging Face hub: measurements, machine, and how the model was made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from edgemin.core.files import read_json
from edgemin.report.number import scale_of

_TEXT = """---
{metadata}
---

# {title}

Cell `{cell}` of the study `{study}`, seed {seed}: `{chain}`. Made by EdgeMIN, a workflow of compression studies.

## Use

    pip install onnxruntime=={onnxruntime} tokenizers=={tokenizers} "numpy>=1.26"
    python predict.py "a text"

Labels: {labels}. Inputs longer than {max_length} tokens are cut, and `predict.py` says so. One text at a time: dynamically
quantized models take their ranges over a batch.

## Measured

{table}

Test split of {examples} examples that nothing was chosen on; batch 1, {threads} thread(s), sentences of the test split, without
tokenisation. Bytes: model and tokenizer. CPU: {cpu} ({flags}). Measure on the machine
that you will use.

{across}## Data and licences

{sources}

Model, tokenizer and text data are under the terms of these sources; this bundle adds none.

## Limits

It knows the texts that it was trained on, their language, length and topics; on others it is worse, and nobody measured by how
much unless a table says so. It repeats the labels' and the teacher's mistakes and leanings. Do not decide about people with it.

## Provenance

`bundle.json` holds the sha256 of the files. Rebuild it:

    {command}
"""


def card(facts: Mapping[str, Any], host: Mapping[str, Any], measured: Path, spec: Mapping[str, Any], across: str) -> str:
    """Markdown with a YAML head. facts: of bundle.json; host: of the provenance; measured: folder of the measurements;
    across: its section on other processors."""
    quality, size, latency = (read_json(measured / f"{name}.json") for name in ("quality", "size", "latency"))
    metric, test = quality["metric"], quality["splits"]["test"]
    scale = scale_of(metric)
    stream = latency["single_stream"]
    rows = {
        f"test {scale.label}": scale.value.text(test[metric]),
        f"validation {scale.label}": scale.value.text(quality["splits"]["validation"][metric]),
        "parameters, logical": f"{size['logical'] / 1e6:.2f} M",
        "size": f"{size['bytes'] / 1e6:.2f} MB",
        "p50 latency": f"{stream['p50_ms']['value']:.2f} ms",
        "p90 latency": f"{stream['p90_ms']['value']:.2f} ms",
    }
    if "speedup_over_reference" in stream:
        rows["faster than the teacher, same runtime"] = f"{stream['speedup_over_reference']['value']:.1f}x"
    return _TEXT.format(
        metadata=metadata(spec, metric, test[metric]).to_yaml(),
        title=f"{spec['study']} / {spec['cell']}",
        labels=", ".join(facts["labels"]) if facts["labels"] else "none, it predicts a value",
        table=table_of(rows),
        examples=test["examples"],
        threads=latency["threads"],
        cpu=latency["host"]["cpu"],
        flags=", ".join(latency["host"]["flags"]) or "none of the flags that matter",
        sources="\n".join(f"- {line}" for line in spec["sources"]),
        command=spec["command"],
        across=across,
        onnxruntime=facts["versions"]["onnxruntime"],
        tokenizers=facts["versions"]["tokenizers"],
        **{name: facts[name] for name in ("study", "cell", "seed", "chain", "max_length")},
    )


def table_of(rows: Mapping[str, str]) -> str:
    """Two columns without heads."""
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])


def metadata(spec: Mapping[str, Any], metric: str, value: float) -> ModelCardData:
    """The head of a card. spec: study, cell, task, chain."""
    result = EvalResult(
        task_type="text-classification",
        dataset_type=spec["task"],
        dataset_name=f"{spec['task']} (test split of the study {spec['study']})",
        dataset_split="test",
        metric_type=metric,
        metric_value=round(value, 6),
    )
    return ModelCardData(
        model_name=f"{spec['study']}-{spec['cell']}",
        pipeline_tag="text-classification",
        library_name="onnx",
        license="other",
        tags=["edgemin", "onnx", "onnxruntime", "model-compression", *(["int8"] if "quantize-" in spec["chain"] else [])],
        eval_results=[result],
    )
