"""The smoke study on a real Slurm on this machine, one that is set up here: end to end, and with a node that goes and comes back.

Needs root, and Debian's slurm-wlm and munge: it writes /etc/slurm/slurm.conf, because SLURM_CONF does not reach the jobs.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from copies import Copy

CONF = Path("/etc/slurm/slurm.conf")
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "munged")
missing = [program for program in PROGRAMS if shutil.which(program) is None]
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="sets Slurm up, which needs root"),
    pytest.mark.skipif(bool(missing), reason=f"no {', '.join(missing)}; apt-get install slurm-wlm munge"),
    pytest.mark.skipif(CONF.exists(), reason=f"{CONF} exists: this machine has a Slurm of its own"),
]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A controller and one node. Yields the node's name."""
    folder, host = tmp_path_factory.mktemp("slurm"), socket.gethostname().split(".")[0]
    memory = psutil.virtual_memory().total // 2**20 - 1024
    lines = [
        "ClusterName=edgemin",
        f"SlurmctldHost={host}",
        "SlurmUser=root",
        f"StateSaveLocation={folder}",
        f"SlurmdSpoolDir={folder}/spool",
        f"SlurmctldPidFile={folder}/ctld.pid",
        f"SlurmdPidFile={folder}/d.pid",
        f"SlurmctldLogFile={folder}/ctld.log",
        f"SlurmdLogFile={folder}/d.log",
        "ProctrackType=proctrack/linuxproc",
        "TaskPlugin=task/none",
        "JobAcctGatherType=jobacct_gather/none",
        "AccountingStorageType=accounting_storage/none",
        "SelectType=select/cons_tres",
        "SelectTypeParameters=CR_CPU_Memory",
        "ReturnToService=2",
        "MinJobAge=3600",
        f"NodeName={host} CPUs={os.cpu_count()} RealMemory={memory} State=UNKNOWN",
        "PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO",
    ]
    CONF.write_text("\n".join(lines) + "\n", encoding="utf-8")
    Path("/run/munge").mkdir(exist_ok=True)
    shutil.chown("/run/munge", "munge", "munge")
    munged = not any(process.name() == "munged" for process in psutil.process_iter())
    if munged:
        subprocess.run(["runuser", "-u", "munge", "--", "munged"], check=True)
    daemons = [subprocess.Popen([program, "-D"]) for program in ("slurmctld", "slurmd")]
    try:
        _until(lambda: "idle" in _said("sinfo", "-h", "-o", "%t"), 30)
        yield host
    finally:
        subprocess.run(["scancel", "--user=root"], check=False)
        for daemon in daemons:
            daemon.terminate()
            daemon.wait(30)
        CONF.unlink()
        if munged:
            subprocess.run(["pkill", "-x", "munged"], check=False)


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _until(true: object, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(1)


def _command(copy: Copy, *more: str) -> list[str]:
    slurm = ["--profile", "profiles/slurm", "--slurm-status-command", "squeue", "--seconds-between-status-checks", "5"]
    memory = ["--slurm-init-seconds-before-status-checks", "5"]
    return [*copy.command(*slurm, *memory, *more)]


def test_end_to_end(node: str, tmp_path: Path) -> None:
    """All jobs but the bundling of rules run on the node; latency alone on it, with the study's own number of threads."""
    copy = Copy(tmp_path)
    started = time.monotonic()
    run = subprocess.run(_command(copy), cwd=copy.folder, capture_output=True, text=True, check=False)
    assert run.returncode == 0, (run.stdout + run.stderr)[-5000:]
    print(f"smoke study on Slurm: {time.monotonic() - started:.0f} s")
    assert (copy.folder / "results/smoke/tables/stagewise.md").is_file()
    latency = next((copy.folder / "results/smoke/measurements").rglob("latency.json"))
    assert json.loads(latency.read_text())["host"]["threads"] == 1
    jobs = _said("squeue", "--states=all", "-h", "-o", "%k|%h|%C|%T").splitlines()
    assert len(jobs) > 20
    shared = {job.split("|")[1] for job in jobs if job.startswith("rule_measure_latency")}
    assert shared == {"NO"}, "a latency job shared its node"
    again = subprocess.run(_command(copy, "-n"), cwd=copy.folder, capture_output=True, text=True, check=False)
    assert "Nothing to be done" in again.stdout + again.stderr


def test_a_node_goes_down_and_comes_back(node: str, tmp_path: Path) -> None:
    """Its jobs fail, and are named; when it is back, the same command ends the study."""
    copy = Copy(tmp_path)
    run = subprocess.Popen(_command(copy), cwd=copy.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    model = copy.folder / "results/smoke/models/snippets/seed0/teacher/model.safetensors"
    _until(model.exists, 300)
    _until(lambda: _said("squeue", "-h", "--states=running", "-o", "%i"), 120)
    subprocess.run(["scontrol", "update", f"nodename={node}", "state=down", "reason=test"], check=True)
    time.sleep(20)
    subprocess.run(["scontrol", "update", f"nodename={node}", "state=resume"], check=True)
    said, _ = run.communicate(timeout=900)
    before = model.stat().st_mtime_ns
    if run.returncode:
        assert "Error" in said
        done = subprocess.run(_command(copy), cwd=copy.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    print(f"node down: the run ended with {run.returncode}")
    assert model.stat().st_mtime_ns == before, "the teacher was trained again"
    assert (copy.folder / "results/smoke/tables/stagewise.md").is_file()
