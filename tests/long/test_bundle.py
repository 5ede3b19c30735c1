"""A bundle of the smoke study, in an environment that holds the three packages of predict.py and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from copies import ROOT, Copy

from edgemin.data import store

BUNDLE = "results/smoke/deploy/edgemin/seed0"
CASCADE = "results/smoke/deploy/fast/seed0"
PACKAGES = ("onnxruntime", "tokenizers", "numpy")


@pytest.fixture(scope="module")
def bundle(finished: Copy) -> Path:
    run = finished.run("--", "deploy")
    assert run.code == 0, run.output[-5000:]
    assert run.jobs == {"make_bundle": 1, "deploy": 1}
    return finished.folder / BUNDLE


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a new environment with the pinned versions of the three packages."""
    folder = tmp_path_factory.mktemp("alone")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    lines = (ROOT / "envs/requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = [line for line in lines if line.split("==")[0] in PACKAGES]
    assert len(wanted) == len(PACKAGES)
    subprocess.run([folder / "bin/python", "-m", "pip", "install", "--quiet", *wanted], check=True)
    return folder / "bin/python"


def test_three_packages_give_the_predictions_that_the_study_recorded(
    finished: Copy, bundle: Path, python: Path, tmp_path: Path
) -> None:
    measured = next(finished.folder.glob("results/smoke/measurements/*/seed0/**/quantize-int8_dynamic_ort/onnxruntime"))
    recorded = pd.read_parquet(measured / "predictions.parquet").query("split == 'test'")
    rows = store.read_split(finished.folder / "results/smoke/data/snippets", "test").set_index("id").loc[recorded["id"]]
    (tmp_path / "texts.txt").write_text("".join(f"{text}\n" for text in rows["text"]), encoding="utf-8")
    found = subprocess.run(
        [python, "-I", bundle / "predict.py", "--file", tmp_path / "texts.txt"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    labels = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))["labels"]
    answers = [json.loads(line) for line in found.stdout.splitlines()]
    assert [labels.index(answer["label"]) for answer in answers] == recorded["prediction"].tolist()
    others = subprocess.run([python, "-I", "-c", "import transformers"], capture_output=True, check=False)
    assert others.returncode != 0  # nothing else is there


def test_a_cascade_answers_as_its_table_says(finished: Copy, python: Path, tmp_path: Path) -> None:
    """In the three packages alone: labels, and how many texts each member answers."""
    run = finished.run("--", f"{CASCADE}/bundle.json", "table_cascades")
    assert run.code == 0, run.output[-5000:]
    bundle, rows = finished.folder / CASCADE, store.read_split(finished.folder / "results/smoke/data/snippets", "test")
    (tmp_path / "texts.txt").write_text("".join(f"{text}\n" for text in rows["text"]), encoding="utf-8")
    command = [python, "-I", bundle / "predict.py", "--file", tmp_path / "texts.txt"]
    found = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    answers = [json.loads(line) for line in found.stdout.splitlines()]
    labels = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))["labels"]
    right = [labels.index(answer["label"]) for answer in answers] == rows["label"]
    table = pd.read_csv(finished.folder / "results/smoke/tables/cascades.csv").set_index("name").loc["fast"]
    assert right.mean() == pytest.approx(table["quality"])
    shares = [sum(one["answered_by"] == name for one in answers) / len(answers) for name in table["members"].split()]
    assert shares == pytest.approx([float(one) for one in table["answered"].split()], abs=1e-5)


def test_a_second_run_makes_nothing(finished: Copy, bundle: Path) -> None:
    run = finished.run("--", "deploy")
    assert run.code == 0
    assert "Nothing to be done" in run.output


def test_any_cell_of_the_runtime_can_be_asked_for_and_no_other(finished: Copy) -> None:
    run = finished.run("-n", "--", "results/smoke/deploy/kd/seed0/model.onnx")
    assert run.code == 0, run.output[-3000:]
    run = finished.run("-n", "--", "results/smoke/deploy/edgemin_torch/seed0/model.onnx")
    assert run.code != 0
    assert "cell 'edgemin_torch' is not measured in onnxruntime, which bundles run in" in run.output
