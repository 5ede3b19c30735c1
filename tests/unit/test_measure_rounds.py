"""Rounds of a cell: the interval of the next run, times by the teacher's clock, and what is not pooled."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from edgemin.core.errors import EdgeminError
from edgemin.core.files import write_json
from edgemin.measure import rounds

T_1, T_4 = 12.7062047, 2.7764451
"""97.5 % quantile of Student's t with 1 and 4 degrees of freedom."""


def test_an_interval_of_the_next_run_by_hand():
    """Ratios 4 and 9: the mean is 6. Their logs are apart by log(9/4), so sd is that over sqrt(2), and sqrt(1/2 + 1/2) is 1."""
    found = rounds.predicted([4, 9])
    factor = np.exp(T_1 * np.log(9 / 4) / np.sqrt(2))
    assert found == pytest.approx({"value": 6, "low": 6 / factor, "high": 6 * factor}, rel=1e-6)


def test_an_interval_of_five_rounds_by_hand():
    """Logs -1, 0, 0, 0, 1 tenths: sd is 0.1 sqrt(2/4); the mean of five more varies as much."""
    found = rounds.predicted(np.exp([-0.1, 0, 0, 0, 0.1]), 3.0)
    factor = np.exp(T_4 * 0.1 * np.sqrt(0.5) * np.sqrt(1 / 5 + 1 / 5))
    assert found == pytest.approx({"value": 3, "low": 3 / factor, "high": 3 * factor}, rel=1e-6)


def test_one_round_says_nothing_of_the_next():
    assert rounds.predicted([2.5]) == {"value": pytest.approx(2.5), "low": None, "high": None}


def cell(folder, times, cpu="A", flags=("avx2",), threads=1):
    """Rounds in `folder`. times: of each round, model -> seconds of every call. Returns their folders."""
    found = []
    for number, models in enumerate(times, 1):
        place = folder / "rounds" / str(number)
        place.mkdir(parents=True)
        parts = [pd.DataFrame({"scenario": "single_stream", "model": name, "seconds": calls}) for name, calls in models.items()]
        pd.concat(parts).to_parquet(place / "timings.parquet")
        own = np.median(models["model"])
        ratios = {
            f"speedup_over_{name}": {"value": float(np.median(calls) / own)} for name, calls in models.items() if name != "model"
        }
        full = {"calls": 4, "batch_size": 8, "sentences_per_second": 8 / float(own)}
        told = {"runtime": "torch", "threads": threads, "cpus": [1], "single_stream": ratios, "throughput": {**full, **ratios}}
        told |= {
            "lengths": {"16": {"p50_ms": 2.0 * number, **ratios}},
            "cold_start_ms": 50.0 * number,
            "end_to_end_over_model": 1.5 * number,
        }
        told |= {"peak_memory_mb": 100.0 * number}
        host = {"cpu": cpu, "flags": list(flags), "load_1min": 0.5, "measured_at": f"2026-01-0{number}"}
        write_json(place / "latency.json", {**told, "tokenisation_p50_ms": 0.1 * number, "host": host})
        found.append(place)
    return found


def teacher_of(folder, times, **more):
    """A teacher's folder with its summary."""
    write_json(folder / "latency.json", rounds.pool(cell(folder, [{"model": one} for one in times], **more)))
    return folder


def test_a_teacher_has_the_percentiles_of_all_its_calls(tmp_path):
    """10 and 20 ms in two rounds, as many calls: the median of all is 15."""
    found = rounds.pool(cell(tmp_path, [{"model": [0.01] * 3}, {"model": [0.02] * 3}]))
    stream = found["single_stream"]
    assert (found["rounds"], stream["calls"]) == (2, 6)
    assert (stream["min_ms"], stream["own_p50_ms"], stream["p50_ms"]["value"]) == pytest.approx((10, 15, 15))
    assert stream["p90_ms"]["value"] == pytest.approx(20)
    factor = np.exp(T_1 * np.log(2) / np.sqrt(2))
    assert stream["p50_ms"]["high"] == pytest.approx(15 * factor, rel=1e-6)
    assert found["tokenisation_p50_ms"] == pytest.approx(0.1 * np.sqrt(2))
    assert found["throughput"]["sentences_per_second"]["value"] == pytest.approx(8 / np.sqrt(0.01 * 0.02))
    assert [one["measured_at"] for one in found["each_round"]] == ["2026-01-01", "2026-01-02"]
    middle = {"p50_ms": 2 * np.sqrt(2), "end_to_end_p50_ms": 15 * 1.5 * np.sqrt(2), "cold_start_ms": 50 * np.sqrt(2)}
    assert found["lengths"]["16"]["p50_ms"]["value"] == pytest.approx(middle["p50_ms"])
    assert {name: found[name]["value"] for name in ("end_to_end_p50_ms", "cold_start_ms")} == pytest.approx(
        {name: middle[name] for name in ("end_to_end_p50_ms", "cold_start_ms")}
    )
    assert found["peak_memory_mb"] == 200, "the most of all rounds"


def test_a_row_does_not_contradict_itself(tmp_path):
    """In slow minutes: the teacher took 12 ms beside the model, 8 in its own rounds. Four times faster is 2 ms then, not 3."""
    teacher = teacher_of(tmp_path / "teacher", [[0.008] * 4, [0.008] * 4])
    slow = {"model": [0.003] * 3 + [0.006], "reference": [0.012] * 4}
    found = rounds.pool(cell(tmp_path / "kd", [slow, slow]), teacher)
    stream = found["single_stream"]
    ratio = stream["speedup_over_reference"]["value"]
    assert ratio == pytest.approx(4)
    assert stream["p50_ms"]["value"] == pytest.approx(8 / ratio)
    assert (stream["own_p50_ms"], stream["reference_p50_ms"], stream["teacher_p50_ms"]) == pytest.approx((3, 12, 8))
    assert found["lengths"]["16"]["speedup_over_reference"]["value"] == pytest.approx(4)
    assert found["lengths"]["16"]["p50_ms"]["value"] == pytest.approx(2 * np.sqrt(2) * 2 / 3), "by the teacher's clock too"
    assert found["end_to_end_p50_ms"]["value"] == pytest.approx(2 * 1.5 * np.sqrt(2)), "so many times the p50 that is shown"
    assert stream["p90_ms"]["value"] / stream["p50_ms"]["value"] == pytest.approx(2)  # pooled: 3 3 3 3 3 3 6 6
    assert found["throughput"]["sentences_per_second"]["value"] == pytest.approx(4 * 8 / 0.008)
    assert found["throughput"]["own_sentences_per_second"] == pytest.approx(8 / 0.003)


def test_the_ends_of_a_p50_are_those_of_its_ratio(tmp_path):
    """2 and 4 times faster."""
    teacher = teacher_of(tmp_path / "teacher", [[0.01], [0.01]])
    times = [{"model": [0.005], "reference": [0.01]}, {"model": [0.0025], "reference": [0.01]}]
    stream = rounds.pool(cell(tmp_path / "kd", times), teacher)["single_stream"]
    ratio, p50 = stream["speedup_over_reference"], stream["p50_ms"]
    assert ratio["value"] == pytest.approx(np.sqrt(8))
    assert [p50[end] for end in ("value", "low", "high")] == pytest.approx([10 / ratio[end] for end in ("value", "high", "low")])


def test_with_one_round_there_are_no_ends(tmp_path):
    teacher = teacher_of(tmp_path / "teacher", [[0.01]])
    found = rounds.pool(cell(tmp_path / "kd", [{"model": [0.005], "reference": [0.01]}]), teacher)
    assert found["single_stream"]["p50_ms"] == {"value": pytest.approx(5), "low": None, "high": None}
    assert found["throughput"]["sentences_per_second"] == {"value": pytest.approx(1600), "low": None, "high": None}


@pytest.mark.parametrize("other", [{"cpu": "B"}, {"flags": ["avx2", "avx512f"]}])
def test_a_teacher_of_another_cpu_tells_no_time(tmp_path, other):
    """Then the reference of the cell's own rounds does."""
    teacher = teacher_of(tmp_path / "teacher", [[0.008], [0.008]], **other)
    times = {"model": [0.003], "reference": [0.012]}
    found = rounds.pool(cell(tmp_path / "kd", [times, times]), teacher)
    assert found["single_stream"]["p50_ms"]["value"] == pytest.approx(3)
    assert found["throughput"]["sentences_per_second"]["value"] == pytest.approx(8 / 0.003)


@pytest.mark.parametrize("other", [{"cpu": "B"}, {"flags": ["avx2", "avx512f"]}])
def test_rounds_of_different_cpus_are_refused_by_name(tmp_path, other):
    """Two on one, one on another: the one is to go."""
    times = [{"model": [0.01]}] * 3
    folders = cell(tmp_path / "one", times)[:2] + cell(tmp_path / "other", times, **other)[2:]
    with pytest.raises(EdgeminError, match=r"rounds of different CPUs are not pooled \(round 1, 2 on A .*; 3 on ") as error:
        rounds.pool(folders)
    assert f"delete {folders[2]} and run snakemake again on A (avx2)" in str(error.value)
