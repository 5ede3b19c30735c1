"""Examples per second of each distillation objective: our training loop against transformers' Trainer as it comes.

Ours is `training.phase.train` in the precision that `auto` gives, on length-grouped batches and signals out of the teacher's
cache. The peer is a Trainer in fp32 on random batches, padded to their longest example, that runs the teacher in each step.
Student, data, batch size, optimizer and objective (`methods.objectives`) are the same; weights and texts are random, of the default
study's sizes. A `labels` run has no teacher on either side: what is left there is precision and batches.

What leans to a side: the peer's signals come from `LiveSignals`, which collates the batch's token ids a second time and rounds
what it caught to bf16, small beside the teacher's forward. Our caches are smaller than the default study's and so surely in
memory; our batches are grouped among few texts, so that they hold more padding than in a long epoch.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from edgemin.measure.host import host
from edgemin.training.phase import dropout
from edgemin.training.precision import resolve
from speed_sides import BATCH, OBJECTIVES, SIDES, WARM_UP, Bench


def first_losses(name: str, tiny: bool = False) -> tuple[dict[str, float], dict[str, float]]:
    """(ours, the peer's): loss and parts of the objective at the first step, on the same batch, without dropout.

    There is but one batch, so that both orders begin with it.
    """
    bench = Bench.make(BATCH, tiny)
    with tempfile.TemporaryDirectory() as folder, dropout(bench.student, 0.0):
        mine, theirs = (side(bench, bench.phase(name), 0, 1, Path(folder)).first for side in SIDES.values())
    return mine, theirs


def measure(objectives: Sequence[str], rounds: int, steps: int, tiny: bool = False) -> pd.DataFrame:
    """Per round, objective and side: examples and real tokens of the measured steps, and seconds per example.

    The two sides draw other texts, which makes some rounds' longer than others'. So the seconds are those per real token,
    times the mean length of all texts. cache: seconds per example of the teacher's passes.
    """
    last = WARM_UP + steps
    bench = Bench.make(BATCH * (last + 1), tiny)  # one batch more: the loader fetches ahead
    mean = float(np.mean([len(ids) for ids in bench.texts]))
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for side in SIDES.values():  # kernels are made for each new length of a batch; this makes them
            side(bench, bench.phase(objectives[-1]), 0, last, folder)
        for number in range(rounds):
            order = list(SIDES) if number % 2 == 0 else list(reversed(SIDES))
            for objective in objectives:
                for side in order:
                    watch = SIDES[side](bench, bench.phase(objective), number, last, folder)
                    examples, tokens = sum(watch.examples[WARM_UP:]), sum(watch.tokens[WARM_UP:])
                    seconds = watch.seconds / tokens * mean
                    row = {"round": number, "objective": objective, "side": side, "examples": examples, "tokens": tokens}
                    rows.append(row | {"seconds": seconds, "cache": watch.cache_seconds / len(bench.texts)})
                    said = f"round {number + 1} of {rounds}, {objective}, {side}: {1 / seconds:.1f} examples/s"
                    print(said, file=sys.stderr, flush=True)
    return pd.DataFrame(rows)


def summarise(runs: pd.DataFrame, epochs: int) -> pd.DataFrame:
    """A row per objective. Speeds are medians over rounds, ratios medians of each round's ratio.

    ratio_cache: our side pays the teacher's passes for the cache too, spread over `epochs`.
    """
    wide = runs.pivot(index=["objective", "round"], columns="side", values=["seconds", "examples", "tokens", "cache"])
    seconds = wide["seconds"]
    paid = {"ratio": seconds["ours"], "ratio_cache": seconds["ours"] + wide["cache"]["ours"] / epochs}
    ratios = pd.DataFrame({name: seconds["trainer"] / cost for name, cost in paid.items()})
    grouped = ratios.groupby("objective", sort=False)
    table = pd.DataFrame({side: 1 / seconds[side] for side in SIDES}).groupby("objective", sort=False).median()
    for name in ratios:
        table[name], table[f"{name}_min"], table[f"{name}_max"] = (getattr(grouped[name], f)() for f in ("median", "min", "max"))
    sums = wide[["examples", "tokens"]].groupby("objective", sort=False).sum().astype(int)
    for what, side in sums:
        table[f"{what}_{side}"] = sums[what, side]
    return table.loc[runs["objective"].unique()].reset_index()


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--objectives", nargs="+", choices=OBJECTIVES, default=list(OBJECTIVES), metavar="NAME")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8, help=f"measured steps per side and round, after {WARM_UP} more")
    parser.add_argument("--epochs", type=int, default=4, help="that the teacher's passes for the cache are spread over")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tiny", action="store_true", help="small models, to try the benchmark itself")
    parser.add_argument("--out", type=Path, help="also write the table to this CSV file")
    arguments = parser.parse_args(argv)

    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # both sides on the CPU
    warnings.filterwarnings("ignore", message=".*pin_memory.*")
    torch.set_num_threads(arguments.threads)
    machine = host(arguments.threads) | {"precision": resolve("auto")}
    runs = measure(arguments.objectives, arguments.rounds, arguments.steps, arguments.tiny)
    table = summarise(runs, arguments.epochs)
    print(table.to_string(index=False, float_format="{:.2f}".format))
    print(*(f"{name}: {value}" for name, value in machine.items()), sep="\n")
    if arguments.out:
        facts = {name: machine[name] for name in ("cpu", "threads", "precision", "load_1min", "measured_at")}
        facts |= {name: machine["versions"][name] for name in ("torch", "transformers")}
        table.assign(rounds=arguments.rounds, steps=arguments.steps, epochs=arguments.epochs, **facts).to_csv(
            arguments.out, index=False, float_format="%.4g"
        )


if __name__ == "__main__":
    main()
