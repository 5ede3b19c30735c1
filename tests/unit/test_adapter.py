"""The frame of jobs: what ends a body, and what is said."""

from __future__ import annotations

import importlib.util
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from edgemin.errors import EdgeminError

SCRIPTS = Path(__file__).resolve().parents[2] / "workflow/scripts"


@pytest.fixture
def adapter(monkeypatch):
    spec = importlib.util.spec_from_file_location("adapter", SCRIPTS / "adapter.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "adapter", module)
    spec.loader.exec_module(module)
    return module


def _snakemake(log: Path, **resources: float) -> SimpleNamespace:
    return SimpleNamespace(rule="slow", wildcards=[], params={}, threads=1, log=[str(log)], output=[], resources=resources)


def _hangs(cleared: list[str]) -> None:
    try:
        for _ in range(200):
            time.sleep(0.05)
    finally:
        cleared.append("half-written files")


def test_a_body_that_hangs_ends_at_its_limit_and_says_how_to_raise_it(adapter, tmp_path):
    log, cleared = tmp_path / "log", []
    with pytest.raises(SystemExit) as ended, adapter.job(_snakemake(log, runtime=0.01)):
        _hangs(cleared)
    assert ended.value.code == 1
    assert cleared
    assert "error: took longer than 0.01 minutes, its limit; if it may: --set-resources slow:runtime=<minutes>" in log.read_text()


def test_what_ended_in_time_is_not_ended_again(adapter, tmp_path, monkeypatch):
    """The process of a body that was interrupted lives on after the time to clear up: here, the tests'."""
    monkeypatch.setattr(adapter, "GRACE", 0.1)
    exits = []
    monkeypatch.setattr(adapter.os, "_exit", exits.append)
    with pytest.raises(SystemExit), adapter.job(_snakemake(tmp_path / "log", runtime=0.01)):
        _hangs([])
    time.sleep(0.5)
    assert exits == []


def test_what_cannot_be_interrupted_is_ended_with_its_process(adapter, tmp_path, monkeypatch):
    monkeypatch.setattr(adapter, "GRACE", 0.1)
    exits = []
    monkeypatch.setattr(adapter.os, "_exit", exits.append)
    monkeypatch.setattr(adapter.signal, "setitimer", lambda *_: None)
    with adapter.job(_snakemake(tmp_path / "log", runtime=0.005)):
        time.sleep(1)
    assert exits == [1]


def test_the_limit_holds_in_the_background_too(adapter, tmp_path):
    """Where shells have jobs ignore interruptions."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(SystemExit), adapter.job(_snakemake(tmp_path / "log", runtime=0.01)):
            _hangs([])
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_limit_is_not_an_exception_that_a_library_may_swallow(adapter, tmp_path):
    with pytest.raises(SystemExit), adapter.job(_snakemake(tmp_path / "log", runtime=0.01)), suppress(Exception):
        _hangs([])


def test_a_body_within_its_limit_or_without_one_is_left_alone(adapter, tmp_path):
    for resources in ({"runtime": 60}, {}):
        with adapter.job(_snakemake(tmp_path / "log", **resources)):
            pass
        assert "done in 0 s" in (tmp_path / "log").read_text()


def test_an_interruption_by_the_user_stays_one(adapter, tmp_path):
    with pytest.raises(KeyboardInterrupt), adapter.job(_snakemake(tmp_path / "log", runtime=60)):
        raise KeyboardInterrupt


def test_an_error_of_ours_is_a_line_each(adapter, tmp_path):
    with pytest.raises(SystemExit), adapter.job(_snakemake(tmp_path / "log")):
        raise EdgeminError("a: b\nc: d")
    assert [line.split("] ")[1] for line in (tmp_path / "log").read_text().splitlines()[1:]] == ["error: a: b", "error: c: d"]
