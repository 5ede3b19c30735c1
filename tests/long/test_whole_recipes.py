"""Orders, grids, the recommendation and the literature on the smoke study: only what is missing is built. (Last in the folder: the
tests before count what they build in the copy that all share.)"""

from __future__ import annotations

import pandas as pd
import pytest
from copies import Copy

TABLES = ("orders", "combinations", "literature", "recommendation")


@pytest.fixture(scope="module")
def combined(finished: Copy) -> Copy:
    run = finished.run("--", *(f"table_{table}" for table in TABLES))
    assert run.code == 0, run.output[-5000:]
    return finished


def test_an_order_is_compared_at_its_bytes(combined: Copy) -> None:
    table = pd.read_csv(combined.folder / "results/smoke/tables/orders.csv").set_index("cell")
    assert table["recipe"].to_dict() == {
        "edgemin": "distill-minilmv2 → prune-heads25 → quantize-int8_dynamic_ort",
        "prune_kd_quant": "prune-heads25 → distill-minilmv2 → quantize-int8_dynamic_ort",
    }
    assert table.loc["prune_kd_quant", "bytes_ratio"] == table["bytes"]["prune_kd_quant"] / table["bytes"]["edgemin"]


def test_a_grid_stands_in_the_table_with_names_of_its_own_and_of_cells(combined: Copy) -> None:
    table = pd.read_csv(combined.folder / "results/smoke/tables/combinations.csv").set_index("cell")
    assert list(table.index) == ["kd", "kd_prune", "prune_kd", "ffn50", "grid_labels_ffn50"]
    assert table["change_over"].dropna().tolist() == ["examples"] * 4
    assert table[["p", "p_holm"]].isna().all(axis=None)  # one seed


def test_the_recommendation_is_one_of_the_cells_within_the_limits(combined: Copy) -> None:
    table = pd.read_csv(combined.folder / "results/smoke/tables/recommendation.csv")
    page = (combined.folder / "results/smoke/tables/recommendation.md").read_text(encoding="utf-8")
    fitting = table[table["qualifies"]].sort_values("p90_from_text", kind="stable")
    said = f"## Ship `{fitting['cell'].iloc[0]}`" if len(fitting) else "## No cell is within all limits"
    assert said in page
    assert set(table["cell"]) == {"majority", "tfidf", "teacher", "kd", "kd_prune", "edgemin", "static"}


def test_published_figures_are_not_ours(combined: Copy) -> None:
    page = (combined.folder / "results/smoke/tables/literature.md").read_text(encoding="utf-8")
    assert page.count("| this study: ") == 4
