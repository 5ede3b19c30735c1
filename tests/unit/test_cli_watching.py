"""A study that is watched: what is said of running trainings, when it ends, and its page. By hand, on files made here."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from edgemin.cli import status
from edgemin.cli.main import main
from edgemin.cli.watching import page, terminal
from edgemin.cli.watching.curves import LEFT, LOSS, PAD, WIDTH, panel
from edgemin.cli.watching.jobs import Watched
from edgemin.cli.watching.training import Phase, running
from edgemin.plan.jobs import Jobs
from edgemin.plan.plan import Plan
from edgemin.study.read import parse_study

ROOT = Path(__file__).parents[2]
TITLE = "12:00:0{} [distill_student/snippets/0/teacher/minilmv2] "
STEPS = [
    "distill, phase 1 of 2: step 34 of 40, 0.45 s a step, 0:03 left",
    "distill, phase 2 of 2: step 54 of 663, 0.28 s a step, 2:49 left",
    "distill, phase 2 of 2: epoch 1, validation 0.8310, its loss 0.4076",
    "distill, phase 2 of 2: step 259 of 663, 0.29 s a step, 1:57 left",
]


@pytest.fixture
def plan(changed, tmp_path, monkeypatch):
    """Of a study in an empty folder, in which its file is `s.yaml`."""
    monkeypatch.chdir(tmp_path)
    study = changed({"tables": {}})
    Path("s.yaml").write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
    return Plan(parse_study(study))


def entry(step: int, **values: float) -> dict[str, float]:
    return {"step": step, **values}


def steps(plan: Plan) -> list[status.Step]:
    return list(status.standing(plan).states)


def finish(step: status.Step, log: list[dict[str, float]]) -> None:
    """Its outputs, with a history of one phase of 40 steps."""
    for output in map(Path, step.outputs):
        output.parent.mkdir(parents=True, exist_ok=True)
        output.touch()
        if output.name == "history.json":
            output.write_text(json.dumps({"phases": [{"title": "teacher, phase 1 of 1", "updates": 40, "log": log}]}))


def write_log(file: Path, lines: list[str]) -> float:
    """Returns when it was written."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(TITLE.format(number) + line + "\n" for number, line in enumerate(["begins", *lines])))
    return file.stat().st_mtime


def save(scratch: Path, digest: str, metric: float) -> None:
    """A resume state after the first epoch of the second phase."""
    done, checkpoint = scratch / digest / "phase1/done", scratch / digest / "phase2/checkpoint-221"
    for folder in (done, checkpoint):
        folder.mkdir(parents=True)
    first = {"title": "distill, phase 1 of 2", "updates": 40, "log": [entry(20, loss=4.5), entry(40, loss=4.25)]}
    (done / "record.json").write_text(json.dumps(first))
    log = [entry(110, loss=0.5), entry(220, loss=0.25), entry(221, eval_metric=metric, eval_loss=0.4076)]
    (checkpoint / "trainer_state.json").write_text(json.dumps({"global_step": 221, "max_steps": 663, "log_history": log}))


@pytest.fixture
def busy(plan) -> Plan:
    """The teacher is done; its student runs, with a resume state; Snakemake works here."""
    Path(".snakemake/locks").mkdir(parents=True)
    Path(".snakemake/locks/0.input.lock").touch()
    os.utime(".snakemake/locks/0.input.lock", (time.time() - 60,) * 2)
    teacher, student = (next(step for step in steps(plan) if step.kind == kind) for kind in ("teacher", "distill"))
    finish(teacher, [entry(20, loss=0.75), entry(40, loss=0.5), entry(40, eval_metric=0.875, eval_loss=0.5)])
    write_log(Path(student.log), STEPS)
    save(Path(plan.paths.scratch), "a" * 16, 0.83104)
    return plan


def test_step_loss_and_time_left_of_a_running_training(tmp_path):
    """1:57 minus the 10 seconds since the log's last line; the loss that was saved last in this phase; validation as logged."""
    written = write_log(tmp_path / "x.log", STEPS)
    save(tmp_path / "scratch", "a" * 16, 0.83104)
    found = running(tmp_path / "x.log", tmp_path / "scratch", written + 10)
    assert str(found) == (
        "distill, phase 2 of 2, step 259 of 663, loss 0.25, validation 0.8310, its loss 0.4076, 1:47 left in this phase"
    )
    assert [(phase.name, phase.steps, len(phase.losses)) for phase in found.phases] == [
        ("distill, phase 1 of 2", 40, 2),
        ("distill, phase 2 of 2", 663, 2),
    ]


def test_a_state_is_of_the_training_whose_validation_it_has(tmp_path):
    """Another seed's has other values; before a validation two of the same shape cannot be told apart, and none is taken."""
    written = write_log(tmp_path / "x.log", STEPS)
    save(tmp_path / "scratch", "a" * 16, 0.8420)
    assert running(tmp_path / "x.log", tmp_path / "scratch", written).phases == ()
    save(tmp_path / "scratch", "b" * 16, 0.8310)
    assert running(tmp_path / "x.log", tmp_path / "scratch", written).loss == 0.25
    write_log(tmp_path / "x.log", STEPS[:2])
    assert running(tmp_path / "x.log", tmp_path / "scratch", written).phases == ()


def test_a_job_that_has_logged_no_step(tmp_path):
    write_log(tmp_path / "x.log", [])
    assert str(running(tmp_path / "x.log", tmp_path / "scratch", time.time())) == ""


@pytest.mark.usefixtures("busy")
def test_elsewhere_than_on_a_terminal_what_changed_is_a_line_with_a_time(plan, monkeypatch, capsys):
    """The second look finds nothing new, the third a cell that has failed; then Ctrl-C, which is no error."""
    now, looks = time.time(), 0
    monkeypatch.setattr(time, "time", lambda: now)

    def pause(seconds: float) -> None:
        nonlocal looks
        assert seconds == 2
        looks += 1
        if looks == 2:
            (prune,) = {step for step in steps(plan) if step.kind == "prune"}
            write_log(Path(prune.log), ["error: prune.heads25: cannot"])
        if looks == 3:
            raise KeyboardInterrupt

    terminal.watch(plan, 2, None, pause)
    lines = capsys.readouterr().out.splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", line) for line in lines)
    texts = [line[20:] for line in lines]
    assert texts[0].startswith("study smoke: 5 cells, 2 baselines: ")
    assert texts[1].startswith(
        "  models/snippets/seed0/teacher/distill-minilmv2: distill, phase 2 of 2, step 259 of 663, loss 0.25, "
    )
    assert len([text for text in texts if text == texts[1]]) == 1
    assert "error: prune.heads25: cannot" not in "".join(texts[:9])
    assert "error: prune.heads25: cannot" in "".join(texts[9:])


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.usefixtures("busy")
def test_on_a_terminal_it_is_drawn_in_place_and_no_larger(plan, monkeypatch):
    """Of four lines and sixty columns."""
    out, looks = Terminal(), []
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(terminal.shutil, "get_terminal_size", lambda: os.terminal_size((60, 4)))

    def pause(_: float) -> None:
        looks.append(1)
        if len(looks) == 2:
            raise KeyboardInterrupt

    terminal.watch(plan, 2, None, pause)
    first, second = out.getvalue().split(terminal.HOME)[1:]
    assert out.getvalue().startswith(terminal.CLEAR + terminal.HOME)
    for screen in (first, second):
        lines = screen.removesuffix(terminal.BELOW).split(terminal.LINE)[:-1]
        assert len(lines) == 3
        assert max(map(len, lines)) < 60
        assert lines[-1] == "and 8 lines more"  # a time, a head, a job, five cells and two baselines are ten


def test_it_ends_when_all_is_done(plan, capsys):
    """Also where it is asked by the command; a page that is finished is not read again."""
    for step in dict.fromkeys(steps(plan)):
        finish(step, [])
    assert main(["status", "s.yaml", "--watch", "0.01", "--page", "p.html"]) == 0
    assert "study smoke: 5 cells, 2 baselines: 7 done; " in capsys.readouterr().out
    assert "http-equiv" not in Path("p.html").read_text(encoding="utf-8")


def test_without_snakemake_what_is_made_by_default_is_all(changed, tmp_path, monkeypatch):
    """A cell that only a table lists that is not on the page is not waited for, unless Snakemake works here."""
    monkeypatch.chdir(tmp_path)
    plan = Plan(
        parse_study(changed({"tables": {"pruning": {"kd": ["kd_prune"]}, "stagewise": {"onnxruntime": ["teacher", "kd"]}}}))
    )
    default = plan.study.default_cells()
    assert set(default) < set(plan.study.cells)
    jobs = Jobs(plan)
    for found in (*status.steps_of(jobs, plan, default).values(), *status.baselines_of(jobs, plan).values()):
        for step in found:
            finish(step, [])
    assert status.standing(plan).ended
    Path(".snakemake/locks").mkdir(parents=True)
    Path(".snakemake/locks/0.input.lock").touch()
    assert not status.standing(plan).ended


@pytest.mark.usefixtures("busy")
def test_the_page_has_everything_in_it(plan):
    """States, curves of what is done and what runs, and nothing to be fetched."""
    page.write(Path("p.html"), status.standing(plan), Watched(plan.paths), time.time(), 5)
    text = Path("p.html").read_text(encoding="utf-8")
    assert '<meta http-equiv="refresh" content="5">' in text
    assert not re.search(r"src=|href=|url\(|@import|https?://", text)
    assert text.count("<svg ") == 3  # the teacher's phase, and two of the student
    assert '<span class="state running">running</span></td><td>kd</td>' in text
    assert "teacher, phase 1 of 1: loss 0.75 to 0.5; validation 0.875 to 0.875" in text
    assert text.index("models/snippets/seed0/teacher/distill-minilmv2</figcaption>") < text.index("seed0/teacher</figcaption>")
    assert [file.name for file in Path().glob("*p.html*")] == ["p.html"]


def test_a_curve_by_hand():
    """Steps go from left to right over all that the phase has, losses from the greatest on top to the least."""
    drawn = panel(Phase("x", 100, ((0, 3.0), (50, 2.0), (100, 1.0))))
    left, right, top, bottom = LEFT, WIDTH - PAD, PAD, LOSS - PAD
    expected = f"{left:.1f},{top:.1f} {(left + right) / 2:.1f},{(top + bottom) / 2:.1f} {right:.1f},{bottom:.1f}"
    assert f'<polyline points="{expected}"/>' in drawn
    assert ">3</text>" in drawn
    assert ">1</text>" in drawn


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--watch", "s.yaml"], "'s.yaml' is no number of seconds; name the study before --watch"),
        (["s.yaml", "--watch", "0"], "0: give more than 0 seconds"),
    ],
)
def test_what_is_no_number_of_seconds(arguments, said, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["status", *arguments])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_page_is_a_file(plan, capsys):
    assert main(["status", "s.yaml", "--page", "."]) == 2
    assert capsys.readouterr().err == "error: --page .: is a folder; name a file\n"


@pytest.mark.usefixtures("plan")
def test_it_starts_without_torch():
    code = "import sys; from edgemin.cli.main import main; code = main(['status', 's.yaml', '--page', 'p.html']); print(code, 'torch' in sys.modules)"
    environment: dict[str, Any] = {**os.environ, "PYTHONPATH": str(ROOT / "workflow")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.splitlines()[-1] == "0 False"
