"""Whether a job has its processors to itself, and what follows from that."""

from __future__ import annotations

import os

import pytest

from edgemin.core import environment, machine

POLICY = "OMP_WAIT_POLICY"


@pytest.fixture
def load(tmp_path, monkeypatch):
    """load("3/120"): what the system says of running and existing processes, on four processors."""
    file = tmp_path / "loadavg"
    monkeypatch.setattr(machine, "_LOAD", file)
    monkeypatch.setattr(machine.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 4)
    return lambda told: file.write_text(f"0.50 0.40 0.30 {told} 4711\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("running", "threads", "crowded"),
    [(1, 4, False), (2, 4, True), (2, 3, False), (3, 2, False), (4, 2, True), (1, 5, True), (9, 1, True)],
)
def test_a_machine_is_crowded_if_more_want_to_run_than_there_are_processors(load, running, threads, crowded):
    """The process that asks is among those that run."""
    load(f"{running}/120")
    assert machine.crowded(threads) is crowded


def test_a_system_that_does_not_tell_is_not_crowded(load):
    load("x/y")
    assert machine.crowded(9) is False


def test_nor_is_one_without_such_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "_LOAD", tmp_path / "none")
    assert machine.crowded(99) is False


@pytest.mark.parametrize(("threads", "running", "policy"), [("2", 4, "passive"), ("2", 1, None), ("1", 9, None)])
def test_threads_that_have_to_share_sleep_while_they_wait(load, monkeypatch, threads, running, policy):
    """One thread waits for nobody. What the user's own environment says is dropped as ever."""
    load(f"{running}/120")
    monkeypatch.setenv(POLICY, "active")
    with environment.settled(threads):
        assert os.environ.get(POLICY) == policy
    assert os.environ[POLICY] == "active"
