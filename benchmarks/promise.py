"""Whether cuts to a time are as fast as they promise, on models of a finished study.

All cells take turns with the float teacher on texts of exactly the promised number of tokens, in processes one after the other. Warm: a call follows calls
of the same model, as when shapes are timed. Cold: a call of each in turn, so that the caches hold what another model left there.

promise.py config/budget.yaml to2 to4 to8 int8_to4 int8_to8
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json
from edgemin.data.tokens import Tokens
from edgemin.measure import host as hosts
from edgemin.measure.latency import take_turns
from edgemin.measure.lengths import of_length
from edgemin.measure.rounds import predicted
from edgemin.plan.plan import Plan
from edgemin.study.chains import ROOT, Chain
from edgemin.study.measuring import Latency
from edgemin.study.runtime import open_model
from edgemin.study.timed import Target, Timed
from script import plan_with, run

_WARM = Latency(rounds=1, warmup=20, calls=400, seconds=2.0, minimum_calls=100, blocks=20)
PROTOCOLS = {"warm": _WARM, "cold": _WARM.model_copy(update={"calls": 100, "blocks": 100})}
"""In each process; cold: blocks of one call."""


@dataclass(frozen=True)
class Promise:
    """A cell that was cut to a time, at the first task of a study and one seed."""

    cell: str
    target: Target
    predicted: float
    """Speed-up that the sum over blocks has for it."""
    folder: Path
    """Of what is as fast as promised: the cut model, or its dynamic INT8."""
    test: Path
    """Its tokens."""


def promises(plan: Plan, file: str, cells: Sequence[str], seed: int) -> list[Promise]:
    """Raises EdgeminError for cells that promise no time, or of which the model that does is not there."""
    study = plan.study
    task, found = next(iter(study.tasks)), []
    for cell in cells:
        chain = study.chain(cell)
        cut = plan.float_of(chain)
        variant = study.variant(cut) if cut.links else None
        if not isinstance(variant, Timed):
            raise EdgeminError(f"{file}: '{cell}' does not end with a cut to a time; name one that does")
        target = variant.target
        if target.quantized != (chain.quantized and getattr(study.variant(chain), "scheme", None) == "int8_dynamic"):
            raise EdgeminError(
                f"{file}: '{cell}' promises a time {'in dynamic INT8' if target.quantized else 'as floats'}, and is stored otherwise"
            )
        folder, test = Path(plan.paths.model(task, seed, chain)), Path(plan.tokens(task, chain, "test"))
        history = Path(plan.paths.model(task, seed, cut), "history.json")
        _check(cell, folder / "model.onnx", history, test)
        speedup = float(read_json(history)["pruning"]["speedup"]["predicted"])
        found.append(Promise(cell, target, speedup, folder, test))
    if len(lengths := {one.target.tokens for one in found}) > 1:
        raise EdgeminError(f"{file}: cells promise times at {sorted(lengths)} tokens; name those of one length")
    return found


def _check(cell: str, *files: Path) -> None:
    """Raises EdgeminError for files that are not there."""
    if missing := [str(file) for file in files if not file.exists()]:
        raise EdgeminError(f"missing: {', '.join(missing)}; let snakemake make the cell '{cell}'")


def speedups(teacher: tuple[Path, Path], found: Sequence[Promise], threads: int, tokens: int) -> dict[str, dict[str, float]]:
    """Protocol -> cell -> how many times as fast as the teacher it is in this process: the median over blocks of the ratio of medians. teacher: folder, and
    tokens of the test split."""
    hosts.pin(threads)
    calls = {}
    for name, (folder, file) in {"": teacher, **{one.cell: (one.folder, one.test) for one in found}}.items():
        texts, model = Tokens.read(file, folder), open_model(folder, found[0].target.runtime, threads)
        inputs = of_length(texts, range(len(texts)), tokens)
        calls[name] = lambda index, model=model, inputs=inputs: model(inputs[index % len(inputs)])
    result = {}
    for name, protocol in PROTOCOLS.items():
        timed = take_turns(calls, range(protocol.minimum_calls), protocol)
        medians = {cell: np.median(seconds, axis=1) for cell, seconds in timed.items()}
        result[name] = {one.cell: float(np.median(medians[""] / medians[one.cell])) for one in found}
    return result


def table(found: Sequence[Promise], rounds: Sequence[Mapping[str, Mapping[str, float]]]) -> pd.DataFrame:
    """rounds: `speedups` of each process. Intervals are those of the next measurement."""
    rows = []
    for one in found:
        row = {"cell": one.cell, "promised": one.target.speedup, "predicted": one.predicted}
        for name in PROTOCOLS:
            ends = predicted([process[name][one.cell] for process in rounds])
            row |= {name: ends["value"], f"{name}_low": ends["low"], f"{name}_high": ends["high"]}
            row[f"{name}_over_promised"] = ends["value"] / one.target.speedup
        rows.append(row)
    return pd.DataFrame(rows)


def main(argv: Sequence[str] | None = None) -> None:
    """Raises EdgeminError for a study or cells that will not do."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("study", help="file of a finished study, such as config/budget.yaml")
    parser.add_argument(
        "cells", nargs="+", help="that end with a cut to a time, or with the dynamic INT8 of one that promises it there"
    )
    parser.add_argument("--seed", type=int, help="of the models; the study's first by default")
    parser.add_argument("--rounds", type=int, default=5, help="processes, one after the other")
    parser.add_argument("--tokens", type=int, help="measure at so many in place of the promised number")
    parser.add_argument("--out", type=Path, help="also write the table to this CSV file")
    given = parser.parse_args(argv)
    plan = plan_with(given.study, given.cells)
    study = plan.study
    seed = study.seeds[0] if given.seed is None else given.seed
    found = promises(plan, given.study, given.cells, seed)
    task, root = next(iter(study.tasks)), Chain()
    teacher = Path(plan.paths.model(task, seed, root)), Path(plan.tokens(task, root, "test"))
    _check(ROOT, teacher[0] / "model.onnx", teacher[1])
    tokens, rounds = given.tokens or found[0].target.tokens, []
    for _ in range(given.rounds):
        with multiprocessing.get_context("spawn").Pool(1) as process:
            rounds.append(process.apply(speedups, (teacher, found, study.threads.inference, tokens)))
    result = table(found, rounds)
    print(result.to_string(index=False, float_format="{:.2f}".format))
    if given.out:
        result.to_csv(given.out, index=False)


if __name__ == "__main__":
    run(main)
