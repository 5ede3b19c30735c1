"""Check a study on this machine, before any job runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json
from edgemin.core.messages import line
from edgemin.plan.check_data import check_data
from edgemin.plan.plan import Plan
from edgemin.study.fits import check_study
from edgemin.study.foreign import check_folder
from edgemin.study.header import CONVERT, INDEX, WEIGHTS, read_header
from edgemin.study.runtime import check_installed
from edgemin.study.sources import DataSource
from edgemin.study.tokenizer_file import NAME as TOKENIZER

OLD_LAYOUT = "data/*/train.parquet"
"""A file in results of version 0.1; the current version has train.arrow."""


def check_chains(plan: Plan, task: str, label_names: list[str] | None = None, prepared: bool = False) -> None:
    """Raises EdgeminError if some chain of the study cannot work, as far as is known: see `study.fits`.

    prepared: check the encoders and label names that jobs have made. Otherwise check local models in the user's folders.
    """
    folders = {
        name: Path(source.path) if source.path and not prepared else Path(plan.paths.encoder(task, name))
        for name, source in plan.encoders.items()
    }
    try:
        check_study(plan.study, task, folders, label_names)
    except EdgeminError:
        whole = {name: folder for name, folder in folders.items() if prepared or plan.encoders[name].path or _readable(folder)}
        if whole == folders:
            raise
        check_study(plan.study, task, whole, label_names)


def _readable(folder: Path) -> bool:
    """Whether the files that a job made of an encoder can be read, as far as they are there. If not, the command that makes them again has to
    start; jobs that read them refuse them."""
    try:
        for name in ("config.json", TOKENIZER):
            if (folder / name).exists():
                read_json(folder / name)
        if (folder / WEIGHTS).exists():
            read_header(folder)
    except EdgeminError:
        return False
    return True


def check_machine(plan: Plan, packages: bool = True) -> None:
    """Raises EdgeminError for missing sources, a runtime without its packages, and results of another layout. packages: false if jobs have
    their own environments; then installed packages are not checked."""
    _check_models(plan)
    for key, source in _data_sources(plan):
        check_data(key, source)
    if packages:
        check_installed(dict(_runtimes(plan)))
    if list(Path(plan.root).glob(OLD_LAYOUT)):
        raise EdgeminError(
            f"{plan.root}: holds results of version 0.1, whose files have other names; move the folder away, or delete it, and run again"
        )


def _check_models(plan: Plan) -> None:
    """Check local models: their files exist and agree."""
    for source in plan.encoders.values():
        if source.path is None:
            continue
        folder = Path(source.path)
        there = is_file(folder / "config.json"), any(is_file(folder / name) for name in (WEIGHTS, INDEX))
        if not all(there):
            raise EdgeminError(
                f"source.path: {line(source.path)} has no {WEIGHTS if there[0] else 'config.json'}; give a folder with config.json, "
                f"{WEIGHTS} and a tokenizer (pickled weights are not read: convert them with {CONVERT})"
            )
        try:
            check_folder(folder)
        except EdgeminError as error:
            raise EdgeminError("\n".join(f"source.path: {problem}" for problem in str(error).splitlines())) from None
        if source.family not in (None, (says := read_json(folder / "config.json")["model_type"])):
            raise EdgeminError(
                f"source.family: {source.family}, but the config of {line(source.path)} says {says}; correct the study"
            )


def _data_sources(plan: Plan) -> Iterator[tuple[str, DataSource]]:
    for name, task in plan.study.tasks.items():
        yield f"tasks.{name}.source", task.source
        yield from ((f"tasks.{name}.out_of_domain.{test}.source", spec.source) for test, spec in task.out_of_domain.items())
    for name, transfer in plan.study.transfer.items():
        yield from ((f"transfer.{name}.unlabelled.{n}.source", spec.source) for n, spec in enumerate(transfer.unlabelled))


def _runtimes(plan: Plan) -> Iterator[tuple[str, str]]:
    yield from ((f"runtimes.{number}", name) for number, name in enumerate(plan.study.runtimes))
    for cell in plan.study.cells:
        chain = plan.study.chain(cell)
        if chain.quantized and chain.last is not None:
            yield f"quantize.{chain.last.variant}.backend", plan.study.variant(chain).backend


def is_file(path: Path | str) -> bool:
    """Whether a file is there; no for a name that is too long, or a folder that may not be read."""
    try:
        return Path(path).is_file()
    except OSError:
        return False
