"""What was measured, beside the record of the same class of machine."""

from __future__ import annotations

from pathlib import Path

import pages
import pandas as pd
import pytest

from edgemin.cli import compare
from edgemin.core.files import read_json, write_json
from edgemin.core.machine import cpu_flags, cpu_model, machine_class
from edgemin.plan.plan import Plan
from edgemin.report import record
from edgemin.study.read import parse_study
from edgemin.study.rows import result_rows

KD = "results/smoke/measurements/snippets/seed0/teacher/distill-minilmv2/onnxruntime"
RECORD = f"docs/reference/smoke/{machine_class()}"


@pytest.fixture
def plan(tmp_path):
    """Of a study with results, in the working directory, that are on record as they are."""
    with pages.written(tmp_path):
        plan = Plan(parse_study(pages.study_of()))
        for file in Path("results/smoke/measurements").rglob("latency.json"):
            write_json(file, {**read_json(file), "host": {"cpu": cpu_model(), "flags": cpu_flags()}})
        files = [
            file for file in sorted(Path("results/smoke/measurements").rglob("*.*")) if "int8_dynamic_torch" not in str(file)
        ]
        named = {file.relative_to("results/smoke").as_posix(): str(file) for file in files}
        spec = {"machine": machine_class(), "files": named, "rows": result_rows(plan), "made_by": {}}
        record.pack(spec, {form: Path(RECORD, f"seed0.{form}") for form in ("json", "csv", "parquet")})
        yield plan


def test_what_is_as_recorded_is_within(plan):
    """The cell that was not recorded is no row."""
    assert compare.report(plan) == f"compared with {RECORD}: all {len(result_rows(plan)) - 1} rows are within"


def test_what_was_not_timed_is_compared_by_its_answers(plan):
    """Of a study without a page the record has no latency, and perhaps no size."""
    record = read_json(f"{RECORD}/seed0.json")
    record["files"] = {name: one for name, one in record["files"].items() if name.endswith("quality.json")}
    write_json(f"{RECORD}/seed0.json", record)
    assert compare.report(plan) == f"compared with {RECORD}: all {len(result_rows(plan)) - 1} rows are within"
    for file in Path("results/smoke/measurements").rglob("predictions.parquet"):
        file.unlink()
    assert compare.report(plan) == f"{RECORD}: nothing of it was measured here, so there is nothing to compare"


def change(name: str, **values: float) -> None:
    latency = read_json(f"{KD}/latency.json")
    latency["single_stream"][name].update(values)
    write_json(f"{KD}/latency.json", latency)


@pytest.mark.parametrize(("speedup", "within"), [(4.3, True), (3.7, True), (4.5, False), (3.5, False)])
def test_a_speed_up_is_within_if_the_record_foresaw_it(plan, speedup, within):
    """Recorded as 4 between 3.6 and 4.4."""
    change("speedup_over_reference", value=speedup)
    first, *more = compare.report(plan).splitlines()
    assert ("all" in first) == within
    told = f"  snippets kd in onnxruntime, seed 0: {speedup:.2f} x the teacher's speed, recorded 4.00 [3.60, 4.40]"
    assert more == ([] if within else [told])


def test_of_one_round_nothing_is_foreseen(plan):
    recorded = read_json(f"{RECORD}/seed0.json")
    recorded["files"][f"{KD.removeprefix('results/smoke/')}/latency.json"]["single_stream"]["speedup_over_reference"].update(
        low=None, high=None
    )
    write_json(f"{RECORD}/seed0.json", recorded)
    change("speedup_over_reference", value=9.0)
    assert "all" in compare.report(plan)


@pytest.mark.parametrize(("turned", "within"), [(2, True), (12, False)])
def test_a_quality_is_within_if_its_paired_difference_includes_zero(plan, turned, within):
    """So many of 40 answers that were right are wrong."""
    answers = pd.read_parquet(f"{KD}/predictions.parquet")
    answers["logits"] = [logits[::-1] if number < turned else logits for number, logits in enumerate(answers["logits"])]
    answers.to_parquet(f"{KD}/predictions.parquet")
    first, *more = compare.report(plan).splitlines()
    assert ("all" in first) == within
    if not within:
        assert f"accuracy {-100 * turned / 40:.2f} [" in more[0]


def test_other_sizes_are_told(plan):
    write_json(f"{KD}/size.json", {**read_json(f"{KD}/size.json"), "bytes": 2_000_000 + 2001})
    assert compare.report(plan).splitlines()[1].endswith("kd in onnxruntime, seed 0: 2,002,001 bytes, recorded 2,000,000")
    write_json(f"{KD}/size.json", {**read_json(f"{KD}/size.json"), "bytes": 2_000_000 + 1999})
    assert "all" in compare.report(plan)


def test_another_test_set_is_told(plan):
    answers = pd.read_parquet(f"{KD}/predictions.parquet")
    answers["label"] = 1 - answers["label"]
    answers.to_parquet(f"{KD}/predictions.parquet")
    assert "kd in onnxruntime, seed 0: another test set" in compare.report(plan)


def test_without_a_record_of_such_a_machine_others_are_named(plan):
    Path(RECORD).rename(Path(RECORD).with_name("other-000000"))
    assert compare.report(plan) == (
        f"docs/reference: no record of study smoke on this class of machine ({machine_class()}) to compare with; it has other-000000"
    )


def test_without_any_record_that_is_said(plan):
    assert compare.report(plan, Path("nowhere")).endswith("to compare with")
