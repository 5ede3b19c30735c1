"""How long Snakemake takes to plan a large grid, and how much memory: dry runs of the smoke study with more and more cells.

Seconds are of the processor, which planning keeps busy alone: other work beside it changes them little.

.venv/bin/python benchmarks/planning.py planning.csv planning.png 60
"""

from __future__ import annotations

import csv
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from edgemin.plan.overview import count
from edgemin.study.read import parse_study

ROOT = Path(__file__).resolve().parents[1]
SIZES = (60, 200, 600, 2000, 6000, 12000)


def grid(cells: int) -> dict:
    """The smoke study with a grid of some `cells` cells: students, two rounds of pruning, five precisions."""
    study = yaml.safe_load((ROOT / "config/smoke.yaml").read_text(encoding="utf-8"))
    side = max(2, round((cells / 5) ** (1 / 3)))
    students = max(1, round(cells / (5 * side**2)))
    student, pruning, precision = study["distill"]["labels"], {"structure": "ffn"}, {"backend": "onnxruntime"}
    study["distill"] = {f"d{number}": student for number in range(students)}
    study["prune"] = {f"p{number}": pruning | {"ratio": (number + 1) / (2 * side + 1)} for number in range(2 * side)}
    study["quantize"] = {f"q{number}": precision | {"skip": [f"layer.{number}"]} for number in range(4)}
    study["cross"] = {
        "grid": {
            "links": [
                [f"distill-d{number}" for number in range(students)],
                [f"prune-p{number}" for number in range(side)],
                [f"prune-p{number}" for number in range(side, 2 * side)],
                ["none", *(f"quantize-q{number}" for number in range(4))],
            ]
        }
    }
    study["cells"] = {"teacher": "teacher"}
    study["tables"] = {"stagewise": {"onnxruntime": ["teacher"]}}
    study["runtimes"] = ["onnxruntime"]
    for key in ("recommend", "deploy", "sensitivity", "layer_sensitivity", "transfer", "cascades", "page"):
        study.pop(key, None)
    return study


def plan(study: dict) -> dict[str, float]:
    """Seconds and peak memory (MB) of one dry run, and what is in it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "study.yaml")
        shutil.copytree(ROOT / "tests/data", Path(folder, "tests/data"))
        file.write_text(yaml.safe_dump(study), encoding="utf-8")
        command = [sys.executable, "-m", "snakemake", "--cores", "1", "--snakefile", str(ROOT / "Snakefile")]
        command += ["--directory", folder, "--configfile", str(file)]
        reading = _seconds([*command, "--list-rules"])
        seconds = _seconds([*command, "-n", "--quiet", "all"])
    counts = count(parse_study(study))
    # Of the largest child so far; sizes rise.
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {**counts, "read_seconds": reading, "seconds": seconds, "peak_mb": memory}


def _seconds(command: list[str]) -> float:
    """Of the processor, in the command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(table: str, picture: str, *sizes: str) -> None:
    rows = []
    for size in map(int, sizes or SIZES):
        rows.append(plan(grid(size)))
        print(", ".join(f"{name} {value:.5g}" for name, value in rows[-1].items()), flush=True)
    with Path(table).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    _draw(rows, picture)


def _draw(rows: list[dict[str, float]], picture: str) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
    cells = [row["cells"] for row in rows]
    axes[0].plot(cells, [row["seconds"] for row in rows], marker="o", label="a dry run")
    axes[0].plot(cells, [row["read_seconds"] for row in rows], marker="o", label="reading alone")
    axes[0].set(xlabel="cells", ylabel="seconds of one processor", ylim=(0, None), xlim=(0, None))
    axes[0].legend(frameon=False)
    axes[1].plot(cells, [row["peak_mb"] for row in rows], marker="o")
    axes[1].set(xlabel="cells", ylabel="peak memory, MB", ylim=(0, None), xlim=(0, None))
    axes[2].plot(cells, [row["models"] for row in rows], marker="o", label="shared")
    axes[2].plot(cells, [row["models_unshared"] for row in rows], marker="o", label="if none were shared")
    axes[2].set(xlabel="cells", ylabel="models to build", ylim=(0, None), xlim=(0, None))
    axes[2].legend(frameon=False)
    figure.savefig(picture, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:])
