"""How fast the model in this folder is on this machine. Needs what predict.py needs; absolute times, compared with nothing.

    python bench.py                             sentences as long as those of the study's test split, tokenisation excluded
    python bench.py --file texts.txt            your own texts, one a line, from text to answer

Writes bench.json: p50, p90 and p99 of one text at a time, the time of a new process until its first answer (median of three), and peak memory.
`edgemin measured add` puts it on the page of the study.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))

from predict import BundleError, Model, read_texts, split  # noqa: E402 - a neighbour of this file

WARM_UP, STARTS = 30, 3


def random_ids(lengths: Sequence[int], model: Model) -> list[dict[str, Any]]:
    """Inputs of such lengths; the ids are drawn with a fixed seed."""
    draw, size = np.random.default_rng(0), model.tokenizer.get_vocab_size()
    found = []
    for length in lengths:
        parts = {
            "input_ids": draw.integers(0, size, length),
            "attention_mask": np.ones(length),
            "token_type_ids": np.zeros(length),
        }
        found.append({name: parts[name][None].astype(np.int64) for name in model.names})
    return found


def calls_of(model: Model, file: str | None) -> tuple[list[Callable[[], Any]], str]:
    """What is timed, in turn, and what that is in words. Raises BundleError for a file that cannot be read."""
    if file is None:
        inputs = random_ids(model.facts["lengths"], model)
        return [partial(model.session.run, ["logits"], one) for one in inputs], "test lengths, without tokenisation"
    rows = [row for line in read_texts(argparse.Namespace(text=[], file=file)) if (row := split(line, model.pair))]
    return [partial(model.logits, *row) for row in rows], f"{len(rows)} texts, with tokenisation"


def times(calls: Sequence[Callable[[], Any]], count: int) -> list[float]:
    """Milliseconds of so many calls, after some that do not count."""
    found = []
    for number in range(WARM_UP + count):
        call = calls[number % len(calls)]
        started = time.perf_counter()
        call()
        found.append(1e3 * (time.perf_counter() - started))
    return found[WARM_UP:]


def cold_start(threads: int) -> float:
    """Milliseconds from the start of a process to its end, after one answer; median of three."""
    found = []
    for _ in range(STARTS):
        started = time.perf_counter()
        subprocess.run([sys.executable, __file__, "--once", "--threads", str(threads)], check=True)  # noqa: S603 - this very file
        found.append(1e3 * (time.perf_counter() - started))
    return statistics.median(found)


def peak_mb() -> float:
    """Of this process; the system counts in kilobytes, on a Mac in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6)


def cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.lower().startswith(("model name", "hardware"))]
    return names[0] if names else platform.processor() or platform.machine()


def bench(model: Model, calls: Sequence[Callable[[], Any]], what: str, count: int, threads: int) -> dict[str, Any]:
    """The measurements, as mapping."""
    import onnxruntime

    each = times(calls, count)
    peak = peak_mb()
    return {
        **{key: model.facts[key] for key in ("study", "cell", "chain", "seed", "sha256")},
        "what": what,
        "calls": count,
        "threads": threads,
        **{f"p{share}_ms": round(float(np.percentile(each, share)), 4) for share in (50, 90, 99)},
        "cold_start_ms": round(cold_start(threads), 1),
        "peak_mb": round(peak, 1),
        "host": {"cpu": cpu(), "processors": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
        "onnxruntime": onnxruntime.__version__,
        "measured_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--file", help="texts, one a line; of a pair, the second after a tab")
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", default="bench.json")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if min(asked.calls, asked.threads) < 1:
        parser.error("--calls and --threads: at least 1")
    try:
        model = Model(FOLDER, asked.threads)
        calls, what = calls_of(model, asked.file)
        if asked.once:
            calls[0]()
            return
        found = bench(model, calls, what, asked.calls, asked.threads)
        Path(asked.out).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    except (BundleError, OSError) as error:
        sys.exit(f"error: {error}")
    shown = ", ".join(f"{name.removesuffix('_ms')} {found[name]:.2f} ms" for name in ("p50_ms", "p90_ms", "p99_ms"))
    print(
        f"{what}: {shown}; first answer of a process {found['cold_start_ms']:.0f} ms, peak memory {found['peak_mb']:.0f} MB: {asked.out}"
    )


if __name__ == "__main__":
    main()
