"""Simulated schedules, by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from benches import bench


@pytest.fixture(scope="module")
def schedule():
    with bench("schedule") as module:
        yield module


def test_a_chain_gains_nothing_from_cores(schedule):
    chain = {"a": schedule.Task(3, 1), "b": schedule.Task(4, 1, ("a",)), "c": schedule.Task(5, 1, ("b",))}
    for cores in (1, 8):
        found = schedule.simulate(chain, cores)
        assert (found.makespan, found.critical) == (12, 12)
    assert schedule.simulate(chain, 1).idle == 0
    assert schedule.simulate(chain, 8).idle == pytest.approx(7 / 8)


def test_jobs_side_by_side_as_far_as_their_threads_go(schedule):
    """Four of two threads and 5 s: on 4 cores two at a time."""
    tasks = {name: schedule.Task(5, 2) for name in "abcd"}
    assert [schedule.simulate(tasks, cores).makespan for cores in (2, 4, 8)] == [20, 10, 5]
    assert schedule.simulate(tasks, 1).makespan == 20, "a job takes no more cores than there are"


def test_the_longest_way_goes_first(schedule):
    """a and b are a chain of 10, c is alone with 6; on one core each order is as long, on two the chain must not wait."""
    tasks = {"c": schedule.Task(6, 1), "d": schedule.Task(4, 1), "a": schedule.Task(5, 1), "b": schedule.Task(5, 1, ("a",))}
    assert schedule.simulate(tasks, 2).makespan == 10
    assert schedule.simulate(tasks, 2).idle == 0


def test_a_round_of_latency_holds_all_cores_and_uses_one(schedule):
    tasks = {"round": schedule.Task(6, None), "a": schedule.Task(4, 1), "b": schedule.Task(4, 1)}
    found = schedule.simulate(tasks, 2)
    assert found.makespan == 10
    assert found.idle == pytest.approx(1 - (4 + 4 + 6) / 20)


def test_what_is_not_among_the_jobs_is_waited_for_by_nobody(schedule):
    assert schedule.simulate({"a": schedule.Task(1, 1, ("gone",))}, 1).makespan == 1
    assert schedule.simulate({}, 2).makespan == 0


def test_a_study_that_has_not_run_is_told(schedule, tmp_path, monkeypatch, capsys):
    study = Path("config/smoke.yaml").resolve()
    monkeypatch.chdir(tmp_path)
    assert schedule.main([str(study)]) == 2
    assert "has run here; run the study first: make tables STUDY=" in capsys.readouterr().err
