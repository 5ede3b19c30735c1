"""How fast the model in this folder is on this machine. Needs what predict.py needs; absolute times, compared with nothing.

    python bench.py                             sentences as long as those of the study's test split, tokenisation excluded
    python bench.py --file texts.txt            your own texts, from text to answer; of a CSV or JSON lines with --columns, as predict.py
    python bench.py --file texts.txt --against ../../teacher/seed0      in turn with another bundle, text by text, and how many times faster

Writes bench.json: mean, p50, p90 and p99 of one text at a time, the time of a new process until its first answer (median of three), and peak
memory; of a cascade, which needs texts, also the share that each member answers. `edgemin measured add` puts times of a single model on the page of the study.
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
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))

from predict import BundleError, Model, read  # noqa: E402 - a neighbour of this file

WARM_UP, STARTS, CALLS = 30, 3, 500


def random_ids(lengths: Sequence[int], model: Model) -> list[dict[str, Any]]:
    """Inputs of such lengths; the ids are drawn with a fixed seed."""
    draw, size = np.random.default_rng(0), model.tokenizer.get_vocab_size()
    inputs = []
    for length in lengths:
        parts = {
            "input_ids": draw.integers(0, size, length),
            "attention_mask": np.ones(length),
            "token_type_ids": np.zeros(length),
        }
        inputs.append({name: parts[name][None].astype(np.int64) for name in model.names})
    return inputs


def calls_of(model: Any, asked: argparse.Namespace) -> tuple[list[Callable[[], Any]], str]:
    """What is timed, in turn, and what that is in words. Raises BundleError for a file that cannot be read."""
    if asked.file is None:
        if "members" in model.facts:
            raise BundleError("how fast a cascade is depends on its texts: give some with --file, one a line")
        inputs = random_ids(model.facts["lengths"], model)
        return [partial(model.session.run, ["logits"], one) for one in inputs], "test lengths, without tokenisation"
    rows = rows_in(asked, model)
    return [partial(model.logits, *row) for row in rows], f"{len(rows)} texts, with tokenisation"


def rows_in(asked: argparse.Namespace, model: Any) -> list[tuple[str, str | None]]:
    """The rows of a file of texts, as predict.py reads them, without empty ones."""
    return [row for row in read(asked, model.pair) if row]


def times(calls: Sequence[Callable[[], Any]], count: int, others: Sequence[Callable[[], Any]] = ()) -> list[list[float]]:
    """Milliseconds of so many calls, after some that do not count; and those of others in turn with them, one call each."""
    sides = [calls, others] if others else [calls]
    measured: list[list[float]] = [[] for _ in sides]
    for number in range(WARM_UP + count):
        for side, each in zip(sides, measured, strict=True):
            call = side[number % len(side)]
            started = time.perf_counter()
            call()
            each.append(1e3 * (time.perf_counter() - started))
    return [each[WARM_UP:] for each in measured]


def summary(each: Sequence[float]) -> dict[str, float]:
    """Mean and quantiles of milliseconds."""
    shares = {f"p{share}_ms": round(float(np.percentile(each, share)), 4) for share in (50, 90, 99)}
    return {"mean_ms": round(statistics.fmean(each), 4), **shares}


def answered(model: Any, asked: argparse.Namespace) -> dict[str, float]:
    """Member of a cascade -> share of the texts that it answers."""
    who = [model.predict(*row)["answered_by"] for row in rows_in(asked, model)]
    return {one["name"]: round(who.count(one["name"]) / len(who), 6) for one in model.facts["members"]}


def other_model(folder: str, threads: int) -> Any:
    """The model of another bundle, opened by its own predict.py. Raises BundleError for a folder that is none."""
    file = Path(folder, "predict.py")
    program = spec_from_file_location("predict_of_the_other", file)
    if program is None or program.loader is None or not file.is_file():
        raise BundleError(f"--against: {folder} is no bundle; name the folder of one")
    module = module_from_spec(program)
    program.loader.exec_module(module)
    try:
        return module.Model(Path(folder), threads)
    except module.BundleError as error:
        raise BundleError(f"--against: {error}") from None


def cold_start(asked: argparse.Namespace) -> float:
    """Milliseconds from the start of a process to its end, after one answer; median of three."""
    names = ("threads", "file", "format", "columns")
    same = [f"--{name}={getattr(asked, name)}" for name in names if getattr(asked, name) is not None]
    milliseconds = []
    for _ in range(STARTS):
        started = time.perf_counter()
        subprocess.run([sys.executable, __file__, "--once", *same], check=True)  # noqa: S603 - this very file
        milliseconds.append(1e3 * (time.perf_counter() - started))
    return statistics.median(milliseconds)


def peak_mb(calls: Sequence[Callable[[], Any]]) -> float:
    """Of this process, after each call once; the system counts in kilobytes, on a Mac in bytes."""
    for call in calls:
        call()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6)


def cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.lower().startswith(("model name", "hardware"))]
    return names[0] if names else platform.processor() or platform.machine()


def bench(model: Any, calls: Sequence[Callable[[], Any]], what: str, asked: argparse.Namespace) -> dict[str, Any]:
    """The measurements, as mapping."""
    import onnxruntime

    peak = peak_mb(calls)  # before another model is opened
    other = other_model(asked.against, asked.threads) if asked.against else None
    count = asked.calls or max(CALLS, len(calls) if asked.file else 0)
    own, *others = map(summary, times(calls, count, calls_of(other, asked)[0] if other else ()))
    more: dict[str, Any] = {"answered": answered(model, asked)} if "members" in model.facts else {}
    if other:
        more["against"] = {**{key: other.facts[key] for key in ("study", "cell", "chain", "seed", "sha256")}, **others[0]}
        more["faster"] = round(others[0]["mean_ms"] / own["mean_ms"], 3)
    return {
        **{key: model.facts[key] for key in ("study", "cell", "chain", "seed", "sha256")},
        "what": what,
        "calls": count,
        "threads": asked.threads,
        **own,
        **more,
        "cold_start_ms": round(cold_start(asked), 1),
        "peak_mb": round(peak, 1),
        "host": {"cpu": cpu(), "processors": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
        "onnxruntime": onnxruntime.__version__,
        "measured_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--file", help="texts, as predict.py reads them: one a line (of a pair, the second after a tab), a CSV or JSON lines"
    )
    parser.add_argument("--format", choices=("lines", "csv", "jsonl"), help="of the file; default: by its name, else lines")
    parser.add_argument("--columns", help="of a CSV or of JSON lines, as for predict.py")
    parser.add_argument("--calls", type=int, help=f"default: {CALLS}, or as many as there are texts")
    parser.add_argument("--against", help="folder of another bundle: timed in turn with this one; with --file")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", default="bench.json")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    parser.set_defaults(text=[])  # which predict.py may be given in place of a file
    asked = parser.parse_args()
    if (asked.calls is not None and asked.calls < 1) or asked.threads < 1:
        parser.error("--calls and --threads: at least 1")
    if (asked.format or asked.columns) and not asked.file:
        parser.error("--format and --columns: of a file of texts; give it with --file")
    if asked.against and not asked.file:
        parser.error("--against: compares from text to answer; give texts with --file")
    try:
        model = Model(FOLDER, asked.threads)
        calls, what = calls_of(model, asked)
        if asked.once:
            calls[0]()
            return
        result = bench(model, calls, what, asked)
        Path(asked.out).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    except (BundleError, OSError) as error:
        sys.exit(f"error: {error}")
    text = ", ".join(f"{name.removesuffix('_ms')} {result[name]:.2f} ms" for name in ("mean_ms", "p50_ms", "p90_ms", "p99_ms"))
    if "answered" in result:
        text += "; answered by " + ", ".join(f"{name} {100 * share:.1f} %" for name, share in result["answered"].items())
    if "faster" in result:
        text += f"; mean {result['faster']:.2f} times as fast as {result['against']['cell']}"
    print(
        f"{what}: {text}; first answer of a process {result['cold_start_ms']:.0f} ms, peak memory {result['peak_mb']:.0f} MB: {asked.out}"
    )


if __name__ == "__main__":
    main()
