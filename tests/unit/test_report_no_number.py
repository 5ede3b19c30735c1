"""A model one of whose answers is not a number: what tables, the page and the recommendation make of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from edgemin.core.files import write_json
from edgemin.report.page.summary import summaries
from edgemin.report.recommendation import candidates, choose
from edgemin.report.recommendation_text import text
from edgemin.study import registry

CHAINS = {"teacher": "teacher", "kd": "teacher/distill-k", "q": "teacher/distill-k/quantize-i"}
P50 = {"teacher": 4.0, "kd": 1.0, "q": 2.0}
LIMITS = {"max_accuracy_drop": None, "max_bytes": 9e6, "max_p90_ms": None, "prefer": "latency", "runtime": "onnxruntime"}


def answers(gold, cell):
    """Of `kd` one is not a number; those of `q` are worse than the teacher's."""
    noise = np.random.default_rng(len(cell)).normal(0, 0.5 if cell == "q" else 0.1, len(gold))
    return np.where((np.arange(len(gold)) == 3) & (cell == "kd"), np.nan, gold + noise)


@pytest.fixture
def block(tmp_path):
    gold, rows = np.random.default_rng(0).normal(size=100), []
    for cell, chain in CHAINS.items():
        folder = tmp_path / cell
        folder.mkdir()
        found = {"label": gold, "logits": list(answers(gold, cell)[:, None])}
        splits = [pd.DataFrame({**found, "split": split}) for split in ("validation", "test")]
        pd.concat(splits).to_parquet(folder / "predictions.parquet")
        write_json(folder / "quality.json", {"splits": {split: {"pearson": 0.5} for split in ("validation", "test")}})
        sizes = {"naive": None, "logical": 1, "nonzero": 1, "components": {}, "bytes": 1e6, "compressed": 1}
        write_json(folder / "size.json", sizes)
        p50 = {"value": P50[cell], "low": P50[cell], "high": P50[cell]}
        stream = {"single_stream": {"p50_ms": p50, "p90_ms": p50}, "end_to_end_p50_ms": p50, "cold_start_ms": p50}
        write_json(folder / "latency.json", {**stream, "rounds": 2, "threads": 1, "host": {"cpu": "c", "flags": []}})
        names = {"study": "s", "task": "t", "seed": 0, "cell": cell, "chain": chain, "runtime": "onnxruntime"}
        rows.append({"cell": cell, "about": {"runtime": "onnxruntime"}, "seeds": [{**names, "folder": str(folder)}]})
    return {"task": "t", "metric": "pearson", "rows": rows, "bundles": {}}


def test_it_is_neither_on_the_pareto_set_nor_chosen(block):
    """Though `kd` is the fastest, and no limit is on quality."""
    table = candidates(block, LIMITS).set_index("cell", drop=False)
    assert np.isnan(table.loc["kd", "validation"])
    assert table["pareto"].to_dict() == {"teacher": True, "kd": False, "q": True}
    assert table["qualifies"].to_dict() == {"teacher": True, "kd": False, "q": True}
    assert choose(table, LIMITS)["cell"] == "q"
    assert "`kd`" not in text(block, table, LIMITS, {})


def test_the_best_is_bold_among_those_with_a_number(block, tmp_path):
    registry.TABLES["stagewise"].write({"study": "s", "threads": 1, "blocks": [block]}, tmp_path)
    table = pd.read_csv(tmp_path / "stagewise.csv").set_index("cell")
    assert table["quality"].isna().to_dict() == {"teacher": False, "kd": True, "q": False}
    assert table["best"].to_dict() == {"teacher": True, "kd": False, "q": False}


def test_without_any_number_nothing_is_best(block, tmp_path):
    alone = {**block, "rows": [block["rows"][1]]}
    registry.TABLES["stagewise"].write({"study": "s", "threads": 1, "blocks": [alone]}, tmp_path)
    assert pd.read_csv(tmp_path / "stagewise.csv")["best"].tolist() == [False]


def test_the_summary_says_that_it_is_no_number(block, tmp_path):
    registry.TABLES["stagewise"].write({"study": "s", "threads": 1, "blocks": [block]}, tmp_path)
    seeds = [seed for row in block["rows"] for seed in row["seeds"]]
    spec = {"tables": ["stagewise"], "rows": seeds, "kinds": {"t": "regression"}, "timed_with": {}}
    (found,) = summaries(spec, tmp_path)
    first, second = (step["sentences"][0] for step in found["steps"])
    assert first == "Its pearson is <em>not a number</em>."
    assert second == "Its pearson has no change: that of <code>kd</code> is not a number."
    assert found["verdict"] == "Of <code>kd</code> quality is not a number."
    (ends,) = summaries({**spec, "rows": seeds}, shortened(tmp_path))
    assert (ends["last"], ends["tiles"][0]["figure"], ends["tiles"][0]["words"]) == ("kd", "–", "pearson")
    assert ends["tiles"][0]["more"].endswith("→ –: not a number")


def shortened(folder):
    """The table without its last row."""
    pd.read_csv(folder / "stagewise.csv").iloc[:2].to_csv(folder / "stagewise.csv", index=False)
    return folder
