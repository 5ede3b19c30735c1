"""`latency.seeds`: of which seeds latency is measured, and who does without the others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from edgemin.core.files import read_json, write_json
from edgemin.plan.jobs import Jobs
from edgemin.plan.plan import Plan
from edgemin.report.collect import collect
from edgemin.report.measured import latencies_of, latency_note, log_speed
from edgemin.study.read import parse_study
from edgemin.study.rows import result_rows
from edgemin.study.table import measured_files
from planning import at, read_by

HOST = {"cpu": "c", "flags": []}


@pytest.fixture
def plan(changed):
    def make(**latency: int) -> Plan:
        return Plan(parse_study(changed({"seeds": [3, 1, 2], "latency": {"rounds": 2, **latency}})))

    return make


def timed_seeds(files: list[str]) -> set[str]:
    return {part for file in files if file.endswith("latency.json") for part in file.split("/") if part.startswith("seed")}


@pytest.mark.parametrize(("latency", "seeds"), [({}, {3, 1, 2}), ({"seeds": 2}, {3, 1}), ({"seeds": 9}, {3, 1, 2})])
def test_the_first_seeds_are_timed_and_all_are_judged(plan, latency, seeds):
    study = plan(**latency)
    names = {f"seed{seed}" for seed in seeds}
    rows = [file for row in result_rows(study) for file in measured_files(row)]
    assert timed_seeds(rows) == timed_seeds(study.cell_files("kd")) == names
    assert sum(file.endswith("quality.json") for file in study.cell_files("kd")) == 3 * 2  # in two runtimes
    jobs = Jobs(study)
    for job in (jobs.tables["cells"], jobs.tables["stagewise"], jobs.page):
        assert timed_seeds(read_by(job, at())) == names


def test_no_round_runs_again_for_the_key(plan):
    """How one round is measured does not depend on how many seeds are."""
    where = at(chain="teacher", runtime="torch", round="1")
    assert Jobs(plan(seeds=1)).measure_round.about(where) == Jobs(plan()).measure_round.about(where)


def test_a_round_has_the_blocks_that_its_batches_need(plan):
    """100 batches in 2 rounds are 50 of them, and so many blocks."""
    protocol = Jobs(plan(batches=100)).measure_round.about(at(chain="teacher", runtime="torch", round="1"))["protocol"]
    assert (protocol["batches"], protocol["blocks"]) == (50, 50)


def test_speed_is_of_the_timed_seeds(tmp_path):
    seeds = []
    for seed, ratio in {0: 2.0, 1: 8.0}.items():
        folder = tmp_path / f"seed{seed}"
        folder.mkdir()
        stream = {"speedup_over_reference": {"value": ratio, "low": ratio / 2, "high": ratio * 2}}
        latency = {"single_stream": stream, "tokenisation_p50_ms": 0.1, "rounds": 5, "threads": 1, "host": HOST}
        write_json(folder / "latency.json", latency)
        write_json(folder / "quality.json", {"splits": {"test": {"accuracy": 0.5}}})
        sizes = {"naive": 1, "logical": 1, "nonzero": 1, "components": {}, "bytes": 4, "compressed": 3}
        write_json(folder / "size.json", sizes)
        names = {"study": "s", "task": "t", "seed": seed, "cell": "kd", "chain": "teacher", "runtime": "torch"}
        seeds.append({**names, "folder": str(folder)})
    assert log_speed(seeds)[0] == pytest.approx(np.log(4))  # the geometric mean of 2 and 8
    one = [seeds[0], {**seeds[1], "timed": False}]
    assert log_speed(one) == (pytest.approx(np.log(2)), pytest.approx(np.log(2)))
    assert latency_note(one) == (
        "Machine: c, 1 inference thread(s). Latency is of seed 0 alone. Intervals of latency say where the next run of 5 rounds "
        "falls (95 %)."
    )
    assert "alone" not in latency_note(seeds)
    other = {**seeds[1], "chain": "teacher/distill-kd", "seed": 0}
    write_json(tmp_path / "seed1/latency.json", {**read_json(tmp_path / "seed1/latency.json"), "host": {**HOST, "cpu": "d"}})
    assert latency_note([seeds[0], other]).startswith(
        "Machine: c, 1 inference thread(s); teacher/distill-kd was timed on another CPU: these times are not comparable. Intervals"
    )
    found = collect(one)
    assert set(found.loc[found["scenario"].notna(), "seed"]) == {0}
    assert set(found["seed"]) == {0, 1}


def table(ends: dict[str, tuple[float, float, float]]) -> pd.DataFrame:
    rows = []
    for (scenario, metric), values in {("single_stream", "p50"): ends["p50"], ("end_to_end", "p50"): ends["end_to_end"]}.items():
        rows += [
            {"metric": f"{metric}{end}", "scenario": scenario, "value": value}
            for end, value in zip(("", "_low", "_high"), values, strict=True)
        ]
    return pd.DataFrame([*rows, {"metric": "p90", "scenario": "single_stream", "value": 6.0}])


def test_from_text_varies_as_the_model_and_as_the_ratio():
    """Logs of half-widths 0.3 and 0.4 make 0.5. p90 is as many times longer from text as p50: 6 ms times 5 / 4."""
    p50, text = ((value, value * np.exp(-half), value * np.exp(half)) for value, half in ((4.0, 0.3), (5.0, 0.4)))
    found = latencies_of(table({"p50": p50, "end_to_end": text}))
    assert [found[f"end_to_end{end}"] for end in ("", "_low", "_high")] == pytest.approx([5, 5 * np.exp(-0.5), 5 * np.exp(0.5)])
    assert found["p90_from_text"] == 7.5


def test_all_times_of_a_baseline_are_from_text():
    """Nothing is added to its interval; with one round there is none."""
    found = latencies_of(table({"p50": (4.0, 3.0, 5.0), "end_to_end": (4.0, 3.0, 5.0)}))
    assert [found[f"end_to_end{end}"] for end in ("", "_low", "_high")] == [4, 3, 5]
    assert found["p90_from_text"] == 6
    once = latencies_of(table({"p50": (4.0, np.nan, np.nan), "end_to_end": (5.0, np.nan, np.nan)}))
    assert np.isnan(once["end_to_end_low"])
    assert once["p90_from_text"] == 7.5
