"""Seconds of an update whose process keeps freed memory, as training jobs do, over those of one that hands it back.

Each run is a process of its own; the two take turns. They train the random student of `speed.py` on labels.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import torch

from edgemin.core.memory import keep_freed_memory
from edgemin.measure.host import host
from edgemin.training.precision import resolve
from speed_sides import BATCH, WARM_UP, Bench, ours

MODES = ("handed back", "kept")


def trained(mode: str, steps: int, threads: int, tiny: bool) -> dict[str, float]:
    """In this process: seconds of an update, by the clock; seconds of the processor in all; new pages of an update; and the most memory, in MB."""
    if mode == "kept":
        keep_freed_memory()
    torch.set_num_threads(threads)
    last = WARM_UP + steps
    bench = Bench.make(BATCH * (last + 1), tiny)
    before = resource.getrusage(resource.RUSAGE_SELF)
    with tempfile.TemporaryDirectory() as folder:
        watch = ours(bench, bench.phase("labels"), 0, last, Path(folder))
    after = resource.getrusage(resource.RUSAGE_SELF)
    # Not ru_maxrss, which has that of the process that started this one.
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return {
        "seconds": watch.seconds / steps,
        "processor": sum(after[:2]) - sum(before[:2]),
        "pages": (after.ru_minflt - before.ru_minflt) / last,
        "peak": peak / 1e3,
    }


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tiny", action="store_true", help="a small model, to try the benchmark itself")
    asked = parser.parse_args(argv)
    if not keep_freed_memory():  # of this process, which the others do not inherit
        raise SystemExit("error: this C library has no mallopt, so it cannot keep freed memory: nothing to compare")
    ratios: dict[str, list[float]] = {"seconds": [], "processor": []}
    for number in range(asked.rounds):
        found = {}
        for mode in MODES if number % 2 == 0 else reversed(MODES):
            with multiprocessing.get_context("spawn").Pool(1) as process:
                found[mode] = process.apply(trained, (mode, asked.steps, asked.threads, asked.tiny))
            said = "{seconds:.3f} s an update, {processor:.1f} s of the processor, {pages:.0f} new pages an update, {peak:.0f} MB at most"
            print(f"round {number + 1}, {mode}: {said.format(**found[mode])}", flush=True)
        for name, of_rounds in ratios.items():
            of_rounds.append(found["kept"][name] / found["handed back"][name])
    for name, of_rounds in ratios.items():
        print(f"{name}, kept over handed back: median {median(of_rounds):.3f}, from {min(of_rounds):.3f} to {max(of_rounds):.3f}")
    machine = host(asked.threads)
    print(f"{machine['cpu']}, {asked.threads} threads, {resolve('auto')}, load at the end {machine['load_1min']}")


if __name__ == "__main__":
    main()
