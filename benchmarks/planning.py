"""How long Snakemake takes to plan a large grid, and how much memory: dry runs of the smoke study with more and more cells.

PYTHONPATH=workflow python benchmarks/planning.py planning.csv planning.png
"""

from __future__ import annotations

import csv
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from edgemin.config import parse_study
from edgemin.overview import count

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
    for key in ("recommend", "sensitivity", "layer_sensitivity", "transfer", "page"):
        study.pop(key, None)
    return study


def plan(study: dict) -> dict[str, float]:
    """Seconds and peak memory (MB) of one dry run, and what is in it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "study.yaml")
        file.write_text(yaml.safe_dump(study), encoding="utf-8")
        command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "all", "--snakefile", str(ROOT / "Snakefile")]
        started = time.perf_counter()
        subprocess.run([*command, "--directory", folder, "--configfile", str(file)], cwd=ROOT, check=True, capture_output=True)
        seconds = time.perf_counter() - started
    counts = count(parse_study(study))
    # Of the largest child so far; sizes rise.
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {**counts, "seconds": seconds, "peak_mb": memory}


def main(table: str, picture: str) -> None:
    rows = []
    for size in SIZES:
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
    for axis, name, label in zip(axes, ("seconds", "peak_mb"), ("seconds to plan", "peak memory, MB"), strict=False):
        axis.plot(cells, [row[name] for row in rows], marker="o")
        axis.set(xlabel="cells", ylabel=label, ylim=(0, None), xlim=(0, None))
    axes[2].plot(cells, [row["models"] for row in rows], marker="o", label="shared")
    axes[2].plot(cells, [row["models_unshared"] for row in rows], marker="o", label="if none were shared")
    axes[2].set(xlabel="cells", ylabel="models to build", ylim=(0, None), xlim=(0, None))
    axes[2].legend(frameon=False)
    figure.savefig(picture, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:3])
