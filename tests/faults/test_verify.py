"""Damage to a file of every kind of a finished smoke study: `make verify` names it, and the command that it prints makes it again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from copies import Copy

STUDY = "config/smoke.yaml"
R = "results/smoke"
KD = "models/snippets/seed0/teacher/distill-minilmv2"
MEASURED = "measurements/snippets/seed0/teacher/distill-minilmv2"
KINDS = {
    "data": "data/snippets/train.arrow",
    "report of the data": "data/snippets/data.json",
    "transfer set": "transfer/snippets/wide.arrow",
    "other domain": "out_of_domain/snippets/elsewhere.arrow",
    "encoder": "encoders/snippets/*/model.safetensors",
    "cache": "caches/snippets/seed0/train/teacher/*.json",
    "teacher": "models/snippets/seed0/teacher/model.safetensors",
    "provenance": f"{KD}/provenance.json",
    "tokenizer": f"{KD}/tokenizer.json",
    "history": f"{KD}/prune-heads25/history.json",
    "graph": f"{KD}/prune-heads25/model.onnx",
    "graph's provenance": f"{KD}/onnx_provenance.json",
    "ONNX Runtime INT8": f"{KD}/prune-heads25/quantize-int8_dynamic_ort/model.onnx",
    "PyTorch INT8": f"{KD}/prune-heads25/quantize-int8_dynamic_torch/model.safetensors",
    "quality": f"{MEASURED}/onnxruntime/quality.json",
    "predictions": f"{MEASURED}/torch/predictions.parquet",
    "size": f"{MEASURED}/torch/size.json",
    "latency": f"{MEASURED}/onnxruntime/latency.json",
    "round": f"{MEASURED}/onnxruntime/rounds/1/latency.json",
    "timings": f"{MEASURED}/torch/rounds/2/timings.parquet",
    "table": "tables/stagewise.csv",
    "plot": "plots/stagewise.png",
    "sweep": "sweeps/snippets/seed0/teacher/distill-minilmv2/heads-magnitude.json",
    "scan": "scans/snippets/seed0/teacher/distill-minilmv2/int8.json",
    "bundle": "deploy/*/seed0/bundle.json",
    "study": "study.yaml",
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    copy = Copy(tmp_path_factory.mktemp("finished"))
    run = copy.run("--", "everything", timeout=3000)
    assert run.code == 0, run.output[-5000:]
    return copy


def _shell(copy: Copy, command: str) -> subprocess.CompletedProcess[str]:
    """As a user types it, with the environment activated."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": "workflow"}
    return subprocess.run(
        ["sh", "-c", command], cwd=copy.folder, env=environment, capture_output=True, text=True, timeout=3000, check=False
    )


def _verify(copy: Copy) -> tuple[int, list[str], str]:
    """Exit code, the files that are named, the command."""
    done = _shell(copy, f"python -m edgemin.cli.main verify {STUDY}")
    lines = done.stdout.splitlines()
    found = [line.split(": ")[0] for line in lines if line.startswith(f"{R}/")]
    assert f"{R}: " in done.stdout, done.stdout + done.stderr  # it has counted
    return done.returncode, found, lines[-1].strip() if "to mend it:" in lines else done.stdout + done.stderr


def _flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


@pytest.mark.parametrize("damage", [_flip, _cut, Path.unlink], ids=["flipped", "cut", "deleted"])
def test_one_file_of_every_kind_is_named_and_made_again(finished: Copy, damage) -> None:
    """All at once, mended by the one command that is printed."""
    assert _verify(finished)[:2] == (0, [])
    files = [sorted((finished.folder / R).glob(pattern))[0] for pattern in KINDS.values()]
    for file in files:
        damage(file)
    code, found, command = _verify(finished)
    assert code == 1
    assert sorted(found) == sorted(str(file.relative_to(finished.folder)) for file in files)
    mended = _shell(finished, command)
    assert mended.returncode == 0, mended.stdout[-3000:] + mended.stderr[-3000:]
    code, found, command = _verify(finished)
    assert (code, found) == (0, []), command


def test_an_ordinary_run_brings_the_rest_up_to_date(finished: Copy) -> None:
    run = finished.run()
    assert run.code == 0, run.output[-3000:]
    assert _verify(finished)[:2] == (0, [])
