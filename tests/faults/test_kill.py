"""SIGKILL a job, or Snakemake itself, at random moments of the smoke study, and start again: nothing lost, nothing done twice."""

from __future__ import annotations

import base64
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest
from copies import Copy

KILLS = 10


def _incomplete(copy: Copy) -> set[str]:
    """Outputs of jobs that Snakemake knows to have begun and not to have ended."""
    markers = (copy.folder / ".snakemake" / "incomplete").glob("*")
    return {base64.b64decode(marker.name).decode() for marker in markers if marker.is_file()}


def _finished(copy: Copy) -> dict[str, int]:
    """Models and measurements that are there, with their times."""
    files = {str(file.relative_to(copy.folder)): file for file in (copy.folder / "results").rglob("*.json")}
    incomplete = _incomplete(copy)
    kept = {name: file for name, file in files.items() if "/scratch/" not in name and name not in incomplete}
    return {name: file.stat().st_mtime_ns for name, file in kept.items()}


def _jobs(snakemake: psutil.Process) -> list[psutil.Process]:
    """Processes in which scripts run."""
    return [child for child in snakemake.children(recursive=True) if ".snakemake/scripts" in " ".join(child.cmdline())]


def _kill(victim: str, run: subprocess.Popen[bytes]) -> bool:
    """SIGKILL one job, or Snakemake and nothing else. False if there was nothing to kill."""
    try:
        parent = psutil.Process(run.pid)
        target = parent if victim == "snakemake" else random.choice(_jobs(parent) or [None])
        if target is None or run.poll() is not None:
            return False
        target.send_signal(signal.SIGKILL)
    except psutil.NoSuchProcess:
        return False
    return True


@pytest.mark.parametrize("victim", ["job", "snakemake"])
def test_killed_ten_times(victim: str, finished: Copy, tmp_path: Path) -> None:
    random.seed(sum(map(ord, victim)))
    copy, killed, explained = Copy(tmp_path), 0, 0
    for _ in range(6 * KILLS):
        if killed == KILLS:
            break
        before = _finished(copy)
        run = subprocess.Popen(
            copy.command(), cwd=copy.folder, env=copy.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        time.sleep(random.uniform(4, 14))
        killed += _kill(victim, run)
        if victim == "job" and run.poll() is None:
            run.send_signal(signal.SIGTERM)  # the run ends with what is under way
        said = run.communicate()[1].decode()
        if run.returncode == 0:
            break
        after = _finished(copy)
        assert {name: after.get(name) for name in before} == before, "a finished job was done again, or its files are gone"
        if "LockException" in said or "unlock" in said:
            explained += 1
            unlocked = subprocess.run(
                [*copy.command(), "--unlock"], cwd=copy.folder, env=copy.environment, check=False, capture_output=True
            )
            assert unlocked.returncode == 0
        _wait_for_orphans(copy)
    run = copy.run()
    if "--unlock" in run.output:
        explained += 1
        assert copy.run("--unlock").code == 0
        run = copy.run()
    assert run.code == 0, run.output[-5000:]
    print(f"{victim}: {killed} kills, {explained} stale locks explained")
    assert killed >= KILLS // 2
    assert explained or victim == "job"
    _same(copy, undisturbed=finished)


def _wait_for_orphans(copy: Copy) -> None:
    """Jobs of a Snakemake that was killed go on; a user who starts again at once meets their lock or their files."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        mine = [
            process
            for process in psutil.process_iter(["cmdline"])
            if str(copy.folder) in " ".join(process.info["cmdline"] or ()) and process.pid != os.getpid()
        ]
        if not mine:
            return
        time.sleep(0.5)


def _same(copy: Copy, undisturbed: Copy) -> None:
    """The same predictions, and tables but for times."""
    files = sorted((undisturbed.folder / "results/smoke/measurements").rglob("predictions.parquet"))
    assert len(files) == 8
    for file in files:
        theirs = copy.folder / file.relative_to(undisturbed.folder)
        pd.testing.assert_frame_equal(pd.read_parquet(theirs), pd.read_parquet(file))
    pd.testing.assert_frame_equal(undisturbed.qualities(), copy.qualities())
    assert not list((copy.folder / "results").rglob("*.partial*")), "a half-written file was left behind"
