"""The frame of jobs: what ends a body, and what is said."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.iocontainers import InputFiles, Wildcards

from edgemin.core import limits
from edgemin.core.errors import EdgeminError
from edgemin.core.files import sha256, write_json
from edgemin.plan.plan import Plan
from edgemin.study.read import parse_study

SCRIPTS = Path(__file__).resolve().parents[2] / "workflow/scripts"


@pytest.fixture
def frame(monkeypatch):
    """The module that adapters import as `job`."""
    spec = importlib.util.spec_from_file_location("job", SCRIPTS / "job.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "job", module)
    spec.loader.exec_module(module)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, "")
    return module


def _snakemake(log: Path, **resources: float) -> SimpleNamespace:
    wildcards = Wildcards(fromdict={})
    return SimpleNamespace(rule="slow", wildcards=wildcards, params={}, threads=1, log=[str(log)], output=[], resources=resources)


def _hangs(cleared: list[str]) -> None:
    try:
        for _ in range(200):
            time.sleep(0.05)
    finally:
        cleared.append("half-written files")


def test_a_body_that_hangs_ends_at_its_limit_and_says_how_to_raise_it(frame, tmp_path):
    log, cleared = tmp_path / "log", []
    with pytest.raises(SystemExit) as ended, frame.job(_snakemake(log, runtime=0.01)):
        _hangs(cleared)
    assert ended.value.code == 1
    assert cleared
    assert "error: took longer than 0.01 minutes, its limit; if it may: --set-resources slow:runtime=<minutes>" in log.read_text()


def test_what_ended_in_time_is_not_ended_again(frame, tmp_path, monkeypatch):
    """The process of a body that was interrupted lives on after the time to clear up: here, the tests'."""
    monkeypatch.setattr(limits, "GRACE", 0.1)
    exits = []
    monkeypatch.setattr(limits.os, "_exit", exits.append)
    with pytest.raises(SystemExit), frame.job(_snakemake(tmp_path / "log", runtime=0.01)):
        _hangs([])
    time.sleep(0.5)
    assert exits == []


def test_what_cannot_be_interrupted_is_ended_with_its_process(frame, tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "GRACE", 0.1)
    exits = []
    monkeypatch.setattr(limits.os, "_exit", exits.append)
    monkeypatch.setattr(limits.signal, "setitimer", lambda *_: None)
    with frame.job(_snakemake(tmp_path / "log", runtime=0.005)):
        time.sleep(1)
    assert exits == [1]


def test_the_limit_holds_in_the_background_too(frame, tmp_path):
    """Where shells have jobs ignore interruptions."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(SystemExit), frame.job(_snakemake(tmp_path / "log", runtime=0.01)):
            _hangs([])
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_limit_is_not_an_exception_that_a_library_may_swallow(frame, tmp_path):
    with pytest.raises(SystemExit), frame.job(_snakemake(tmp_path / "log", runtime=0.01)), suppress(Exception):
        _hangs([])


def test_a_body_within_its_limit_or_without_one_is_left_alone(frame, tmp_path):
    for resources in ({"runtime": 60}, {}):
        with frame.job(_snakemake(tmp_path / "log", **resources)):
            pass
        assert "done in 0 s" in (tmp_path / "log").read_text()


def test_an_interruption_by_the_user_stays_one(frame, tmp_path):
    with pytest.raises(KeyboardInterrupt), frame.job(_snakemake(tmp_path / "log", runtime=60)):
        raise KeyboardInterrupt


def test_an_error_of_ours_is_a_line_each(frame, tmp_path):
    with pytest.raises(SystemExit), frame.job(_snakemake(tmp_path / "log")):
        raise EdgeminError("a: b\nc: d")
    assert [line.split("] ")[1] for line in (tmp_path / "log").read_text().splitlines()[1:]] == ["error: a: b", "error: c: d"]


def test_a_refusal_of_the_machine_is_a_line_and_a_bug_shows_where(frame, tmp_path):
    with pytest.raises(SystemExit), frame.job(_snakemake(tmp_path / "log")):
        raise MemoryError
    assert "error: not enough memory" in (tmp_path / "log").read_text()
    with pytest.raises(ZeroDivisionError), frame.job(_snakemake(tmp_path / "log")):
        raise ZeroDivisionError
    assert "error" not in (tmp_path / "log").read_text()


def test_every_line_says_whose_job_it_is(frame, tmp_path):
    snakemake = _snakemake(tmp_path / "log")
    snakemake.wildcards = Wildcards(fromdict={"task": "movies", "seed": "3"})
    with frame.job(snakemake):
        logging.info("step 1 of 2")
    lines = (tmp_path / "log").read_text().splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == [
        f"[slow/movies/3] {said}" for said in ("begins", "step 1 of 2", "done in 0 s")
    ]


@pytest.mark.parametrize("name", ["datasets", "httpx", "nncf", "onnxscript"])
def test_libraries_that_talk_are_heard_from_warnings_on(frame, tmp_path, name, monkeypatch):
    monkeypatch.setattr(logging.getLogger(name), "propagate", True)  # nncf, once imported, has its warnings to itself
    with frame.job(_snakemake(tmp_path / "log")):
        logging.getLogger(name).info("chatter")
        logging.getLogger(name).warning("a warning")
    assert "chatter" not in (tmp_path / "log").read_text()
    assert "a warning" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(("params", "threads"), [({}, "5"), ({"spec": {}}, "5"), ({"spec": {"threads": 2}}, "2")])
def test_threads_are_those_of_the_spec_or_else_of_the_rule(frame, tmp_path, params, threads):
    """A latency job is alone on its machine, and yet runs on as many threads as the study says."""
    snakemake = _snakemake(tmp_path / "log")
    snakemake.params, snakemake.threads = params, 5
    with frame.job(snakemake):
        assert (os.environ["OMP_NUM_THREADS"], os.environ["MKL_NUM_THREADS"]) == (threads, threads)


def test_what_a_job_made_is_recorded_when_it_ended_well(frame, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    snakemake = _snakemake(tmp_path / "log")
    snakemake.output = ["results/smoke/tables/a.csv"]
    Path("results/smoke/tables").mkdir(parents=True)
    digest = Path("results/smoke/digests/tables/a.csv.sha256")
    Path(snakemake.output[0]).write_text("half")
    with pytest.raises(SystemExit), frame.job(snakemake):
        raise EdgeminError("a: b")
    assert not digest.exists()
    with frame.job(snakemake):
        Path(snakemake.output[0]).write_text("whole")
    assert digest.read_text() == f"{sha256(snakemake.output[0])}  {snakemake.output[0]}\n"


def test_modules_are_noted_where_they_are_asked_for(frame, tmp_path, monkeypatch):
    snakemake = _snakemake(tmp_path / "log")
    snakemake.wildcards = Wildcards(fromdict={"task": "movies"})
    monkeypatch.setenv(frame.MODULES, str(tmp_path))
    with frame.job(snakemake):
        pass
    [file] = tmp_path.glob("*.json")
    noted = json.loads(file.read_text())
    assert (noted["rule"], noted["wildcards"]) == ("slow", {"task": "movies"})
    assert {"edgemin", "edgemin.core.limits"} <= set(noted["modules"])
    assert all(name.split(".")[0] == "edgemin" for name in noted["modules"])


def test_a_group_of_files_is_a_list_or_one_path_or_nothing(frame):
    """As Snakemake hands them over: an input function's list of one is a path."""
    found = InputFiles(fromdict={"many": ["a/x", "a/y"], "one": "b/z", "none": []})
    assert frame.files_of(found.many) == [Path("a/x"), Path("a/y")]
    assert frame.files_of(found.one) == [Path("b/z")]
    assert frame.files_of(found.none) == frame.files_of(found.get("absent")) == []
    assert [frame.folder_of(group) for group in (found.many, found.one, found.none)] == [Path("a"), Path("b"), None]


@pytest.mark.parametrize(("labels", "told"), [(["negative", "positive"], None), (["no", "maybe", "yes"], "task snippets has 3")])
def test_a_training_job_looks_at_all_chains_first(frame, tmp_path, monkeypatch, changed, labels, told):
    """Its classes are known by then: here a fine-tuned teacher with two outputs. If they can work, it keeps its memory."""
    monkeypatch.chdir(tmp_path)
    kept = []
    monkeypatch.setattr(frame, "keep_freed_memory", lambda: kept.append(True))
    study = changed({"teacher.source": {"path": "model"}, "teacher.training": "none", "tasks.snippets.label_names": None})
    encoder = Path("results/smoke/encoders/snippets", next(iter(Plan(parse_study(study)).encoders)))
    encoder.mkdir(parents=True)
    config = {"model_type": "bert", "hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 24}
    write_json(encoder / "config.json", {**config, "max_position_embeddings": 64})
    write_json(tmp_path / "data.json", {"label_names": labels})
    snakemake = _snakemake(tmp_path / "log")
    snakemake.wildcards = Wildcards(fromdict={"task": "snippets"})
    snakemake.input, snakemake.params = SimpleNamespace(data="data.json"), SimpleNamespace(study=study)
    if told is None:
        with frame.checked(snakemake):
            pass
    else:
        with (
            pytest.raises(EdgeminError, match=f"^teacher: the fine-tuned model has 2 outputs .*{told}"),
            frame.checked(snakemake),
        ):
            pass
    assert len(kept) == (told is None)
