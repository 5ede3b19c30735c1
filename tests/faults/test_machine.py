"""A machine that refuses: a full disk, results that cannot be written, too little memory, a job that hangs. What the user reads,
what is left behind, and that the same command ends the study once there is room."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from copies import Copy

root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts file systems or sets up control groups, which needs root")
TEACHER = "results/smoke/models/snippets/seed0/teacher/model.safetensors"


@contextmanager
def _mounted(folder: Path, options: str) -> Iterator[None]:
    """A tmpfs at `folder`; skips where mounting is forbidden even to root, as in many containers."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"cannot mount here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def _unfinished(copy: Copy) -> list[Path]:
    return sorted(file for file in (copy.folder / "results").rglob("*partial*") if file.name != "partial")


@pytest.fixture(scope="module")
def needed(tmp_path_factory: pytest.TempPathFactory) -> int:
    """Bytes of disk that the results of one cell take, in the blocks of a tmpfs."""
    copy = Copy(tmp_path_factory.mktemp("needed"))
    run = copy.run("--", "cell_kd")
    assert run.code == 0, run.output[-5000:]
    return sum(-(-file.stat().st_size // 4096) * 4096 for file in (copy.folder / "results").rglob("*"))


@root
@pytest.mark.parametrize("share", [0.4, 0.8])
def test_full_disk(share: float, needed: int, tmp_path: Path) -> None:
    """One line says so; nothing half-written stays; with more room the same command goes on."""
    copy = Copy(tmp_path)
    with _mounted(copy.folder / "results", f"size={int(share * needed)}"):
        run = copy.run("--", "cell_kd")
        assert run.code == 1
        assert any("the disk is full" in line for line in run.errors), run.output[-5000:]
        assert "Traceback" not in run.output
        assert not _unfinished(copy)
        teacher = copy.folder / TEACHER
        before = teacher.stat().st_mtime_ns if teacher.exists() else None
        subprocess.run(["mount", "-o", "remount,size=500m", copy.folder / "results"], check=True)
        run = copy.run("--", "cell_kd")
        assert run.code == 0, run.output[-5000:]
        assert before is None or teacher.stat().st_mtime_ns == before, "the teacher was trained again"


@root
def test_read_only_results(tmp_path: Path) -> None:
    """Refused before any job."""
    copy = Copy(tmp_path)
    with _mounted(copy.folder / "results", "ro"):
        run = copy.run()
    assert run.code == 1
    assert "results/smoke: cannot be written: the file system is read-only" in run.output
    assert "begins" not in run.output


def _hungry(copy: Copy) -> None:
    """A teacher whose training needs several GB, at few steps."""

    def change(study: dict) -> None:
        study["teacher"]["source"]["random"]["intermediate_size"] = 200_000
        study["teacher"]["training"] = [{"epochs": 1, "learning_rate": 1e-3, "batch_size": 64}]

    copy.edit(change)


def _in_shell(copy: Copy, first: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = f'{first} && exec "$@"'
    whole = ["sh", "-c", command, "sh", *copy.command("--", *arguments)]
    return subprocess.run(whole, cwd=copy.folder, env=copy.environment, capture_output=True, text=True, timeout=900, check=False)


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA counts what is allocated on Linux alone")
def test_not_enough_memory(tmp_path: Path) -> None:
    """An allocation that fails is told in one line, with what to do; nothing stays half-done."""
    copy = Copy(tmp_path)
    _hungry(copy)
    run = _in_shell(copy, "ulimit -d 2500000", TEACHER)
    assert run.returncode == 1
    told = [line for line in (run.stdout + run.stderr).splitlines() if "error: not enough memory" in line]
    assert told, (run.stdout + run.stderr)[-5000:]
    assert "train_teacher" in told[0]
    assert not (copy.folder / TEACHER).exists()
    assert not _unfinished(copy)
    run = copy.run("--", TEACHER)
    assert run.code == 0, run.output[-5000:]


@pytest.fixture
def memory_group() -> Iterator[Path]:
    """A control group with 1.5 GB and no swap, of either version; skips where there are none, as in many containers."""
    old = Path("/sys/fs/cgroup/memory")
    limits = {"memory.limit_in_bytes": 1500 << 20} if old.is_dir() else {"memory.max": 1500 << 20, "memory.swap.max": 0}
    group = (old if old.is_dir() else old.parent) / f"edgemin{os.getpid()}"
    try:
        group.mkdir()
        for limit, value in limits.items():
            (group / limit).write_text(str(value))
    except OSError as error:
        if group.is_dir():
            group.rmdir()
        pytest.skip(f"no control groups for memory here: {error}")
    yield group
    group.rmdir()


@root
def test_killed_for_its_memory(memory_group: Path, tmp_path: Path) -> None:
    """The kernel ends such a job without a word: Snakemake names it, and what it had begun is gone."""
    copy = Copy(tmp_path)
    _hungry(copy)
    run = _in_shell(copy, f"echo $$ > {memory_group}/cgroup.procs", TEACHER)
    said = run.stdout + run.stderr
    assert run.returncode == 1, said[-5000:]
    assert "train_teacher" in said
    assert "--resources mem_mb" in said, "no word about memory"
    assert not (copy.folder / TEACHER).exists()
    assert not _unfinished(copy)
    run = copy.run("--", TEACHER)
    assert run.code == 0, run.output[-5000:]


def test_a_job_that_hangs(tmp_path: Path) -> None:
    """It ends at its limit, here a minute, and is named; the other jobs' files stay."""
    copy = Copy(tmp_path)
    script = copy.folder / "workflow/scripts/export_onnx.py"
    whole = script.read_text(encoding="utf-8")
    script.write_text(whole.replace("with job(snakemake):\n", "with job(snakemake):\n    import time; time.sleep(3000)\n"))
    run = copy.run("--set-resources", "export_onnx:runtime=1", "--", "cell_kd")
    assert run.code == 1
    assert any("export_onnx" in line and "took longer than 1 minutes" in line for line in run.errors), run.output[-5000:]
    assert (copy.folder / TEACHER).exists()
    assert not _unfinished(copy)
    script.write_text(whole)
    run = copy.run("--rerun-triggers", "mtime", "--", "cell_kd")
    assert run.code == 0, run.output[-5000:]
    assert run.jobs.get("train_teacher") is None
