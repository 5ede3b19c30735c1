"""`edgemin compress` from options to the answer, without its jobs: what is written, what goes on, what is refused. tests/long has them run."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from compress_by_hand import SPEEDS
from compressing import classes_csv

import edgemin
from edgemin.cli.main import main
from edgemin.compressing import running, speeds, timing
from edgemin.compressing.answer import answer
from edgemin.compressing.folder import LOCK, REQUEST, STUDY, Folder
from edgemin.compressing.request import Request
from edgemin.core.errors import EdgeminError

ROOT = Path(__file__).parents[2]
RECOMMENDATION = """# Recommendation: out

Limits (onnxruntime): at most 10 MB.

## {head}

2 of 3 measured cells.

## What each reading of the limit on drops would choose

- By the drop itself: `half`.

## What relaxing a limit would give

- Without the limit of at most 10 MB: the same cell.

## The Pareto set

| cell |
"""


@pytest.fixture
def calls(monkeypatch):
    """Timed by hand, a second each; what Snakemake is asked for. Its first run leaves the recommendation of `half_int8`, or of none."""
    made = []
    fake = {"recommended": "half_int8"}

    def snakemake(root, folder, cores, seconds, *targets):
        made.append(targets)
        tables = folder / "results/out/tables"
        tables.mkdir(parents=True, exist_ok=True)
        rows = "".join(
            f"texts,{cell},teacher,True,{cell == fake['recommended']},{cell == fake['recommended']}\n"
            for cell in ("teacher", "half_int8")
        )
        (tables / "recommendation.csv").write_text(f"task,cell,chain,accepted,recommended,shipped\n{rows}", encoding="utf-8")
        head = f"Ship `{fake['recommended']}`" if fake["recommended"] else "No cell is within all limits"
        (tables / "recommendation.md").write_text(RECOMMENDATION.format(head=head), encoding="utf-8")

    def measure(branches, length, threads):
        return timing.Paces(1.0, {branch.sizes: timing.Pace(0.1, 0.1, 0.01) for branch in branches})

    monkeypatch.setattr(timing, "measure", measure)
    monkeypatch.setattr(speeds, "measure", lambda *_: SPEEDS)
    monkeypatch.setattr(running, "snakemake", snakemake)
    return made, fake


@pytest.fixture
def options(tmp_path):
    folder = tmp_path / "given"
    folder.mkdir()
    return {
        "data": classes_csv(folder),
        "text": "text",
        "label": "label",
        "out": str(tmp_path / "out"),
        "max_mb": 10,
        "max_drop": 3,
    }


def command(options: dict, *more: str) -> int:
    words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    return main(["compress", *words, *more])


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    files = [file for file in folder.rglob("*") if file.is_file() and file.name != LOCK]
    return {str(file.relative_to(folder)): (file.stat().st_mtime_ns, file.read_bytes()) for file in files}


def test_what_is_written_and_said(options, calls, capsys, tmp_path):
    assert command(options) == 0
    out = tmp_path / "out"
    assert calls[0] == [(), ("deploy",)]
    study = yaml.safe_load((out / STUDY).read_text(encoding="utf-8"))
    assert study["recommend"] == {"max_accuracy_drop": 0.03, "bound": "upper", "max_bytes": 10_000_000, "prefer": "latency"}
    assert list(study["cells"])[:3] == ["teacher", "teacher_int8", "teacher_vocabulary"]
    assert list(study["prune"])[:3] == ["to6", "to10", "to16"]
    said = capsys.readouterr().out
    assert "180 rows to train on, 60 to choose on, 60 to report on" in said
    assert "16 cells from 7 trainings, about " in said
    assert "Ship `half_int8`\n\n2 of 3 measured cells." in said
    assert "What each reading of the limit on drops would choose\n\n- By the drop itself: `half`." in said
    assert f"bundle: {out}/results/out/deploy/half_int8/seed0\npage: {out}/results/out/report/index.html\n" in said
    assert "Pareto" not in said


def test_the_same_again_writes_nothing(options, calls, tmp_path, capsys):
    command(options)
    before = contents(tmp_path / "out")
    del before["results/out/tables/recommendation.csv"], before["results/out/tables/recommendation.md"]  # of the fake Snakemake
    timing.measure = None  # type: ignore[assignment]  # it is not asked again
    assert command(options) == 0
    assert before.items() <= contents(tmp_path / "out").items()


def test_nothing_within_the_limits_ends_with_1(options, calls, capsys):
    calls[1]["recommended"] = ""
    assert command(options) == 1
    assert calls[0] == [()], "no bundle is asked for"
    said = capsys.readouterr().out
    assert "No cell is within all limits\n" in said
    assert "bundle:" not in said


def test_a_dry_run_writes_nothing(options, calls, tmp_path, capsys):
    assert command(options, "--dry-run") == 0
    assert not (tmp_path / "out").exists()
    assert calls[0] == []
    assert capsys.readouterr().out.endswith("dry run: nothing is written\n")


def test_other_limits_write_the_study_anew_and_keep_what_is_finished(options, calls, tmp_path):
    command(options)
    done = tmp_path / "out/results/out/models/texts/seed0/teacher/model.safetensors"
    done.parent.mkdir(parents=True)
    done.touch()
    estimated = "results/out/models/texts/seed0/teacher/model.safetensors"
    assert estimated in json.loads((tmp_path / "out" / REQUEST).read_text(encoding="utf-8"))["seconds"]
    assert command({**options, "max_mb": 20, "by": "interval", "max_drop": 7}) == 0
    study = yaml.safe_load((tmp_path / "out" / STUDY).read_text(encoding="utf-8"))
    assert study["recommend"] == {"max_accuracy_drop": 0.07, "bound": "interval", "max_bytes": 20_000_000, "prefer": "latency"}
    assert estimated not in json.loads((tmp_path / "out" / REQUEST).read_text(encoding="utf-8"))["seconds"]


def test_other_cores_train_nothing_again(options, calls, tmp_path):
    """Threads of a training are part of what it was made by."""
    command(options, "--cores", "2")
    command({**options, "max_mb": 20}, "--cores", "1")
    study = yaml.safe_load((tmp_path / "out" / STUDY).read_text(encoding="utf-8"))
    assert (study["threads"]["training"], study["recommend"]["max_bytes"]) == (2, 20_000_000)


def test_another_limit_cuts_to_the_same_times(options, calls, tmp_path, monkeypatch):
    """Measured anew, a machine is a little faster or slower, and another cut would be trained."""
    command(options)
    first = yaml.safe_load((tmp_path / "out" / STUDY).read_text(encoding="utf-8"))
    monkeypatch.delattr(speeds, "measure")
    command({**options, "max_mb": 20})
    second = yaml.safe_load((tmp_path / "out" / STUDY).read_text(encoding="utf-8"))
    assert {"to6", "to10", "to16"} <= set(first["prune"])
    assert second["prune"] == first["prune"]
    kept = json.loads((tmp_path / "out" / REQUEST).read_text(encoding="utf-8"))["speeds"]
    assert kept == {"whole": SPEEDS.whole, "smallest": SPEEDS.smallest}


def test_an_edited_study_is_kept(options, calls, tmp_path, capsys):
    command(options)
    file = tmp_path / "out" / STUDY
    file.write_text(file.read_text(encoding="utf-8").replace("seeds: [0]", "seeds: [0, 1]"), encoding="utf-8")
    assert command(options) == 0
    assert "seeds: [0, 1]" in file.read_text(encoding="utf-8")
    assert "goes on with its study as it was edited" in capsys.readouterr().out
    assert command({**options, "max_mb": 20}) == 2
    assert capsys.readouterr().err.startswith(
        f"error: {file}: was edited, and another --max-mb would write it anew; edit it further and"
    )


@pytest.mark.parametrize(("option", "value"), [("metric", "macro_f1"), ("label", "text2")])
def test_a_folder_of_another_request(options, calls, tmp_path, capsys, option, value):
    command(options)
    assert command({**options, option: value}) == 2
    said = capsys.readouterr().err
    assert said == f"error: --out: {tmp_path}/out is in use: it is of another --{option}; name another folder\n"


def test_a_folder_in_use(options, calls, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").touch()
    assert command(options) == 2
    assert capsys.readouterr().err == f"error: --out: {out} is in use: it holds other files; name a new folder\n"
    assert [file.name for file in out.iterdir()] == ["mine.txt"]
    assert command({**options, "out": out / "mine.txt"}) == 2
    assert capsys.readouterr().err == f"error: --out: {out}/mine.txt is a file; name a folder\n"


def test_a_folder_where_another_command_is_at_work(options, calls, tmp_path, capsys):
    command(options)
    with (tmp_path / "out" / LOCK).open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        assert command(options) == 2
    assert capsys.readouterr().err.endswith("is in use: edgemin compress runs there; wait, or name another folder\n")
    assert command(options) == 0


def test_limits_that_no_cell_can_meet(options, calls, tmp_path, capsys):
    """The smallest is the static student: 30,522 tokens of 64 values in four bits."""
    assert command({**options, "max_mb": 1}) == 2
    assert capsys.readouterr().err == "error: --max-mb 1: the smallest cell that is tried has about 1.9 MB; give at least that\n"
    assert command({**options, "minutes": 0.1}) == 2
    assert capsys.readouterr().err.startswith("error: --minutes 0.1: one training and its measurements take about ")
    assert not (tmp_path / "out").exists()


def test_the_function_is_the_command(options, calls, tmp_path):
    """`labels` as a list, paths as paths."""
    data, text, label = Path(options.pop("data")), options.pop("text"), options.pop("label")
    found = edgemin.compress(data, text, label, **{**options, "out": Path(options["out"])}, labels=["bad", "good", "so"])
    assert (found.cell, found.bundle) == ("half_int8", tmp_path / "out/results/out/deploy/half_int8/seed0")
    assert found == answer(tmp_path / "out", "out")
    assert edgemin.compress(data, text, label, **options, labels=["bad", "good", "so"], dry_run=True) is None
    with pytest.raises(EdgeminError, match=r"^--by: 'luck'"):
        edgemin.compress(data, text, label, by="luck")


def test_the_folder_knows_its_request_from_elsewhere(options, calls, tmp_path, monkeypatch):
    """Relative paths are read from where the command runs."""
    monkeypatch.chdir(tmp_path)
    command({**options, "data": "given/texts.csv", "out": "out"})
    monkeypatch.chdir(tmp_path / "given")
    asked = Request(data="texts.csv", text=("text",), label="label", out="../out", max_mb=10, max_drop=3)
    assert Folder.of(asked).goes_on(asked)


def test_snakemake_is_called_from_any_folder(tmp_path):
    assert running.command(ROOT, tmp_path, 3, "deploy") == [
        *(sys.executable, "-m", "snakemake", "--cores", "3", "--snakefile", f"{ROOT}/Snakefile"),
        *("--directory", str(tmp_path), "--workflow-profile", f"{ROOT}/profiles/default"),
        *("--configfile", f"{tmp_path}/study.yaml", "--", "deploy"),
    ]


def test_the_time_left_by_hand(tmp_path):
    """100 + 200 + 300 s. At first as estimated; once 100 s were made in 50 the rest takes half of its estimate."""
    left = running.Left(tmp_path, {"a": 100, "b": 200, "c": 300})
    assert left.minutes() == 10
    (tmp_path / "a").touch()
    assert left.minutes(left.started + 50) == pytest.approx(500 * 0.5 / 60)
    short = running.Left(tmp_path, {"a": 100, "b": 200, "d": 10})
    (tmp_path / "d").touch()
    assert short.minutes(short.started + 1000) == pytest.approx(200 / 60), "ten seconds tell nothing yet"


def test_a_run_that_stops_is_an_error(tmp_path, monkeypatch, capfd):
    program = "print('3 of 9 steps (33%) done'); print('job failed'); raise SystemExit(3)"
    monkeypatch.setattr(running, "command", lambda *_: [sys.executable, "-c", program])
    with pytest.raises(EdgeminError, match=r"the run has stopped .*what is finished stays, and the same command goes on"):
        running.snakemake(ROOT, tmp_path, 2, {"x": 120.0})
    assert capfd.readouterr().out == "3 of 9 steps (33%) done\n3 of 9 jobs, about 2 min left\njob failed\n"


def test_the_lock_of_a_killed_run_is_explained(tmp_path, monkeypatch):
    program = "import sys; print('LockException:'); sys.exit(1)"
    monkeypatch.setattr(running, "command", lambda *_: [sys.executable, "-c", program])
    with pytest.raises(EdgeminError, match=r"left its lock; if none goes on: .* --unlock$"):
        running.snakemake(ROOT, tmp_path, 2, {})


@pytest.mark.parametrize("background", [False, True])
def test_who_ends_the_command_ends_its_jobs(tmp_path, background):
    """By a signal that only the command gets, as from a scheduler; Snakemake is interrupted and has time to end. Also where a shell has started the
    command in the background, which ignores interrupts from then on."""
    child = "import time, pathlib\ntry:\n print('begun', flush=True)\n time.sleep(60)\nexcept KeyboardInterrupt:\n pathlib.Path('ended').touch()"
    program = (
        "import sys\nfrom pathlib import Path\nfrom edgemin.compressing import running\n"
        f"running.command = lambda *_: [sys.executable, '-c', {child!r}]\n"
        "running.snakemake(Path('/'), Path(), 2, {})\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow")}
    with subprocess.Popen(
        [sys.executable, "-c", ("import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n" if background else "") + program],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as ran:
        assert ran.stdout is not None
        assert ran.stdout.readline() == b"begun\n"
        ran.terminate()
        assert ran.wait(timeout=50) != 0
    assert (tmp_path / "ended").is_file()
