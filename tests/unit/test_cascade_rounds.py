"""The own time of a cascade: which texts a round has, what is told of it, how rounds are pooled, and what its jobs read. By hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pages import study_of

from edgemin.core.errors import EdgeminError
from edgemin.core.files import write_json
from edgemin.deploy.cascade.pool import pool
from edgemin.deploy.cascade.round import each_once, places_of, summary_of
from edgemin.measure import latency
from edgemin.measure.latency import take_turns
from edgemin.plan.jobs import Jobs
from edgemin.plan.lineage import Wildcards
from edgemin.plan.plan import Plan
from edgemin.study.measuring import Latency
from edgemin.study.read import parse_study

T_1 = 12.7062047
"""97.5 % quantile of Student's t with 1 degree of freedom."""


def test_each_text_of_a_round_is_answered_once_by_each_side(monkeypatch):
    """By a clock that a call moves by its text: 1 s where the first member answers, 9 s where the last does; the teacher takes 6 s. Blocks of 5."""
    now = [0]
    monkeypatch.setattr(latency.time, "perf_counter_ns", lambda: now[0])
    asked: dict[str, list[int]] = {"cascade": [], "teacher": []}

    def call(side: str, seconds: Any) -> Any:
        def run(text: int) -> None:
            asked[side].append(text)
            now[0] += int(seconds(text) * 1e9)

        return run

    once = each_once(Latency(calls=20, minimum_calls=8, blocks=4, warmup=0), texts=200)
    texts = places_of(200, once, 1)
    sides = {"cascade": call("cascade", lambda text: 9 if text % 2 else 1), "teacher": call("teacher", lambda text: 6)}
    timed = take_turns(sides, texts, once)
    assert {name: called[5:] for name, called in asked.items()} == {"cascade": texts, "teacher": texts}, (
        "after 5 that tell the pace"
    )
    odd = sum(text % 2 for text in texts)
    assert timed["cascade"].shape == (4, 5)
    assert timed["cascade"].sum() == pytest.approx(20 + 8 * odd)
    assert timed["teacher"].sum() == pytest.approx(120)


def test_rounds_go_through_the_test_split_one_after_the_other():
    """Of 50 texts three rounds of 20 have all, and ten twice; every order is by the seed."""
    once = each_once(Latency(calls=20, blocks=4, seed=3), texts=50)
    rounds = [places_of(50, once, number) for number in (1, 2, 3)]
    order = np.random.default_rng(3).permutation(50).tolist()
    assert [place for one in rounds for place in one] == order + order[:10]
    assert places_of(6, each_once(Latency(calls=20, blocks=4), texts=6), 1)[:6] != [0, 1, 2, 3, 4, 5]
    assert len(places_of(6, each_once(Latency(calls=20, blocks=4), texts=6), 1)) == 8, "blocks are of one size: 2"


def test_a_round_is_told_by_its_means():
    """Blocks of 1 and 3 s beside the teacher's 4 and 8: means of 2 and 6, so three times as fast, and by block 4 and 8/3."""
    timed = {"cascade": np.array([[1.0, 1.0], [1.0, 5.0]]), "teacher": np.array([[4.0, 4.0], [8.0, 8.0]])}
    found = summary_of(timed, ["a", "a", "a", "c"], ["a", "b", "c"])
    assert (found["texts"], found["faster"]) == (4, pytest.approx(3))
    assert found["faster_by_block"] == pytest.approx([4, 8 / 3])
    assert found["answered"] == {"a": 0.75, "b": 0, "c": 0.25}
    assert found["cascade"]["mean_ms"] == pytest.approx(2000)
    assert found["cascade"]["p50_ms"] == pytest.approx(1000)
    assert found["teacher"]["p99_ms"] == pytest.approx(8000)


def rounds_of(folder: Path, *seconds: tuple[list[float], list[float]], cpu: str = "A") -> list[Path]:
    """Of the cascade's and the teacher's seconds of each round. Returns their folders."""
    found = []
    for number, (own, other) in enumerate(seconds, 1):
        place = folder / str(number)
        place.mkdir(parents=True)
        pd.DataFrame({"cascade": own, "teacher": other}).to_parquet(place / "timings.parquet")
        timed = {"cascade": np.array([own]), "teacher": np.array([other])}
        told = {"runtime": "onnxruntime", "threads": 1, "cpus": [1], **summary_of(timed, ["a"] * len(own), ["a", "b"])}
        host = {"cpu": cpu, "flags": [], "load_1min": 0.5, "measured_at": f"2026-01-0{number}"}
        write_json(place / "latency.json", {**told, "host": host})
        found.append(place)
    return found


def teacher_of(folder: Path, milliseconds: float, cpu: str = "A") -> Path:
    write_json(folder / "latency.json", {"end_to_end_p50_ms": {"value": milliseconds}, "host": {"cpu": cpu, "flags": []}})
    return folder


FOUR, NINE = ([0.001, 0.003], [0.008, 0.008]), ([0.002, 0.002], [0.018, 0.018])
"""Rounds in which the cascade is 4 and 9 times as fast."""


def test_rounds_are_pooled_by_hand(tmp_path):
    """Ratios of 4 and 9 are 6, with the next run's interval. The teacher's mean is 13 ms here, its median too, and 26 in its own rounds: so the cascade's
    mean is 26 / 6, and its p90 as much longer than the mean as it was."""
    found = pool(rounds_of(tmp_path / "rounds", FOUR, NINE), teacher_of(tmp_path / "teacher", 26.0))
    factor = np.exp(T_1 * np.log(9 / 4) / np.sqrt(2))
    assert found["faster"] == pytest.approx({"value": 6, "low": 6 / factor, "high": 6 * factor}, rel=1e-6)
    assert (found["rounds"], found["texts"], found["answered"]) == (2, 4, {"a": 1, "b": 0})
    assert (found["own_mean_ms"], found["own_teacher_mean_ms"], found["teacher_mean_ms"]) == pytest.approx((2, 13, 26))
    mean = found["mean_ms"]
    assert mean["value"] * found["faster"]["value"] == pytest.approx(found["teacher_mean_ms"])
    assert mean["high"] / mean["value"] == pytest.approx(factor, rel=1e-6)
    assert found["p90_ms"]["value"] == pytest.approx(np.percentile([1, 3, 2, 2], 90) / 2 * 26 / 6)
    assert [one["measured_at"] for one in found["each_round"]] == ["2026-01-01", "2026-01-02"]


def test_one_round_says_nothing_of_the_next_and_another_cpus_clock_nothing_of_this(tmp_path):
    found = pool(rounds_of(tmp_path / "rounds", FOUR), teacher_of(tmp_path / "teacher", 26.0, cpu="B"))
    assert found["faster"] == {"value": pytest.approx(4), "low": None, "high": None}
    assert (found["teacher_mean_ms"], found["mean_ms"]["value"]) == pytest.approx((8, 2))


def test_rounds_of_two_cpus_are_not_pooled(tmp_path):
    folders = [*rounds_of(tmp_path / "a", FOUR), *rounds_of(tmp_path / "b", FOUR, cpu="B")]
    with pytest.raises(EdgeminError, match="rounds of different CPUs are not pooled"):
        pool(folders, teacher_of(tmp_path / "teacher", 26.0))


def test_its_jobs_read_models_and_what_thresholds_are_chosen_by():
    """Answers of this seed, times of all; a member's tokenizer and graph, TF-IDF's numbers, the teacher's graph; one round after another."""
    study = study_of(
        question="", runtimes=["onnxruntime"], baselines={"tfidf": {}}, cascades={"fast": ["tfidf", "kd"]}, seeds=[0, 1]
    )
    jobs, root = Jobs(Plan(parse_study(study))), "results/smoke"
    at = Wildcards(task="snippets", seed="1", cascade="fast", runtime="onnxruntime", round="2")
    folder = f"{root}/measurements/snippets/seed1/cascade-fast/onnxruntime"
    assert jobs.time_cascade.before(at) == [f"{folder}/rounds/1/latency.json"]
    assert -1 <= jobs.time_cascade.priority(at) < 0
    files = jobs.time_cascade.inputs(at)
    kd = "teacher/distill-minilmv2/onnxruntime"
    assert files["chosen_by"] == [
        f"{root}/measurements/snippets/seed1/baseline-tfidf/numpy/predictions.parquet",
        f"{root}/measurements/snippets/seed1/{kd}/predictions.parquet",
        *(f"{root}/measurements/snippets/seed{seed}/baseline-tfidf/numpy/latency.json" for seed in (0, 1)),
        *(f"{root}/measurements/snippets/seed{seed}/{kd}/latency.json" for seed in (0, 1)),
    ]
    models = f"{root}/models/snippets/seed1"
    assert {f"{models}/baseline-tfidf/config.json", f"{models}/teacher/distill-minilmv2/model.onnx"} < set(files["models"])
    assert f"{models}/teacher/model.onnx" in files["teacher"]
    assert files["data"] == [f"{root}/data/snippets/test.arrow", f"{root}/data/snippets/data.json"]
    spec = jobs.time_cascade.about(at)
    assert [one["name"] for one in spec["members"]] == spec["block"]["members"] == ["tfidf", "kd"]
    assert [[seed["seed"] for seed in row["seeds"]] for row in spec["block"]["rows"]] == [[1]] * 3
    pooled = jobs.pool_cascade.inputs(at)
    assert pooled["rounds"][0] == f"{folder}/rounds/1/latency.json"
    assert pooled["teacher"] == [f"{root}/measurements/snippets/seed1/teacher/onnxruntime/latency.json"]
