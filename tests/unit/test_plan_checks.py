"""What is told before any job runs: files that are not there, chains that cannot work, runtimes that are not installed."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import save_file

from edgemin.core.errors import EdgeminError
from edgemin.core.files import write_json
from edgemin.plan import checks
from edgemin.plan.plan import Plan
from edgemin.plan.signals import clear_signals
from edgemin.study import runtime
from edgemin.study.read import parse_study
from planning import CACHES, SNIPPETS


@pytest.fixture
def plan(changed):
    def make(changes: dict | None = None) -> Plan:
        return Plan(parse_study(changed(changes)))

    return make


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where Snakemake runs: the smoke study's data are there, and nothing else."""
    (tmp_path / "tests/data").mkdir(parents=True)
    (tmp_path / "tests/data/snippets.csv").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("given", [(), ("config.json",)])
def test_a_local_model_that_is_not_there_is_told_before_any_job(plan, tmp_path, given):
    for name in given:
        (tmp_path / name).write_text("{}")
    study = plan({"teacher.source": {"path": str(tmp_path)}})
    with pytest.raises(EdgeminError, match=f"source.path: {tmp_path} has no {'model.safetensors' if given else 'config.json'}"):
        checks.check_machine(study)


def test_local_files_that_are_not_there_are_told_before_any_job(plan, folder):
    checks.check_machine(plan())
    (folder / "tests/data/snippets.csv").unlink()
    with pytest.raises(EdgeminError, match=r"tasks.snippets.source.files.train: no file tests/data/snippets.csv"):
        checks.check_machine(plan())


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"transfer": {"wide": {"unlabelled": [SNIPPETS, {"source": {"files": {"train": "gone.csv"}}}]}}}, "transfer.wide.unlabelled.1"),
        ({"tasks.snippets.out_of_domain": {"tweets": {"source": {"files": {"train": "gone.csv"}}}}}, "tasks.snippets.out_of_domain.tweets"),
    ],
)  # fmt: skip
def test_files_of_other_texts_that_are_not_there_are_told_too(plan, folder, change, key):
    with pytest.raises(EdgeminError, match=f"^{key}.source.files.train: no file gone.csv"):
        checks.check_machine(plan(change))


def test_a_name_that_cannot_be_one_is_no_file(plan, folder):
    with pytest.raises(EdgeminError, match=r"^tasks.snippets.source.files.test: no file x+; paths are relative"):
        checks.check_machine(plan({"tasks.snippets.source.files.test": "x" * 5000}))


NNCF = {"quantize.nncf": {"scheme": "int8_nncf"}, "cells.nncf": "teacher/quantize-nncf"}


@pytest.mark.parametrize(
    ("changes", "installed", "message"),
    [
        ({}, (), None),
        (NNCF, ("openvino", "nncf"), None),
        (
            {"runtimes": ["onnxruntime", "torch", "openvino"]},
            (),
            "runtimes.2: the runtime openvino needs openvino and nncf, which are not installed; run `make openvino`, or take openvino out",
        ),
        (
            NNCF,
            ("openvino",),
            "quantize.nncf.backend: the runtime openvino needs nncf, which is not installed; run `make openvino`, or take openvino out",
        ),
    ],
)
def test_a_runtime_that_is_not_installed_is_told_by_the_keys_that_name_it(plan, folder, monkeypatch, changes, installed, message):
    monkeypatch.setattr(runtime, "find_spec", lambda package: package if package in installed else None)
    study = plan(changes)
    checks.check_machine(study, packages=False)  # jobs with environments of their own bring theirs
    if message is None:
        checks.check_machine(study)
    else:
        with pytest.raises(EdgeminError) as error:
            checks.check_machine(study)
        assert str(error.value) == message


def test_results_of_another_layout_are_told(plan, folder):
    """Snakemake would make everything again beside files that nobody reads."""
    study = plan()
    data = folder / study.paths.data("snippets")
    data.mkdir(parents=True)
    (data / "train.arrow").touch()
    checks.check_machine(study)
    (data / "train.parquet").touch()
    with pytest.raises(EdgeminError) as error:
        checks.check_machine(study)
    assert str(error.value) == (
        "results/smoke: holds results of version 0.1, whose files have other names; move the folder away, or delete it, and run again"
    )


def test_chains_are_checked_as_far_as_encoders_are_there(plan, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    study = plan({"distill.minilmv2.student.layers": [9]})
    checks.check_chains(study, "snippets")
    [encoder] = study.encoders
    shape = {"num_hidden_layers": 4, "num_attention_heads": 4, "hidden_size": 32, "intermediate_size": 64}
    write_json(
        f"{study.root}/encoders/snippets/{encoder}/config.json", {"model_type": "bert", "max_position_embeddings": 64, **shape}
    )
    with pytest.raises(EdgeminError, match="layer 9 does not exist in its parent 'teacher', which has layers 0 to 3"):
        checks.check_chains(study, "snippets")


@pytest.mark.parametrize("keep", [True, False])
def test_signals_are_cleared_unless_they_are_kept(plan, monkeypatch, tmp_path, keep):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / CACHES / "transfer-wide/teacher"
    folder.mkdir(parents=True)
    for name in ("logits.json", "logits.safetensors"):
        (folder / name).write_text("")
    clear_signals(plan({"teacher_cache": {"keep": keep}}))
    assert {path.suffix for path in folder.iterdir()} == ({".json", ".safetensors"} if keep else {".json"})


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_an_encoder_of_ours_that_is_damaged_is_passed_over(plan, monkeypatch, tmp_path, name):
    """Snakemake reads the study first, so else the command that makes the encoder again could not start. Jobs refuse it."""
    monkeypatch.chdir(tmp_path)
    study = plan({"distill.minilmv2.student.layers": [9]})
    [encoder] = study.encoders
    folder = tmp_path / study.paths.encoder("snippets", encoder)
    shape = {"num_hidden_layers": 4, "num_attention_heads": 4, "hidden_size": 32, "intermediate_size": 64}
    write_json(folder / "config.json", {"model_type": "bert", "max_position_embeddings": 64, **shape})
    write_json(folder / "tokenizer.json", {"model": {"type": "WordPiece", "vocab": {"a": 0}}})
    save_file({"embeddings.word_embeddings.weight": np.zeros((8, 32), np.float32)}, folder / "model.safetensors")
    with pytest.raises(EdgeminError, match="layer 9 does not exist"):
        checks.check_chains(study, "snippets")
    (folder / name).write_bytes((folder / name).read_bytes()[:-3])
    checks.check_chains(study, "snippets")
    if name != "tokenizer.json":  # which only some studies ask
        with pytest.raises(EdgeminError, match=f"{name}: not "):
            checks.check_chains(study, "snippets", prepared=True)
