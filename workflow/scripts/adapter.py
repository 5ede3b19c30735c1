"""The frame of every adapter: log lines to the terminal and the job's log file, one-line errors, numbers of threads."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgemin.devices import one_device
from edgemin.digests import record
from edgemin.errors import EdgeminError
from edgemin.refusals import refusal

GRACE = 60
"""Seconds that a job has to clear up after its time limit."""


@contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """Run an adapter's body. An EdgeminError, or a refusal of the machine, is printed in one line and ends the job; other exceptions
    are bugs and show where."""
    threads = str((snakemake.params.get("spec") or {}).get("threads", snakemake.threads))
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = threads
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    logging.raiseExceptions = False  # a full disk is told once, not by every line of the log
    if snakemake.log:
        handlers.append(logging.FileHandler(snakemake.log[0], mode="w", encoding="utf-8", delay=True))
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s " + _title(snakemake) + " %(message)s",
        datefmt="%H:%M:%S",
        handlers=handlers,
        force=True,
    )
    for name in ("httpx", "httpx2", "filelock", "fontTools", "matplotlib", "torch.onnx", "onnxscript", "onnx_ir"):
        logging.getLogger(name).setLevel(logging.WARNING)
    started = time.monotonic()
    logging.info("begins")
    try:
        # The limit begins when there is a GPU: to wait for one is not to hang.
        with one_device(bool(snakemake.resources.get("gpu"))), _limited(snakemake):
            yield
        record(snakemake.output)
        logging.info("done in %.0f s", time.monotonic() - started)
    except Exception as error:
        said = str(error) if isinstance(error, EdgeminError) else refusal(error)
        if said is None:
            raise
        for line in said.splitlines():
            logging.error("error: %s", line)
        sys.exit(1)


class _Over(BaseException):
    """The time is over; no `except Exception` of a library stops it."""


@contextmanager
def _limited(snakemake: Any) -> Iterator[None]:
    """Raise EdgeminError in a body that takes longer than the rule's `runtime` (minutes); without one there is no limit.

    Clusters end such jobs themselves; on one machine nobody else does. A body that hangs inside a library, where Python
    cannot interrupt it, is ended with its process a minute later.
    """
    minutes = snakemake.resources.get("runtime")
    if not minutes:
        yield
        return
    said = f"took longer than {minutes} minutes, its limit; if it may: --set-resources {snakemake.rule}:runtime=<minutes>"

    def raise_over(*_: Any) -> None:
        raise _Over

    def end() -> None:
        logging.error("error: %s", said)
        os._exit(1)

    # An alarm, not an interruption: those are ignored by whatever a shell starts in the background.
    before = signal.signal(signal.SIGALRM, raise_over)
    signal.setitimer(signal.ITIMER_REAL, 60 * float(minutes))
    last = threading.Timer(60 * float(minutes) + GRACE, end)
    last.daemon = True
    last.start()
    try:
        yield
    except _Over:
        raise EdgeminError(said) from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        last.cancel()
        signal.signal(signal.SIGALRM, before)


@contextmanager
def checked(snakemake: Any) -> Iterator[None]:
    """Before a training job's body: can every chain of the study work, now that its sources are there?"""
    from edgemin.config import parse_study
    from edgemin.plan import Plan
    from edgemin.tasks.store import label_names

    Plan(parse_study(snakemake.params.study)).check(snakemake.wildcards.task, label_names(folder_of(snakemake.input.data)))
    yield


def _title(snakemake: Any) -> str:
    return "/".join(["[" + snakemake.rule, *map(str, snakemake.wildcards)]) + "]"


def files_of(files: Any) -> list[Path]:
    """A named group of files: Snakemake hands over a list, or the path itself if there is one."""
    return [Path(file) for file in ([files] if isinstance(files, str) else files or [])]


def training_files(snakemake: Any) -> dict[str, Any]:
    """What every job takes that trains on a parent: see `Plan.trained_inputs`."""
    inputs = snakemake.input
    return {
        "parent": folder_of(inputs.parent),
        "teacher": folder_of(inputs.teacher),
        "transfer": next(iter(files_of(inputs.get("transfer"))), None),
        "caches": files_of(inputs.get("caches")),
        "data": folder_of(inputs.data),
        "out": folder_of(snakemake.output),
        "scratch": Path(snakemake.params.scratch),
        "spec": snakemake.params.spec,
    }


def folder_of(files: Any) -> Any:
    """The folder that a named group of files stands in; None for no files."""
    found = files_of(files)
    return found[0].parent if found else None
