"""The table of pruning and the ratio sweeps, end to end on the smoke study."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from copies import Copy

RESULTS = "results/smoke"
LAYER = 4 * (32 * 32 + 32) + (2 * 32 * 64 + 64 + 32) + 4 * 32


@pytest.fixture(scope="module")
def pruned(finished: Copy) -> Copy:
    run = finished.run("--", "table_pruning", "plot_sensitivity", "plot_head_importance")
    assert run.code == 0, run.output[-5000:]
    assert (run.jobs["prune_structured"], run.jobs["sweep_pruning"]) == (5, 5)
    assert {"train_teacher", "distill_student"}.isdisjoint(run.jobs)
    return finished


def test_the_table_says_what_was_cut_and_what_is_left(pruned: Copy) -> None:
    """kd has two layers. Half of their 128 neurons go (65 parameters each), then one layer; weights stay, but as zeros."""
    table = pd.read_csv(pruned.folder / RESULTS / "tables/pruning.csv").set_index("cell")
    assert list(table.index) == ["kd", "ffn50", "layers1", "weights50", "cofi50"]
    kd = table.loc["kd", "logical"]
    assert kd - table.loc["ffn50", "logical"] == 64 * 65
    config = json.loads(
        (pruned.folder / RESULTS / "models/snippets/seed0" / table.loc["ffn50", "chain"] / "config.json").read_text()
    )
    widths = config["edgemin"]["intermediate"] if "edgemin" in config else [config["intermediate_size"]] * 2
    assert sum(widths) == 64
    kept = next(width for width in widths if table.loc["layers1", "logical"] == kd - LAYER - (64 - width) * 65)
    assert kept in widths
    assert table.loc["weights50", "logical"] == kd
    linear = 2 * (4 * 32 * 32 + 2 * 32 * 64)
    assert table.loc["kd", "nonzero"] - table.loc["weights50", "nonzero"] == linear // 2
    assert table.loc["weights50", "compressed"] < table.loc["kd", "compressed"]
    assert table["structure"].tolist()[1:] == ["ffn", "layers", "weights", "cofi"]
    assert table["recovered"].tolist()[1:] == [False, False, True, False]
    assert table["speedup_over_parent"].iloc[1:].between(0.2, 5).all()
    text = (pruned.folder / RESULTS / "tables/pruning.md").read_text()
    assert "| 1 layer |" in text.replace("  ", "")
    masks = json.loads(
        (pruned.folder / RESULTS / "models/snippets/seed0" / table.loc["cofi50", "chain"] / "history.json").read_text()
    )["masks"]
    assert table.loc["cofi50", "sparsity_prunable"] == masks["sparsity_prunable"]
    assert f"50 % ({masks['sparsity_prunable'] * 100:.1f} reached" in text
    attention = 4 * 32 * 32 + 3 * 32 + 32  # of the one layer that lost it, before the masks
    assert 1 - table.loc["cofi50", "logical"] / (kd - attention) == pytest.approx(masks["sparsity_model"])


def test_sweeps_begin_at_the_whole_model(pruned: Copy) -> None:
    """Ratio 0 is the student itself: its validation accuracy is the one that was measured."""
    folder = pruned.folder / RESULTS
    rows = pd.read_csv(folder / "tables/sensitivity.csv")
    assert len(rows) == 5 * 3
    quality = json.loads((folder / "measurements/snippets/seed0/teacher/distill-minilmv2/torch/quality.json").read_text())
    assert rows.query("ratio == 0")["value"].tolist() == [pytest.approx(quality["splits"]["validation"]["accuracy"])] * 5
    for name in ("sensitivity", "head_importance"):
        assert (folder / "plots" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_a_study_without_them_is_told_so(pruned: Copy) -> None:
    study = pruned.edit(lambda study: (study.pop("sensitivity"), study["tables"].pop("pruning")), to="config/changed.yaml")
    for target, key in (("plot_sensitivity", "sensitivity"), ("table_pruning", "tables.pruning")):
        run = pruned.run("--", target, study=study)
        assert run.code != 0
        assert any(key in line and "config/README.md" in line for line in run.errors), run.output[-2000:]
