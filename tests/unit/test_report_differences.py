"""Two sets of results beside each other, with numbers that can be worked out by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from edgemin.cli.main import main
from edgemin.core.errors import EdgeminError
from edgemin.core.files import write_json
from edgemin.core.machine import machine_class
from edgemin.report.differences.document import Difference
from edgemin.report.differences.limits import Limit
from edgemin.report.differences.sides import open_side
from edgemin.report.record import pack

CHAINS = {"teacher": "teacher", "kd": "teacher/distill-kd"}
HOST: dict[str, Any] = {"cpu": "CPU one", "flags": ["avx2"], "versions": {"torch": "2.0"}, "python": "3.11.7"}
H = math.log(1.1 / 0.9) / 2
"""Half the width of every p50's interval below, on the log scale."""


def results(
    folder: Path,
    right: Mapping[str, Sequence[int]],
    *,
    examples: int = 10,
    p50: Mapping[str, float] | None = None,
    size: Mapping[str, int] | None = None,
    host: Mapping[str, Any] = HOST,
    seeds: Sequence[int] = (0,),
    settings: Mapping[str, Any] | None = None,
    code: str = "c0de",
    metric: str = "accuracy",
) -> Path:
    """A results folder. right: cell -> of each seed how many of the examples, from the first on, are answered right."""
    study: dict[str, Any] = {
        "study": folder.name,
        "tasks": {"snippets": {"metric": metric}},
        "seeds": list(seeds),
        **(settings or {}),
    }
    study["cells"] = {cell: {"chain": CHAINS[cell]} for cell in right}
    for cell, counts in right.items():
        for seed, count in zip(seeds, counts, strict=True):
            at = folder / f"measurements/snippets/seed{seed}/{CHAINS[cell]}/onnxruntime"
            answers(at, examples, count)
            write_json(at / "quality.json", {"metric": metric, "splits": {"test": {metric: count / examples}}, "host": host})
            counted = {"bytes": (size or {}).get(cell, 1000), "logical": 500, "nonzero": 500, "compressed": 1, "naive": None}
            write_json(at / "size.json", {**counted, "components": {}})
            write_json(at / "latency.json", latency((p50 or {}).get(cell, 2.0), host))
            model = {
                "spec": {"code": code, "seed": seed, "epochs": 1},
                "versions": host["versions"],
                "sha256": {"model.safetensors": "ab" * 32},
            }
            write_json(folder / f"models/snippets/seed{seed}/{CHAINS[cell]}/provenance.json", model)
    (folder / "study.yaml").write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
    return folder


def answers(folder: Path, examples: int, right: int) -> None:
    gold = np.arange(examples) % 2
    given = np.where(np.arange(examples) < right, gold, 1 - gold)
    names = [f"test-{number}" for number in range(examples)]
    table = {"id": [*names, "validation-0"], "split": ["test"] * examples + ["validation"], "label": [*gold, 0]}
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame({**table, "logits": list(np.eye(2)[[*given, 0]])}).to_parquet(folder / "predictions.parquet")


def latency(value: float, host: Mapping[str, Any], threads: int = 1) -> dict[str, Any]:
    stream = {"p50_ms": {"value": value, "low": value * 0.9, "high": value * 1.1}}
    stream["speedup_over_reference"] = {"value": 4 / value, "low": 3.6 / value, "high": 4.4 / value}
    return {"single_stream": stream, "tokenisation_p50_ms": 0.1, "threads": threads, "rounds": 2, "host": dict(host)}


def rows(a: Path | str, b: Path | str) -> dict[str, dict[str, Any]]:
    """Cell -> its row."""
    return {row["cell"]: row for row in Difference.between(open_side(str(a)), open_side(str(b))).rows}


def edit(file: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    change(pd.read_parquet(file)).to_parquet(file)


KD = "measurements/snippets/seed0/teacher/distill-kd/onnxruntime"


def test_a_difference_is_paired_by_example(tmp_path: Path) -> None:
    """Eight and six of ten are right: two answers are lost, eight are as before. SD = sqrt((2 (-.8)^2 + 8 (.2)^2) / 9), t(9) = 2.262157."""
    a = results(tmp_path / "a", {"teacher": [9], "kd": [8]})
    b = results(tmp_path / "b", {"teacher": [9], "kd": [6]})
    row = rows(a, b)["kd"]
    assert (row["quality_a"], row["quality_b"]) == (0.8, 0.6)
    assert row["quality_change"] == pytest.approx(-0.2)
    half = 2.262157 * math.sqrt(1.6 / 9) / math.sqrt(10)
    assert row["quality_change_high"] == pytest.approx(-0.2 + half, abs=1e-6)
    assert row["quality_change_low"] == pytest.approx(-0.2 - half, abs=1e-6)
    assert (row["changed"], row["identical"], row["change_over"], row["p"]) == (pytest.approx(0.2), False, "examples", None)
    assert rows(a, b)["teacher"]["identical"]


def test_the_order_of_rows_does_not_matter_and_examples_of_one_side_do_not_count(tmp_path: Path) -> None:
    a = results(tmp_path / "a", {"kd": [8]})
    b = results(tmp_path / "b", {"kd": [6]}, examples=12)
    edit(b / KD / "predictions.parquet", lambda table: table[::-1])
    row = rows(a, b)["kd"]
    assert (row["examples"], row["examples_a"], row["examples_b"]) == (10, 10, 12)
    assert (row["quality_b"], row["quality_change"]) == (0.6, pytest.approx(-0.2))
    assert (
        "Some examples are in the test set of one side alone"
        in Difference.between(open_side(str(a)), open_side(str(b))).markdown()
    )


def test_common_seeds_are_paired_and_four_speak_of_methods(tmp_path: Path) -> None:
    """B is one example worse with every seed; seed 9 of B has no partner. No seed differs from another, so all the variance is of examples:
    MS_s and MS_r are 0, the variance is MS_e / (S E) and the degrees of freedom are those of ten examples."""
    a = results(tmp_path / "a", {"kd": [8, 8, 8, 8]}, seeds=[0, 1, 2, 3])
    b = results(tmp_path / "b", {"kd": [7, 7, 7, 7, 1]}, seeds=[0, 1, 2, 3, 9])
    row = rows(a, b)["kd"]
    assert (row["seeds"], row["change_over"]) == (4, "seeds and examples")
    assert row["quality_change"] == pytest.approx(-0.1)
    error = math.sqrt((0.9**2 + 9 * 0.1**2) / 9 / 10)
    assert row["quality_change_high"] == pytest.approx(-0.1 + 2.262157 * error, abs=1e-6)
    assert row["p"] == pytest.approx(0.343436, abs=1e-5)  # Student's t of -1 with 9 degrees of freedom
    assert row["p_holm"] == row["p"]


def test_without_a_common_seed_or_test_set_nothing_is_subtracted(tmp_path: Path) -> None:
    a = results(tmp_path / "a", {"kd": [8]})
    row = rows(a, results(tmp_path / "b", {"kd": [6]}, seeds=[1]))["kd"]
    assert (row["why"], row["quality_a"], row["quality_b"], row.get("quality_change")) == ("no seed in common", 0.8, 0.6, None)
    other = results(tmp_path / "c", {"kd": [6]})
    edit(other / KD / "predictions.parquet", lambda table: table.assign(label=1 - table["label"]))
    row = rows(a, other)["kd"]
    assert (row["why"], row.get("quality_change")) == ("another test set: labels of the same examples differ", None)
    edit(other / KD / "predictions.parquet", lambda table: table.assign(id=table["id"] + "x"))
    assert rows(a, other)["kd"]["why"] == "no test example in common"


def test_numbers_are_answers_too(tmp_path: Path) -> None:
    """Twice the answers have the same correlation, and are no longer the same."""
    folders = [results(tmp_path / name, {"kd": [8]}, metric="pearson") for name in "ab"]
    for number, folder in enumerate(folders, start=1):
        values = [np.array([float(one**2 * number)]) for one in range(11)]
        edit(folder / KD / "predictions.parquet", lambda table, values=values: table.assign(label=np.arange(11.0), logits=values))
    row = rows(*folders)["kd"]
    assert row["quality_a"] == pytest.approx(np.corrcoef(np.arange(10), np.arange(10) ** 2)[0, 1])
    assert row["quality_change"] == pytest.approx(0, abs=1e-12)
    assert (row["changed"], row["identical"]) == (None, False)


def test_times_of_one_processor_are_divided(tmp_path: Path) -> None:
    """The teacher's ratio has the intervals of two p50s, each H wide: sqrt(2 H^2 / 2) = H. A student's p50 has the teacher's too: sqrt(4 H^2 / 2)."""
    a = results(tmp_path / "a", {"teacher": [9], "kd": [8]}, p50={"teacher": 4, "kd": 2})
    b = results(tmp_path / "b", {"teacher": [9], "kd": [8]}, p50={"teacher": 8, "kd": 2})
    teacher, kd = rows(a, b).values()
    assert [teacher[f"slower{end}"] for end in ("", "_low", "_high")] == pytest.approx([2, 2 * math.exp(-H), 2 * math.exp(H)])
    assert [kd[f"slower{end}"] for end in ("", "_low", "_high")] == pytest.approx(
        [1, math.exp(-H * 2**0.5), math.exp(H * 2**0.5)]
    )
    assert (kd["p50_a"], kd["p50_b"], kd["speedup_a"]) == pytest.approx((2, 2, 2))


def test_times_of_two_processors_or_other_threads_are_not_divided(tmp_path: Path) -> None:
    a = results(tmp_path / "a", {"kd": [8]})
    other = results(tmp_path / "b", {"kd": [8]}, host={**HOST, "cpu": "CPU two"}, p50={"kd": 6})
    row = rows(a, other)["kd"]
    assert (row["p50_a"], row["p50_b"], row.get("slower")) == (pytest.approx(2), pytest.approx(6), None)
    text = Difference.between(open_side(str(a)), open_side(str(other))).markdown()
    assert "beside each other and not divided" in text
    assert "| cpu  | CPU one | CPU two |" in text
    threads = results(tmp_path / "c", {"kd": [8]})
    write_json(threads / KD / "latency.json", latency(2.0, HOST, threads=2))
    assert rows(a, threads)["kd"].get("slower") is None
    with pytest.raises(EdgeminError, match=r"slower > 2.*no row has this quantity.*same processor"):
        Limit.parse("slower > 2").broken(list(rows(a, other).values()))


def test_what_was_done_otherwise(tmp_path: Path) -> None:
    a = results(tmp_path / "a", {"kd": [8]}, settings={"prune": {"heads": {"ratio": 0.25, "on": [1, 2]}}})
    b = results(
        tmp_path / "b",
        {"kd": [8]},
        settings={"prune": {"heads": {"ratio": 0.5, "on": [1]}}},
        code="other",
        host={**HOST, "versions": {"torch": "2.1"}, "python": "3.12.0"},
    )
    found = Difference.between(open_side(str(a)), open_side(str(b))).content()["changes"]
    assert [(one["what"], one["a"], one["b"]) for one in found["settings"]] == [
        ("prune.heads.on.1", "2", "(none)"),
        ("prune.heads.ratio", "0.25", "0.5"),
    ]
    assert [(one["what"], one["a"], one["b"]) for one in found["code"]] == [
        ("teacher/distill-kd", "c0de", "other"),
    ]
    assert found["versions"] == [{"what": "torch", "a": "2.0", "b": "2.1"}]
    assert found["host"] == [{"what": "python", "a": "3.11.7", "b": "3.12.0"}]
    assert (found["weights"], found["lineage"]) == ([], None)


def recorded(tree: Path, folder: Path, epochs: int = 1) -> Path:
    """The record of seed 0 of a results folder."""
    model = "models/snippets/seed0/teacher/distill-kd/provenance.json"
    told = json.loads((tree / model).read_text(encoding="utf-8"))
    write_json(tree / model, {**told, "spec": {**told["spec"], "epochs": epochs}})
    files = {str(file.relative_to(tree)): str(file) for file in sorted(tree.rglob("*")) if file.suffix in (".json", ".parquet")}
    names = {"study": "smoke", "task": "snippets", "seed": 0, "cell": "kd", "chain": CHAINS["kd"], "runtime": "onnxruntime"}
    spec = {
        "machine": machine_class(HOST["cpu"], HOST["flags"]),
        "files": files,
        "rows": [{**names, "folder": str(tree / KD)}],
        "made_by": dict.fromkeys(files, f"d{epochs}"),
    }
    pack(spec, {form: folder / f"seed0.{form}" for form in ("json", "csv", "parquet")})
    return folder


def test_a_record_is_a_side_like_a_results_folder(tmp_path: Path) -> None:
    """By its folder, by the one above, or by the file of a seed. Of settings, provenances of models tell."""
    tree = results(tmp_path / "tree", {"kd": [8]})
    machine = recorded(tree, tmp_path / "docs/smoke/cpu-one")
    for place in (machine, machine.parent, machine / "seed0.json"):
        found = Difference.between(open_side(str(tree)), open_side(str(place)))
        assert [(row["cell"], row["identical"], row["slower"]) for row in found.rows] == [("kd", True, 1.0)]
        assert found.changes["settings"] == []
    other = recorded(tree, tmp_path / "docs/smoke/cpu-two", epochs=2)
    told = Difference.between(open_side(str(machine)), open_side(str(other))).content()["changes"]
    assert told["settings"] == [{"what": "teacher/distill-kd: epochs", "a": "1", "b": "2"}]
    assert {(one["a"], one["b"]) for one in told["lineage"]} == {("d1", "d2")}
    with pytest.raises(EdgeminError, match="has records of cpu-one, cpu-two; name one"):
        open_side(str(machine.parent))


def test_a_baseline_is_a_row_and_has_no_models(tmp_path: Path) -> None:
    """It stands beside the cells in a study, and its measurements beside theirs."""
    folders = [
        results(tmp_path / name, {"kd": [8]}, settings={"baselines": {"majority": {"baseline": "majority"}}}) for name in "ab"
    ]
    for folder in folders:
        (folder / "measurements/snippets/seed0/teacher/distill-kd/onnxruntime").rename(made := folder / "aside")
        made.rename(tmp_path / f"{folder.name}-kd")
        (folder / "measurements/snippets/seed0/baseline-majority").mkdir(parents=True)
        (tmp_path / f"{folder.name}-kd").rename(folder / "measurements/snippets/seed0/baseline-majority/numpy")
    found = Difference.between(*(open_side(str(folder)) for folder in folders))
    assert [(row["cell"], row["runtime"], row["identical"], row["slower"]) for row in found.rows] == [
        ("majority", "numpy", True, 1.0)
    ]
    assert found.changes["code"] is None


def test_what_is_no_side_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EdgeminError, match="nowhere: no such file or folder; name the folder of a study"):
        open_side(str(tmp_path / "nowhere"))
    with pytest.raises(EdgeminError, match=r"holds neither measurements nor seed\*\.json"):
        open_side(str(tmp_path))
    a, b = results(tmp_path / "a", {"kd": [8]}), results(tmp_path / "b", {"teacher": [8]})
    with pytest.raises(EdgeminError, match="no task, cell and runtime in common; A has snippets kd; B has snippets teacher"):
        rows(a, b)
    with pytest.raises(EdgeminError, match=r"its metric is accuracy in .* and macro_f1 in"):
        rows(a, results(tmp_path / "c", {"kd": [8]}, metric="macro_f1"))
    (a / KD / "predictions.parquet").unlink()
    with pytest.raises(EdgeminError, match=r"predictions\.parquet is missing"):
        rows(a, results(tmp_path / "d", {"kd": [8]}))
    (b / "study.yaml").unlink()
    with pytest.raises(EdgeminError, match=r"study\.yaml: no study can be read"):
        open_side(str(b))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("loss > 1", "unknown quantity 'loss'; write for example 'drop > 0.5'; known: drop, slower, larger"),
        ("drop = 1", "unknown comparator '='; known: >=, <=, >, <"),
        ("drop > much", "'much' is not a number"),
        ("drop > nan", "'nan' is not a number"),
        ("drop", "is not of the form 'quantity comparator number'"),
        ("slower > 5 %", "is not of the form 'quantity comparator number'"),
    ],
)
def test_a_limit_that_cannot_be_read_is_refused(text: str, message: str) -> None:
    with pytest.raises(EdgeminError) as raised:
        Limit.parse(text)
    assert str(raised.value).startswith(f"--fail-if '{text}': ")
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("drop > 0.5", []),
        ("drop >= 0.5", ["kd"]),
        ("drop<0", ["gained"]),
        ("slower > 1.2", ["kd"]),
        ("larger <= 1", ["gained"]),
    ],
)
def test_what_breaks_a_limit(text: str, broken: list[str]) -> None:
    """0.862 - 0.857 is 0.5 points, and in binary a little more."""
    about = {"task": "snippets", "runtime": "torch"}
    two = [
        {**about, "cell": "kd", "quality_change": 0.857 - 0.862, "slower": 1.25, "larger": 1.1},
        {**about, "cell": "gained", "quality_change": 0.01, "slower": None, "larger": 1.0},
    ]
    assert [line.split(" in torch")[0].rpartition(" ")[2] for line in Limit.parse(text).broken(two)] == broken


def test_the_command_ends_as_limits_say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = results(tmp_path / "a", {"kd": [8]})
    b = results(tmp_path / "b", {"kd": [6]}, size={"kd": 1500})
    asked = ["diff", str(a), str(b), "--json", str(tmp_path / "found.json")]
    assert main(asked) == 0
    told = capsys.readouterr()
    assert (
        "| kd   | onnxruntime | 80.00        | 60.00 | −20.00 [−50.16, +10.16] | 20.0            | 1     | 10       |" in told.out
    )
    assert "1.500×" in told.out
    assert main([*asked, "--fail-if", "drop > 19", "--fail-if", "larger > 1.4"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "broken: drop > 19: snippets kd in onnxruntime: drop 20.0000",
        "broken: larger > 1.4: snippets kd in onnxruntime: larger 1.5000",
    ]
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert found["rows"][0]["quality_change"] == pytest.approx(-0.2)
    assert (found["limits"], len(found["broken"])) == (["drop > 19", "larger > 1.4"], 2)
    assert main([*asked, "--fail-if", "drop > 20"]) == 0
    assert main([*asked, "--fail-if", "worse > 1"]) == 2
    assert "unknown quantity 'worse'" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main(["diff", str(a)])
    assert ended.value.code == 2
