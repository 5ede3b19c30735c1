"""Every kind of job of the smoke study has run: what each has loaded is what its digest covers.
(Last in the folder: the jobs of the tests before have noted what they loaded in the copy that all share.)"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from copies import CODE, Copy, Edit, edits
from loaded import JOBS, At, jobs_of, uncovered

COVERED_UNUSED = {
    "train_teacher": {"edgemin.encoders.families.bert.blocks": "labels alone hook nothing; all other trainings do"},
    "prepare_encoder": {"edgemin.encoders.families.bert": "the config of a random model is not checked"},
    "measure_out_of_domain": {
        "edgemin.encoders.families.bert.blocks": "in PyTorch a cut model would be resized; the smoke study's is not cut",
        "edgemin.runtimes.torch.stored": "the other half of a runtime: only sizes read it",
    },
    "plot_head_importance": {
        "edgemin.data.kinds.classification": "all plots may show a quality",
        "edgemin.study.kind": "likewise",
    },
    "table_sensitivity": {
        "edgemin.data.kinds.classification": "all tables may judge answers",
        "edgemin.data.kinds.classification.scores": "likewise",
    },
    "table_latency": {"edgemin.data.kinds.classification.scores": "likewise"},
    "table_parameters": {"edgemin.data.kinds.classification.scores": "likewise"},
    "make_bundle": {
        "edgemin.deploy.predict": "copied into the bundle as text",
        "edgemin.deploy.rows": "likewise",
        "edgemin.deploy.bench": "likewise",
        "edgemin.data.kinds.classification.answer": "likewise",
    },
}
COVERED_UNUSED["bundle_cascade_fast"] = {
    **COVERED_UNUSED["make_bundle"],
    "edgemin.deploy.cascade.model": "likewise",
    "edgemin.methods.baselines.tfidf": "its program is copied as text",
    "edgemin.methods.baselines.tfidf.answer": "likewise",
}
COVERED_UNUSED["time_cascade"] = {"edgemin.methods.baselines.tfidf.answer": "its program is run as text"}
"""Rule -> what its digest covers although no job of it has loaded it -> why that is meant."""


@pytest.fixture(scope="module")
def noted(finished: Copy) -> dict[str, list[dict[str, Any]]]:
    """Rule -> its jobs: wildcards, and the modules that were loaded at the end."""
    run = finished.run("--", "everything", "deploy_recommended", "results/smoke/deploy/fast/seed0/bundle.json")
    assert run.code == 0, run.output[-5000:]
    return jobs_of(finished)


def test_every_kind_of_job_of_the_study_has_run(noted: dict[str, list[dict[str, Any]]]) -> None:
    """All that smoke has no use for is named here."""
    unused = {"download_source", "cut_tokenizer", "table_subsets", "time_shapes", "prune_to_time"}
    unused |= {rule for rule in JOBS if rule.startswith("quantize_") and ("openvino" in rule or rule == "quantize_aware_torch")}
    assert set(JOBS) - set(noted) == unused


def test_what_a_job_loads_is_covered_by_its_digest(noted: dict[str, list[dict[str, Any]]]) -> None:
    assert {rule: missing for rule, jobs in noted.items() if (missing := uncovered(rule, jobs))} == {}


def test_a_digest_covers_no_more_than_is_loaded(noted: dict[str, list[dict[str, Any]]]) -> None:
    """What all jobs of a rule have in their digests, some job of it has loaded."""
    unused = {}
    for rule, jobs in noted.items():
        if rule != "write_study":
            loaded = {name for job in jobs for name in job["modules"]}
            covered = set.intersection(*(set(JOBS[rule].covered(At(job["wildcards"]))) for job in jobs))
            unused[rule] = covered - loaded
    assert {rule: names for rule, names in unused.items() if names} == {
        rule: set(names) for rule, names in COVERED_UNUSED.items()
    }


@pytest.fixture
def edited(finished: Copy) -> Iterator[Edit]:
    yield from edits(finished)


def test_prose_runs_nothing_and_code_what_depends_on_it(finished: Copy, edited: Any) -> None:
    """Through Snakemake, to the end."""
    edited("methods/objectives/minilmv2/loss.py", "", "\n# edited\n")
    assert "Nothing to be done" in finished.dry("everything").output
    edited("measure/size.py", "", CODE)
    jobs = finished.dry("everything").jobs
    assert {"measure_quality", "measure_round", "train_teacher", "distill_student", "prune_structured"}.isdisjoint(jobs)
    assert jobs["measure_size"] == 20
