"""`edgemin compress`: look at what is given, write a study, estimate it, run it, say what to ship."""

from __future__ import annotations

import argparse
import logging
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from edgemin.compressing.answer import Answer, chosen
from edgemin.compressing.answer import answer as answer_of
from edgemin.compressing.folder import STUDY, TASK, Folder, clone
from edgemin.compressing.request import BY, PREFER, Request, threads_of
from edgemin.core.environment import settled
from edgemin.core.errors import EdgeminError
from edgemin.core.messages import line

if TYPE_CHECKING:
    from edgemin.compressing.inputs import Inputs
    from edgemin.compressing.speeds import Speeds

Say = Callable[[str], None]
WORDS = "from a data file, with or without a model, to the recipe to ship within limits"


def declare(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    add = parser.add_argument
    add("--data", required=True, help="CSV, TSV, JSON, Parquet or Arrow file; validation and test rows are drawn from it")
    add("--text", required=True, help="column of the text")
    add("--label", required=True, help="column of the class or the value")
    add("--pair", help="column of the second text, of sentence pairs")
    add("--model", help="folder of an encoder, fine-tuned or not; without it a packaged English one is fine-tuned")
    add("--labels", help="names of the classes in the order of the model's outputs, with commas, where it does not name them")
    add("--metric", default="accuracy", help="default: accuracy; of numbers: spearman, pearson")
    add("--separator", help="of a CSV, if it is no comma")
    add(
        "--quoting",
        type=_truth,
        metavar="true|false",
        help="whether quotation marks quote, of a CSV or TSV in which that is not clear",
    )
    add("--encoding", help="of the file, if it is not UTF-8")
    add("--max-mb", type=float, help="megabytes (10^6 bytes) of all files that predicting needs")
    add(
        "--max-drop",
        type=float,
        default=1.0,
        help="points (hundredths) of the metric below the teacher, default 1; judged on validation",
    )
    add(
        "--max-p90-ms", type=float, help="milliseconds from text to answer, 90th percentile of one text at a time on this machine"
    )
    add(
        "--by",
        default="bound",
        choices=tuple(BY),
        help="what --max-drop is compared with: an upper 80 %% bound (default), the estimate, or the 95 %% interval",
    )
    add(
        "--prefer",
        default="latency",
        choices=PREFER,
        help="which cell within the limits: the fastest (default), the smallest, the best",
    )
    add("--minutes", type=float, help="leave out what does not fit")
    add(
        "--max-length",
        type=int,
        metavar="TOKENS",
        help="tokens of a text that are read, default 128 or what the encoder can; more take longer",
    )
    add(
        "--any-cpu",
        action="store_true",
        help="INT8 with weights of 7 bits, which answers alike on CPUs with and without VNNI; without it some answers may differ",
    )
    add("--out", default="", help="folder for everything, default: compressed/ and the name of the data file")
    add("--cores", type=int, help="default: all")
    add("--dry-run", action="store_true", help="say what would run and about how long, and write nothing")


def _truth(text: str) -> bool:
    """As YAML writes it."""
    known = {"true": True, "false": False}
    if text not in known:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return known[text]


def answer(asked: argparse.Namespace) -> int:
    """0: there is something to ship; 1: no cell is within the limits."""
    options = {name: value for name, value in vars(asked).items() if name not in ("command", "text", "pair", "labels")}
    labels = tuple(name.strip() for name in asked.labels.split(",")) if asked.labels else None
    text = tuple(filter(None, (asked.text, asked.pair)))
    try:
        result = perform(Request(**options, text=text, labels=labels))
    except KeyboardInterrupt:
        print("interrupted; the same command goes on")
        return 130
    return 0 if result is None or result.cell else 1


def perform(request: Request, say: Say = print) -> Answer | None:
    """All of it. None after a dry run. Raises EdgeminError, before anything is written, for what cannot be done."""
    root, folder = clone(), Folder.of(request)
    with settled(str(threads_of(request))):  # times as jobs will have them: before PyTorch is imported
        prepared = None if folder.goes_on(request) else _prepared(request, folder, say)
    if request.dry_run:
        say("dry run: nothing is written" if prepared else f"{folder.path}: is of this very command, which would go on there")
        return None
    with folder.held():
        if prepared:
            folder.write(request, *prepared)
        elif folder.edited:
            say(f"{folder.path}: goes on with its study as it was edited")
        return _run(root, request, Folder.of(replace(request)), say)


def _run(root: Path, request: Request, folder: Folder, say: Say) -> Answer:
    from edgemin.compressing.running import snakemake

    seconds, name = folder.seconds(), folder.study_name
    snakemake(root, folder.path, request.processors, seconds)
    if _cascade_added(request, folder):
        snakemake(root, folder.path, request.processors, seconds)
    if chosen(folder.path, name) is not None:
        snakemake(root, folder.path, request.processors, seconds, "deploy")
    result = answer_of(folder.path, name)
    say(f"\n{result.text}")
    return result


def _cascade_added(request: Request, folder: Folder) -> bool:
    """Whether the study has another cascade now that its cells are measured. One that was edited stays as it is."""
    from edgemin.compressing.cascade import wanted
    from edgemin.compressing.study_file import with_cascades

    study = folder.study()
    if folder.edited or (cascades := wanted(folder.path, request, study)) == study.get("cascades", {}):
        return False
    folder.write(
        request, with_cascades((folder.path / STUDY).read_text(encoding="utf-8"), cascades), folder.seconds(), folder.speeds
    )
    return True


def _prepared(request: Request, folder: Folder, say: Say) -> tuple[str, dict[str, float], Mapping[str, float] | None]:
    """The study as text, estimated seconds of its jobs, and the speeds by which its cuts to a time are chosen."""
    from edgemin.compressing import study_file
    from edgemin.compressing.estimate import check_bytes, estimate, fixed_seconds, thinned, works_of
    from edgemin.compressing.inputs import look
    from edgemin.compressing.space import space
    from edgemin.compressing.thinning import may_have, within_bytes
    from edgemin.compressing.timing import measure
    from edgemin.plan.paths import Paths

    with _quiet():
        inputs = look(request)
    speeds = _speeds(inputs, folder)
    every = space(inputs, speeds)
    branches, large = within_bytes(every, request.max_mb)
    smallest = min(cell.bytes for branch in every for cell in branch.cells) / 1e6
    if request.max_mb is not None and not any(may_have(branch, request.max_mb) for branch in branches):
        raise EdgeminError(
            f"--max-mb {request.max_mb:g}: the smallest cell that is tried has about {smallest:.1f} MB; give at least that"
        )
    branches, thin = thinned(branches, request.max_mb)
    left_out = [*([f"{', '.join(large)}: no cell of them has at most {request.max_mb:g} MB"] if large else []), *thin]
    threads = folder.threads or threads_of(request)
    wanted = study_file.study_of(request, inputs, branches, threads)
    _check(study_file.text_of(wanted, []))
    rows = "{train} rows to train on, {validation} to choose on, {test} to report on".format(**inputs.rows)
    say(f"{request.data}: {rows}, about {inputs.tokens:.0f} tokens each; teacher: {inputs.teacher.title}")
    for note in inputs.notes:
        say(note)
    paths, task = Paths(request.name), TASK
    paces, changed = measure(branches, inputs.tokens, threads), folder.changed(wanted)
    works = {
        branch.name: [work for work in works_of(branch, inputs, paces, paths, task) if not folder.keeps(work.file, changed)]
        for branch in branches
    }
    estimated = estimate(branches, left_out, works, request.processors, fixed_seconds(paces), request.minutes)
    if request.max_mb is not None and request.minutes is not None:
        check_bytes(estimated, branches, works, request.max_mb, request.minutes)
    say(overview(estimated))
    text = study_file.text_of(study_file.study_of(request, inputs, estimated.branches, threads), _head(request))
    seconds = {work.file: round(work.seconds, 1) for one in estimated.works.values() for work in one}
    return text, seconds, asdict(speeds) if speeds else None


def _speeds(inputs: Inputs, folder: Folder) -> Speeds | None:
    """Of a teacher that may be cut to a time: those that the folder keeps, or measured now."""
    from edgemin.compressing import speeds
    from edgemin.compressing.space import deep

    if deep(inputs):
        return None
    return speeds.Speeds(**folder.speeds) if folder.speeds else speeds.measure(inputs.teacher, round(inputs.tokens))


def _check(text: str) -> None:
    """Raises EdgeminError for a study that cannot run: a fault of ours, or a model that a stage cannot take."""
    from edgemin.plan.checks import check_chains, check_machine
    from edgemin.plan.plan import Plan
    from edgemin.study.read import parse_study

    plan = Plan(parse_study(yaml.safe_load(text)))
    check_machine(plan)
    for task in plan.study.tasks:
        check_chains(plan, task)


def overview(estimated: Any) -> str:
    """What will run, and about how long. estimated: an `Estimated`."""
    from edgemin.compressing.estimate import in_minutes

    cells = sum(len(branch.cells) for branch in estimated.branches)
    trainings = sum(len(branch.trainings) for branch in estimated.branches)
    lines = [f"{cells} cells from {trainings} trainings, about {in_minutes(estimated.seconds)}:"]
    lines += [
        f"  {branch.name:<16}{in_minutes(estimated.of(branch)) if estimated.works[branch.name] else 'done':>7}   {', '.join(f'{cell.name} {cell.bytes / 1e6:.1f} MB' for cell in branch.cells)}"
        for branch in estimated.branches
    ]
    return "\n".join([*lines, *(f"left out: {line}" for line in estimated.left_out)])


def _head(request: Request) -> Sequence[str]:
    options = {name: value for name, value in request.kept().items() if value is not None and name not in ("text", "labels")}
    words = ["edgemin", "compress", "--text", request.text[0], *(["--pair", request.text[1]] if len(request.text) > 1 else [])]
    words += ["--labels", ",".join(request.labels)] if request.labels else []
    for name, value in options.items():
        words.append(f"--{name.replace('_', '-')}")
        words += [] if name == "any_cpu" else [_option(value)]
    return (
        "Written by `edgemin compress`. Edit it as you like: the same command goes on with it as it is, and makes again only what an edit changes.",
        "Keys: config/README.md.",
        line(shlex.join(words)),
    )


def _option(value: Any) -> str:
    """As a shell has it."""
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the lines that the job of the data writes again."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
