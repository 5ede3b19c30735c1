"""What is read of a results folder in which earlier runs left something, and what a check in CI does not let pass."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from edgemin.cli.main import main
from edgemin.core.errors import EdgeminError
from edgemin.core.files import write_json
from edgemin.core.machine import machine_class
from edgemin.report.differences.document import Difference
from edgemin.report.differences.limits import Limit
from edgemin.report.differences.sides import open_side
from test_report_differences import HOST, KD, answers, edit, latency, recorded, results, rows

OTHER: dict[str, Any] = {**HOST, "cpu": "CPU two"}
HERE, THERE = (machine_class(host["cpu"], host["flags"]) for host in (HOST, OTHER))
TEACHER = "measurements/snippets/seed0/teacher/onnxruntime"


def set_study(folder: Path, **keys: Any) -> None:
    file = folder / "study.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text(encoding="utf-8")), **keys}), encoding="utf-8")


def unpacked(folder: Path, machine: str, right: dict[str, Sequence[int]]) -> Path:
    """A record of another class of machine, as a run unpacks it."""
    root = results(folder / "record" / machine, right, host=OTHER)
    (root / "study.yaml").unlink()
    return root


def test_what_an_earlier_study_measured_is_not_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One of ten is lost with seed 0, which is all that B's study has; ten are gained with a seed of before."""
    a = results(tmp_path / "a", {"kd": [8, 0]}, seeds=[0, 1])
    b = results(tmp_path / "b", {"kd": [7, 10]}, seeds=[0, 1])
    set_study(b, seeds=[0])
    shutil.copytree(b / "measurements/snippets", b / "measurements/earlier")
    shutil.copytree(b / "measurements/snippets/seed0", b / "measurements/snippets/seedx")
    assert [(key.task, list(seeds)) for key, seeds in open_side(str(b)).folders.items()] == [("snippets", [0])]
    assert main(["diff", str(a), str(b), "--fail-if", "drop > 0.5"]) == 1
    assert capsys.readouterr().err == "broken: drop > 0.5: snippets kd in onnxruntime: drop 10.0000\n"


def test_a_seed_of_another_class_of_machine_is_read_from_its_record_as_a_whole(tmp_path: Path) -> None:
    """An interrupted run left kd here, and no teacher: tables read both from the record."""
    a = results(tmp_path / "a", {"teacher": [9], "kd": [8]})
    b = results(tmp_path / "b", {"teacher": [1], "kd": [2]})
    shutil.rmtree(b / TEACHER)
    unpacked(b, THERE, {"teacher": [7], "kd": [6]})
    assert {cell: row["quality_b"] for cell, row in rows(a, b).items()} == {"teacher": 0.7, "kd": 0.6}
    assert open_side(str(b)).json(f"{KD}/quality.json")["host"]["cpu"] == "CPU two"
    set_study(b, record=None)
    assert {cell: row["quality_b"] for cell, row in rows(a, b).items()} == {"kd": 0.2}


def test_what_is_complete_here_is_read_here(tmp_path: Path) -> None:
    """Of a seed that lacks nothing, all; beside a record of the same class, what is here. Cells that the study no longer has are not lacking."""
    a = results(tmp_path / "a", {"teacher": [9], "kd": [8]})
    b = results(tmp_path / "b", {"teacher": [9], "kd": [2]})
    other = unpacked(b, THERE, {"teacher": [7], "kd": [6]})
    shutil.copytree(other / KD, other / KD.replace("-kd", "-earlier"))
    assert {cell: row["quality_b"] for cell, row in rows(a, b).items()} == {"teacher": 0.9, "kd": 0.2}
    other.rename(other.with_name(HERE))
    shutil.rmtree(b / TEACHER)
    assert {cell: row["quality_b"] for cell, row in rows(a, b).items()} == {"teacher": 0.7, "kd": 0.2}
    (b / KD / "size.json").unlink()
    assert rows(a, b)["kd"]["quality_b"] == 0.6


def test_times_of_two_processors_have_no_mean(tmp_path: Path) -> None:
    """Of B, seed 1 was timed on another processor, in 6 ms: it counts neither for B / A nor for the times beside it."""
    a = results(tmp_path / "a", {"kd": [8, 8]}, seeds=[0, 1])
    b = results(tmp_path / "b", {"kd": [8, 8]}, seeds=[0, 1], p50={"kd": 3})
    write_json(b / KD.replace("seed0", "seed1") / "latency.json", latency(6.0, OTHER))
    row = rows(a, b)["kd"]
    assert [row[name] for name in ("p50_a", "p50_b", "slower", "speedup_b")] == pytest.approx([2, 3, 1.5, 4 / 3])
    assert [row[name] for name in ("timed", "timed_a", "timed_b")] == [2, 1, 1]
    text = Difference.between(open_side(str(a)), open_side(str(b))).markdown()
    assert "not all of them count: 1 of 2 (snippets kd in onnxruntime)." in text


def test_where_nothing_was_timed_alike_each_side_has_its_most_frequent_processor(tmp_path: Path) -> None:
    a = results(tmp_path / "a", {"kd": [8, 8, 8]}, seeds=[0, 1, 2])
    b = results(tmp_path / "b", {"kd": [8, 8, 8]}, seeds=[0, 1, 2], host=OTHER, p50={"kd": 3})
    write_json(b / KD / "latency.json", latency(9.0, {**HOST, "cpu": "CPU three"}))
    row = rows(a, b)["kd"]
    assert [row[name] for name in ("p50_a", "p50_b")] == pytest.approx([2, 3])
    assert [row[name] for name in ("timed", "timed_a", "timed_b")] == [3, 3, 2]
    text = Difference.between(open_side(str(a)), open_side(str(b))).markdown()
    assert "not all of them count: 3 of 3 of A and 2 of 3 of B (snippets kd in onnxruntime)." in text


def test_a_check_does_not_pass_by_comparing_less(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = results(tmp_path / "a", {"teacher": [9], "kd": [8]})
    less = results(tmp_path / "b", {"teacher": [9]})
    asked = ["--fail-if", "drop > 0.5", "--fail-if", "larger > 2"]
    assert main(["diff", str(a), str(less)]) == 0
    assert main(["diff", str(less), str(a), *asked]) == 0
    capsys.readouterr()
    assert main(["diff", str(a), str(less), *asked, "--json", str(tmp_path / "found.json")]) == 1
    line = "snippets kd in onnxruntime: missing in B"
    assert capsys.readouterr().err == f"broken: {line}\n"
    assert json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))["broken"] == [line]


def test_a_row_that_cannot_be_compared_is_told_with_the_reason(tmp_path: Path) -> None:
    """What A never had cannot get worse."""
    a = results(tmp_path / "a", {"teacher": [9], "kd": [8]})
    b = results(tmp_path / "b", {"teacher": [9], "kd": [8]})
    edit(b / KD / "predictions.parquet", lambda table: table.assign(label=1 - table["label"]))
    write_json(b / KD / "latency.json", latency(2.0, OTHER))
    (b / KD / "size.json").unlink()
    about = "snippets kd in onnxruntime: cannot be compared:"
    expected = {
        "drop > 1": f"{about} another test set: labels of the same examples differ",
        "slower > 2": f"{about} other processors, or other numbers of threads",
        "larger > 2": f"{about} B has no size",
    }
    for limit, line in expected.items():
        assert Limit.parse(limit).broken(list(rows(a, b).values())) == [f"{limit}: {line}"]
    (a / KD / "size.json").unlink()
    (a / KD / "latency.json").unlink()
    for limit in ("slower > 2", "larger > 2"):
        assert not Limit.parse(limit).broken(list(rows(a, b).values()))


def test_what_only_other_seeds_have_cannot_be_compared(tmp_path: Path) -> None:
    a = results(tmp_path / "a", {"teacher": [9, 9], "kd": [8, 8]}, seeds=[0, 1])
    b = results(tmp_path / "b", {"teacher": [9, 9], "kd": [8, 8]}, seeds=[0, 1])
    (a / KD / "latency.json").unlink()
    (b / KD.replace("seed0", "seed1") / "latency.json").unlink()
    assert Limit.parse("slower > 2").broken(list(rows(a, b).values())) == [
        "slower > 2: snippets kd in onnxruntime: cannot be compared: no seed with latency in common"
    ]


@pytest.mark.parametrize("name", ["predictions.parquet", "size.json", "latency.json"])
def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path, name: str) -> None:
    a, b = (results(tmp_path / one, {"kd": [8]}) for one in "ab")
    file = b / KD / name
    if name == "predictions.parquet":
        file.write_bytes(file.read_bytes()[:-9])
    else:
        write_json(file, {})
    with pytest.raises(EdgeminError) as raised:
        rows(a, b)
    told = str(raised.value)
    assert told.startswith(f"{file}: ")
    assert told.endswith("; delete it and run snakemake again")
    assert "\n" not in told


def test_predictions_without_answers_are_refused(tmp_path: Path) -> None:
    a, b = (results(tmp_path / one, {"kd": [8]}) for one in "ab")
    answers(b / KD, 10, 8)
    edit(b / KD / "predictions.parquet", lambda table: table.drop(columns=["split", "logits"]))
    with pytest.raises(EdgeminError, match=r"predictions\.parquet: lacks logits, split; delete it"):
        rows(a, b)


def test_a_damaged_record_is_restored(tmp_path: Path) -> None:
    tree = results(tmp_path / "tree", {"kd": [8]})
    machine = recorded(tree, tmp_path / "docs/smoke/cpu-one")
    record = json.loads((machine / "seed0.json").read_text(encoding="utf-8"))
    record["files"][f"{KD}/size.json"] = {}
    write_json(machine / "seed0.json", record)
    with pytest.raises(EdgeminError, match=r"cpu-one: .*/size\.json: lacks bytes, logical, nonzero; restore it"):
        rows(tree, machine)
