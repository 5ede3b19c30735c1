"""The same study twice on one machine gives the same predictions and tables; with other numbers of threads, nearly so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from copies import Copy

FILES = ("*.safetensors", "*.onnx", "tokenizer.json", "*.arrow", "*.parquet")
MEASURED = "results/smoke/measurements/snippets/seed0"


def _run(folder: Path, training: int = 2, inference: int = 1) -> Copy:
    copy = Copy(folder)
    copy.edit(lambda study: study.update(threads={"training": training, "inference": inference}))
    run = copy.run("--", "table_stagewise", timeout=900)
    assert run.code == 0, run.output[-5000:]
    return copy


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return _run(tmp_path_factory.mktemp("first"))


def _logits(copy: Copy) -> dict[str, np.ndarray]:
    """chain/runtime -> (N, L) of the validation and the test split."""
    root = copy.folder / MEASURED
    found: dict[str, np.ndarray] = {}
    for file in sorted(root.rglob("predictions.parquet")):
        frame = pd.read_parquet(file)
        found[str(file.parent.relative_to(root))] = np.stack(frame["logits"].to_list())
    assert len(found) == 10  # eight of cells, two of baselines
    return found


def _apart(one: Copy, other: Copy) -> tuple[dict[str, float], dict[str, float]]:
    """By chain and runtime: the furthest logit, and the share of equal predictions."""
    ours, theirs = _logits(one), _logits(other)
    furthest = {name: float(np.abs(theirs[name] - logits).max()) for name, logits in ours.items()}
    return furthest, {name: float((theirs[name].argmax(1) == logits.argmax(1)).mean()) for name, logits in ours.items()}


def test_twice(first: Copy, tmp_path: Path) -> None:
    """To the last bit: data, weights, graphs, predictions; tables but for times."""
    second = _run(tmp_path)
    theirs = _logits(second)
    for name, logits in _logits(first).items():
        np.testing.assert_array_equal(theirs[name], logits, err_msg=name)
    files = [file for pattern in FILES for file in sorted((first.folder / "results/smoke").rglob(pattern))]
    files = [file for file in files if file.name != "timings.parquet"]
    assert len(files) > 20
    for file in files:
        assert (second.folder / file.relative_to(first.folder)).read_bytes() == file.read_bytes(), file
    pd.testing.assert_frame_equal(first.qualities(), second.qualities())
    limits = ("--fail-if", "drop > 0", "--fail-if", "drop < 0", "--fail-if", "larger > 1", "--fail-if", "larger < 1")
    run = second.python("-m", "edgemin.cli.main", "diff", str(first.folder / "results/smoke"), "results/smoke", *limits)
    assert run.code == 0, run.output
    assert "Answers are the same to the last digit in 10 of 10 rows." in run.output


def test_threads_of_inference(first: Copy, tmp_path: Path) -> None:
    """The same models: sums are taken in another order, so the last digits may differ, and nothing else."""
    furthest, _ = _apart(first, _run(tmp_path, inference=2))
    print("furthest logits, 1 and 2 threads of inference:", furthest)
    assert max(furthest.values()) < 1e-4


def test_threads_of_training(first: Copy, tmp_path: Path) -> None:
    """Other models, close by."""
    furthest, agree = _apart(first, _run(tmp_path, training=1))
    print("furthest logits, 2 and 1 threads of training:", furthest, "same predictions:", agree)
    assert max(value for name, value in furthest.items() if "quantize" not in name) < 1e-3
    assert min(agree.values()) > 0.95
