"""The process that has all libraries loaded, and forks for every job.

A job runs in a fork of a fork. The first waits for the second, tells the launcher how it ended, and kills it if the launcher is gone.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import traceback
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import edgemin
from edgemin.core.environment import settled

HEAVY = (
    "torch",
    "transformers",
    "transformers.models.bert.modeling_bert",
    "datasets",
    "pandas",
    "pyarrow.parquet",
    "scipy.stats",
    "sklearn.metrics",
    "statsmodels.stats.multitest",
    "matplotlib.pyplot",
    "onnx",
    "onnxruntime",
    "onnxruntime.quantization",
    "onnxscript",
    "torch.onnx",
    "torch.onnx._internal.exporter._core",
    "snakemake.logging",
    "snakemake.iocontainers",
    "snakemake.script",
)
"""What jobs import, at the latest in their first call; what is not there is left to them."""
OPTIONAL = ("openvino", "nncf")
"""Parts of modules that are left to jobs: they take seconds, and few jobs want them."""


def preload() -> None:
    """Import the libraries and every module of the package.

    Modules are listed by walking the package: no list could name the methods and runtimes that people add, and a script imports what it needs
    inside functions, so importing the scripts' heads would load little. Only folders of the package are walked.
    """
    for name in HEAVY:
        with suppress(ImportError):
            import_module(name)
    for module in pkgutil.walk_packages(edgemin.__path__, "edgemin."):
        if not any(part in module.name for part in OPTIONAL) and not module.name.startswith("edgemin.cli."):
            import_module(module.name)
    gc.collect()
    gc.freeze()  # what is loaded is not looked through in forks


def serve(listening: socket.socket) -> None:
    """Answer launchers until the process is ended."""
    signal.signal(signal.SIGCHLD, _reap)
    while True:
        connection, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            os._exit(_answer(connection))
        connection.close()


def _reap(*_: object) -> None:
    """Take leave of forks that have ended, so that their seconds of processors are counted."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _answer(connection: socket.socket) -> int:
    """In a fork: read what is asked, run it in another, and tell how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    length, streams, _, _ = socket.recv_fds(connection, 8, 3)
    asked = json.loads(_read(connection, int.from_bytes(length, "big")))
    woken, waking = os.pipe()
    os.set_blocking(waking, False)
    signal.set_wakeup_fd(waking)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    if (job := os.fork()) == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        connection.close()
        _become(asked, streams)
    ended, status = 0, 0
    while not ended:
        ready, _, _ = select.select([connection.fileno(), woken], [], [])
        ended, status = os.waitpid(job, os.WNOHANG)
        if connection.fileno() in ready and not ended:
            os.killpg(job, signal.SIGTERM)
            return 1
        if woken in ready:
            os.read(woken, 64)
    code = os.waitstatus_to_exitcode(status)
    with suppress(OSError):
        connection.sendall(str(code if code >= 0 else 128 - code).encode())
    return 0


def _read(connection: socket.socket, length: int) -> bytes:
    parts = []
    while length:
        part = connection.recv(min(length, 1 << 16))
        if not part:
            os._exit(1)
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def _become(asked: dict[str, Any], streams: list[int]) -> None:
    """Be the process that Snakemake wanted. Does not return."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = [asked["script"]]
    code = 0
    try:
        runpy.run_path(asked["script"], run_name="__main__")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def main(where: str) -> None:
    """Load, listen at the socket `where`, and say `ready`."""
    with settled("1"):
        preload()
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(where)
    listening.listen(64)
    print("ready", flush=True)
    serve(listening)


if __name__ == "__main__":
    main(str(Path(sys.argv[1])))
