"""The frame of every adapter: log lines to the terminal and the job's log file, one-line errors, an environment that
nobody else has a hand in."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgemin.core.devices import one_device
from edgemin.core.environment import settled
from edgemin.core.errors import EdgeminError
from edgemin.core.limits import refusal, time_limit
from edgemin.core.memory import keep_freed_memory
from edgemin.core.recorded import record

MODULES = "EDGEMIN_MODULES"
"""Environment variable: a folder in which every job notes the modules that it has loaded, for a test."""
CHATTY = ("datasets", "httpx", "httpx2", "filelock", "fontTools", "matplotlib", "nncf", "torch.onnx", "onnxscript", "onnx_ir")


@contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """Run an adapter's body. An EdgeminError, or a refusal of the machine, is printed in one line and ends the job; other exceptions
    are bugs and show where: on the terminal, of which the log's last line tells."""
    threads = str((snakemake.params.get("spec") or {}).get("threads", snakemake.threads))
    with settled(threads):
        yield from _ran(snakemake)


def _ran(snakemake: Any) -> Iterator[None]:
    _begin_log(snakemake)
    started = time.monotonic()
    logging.info("begins")
    try:
        # The limit begins when there is a GPU: to wait for one is not to hang.
        with (
            one_device(bool(snakemake.resources.get("gpu"))),
            time_limit(snakemake.resources.get("runtime"), snakemake.rule),
        ):
            yield
        record(snakemake.output)
        _note_modules(snakemake)
        logging.info("done in %.0f s", time.monotonic() - started)
    except Exception as error:
        message = str(error) if isinstance(error, EdgeminError) else refusal(error)
        if message is None:
            logging.critical("failed: %s, see the terminal", type(error).__name__)
            raise
        for line in message.splitlines():
            logging.error("error: %s", line)
        sys.exit(1)


def _begin_log(snakemake: Any) -> None:
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    logging.raiseExceptions = False  # a full disk is reported once, not by every line of the log
    if snakemake.log:
        handlers.append(logging.FileHandler(snakemake.log[0], mode="w", encoding="utf-8", delay=True))
    title = "/".join(["[" + snakemake.rule, *map(str, snakemake.wildcards)]) + "]"
    logging.basicConfig(
        level=logging.INFO, format=f"%(asctime)s {title} %(message)s", datefmt="%H:%M:%S", handlers=handlers, force=True
    )
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def _note_modules(snakemake: Any) -> None:
    folder = os.environ.get(MODULES)
    if folder:
        noted = {
            "rule": snakemake.rule,
            "wildcards": dict(snakemake.wildcards.items()),
            "modules": sorted(name for name in sys.modules if name.partition(".")[0] == "edgemin"),
        }
        Path(folder, f"{snakemake.rule}-{os.getpid()}.json").write_text(json.dumps(noted), encoding="utf-8")


@contextmanager
def checked(snakemake: Any) -> Iterator[None]:
    """Before a training job's body: can every chain of the study work, now that its sources are there? And memory is kept from update to update."""
    from edgemin.core.files import read_json
    from edgemin.plan.checks import check_chains
    from edgemin.plan.plan import Plan
    from edgemin.study.read import parse_study

    labels = read_json(snakemake.input.data)["label_names"]
    check_chains(Plan(parse_study(snakemake.params.study)), snakemake.wildcards.task, labels, prepared=True)
    keep_freed_memory()
    yield


def files_of(files: Any) -> list[Path]:
    """A named group of files: Snakemake hands over a list, or the path itself if there is one."""
    return [Path(file) for file in ([files] if isinstance(files, str) else files or [])]


def folder_of(files: Any) -> Any:
    """The folder that a named group of files is in; None for no files."""
    paths = files_of(files)
    return paths[0].parent if paths else None


def files_of_training(snakemake: Any) -> Any:
    """Where a training job reads its texts, and where it writes."""
    from edgemin.training.run import Files

    tokens, validation = Path(snakemake.input.tokens), Path(snakemake.input.validation)
    return Files(tokens, validation, folder_of(snakemake.output), Path(snakemake.params.scratch))


def teacher_files_of(snakemake: Any) -> Any:
    """What a training job has of its teacher."""
    from edgemin.methods.distill.teachers import TeacherFiles

    inputs = snakemake.input
    return TeacherFiles(folder_of(inputs.teacher), Path(inputs.teacher_tokens), files_of(inputs.get("caches")))
