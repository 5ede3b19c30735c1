"""A CSV to try `edgemin compress` on: short texts of movie reviews in three classes, by the rating that readers gave each sentence.

    python benchmarks/three_classes.py reviews.csv                5,000 rows
    python benchmarks/three_classes.py few.csv --rows 600

The sentences are those of config/quick.yaml, fetched from PyPI. A class is `negative` or `positive` where the mean rating (from -4 to 4) is beyond
the third of the sentences in the middle, which are `mixed`.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from edgemin.core.files import whole_file
from edgemin.data.reading import read_source
from edgemin.data.sources.download import fetch
from edgemin.study.pins import pins_of
from edgemin.study.read import read_study

STUDY = Path(__file__).parents[1] / "config/quick.yaml"
NAMES = ("negative", "mixed", "positive")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("file")
    parser.add_argument("--rows", type=int, default=5000)
    asked = parser.parse_args()
    task = read_study(str(STUDY)).tasks["movies"]
    with tempfile.TemporaryDirectory() as folder:
        fetch(pins_of(task.source)[0], Path(folder), Path(folder))
        table = read_source(task.source, Path(folder))["train"]
    ratings = table["rating"].astype(float)
    chosen = np.random.default_rng(0).permutation(len(table))[: asked.rows]
    table["label"] = [NAMES[index] for index in np.digitize(ratings, np.quantile(ratings, [1 / 3, 2 / 3]))]
    with whole_file(asked.file) as partial:
        table.loc[sorted(chosen), ["text", "label"]].to_csv(partial, index=False)
    print(f"{asked.file}: {table.loc[chosen, 'label'].value_counts().to_dict()}")


if __name__ == "__main__":
    main()
