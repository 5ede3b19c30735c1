"""Seeds on record: which are taken, and where reports then read."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json, write_json
from edgemin.core.machine import machine_class
from edgemin.plan.jobs import Jobs
from edgemin.plan.lineage import listed
from edgemin.plan.plan import Plan
from edgemin.study.read import parse_study
from planning import KD

HERE, ELSEWHERE = machine_class(), "elsewhere-0a1b2c"
CHANGES = {"seeds": [0, 1], "record": "kept"}


@pytest.fixture
def jobs(changed, tmp_path, monkeypatch):
    """jobs(changes): of the smoke study with two seeds and a record, in an empty folder."""
    (tmp_path / "tests").symlink_to(Path("tests").resolve())
    monkeypatch.chdir(tmp_path)
    return lambda changes=None: Jobs(Plan(parse_study(changed({**CHANGES, **(changes or {})}))))


def keep(jobs: Jobs, seed: int, machine: str, **spoilt: str) -> None:
    """Put a seed on record as if a machine had measured it. spoilt: digests that are others."""
    job = jobs.record_seeds[seed]
    made_by = job.about(None)["made_by"]
    write_json(f"kept/smoke/{machine}/seed{seed}.json", {"made_by": {**made_by, **spoilt}})


def seeds_read(jobs: Jobs) -> set[str]:
    """The folders of seeds that the results are collected from, as far as the seed."""
    return {
        "/".join(file.split("/")[: file.split("/").index("snippets") + 2]) for file in listed(jobs.collect_results.inputs(None))
    }


def test_without_a_record_nothing_is_taken_and_nothing_kept(jobs):
    found = jobs({"record": None})
    assert (found.take_seeds, found.record_seeds) == ({}, {})
    assert seeds_read(found) == {f"results/smoke/measurements/snippets/seed{seed}" for seed in (0, 1)}


def test_a_seed_that_is_not_on_record_is_made_and_recorded(jobs):
    found = jobs()
    assert found.take_seeds == {}
    assert [job.rule for job in found.record_seeds.values()] == ["record_seed_0", "record_seed_1"]
    assert found.record_seeds[1].outputs["parquet"] == f"kept/smoke/{HERE}/seed1.parquet"
    measured = found.record_seeds[1].inputs(None)["measured"]
    assert f"results/smoke/measurements/snippets/seed1/{KD}/torch/predictions.parquet" in measured
    assert f"results/smoke/models/snippets/seed1/{KD}/history.json" in measured
    assert all("/seed1/" in file and file.endswith((".json", ".parquet")) for file in measured)


def test_a_seed_on_record_is_taken_and_the_other_is_made(jobs):
    keep(jobs(), 1, ELSEWHERE)
    found = jobs()
    assert list(found.take_seeds) == [1]
    assert list(found.record_seeds) == [0]
    assert seeds_read(found) == {
        "results/smoke/measurements/snippets/seed0",
        f"results/smoke/record/{ELSEWHERE}/measurements/snippets/seed1",
    }
    assert found.take_seeds[1].machine == ELSEWHERE
    taken = found.take_seeds[1]
    assert set(taken.outputs) == {file for job in found.reports() for file in listed(job.inputs(None)) if "/seed1/" in file}
    assert all(file.startswith(f"results/smoke/record/{ELSEWHERE}/") for file in taken.outputs)
    told = taken.about(None)
    assert (told["record"], told["predictions"]) == tuple(f"kept/smoke/{ELSEWHERE}/seed1.{form}" for form in ("json", "parquet"))
    assert list(told["files"].values()) == taken.outputs
    assert list(told["made_by"]) == list(told["files"])
    assert told["files"][f"models/snippets/seed1/{KD}/history.json"].endswith(f"/models/snippets/seed1/{KD}/history.json")


def test_specs_name_the_folders_that_reports_then_read(jobs):
    """Rows of a table, and the models that a page tells of."""
    keep(jobs(), 1, ELSEWHERE)
    found = jobs()
    for job in (found.page, found.tables["stagewise"]):
        text = str(job.about(None))
        assert "results/smoke/measurements/snippets/seed0/" in text
        assert f"results/smoke/record/{ELSEWHERE}/measurements/snippets/seed1/" in text
        assert "results/smoke/measurements/snippets/seed1/" not in text
    assert f"results/smoke/record/{ELSEWHERE}/models/snippets/seed1/teacher'" in str(found.page.about(None))


OTHER = {f"models/snippets/seed1/{KD}/history.json": "another"}


def test_of_another_class_of_machine_one_other_digest_and_the_seed_is_made_anew(jobs):
    keep(jobs(), 1, ELSEWHERE, **OTHER)
    assert jobs().take_seeds == {}


def test_of_this_class_the_folder_is_made_anew_and_all_else_is_taken(jobs):
    """So a cell can be added to a study whose seeds are on record; the record is then written again, with what was added."""
    keep(jobs(), 1, HERE, **OTHER)
    found = jobs()
    taken = found.take_seeds[1]
    assert not any(f"/models/snippets/seed1/{KD}/history.json" in file for file in taken.outputs)
    assert f"results/smoke/record/{HERE}/measurements/snippets/seed1/{KD}/torch/quality.json" in taken.outputs
    assert list(found.record_seeds) == [0, 1]
    read = found.record_seeds[1].inputs(None)["measured"]
    assert f"results/smoke/models/snippets/seed1/{KD}/history.json" in read
    assert set(read) >= set(taken.outputs)
    files = found.record_seeds[1].about(None)["files"]
    assert files[f"models/snippets/seed1/{KD}/history.json"] == f"results/smoke/models/snippets/seed1/{KD}/history.json"
    assert files[f"measurements/snippets/seed1/{KD}/torch/quality.json"] in taken.outputs


def test_what_is_wholly_on_record_is_not_recorded_again(jobs):
    keep(jobs(), 1, HERE)
    assert list(jobs().record_seeds) == [0]


def test_a_record_of_more_cells_than_the_study_has_will_do(jobs):
    keep(jobs(), 1, ELSEWHERE, more="of a cell that went")
    assert list(jobs().take_seeds) == [1]


def test_this_class_of_machine_comes_first(jobs):
    found = jobs()
    for machine in ("aardvark-000000", HERE, ELSEWHERE):
        keep(found, 1, machine)
    assert jobs().take_seeds[1].machine == HERE


def make(files: list[str]) -> None:
    for file in files:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).touch()


@pytest.mark.parametrize("machine", [HERE, ELSEWHERE])
def test_what_is_measured_here_is_not_taken(jobs, machine):
    """Of another class of machine a seed is whole: as long as one of its files is missing here, all are taken."""
    first = jobs()
    keep(first, 1, machine)
    *most, last = first.record_seeds[1].inputs(None)["measured"]
    make(most)
    taken = jobs().take_seeds[1].outputs
    beside = [file for file in (*most, last) if Path(file).parent == Path(last).parent]
    assert len(taken) == (len(beside) if machine == HERE else len(most) + 1)
    make([last])
    assert jobs().take_seeds == {}


def test_a_change_of_the_study_that_changes_no_file_keeps_the_record(jobs):
    keep(jobs(), 1, ELSEWHERE)
    assert list(jobs({"recommend": None}).take_seeds) == [1]


def test_a_table_that_is_not_made_by_default_is_made_of_what_this_machine_trains(jobs):
    """No record holds what it needs, and within a seed nothing is compared with what was made elsewhere."""
    keep(jobs(), 1, ELSEWHERE)
    found = jobs({"cells.extra": "teacher/prune-heads25", "tables.pruning": {"teacher": ["extra", "kd_prune"]}})
    assert list(found.take_seeds) == [1]
    files = listed(found.tables["pruning"].inputs(None))
    assert any("/seed1/" in file for file in files)
    assert not any("/record/" in file for file in files)


def test_a_file_that_no_record_can_hold_is_told(jobs, monkeypatch):
    found = jobs()
    monkeypatch.setitem(found.record_seeds[0].records.files, 0, ["results/smoke/models/snippets/seed0/teacher/model.safetensors"])
    with pytest.raises(EdgeminError, match=r"record: .*model\.safetensors is no measurement, so a record cannot hold it"):
        found.record_seeds[0].about(None)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"made_by": 3}'])
def test_what_is_no_record_is_told_by_name(jobs, content):
    keep(jobs(), 1, ELSEWHERE)
    file = Path(f"kept/smoke/{ELSEWHERE}/seed1.json")
    file.write_text(content, encoding="utf-8")
    with pytest.raises(EdgeminError, match=rf"{file}: not .*; restore it from version control, or delete it"):
        jobs()


def test_a_folder_with_braces_is_refused(jobs):
    with pytest.raises(EdgeminError, match=r"record: '.*' has '\{' in it"):
        jobs({"record": "kept/{here}"})


WITH_CASCADE = {"cascades": {"fast": ["tfidf", "edgemin", "teacher"]}}
OWN = "measurements/snippets/seed{}/cascade-fast/onnxruntime/latency.json"


def own_times(jobs: Jobs) -> list[str]:
    """Where the table of cascades reads their own times."""
    return jobs.tables["cascades"].inputs(None).get("extras", [])


def forget(seed: int, machine: str) -> None:
    """The record is from before cascades were timed."""
    file = Path(f"kept/smoke/{machine}/seed{seed}.json")
    told = read_json(file)
    del told["made_by"][OWN.format(seed)]
    write_json(file, told)


def test_the_time_of_a_cascade_goes_on_record_and_is_taken_from_there(jobs):
    found = jobs(WITH_CASCADE)
    assert own_times(found) == [f"results/smoke/{OWN.format(seed)}" for seed in (0, 1)]
    assert f"results/smoke/{OWN.format(1)}" in found.record_seeds[1].inputs(None)["measured"]
    for seed in (0, 1):
        keep(found, seed, ELSEWHERE)
    found = jobs(WITH_CASCADE)
    assert own_times(found) == [f"results/smoke/record/{ELSEWHERE}/{OWN.format(seed)}" for seed in (0, 1)]
    assert set(own_times(found)[1:]) < set(found.take_seeds[1].outputs)
    folders = [one["folder"] for one in found.tables["cascades"].about(None)["extras"]]
    assert folders == [str(Path(file).parent) for file in own_times(found)]


@pytest.mark.parametrize("machine", [HERE, ELSEWHERE])
def test_a_record_from_before_is_as_good_as_it_was(jobs, machine):
    """Nothing is trained for the time of a cascade: the table composes it. Of this class of machine one that was asked for by name is read, and recorded."""
    first = jobs(WITH_CASCADE)
    for seed in (0, 1):
        keep(first, seed, machine)
        forget(seed, machine)
    found = jobs(WITH_CASCADE)
    assert (list(found.take_seeds), found.record_seeds, own_times(found)) == ([0, 1], {}, [])
    assert "extras" not in found.tables["cascades"].about(None)
    assert any(f"/record/{machine}/" in file for file in listed(found.tables["cascades"].inputs(None)))
    make([f"results/smoke/{OWN.format(1)}"])
    found = jobs(WITH_CASCADE)
    assert own_times(found) == ([f"results/smoke/{OWN.format(1)}"] if machine == HERE else [])
    assert list(found.record_seeds) == ([1] if machine == HERE else [])


def test_a_new_seed_beside_records_times_no_cascade(jobs):
    """Thresholds are chosen by the times of all seeds, so it would ask for the models of those on record."""
    keep(jobs(WITH_CASCADE), 1, HERE)
    forget(1, HERE)
    assert own_times(jobs(WITH_CASCADE)) == []
