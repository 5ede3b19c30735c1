"""What a file is made by, and the digest of all that it depends on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import datasets
import pytest

from edgemin.plan.jobs import Jobs
from edgemin.plan.lineage import Lineage
from edgemin.plan.plan import Plan
from edgemin.study.read import parse_study
from planning import KD, MEASURED, MODELS, ORT, PRUNED, ROOT, every_job, made_by

HEADS = {"ratio": 0.5, "recovery": [{"terms": [{"objective": "logits"}]}]}


@pytest.fixture
def lineage(changed):
    """lineage(changes): of the smoke study with these changes."""

    def make(changes: dict | None = None) -> Lineage:
        plan = Plan(parse_study(changed(changes)))
        return Lineage(plan, Jobs(plan).all())

    return make


def test_every_file_of_every_job_is_traced_to_it(changed):
    plan = Plan(parse_study(changed({})))
    found = Lineage(plan, Jobs(plan).all())
    count = 0
    for job, at in every_job(plan):
        for file in made_by(job, at):
            traced = found.made_by(file)
            assert traced is not None, file
            assert traced[0].rule == job.rule, file
            assert all(str(getattr(at, name)) == value for name, value in traced[1].items()), file
            count += 1
    assert count > 100


@pytest.mark.parametrize(
    "file", ["tests/data/snippets.csv", f"{ROOT}/models/snippets/seed0/elsewhere/config.json", "results/other/study.yaml"]
)
def test_a_file_of_no_job_has_none(lineage, file):
    assert lineage().made_by(file) is None


def quality(chain: str, seed: int = 0) -> str:
    return f"{ROOT}/measurements/snippets/seed{seed}/{chain}/onnxruntime/quality.json"


@pytest.mark.parametrize(
    ("changes", "same", "other"),
    [
        ({}, ["teacher", KD, PRUNED, ORT], []),
        ({"prune.heads25": HEADS}, ["teacher", KD], [PRUNED, ORT]),
        ({"teacher.training": [{"epochs": 1}]}, [], ["teacher", KD, PRUNED, ORT]),
        ({"precision": "fp32"}, [], ["teacher", KD, PRUNED, ORT]),
        ({"quantize.int8_dynamic_ort.per_channel": False}, ["teacher", KD, PRUNED], [ORT]),
        ({"seeds": [0, 1], "threads.inference": 1}, ["teacher", KD, PRUNED, ORT], []),
        ({"latency.rounds": 3}, ["teacher", KD, PRUNED, ORT], []),
    ],
)
def test_a_digest_changes_with_what_the_file_depends_on_and_nothing_else(lineage, changes, same, other):
    before, after = lineage(), lineage(changes)
    for chain in (*same, *other):
        assert (before.digest(quality(chain)) == after.digest(quality(chain))) == (chain in same), chain


def test_a_data_set_that_is_saved_again_into_its_folder_is_another(lineage, tmp_path):
    """Saving does not change the folder's own time, and Snakemake would look at no other: its files are the inputs."""

    def saved(labels: list[int]) -> tuple[str, list[str]]:
        datasets.Dataset.from_dict({"text": ["a", "b"], "label": labels}).save_to_disk(tmp_path / "saved")
        found = lineage({"tasks.snippets.source": {"files": {"train": str(tmp_path / "saved")}}})
        job, at = found.made_by(f"{ROOT}/data/snippets/train.arrow")
        return found.digest(quality("teacher")), job.inputs(SimpleNamespace(**at))["local"]

    (before, files), (after, again) = saved([0, 1]), saved([1, 0])
    assert before != after
    assert files == again
    assert {Path(file).name for file in files} == {"state.json", "dataset_info.json", "data-00000-of-00001.arrow"}


def test_a_seed_is_part_of_a_digest(lineage):
    found = lineage({"seeds": [0, 1]})
    assert found.digest(quality(KD)) != found.digest(quality(KD, seed=1))


def test_the_name_of_the_study_is_not_part_of_a_digest(lineage):
    """Another study that asks for the same has the same."""
    renamed = lineage({"study": "renamed"})
    assert renamed.digest(quality(KD).replace(ROOT, "results/renamed")) == lineage().digest(quality(KD))


def test_rounds_are_part_of_what_latency_depends_on(lineage):
    file = f"{MEASURED}/{KD}/onnxruntime/latency.json"
    assert lineage().digest(file) != lineage({"latency.rounds": 3}).digest(file)


def test_the_content_of_a_users_file_counts(lineage, changed, tmp_path):
    """A file that no job makes is read, so an edit of it shows before anything runs."""
    texts = tmp_path / "train.csv"
    texts.write_text("text,label\none,0\nother,1\n", encoding="utf-8")
    task = changed({})["tasks"]["snippets"]
    changes = {"tasks.snippets": {**task, "source": {"files": {"train": str(texts)}}}}
    before = lineage(changes).digest(quality(KD))
    assert lineage(changes).digest(quality(KD)) == before
    texts.write_text("text,label\none,1\nother,0\n", encoding="utf-8")
    assert lineage(changes).digest(quality(KD)) != before


def test_files_of_one_job_have_one_digest(lineage):
    found = lineage()
    assert found.digest(f"{MODELS}/{KD}/history.json") == found.digest(f"{MODELS}/{KD}/config.json")
