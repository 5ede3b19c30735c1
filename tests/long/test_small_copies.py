"""Small copies of studies, run: the largest one; one with an objective, a criterion and a table of one's own; and other kinds of tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from copies import Copy
from examples import EXAMPLES, add, merged

PAIRS = {
    "hub": {
        "repo": "a/pairs",
        "revision": "0" * 40,
        "files": {"train": "a.parquet", "validation": "b.parquet", "test": "c.parquet"},
    }
}
SEVERAL: dict[str, Any] = {
    "study": "several",
    "tasks": {
        "likeness": {"source": PAIRS, "text": ["left", "right"], "label": "score", "metric": "spearman"},
        "meaning": {"source": PAIRS, "text": ["premise", "hypothesis"], "label": "label", "label_names": ["a", "b", "c"]},
        "intents": {"source": PAIRS, "text": "text", "label": "intent", "label_names": [f"intent {n}" for n in range(77)]},
    },
    "teacher": {
        "source": {"hub": {"repo": "a/model", "revision": "1" * 40}, "family": "roberta"},
        "training": [{"epochs": 3}],
    },
    "distill": {
        "own": {
            "student": {"source": {"hub": {"repo": "a/student", "revision": "2" * 40}, "family": "distilbert"}},
            "phases": [{"terms": [{"objective": "minilmv2", "relation_heads": 48}]}, {"terms": [{"objective": "logits"}]}],
        }
    },
    "prune": {"heads30": {"ratio": 0.3}, "narrow": {"structure": "width", "ratio": 0.25}},
    "quantize": {"int8": {"backend": "onnxruntime"}, "torch": {"backend": "torch"}},
    "cells": {
        "teacher": "teacher",
        "kd": "teacher/distill-own",
        "small": "teacher/distill-own/prune-heads30/prune-narrow/quantize-int8",
        "small_torch": "teacher/distill-own/quantize-torch",
    },
    "seeds": [0, 1],
}
"""Regression on pairs, pairs of three classes, 77 classes; two families; nothing of it is here."""


def smoke(copy: Copy, study: str, cells: int) -> str:
    """Run it, and again; returns what the first run printed."""
    run = copy.python("-m", "edgemin.cli.main", "smoke", study, "--cores", "2", timeout=6000)
    assert run.code == 0, run.output[-5000:]
    assert f"\n{cells} cells, all done; " in run.output
    assert "failed" not in run.output
    again = copy.python("-m", "edgemin.cli.main", "smoke", study, "--cores", "2", timeout=6000)
    assert again.code == 0
    assert "Nothing to be done" in again.output
    return run.output


def test_the_largest_study(copy: Copy) -> None:
    output = smoke(copy, "config/study.yaml", 37)
    assert "37 of 89 cells" in output
    folder = copy.folder / "results/smoke_of_study"
    assert (folder / "report/index.html").is_file()
    assert {file.stem for file in (folder / "tables").glob("*.md")} >= {
        "stagewise",
        "statements",
        "pruning",
        "sensitivity",
        "parameters",
    }
    assert list((folder / "deploy").glob("*/seed0/model.onnx"))


def test_a_study_without_a_page_from_another_folder(copy: Copy, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Its tables ask for no size and not for the teacher; every cell is measured all the same."""
    folder = tmp_path_factory.mktemp("elsewhere")
    run = copy.python(
        "-m", "edgemin.cli.main", "smoke", str(copy.folder / "config/controls.yaml"), "--cores", "2", timeout=6000, folder=folder
    )
    assert run.code == 0, run.output[-5000:]
    assert "\n4 cells, all done; " in run.output
    assert len(list(folder.glob("results/smoke_of_controls/measurements/**/size.json"))) == 4


def test_with_extensions_of_ones_own(copy: Copy) -> None:
    """What docs/extending.md adds to the smoke study."""
    study = yaml.safe_load((copy.folder / "config/smoke.yaml").read_text(encoding="utf-8"))
    for name in ("An objective", "A pruning criterion", "A structure to prune", "A quantization scheme"):
        add(copy, EXAMPLES[name].files)
        merged(study, EXAMPLES[name].study)
    (copy.folder / "config/extended.yaml").write_text(
        yaml.safe_dump({**study, "study": "extended"}, sort_keys=False), encoding="utf-8"
    )
    output = smoke(copy, "config/extended.yaml", 20)
    for cell in ("direction", "peak25", "short", "half"):
        assert f"\ndone    {cell} " in output


@pytest.mark.parametrize("training", ["trained", "fine-tuned already"])
def test_other_tasks_and_families(copy: Copy, training: str) -> None:
    study = SEVERAL
    if training != "trained":  # the outputs of one model fit one task
        study = {
            **SEVERAL,
            "tasks": {"meaning": SEVERAL["tasks"]["meaning"]},
            "teacher": {**SEVERAL["teacher"], "training": "none"},
        }
    Path(copy.folder / "config/several.yaml").write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
    smoke(copy, "config/several.yaml", 3)
