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
from contextlib import closing, suppress
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


class Node:
    """The one node of the cluster."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.start()

    def start(self) -> None:
        self.daemon = subprocess.Popen(["slurmd", "-D"])
        _until(lambda: _said("sinfo", "-h", "-o", "%t").strip() in ("idle", "mix", "alloc"), 60)

    def crash(self) -> None:
        """Slurm's daemon and all that it runs, at once; the controller learns of it."""
        jobs = [process for process in psutil.process_iter() if process.name() == "slurmstepd"]
        self.daemon.kill()
        for job in [child for process in jobs for child in process.children(recursive=True)] + jobs:
            with suppress(psutil.NoSuchProcess):
                job.kill()
        self.daemon.wait(30)
        subprocess.run(["scontrol", "update", f"nodename={self.name}", "state=down", "reason=test"], check=True)
        _until(lambda: "down" in _said("sinfo", "-h", "-o", "%t"), 60)

    def close(self) -> None:
        subprocess.run(["scancel", "--user=root"], check=False)
        self.daemon.terminate()
        self.daemon.wait(30)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A controller and one node."""
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
    controller = subprocess.Popen(["slurmctld", "-D"])
    try:
        with closing(Node(host)) as only:
            yield only
    finally:
        controller.terminate()
        controller.wait(30)
        CONF.unlink()
        if munged:
            subprocess.run(["pkill", "-x", "munged"], check=False)


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _running() -> set[str]:
    """Rules of the jobs that run."""
    return {name.split("_wildcards")[0] for name in _said("squeue", "-h", "--states=running", "-o", "%k").split()}


def _until(true: object, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(1)


def _command(copy: Copy, *more: str) -> list[str]:
    slurm = ["--profile", "profiles/slurm", "--slurm-status-command", "squeue", "--seconds-between-status-checks", "5"]
    memory = ["--slurm-init-seconds-before-status-checks", "5"]
    return [*copy.command(*slurm, *memory, *more)]


def test_end_to_end(node: Node, tmp_path: Path) -> None:
    """All jobs but the bundling of rules run on the node; latency alone on it, with the study's own number of threads."""
    copy = Copy(tmp_path)
    started = time.monotonic()
    run = subprocess.run(_command(copy), cwd=copy.folder, env=copy.environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, (run.stdout + run.stderr)[-5000:]
    print(f"smoke study on Slurm: {time.monotonic() - started:.0f} s")
    assert (copy.folder / "results/smoke/tables/stagewise.md").is_file()
    latency = next((copy.folder / "results/smoke/measurements").rglob("latency.json"))
    assert json.loads(latency.read_text())["host"]["threads"] == 1
    jobs = _said("squeue", "--states=all", "-h", "-o", "%k|%h|%C|%T").splitlines()
    assert len(jobs) > 20
    shared = {job.split("|")[1] for job in jobs if job.startswith("rule_measure_round")}
    assert shared == {"NO"}, "a round of latency shared its node"
    again = subprocess.run(
        _command(copy, "-n"), cwd=copy.folder, env=copy.environment, capture_output=True, text=True, check=False
    )
    assert "Nothing to be done" in again.stdout + again.stderr


def test_a_node_goes_down_and_comes_back(node: Node, tmp_path: Path) -> None:
    """Its jobs are ended; when it is back, Slurm starts them again, or they are named and the same command ends the study."""
    copy = Copy(tmp_path)
    with (tmp_path / "said").open("w") as said:
        run = subprocess.Popen(_command(copy), cwd=copy.folder, env=copy.environment, stdout=said, stderr=subprocess.STDOUT)
    model = copy.folder / "results/smoke/models/snippets/seed0/teacher/model.safetensors"
    _until(lambda: model.exists() and _running() and "rule_train_teacher" not in _running(), 300)
    before, ended = model.stat().st_mtime_ns, _running()
    node.crash()
    time.sleep(20)
    node.start()
    run.wait(timeout=900)
    if run.returncode:
        assert "Error in rule" in (tmp_path / "said").read_text()
        done = subprocess.run(_command(copy), cwd=copy.folder, env=copy.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    print(f"node down during {', '.join(sorted(ended))}: the run ended with {run.returncode}")
    assert model.stat().st_mtime_ns == before, "the teacher was trained again"
    assert (copy.folder / "results/smoke/tables/stagewise.md").is_file()
