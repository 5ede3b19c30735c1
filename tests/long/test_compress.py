"""`edgemin compress` from first to last on a small random encoder, run from a folder that is no clone; and again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from compressing import bert_folder, classes_csv
from copies import Copy, Run

LEAST = 25
"""Points of accuracy below the teacher that random weights may lose: what is chosen is not what is tested."""


class Place:
    """A user's folder, with data and an encoder that was not fine-tuned."""

    def __init__(self, copy: Copy, folder: Path) -> None:
        self.copy, self.folder, self.out = copy, folder, folder / "out"
        folder.mkdir()
        classes_csv(folder, count=900)
        bert_folder(folder / "model", None, layers=2)

    def run(self, *more: str) -> Run:
        words = [
            "--data",
            "texts.csv",
            "--text",
            "text",
            "--label",
            "label",
            "--model",
            "model",
            "--max-mb",
            "0.2",
            "--out",
            "out",
        ]
        done = subprocess.run(
            [sys.executable, "-m", "edgemin.cli.main", "compress", *words, *more],
            cwd=self.folder,
            env=self.copy.environment,
            capture_output=True,
            text=True,
            timeout=3000,
            check=False,
        )
        return Run(done.returncode, done.stdout + done.stderr)

    def made(self) -> dict[str, int]:
        """File -> when it was written, but for logs and what Snakemake keeps for itself."""
        files = (
            file for file in self.out.rglob("*") if file.is_file() and ".snakemake" not in file.parts and "logs" not in file.parts
        )
        return {str(file.relative_to(self.out)): file.stat().st_mtime_ns for file in files if file.name != ".compress.lock"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("compress")
    (folder / "clone").mkdir()
    return Place(Copy(folder / "clone"), folder / "user")


@pytest.fixture(scope="module")
def first(place: Place) -> Run:
    return place.run("--max-drop", str(LEAST))


def cells_of(place: Place) -> pd.DataFrame:
    """Of the recommendation, without the baselines beside them."""
    table = pd.read_csv(place.out / "results/out/tables/recommendation.csv").set_index("cell")
    return table[~table["chain"].str.startswith("baseline-")]


def test_it_ends_with_a_bundle_within_the_limits(place: Place, first: Run) -> None:
    assert first.code == 0, first.output[-5000:]
    assert "18 cells from 5 trainings, about " in first.output
    table = cells_of(place)
    assert len(table) == 18
    (cell,) = table.index[table["shipped"]]
    within = table[(table["bytes"] <= 200_000) & (table["drop_by_upper"] <= LEAST / 100)]
    assert cell == within["p90_from_text"].idxmin()
    bundle = place.out / f"results/out/deploy/{cell}/seed0"
    assert f"bundle: out/results/out/deploy/{cell}/seed0\npage: out/results/out/report/index.html" in first.output
    size = sum((bundle / name).stat().st_size for name in ("model.onnx", "tokenizer.json"))
    assert size <= 200_000
    answer = subprocess.run(
        [sys.executable, bundle / "predict.py", "the warm film and funny cast"], capture_output=True, text=True, check=True
    )
    assert json.loads(answer.stdout)["label"] in ("bad", "good", "so")
    page = (place.out / "results/out/report/index.html").read_text(encoding="utf-8")
    assert "What each reading of the limit on drops would choose" in page


def test_estimated_bytes_are_those_that_were_measured(place: Place, first: Run) -> None:
    """The graphs of so small models are a fifth of them; without those the arithmetic is right to a twentieth."""
    from edgemin.compressing.inputs import look
    from edgemin.compressing.request import Request
    from edgemin.compressing.space import space

    asked = Request(
        data=str(place.folder / "texts.csv"), text=("text",), label="label", model=str(place.folder / "model"), max_drop=LEAST
    )
    told = {cell.name: cell.bytes for branch in space(look(asked)) for cell in branch.cells}
    table = cells_of(place)["bytes"]
    assert set(told) == set(table.index)
    assert all(told[cell] <= table[cell] <= told[cell] + 60_000 for cell in told)


def test_the_same_again_does_nothing(place: Place, first: Run) -> None:
    before = place.made()
    again = place.run("--max-drop", str(LEAST))
    assert again.code == 0, again.output[-3000:]
    assert again.output.count("Nothing to be done") == 2
    assert place.made() == before
    assert again.output.split("\nShip ")[1] == first.output.split("\nShip ")[1]


def test_another_limit_makes_the_recommendation_alone(place: Place, first: Run) -> None:
    """No cell has 100,000 bytes less than the smallest: what binds and what is nearest, and no bundle."""
    before = place.made()
    none = place.run("--max-drop", "3", "--by", "interval", "--max-p90-ms", "0.000001")
    assert none.code == 1, none.output[-3000:]
    assert "No cell is within all limits" in none.output
    assert "a p90 from text of at most 1e-06 ms" in none.output
    changed = {name for name, time in place.made().items() if before.get(name) != time}
    assert not [name for name in changed if "/models/" in name or "/measurements/" in name]
    study = yaml.safe_load((place.out / "study.yaml").read_text(encoding="utf-8"))
    assert study["recommend"]["bound"] == "interval"
