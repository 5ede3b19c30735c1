"""What would be run, and what a change makes run again: counted in dry runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import pytest
from copies import ROOT, Copy, Run

STUDIES = sorted(path.name for path in (ROOT / "config").glob("*.yaml"))
Planned = Callable[[str], Run]


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Planned:
    """planned(name): the dry run of a committed study, once for all tests."""
    copy = Copy(tmp_path_factory.mktemp("planned"))
    return cache(lambda name: copy.dry(study=f"config/{name}"))


@pytest.mark.parametrize("study", STUDIES)
def test_every_committed_study_plans(planned: Planned, study: str) -> None:
    run = planned(study)
    assert run.code == 0, run.output[-3000:]
    assert run.jobs["tables"] == 1


def test_the_paper_study_reads_the_hub_only_in_download_jobs(planned: Planned) -> None:
    run = planned("paper.yaml")
    # data, teacher and student; per seed two ladders, of which the second cuts neurons and then heads
    assert run.jobs["download_source"] == 3
    assert (run.jobs["train_teacher"], run.jobs["distill_student"], run.jobs["prune_structured"]) == (3, 6, 9)


def test_a_shared_prefix_is_trained_once(planned: Planned) -> None:
    """Five cells in two runtimes hang on one teacher, one student and one pruned student; a sixth on the teacher alone, and two baselines on none."""
    jobs = planned("smoke.yaml").jobs
    assert (jobs["train_teacher"], jobs["distill_student"], jobs["prune_structured"]) == (1, 1, 1)
    assert (jobs["quantize_model_onnxruntime"], jobs["quantize_model_torch"], jobs["distill_static"]) == (2, 1, 1)
    assert (jobs["fit_baseline"], jobs["measure_baseline"], jobs["time_baseline"], jobs["pool_baseline"]) == (2, 2, 4, 2)
    assert (jobs["time_cascade"], jobs["pool_cascade"]) == (2, 1)
    assert jobs["cache_teacher"] == 2  # logits, and Q, K, V of the last layer
    assert jobs["measure_latency"] == 3 * 2 + 3  # three float chains in two runtimes, three quantized ones in their own
    assert jobs["measure_round"] == 2 * jobs["measure_latency"]


def test_more_seeds_make_more_chains_but_not_more_data(copy: Copy) -> None:
    copy.edit(lambda study: study.update(seeds=[0, 1, 2]))
    jobs = copy.dry().jobs
    assert (jobs["train_teacher"], jobs["distill_student"]) == (3, 3)
    assert (jobs["prepare_data"], jobs["prepare_encoder"], jobs["collect_results"]) == (1, 1, 1)


def test_one_cell_is_a_target(copy: Copy) -> None:
    """The cell `kd` needs neither pruning nor quantization, and no table."""
    jobs = copy.dry("cell_kd").jobs
    assert jobs["cell_kd"] == 1
    assert {"prune_structured", "quantize_model_torch", "collect_results"}.isdisjoint(jobs)
    assert jobs["measure_quality"] == 2  # kd alone, in both runtimes


def test_an_illegal_order_cannot_be_asked_for(copy: Copy) -> None:
    folder = "results/smoke/models/snippets/seed0/teacher"
    for chain in ("quantize-int8_dynamic_ort/prune-heads25", "distill-nothing", "prune-minilmv2"):
        run = copy.dry(f"{folder}/{chain}/model.safetensors")
        assert run.code != 0
        assert "MissingRuleException" in run.output or "No rule to produce" in run.output


def resources(copy: Copy, *arguments: str) -> dict[str, dict[str, str]]:
    """Rule -> what a job of it asks for."""
    output = copy.run("-n", "--quiet", "host", *arguments, "--", "tables").output
    found = re.findall(r"^rule (\w+):$.*?^    resources: (.*?)$", output, re.MULTILINE | re.DOTALL)
    return {rule: dict(pair.split("=", 1) for pair in listed.split(", ")) for rule, listed in found}


def test_a_changed_resource_leaves_the_others_alone(copy: Copy) -> None:
    """What `--set-resources` and a profile say is added to what the rules say, not put in its place."""
    before = resources(copy)
    assert before["measure_round"]["slurm_extra"] == "--exclusive"
    assert "slurm_extra" not in before["measure_latency"]
    assert int(before["distill_student"]["runtime"]) > int(before["prepare_data"]["runtime"])
    changed = resources(copy, "--set-resources", "measure_round:constraint=x", "train_teacher:runtime=7")
    assert changed["measure_round"] == {**before["measure_round"], "constraint": "x"}
    assert changed["train_teacher"] == {**before["train_teacher"], "runtime": "7"}
    assert changed["distill_student"] == before["distill_student"]


def test_trainings_alone_have_a_gpu(copy: Copy) -> None:
    found = resources(copy, "--profile", "profiles/gpu")
    gpu = {rule for rule, asked in found.items() if "gpu" in asked}
    assert gpu == {"train_teacher", "cache_teacher", "distill_student", "distill_static", "prune_structured"}
    assert found["train_teacher"]["runtime"] == "1440"
