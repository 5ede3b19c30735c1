"""The table of objectives, end to end on the smoke study, and what is refused on the way to it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from copies import Copy

from edgemin.data.arrow import read_rows
from edgemin.data.keys import keys_of
from edgemin.data.store import read_split
from edgemin.study.task import SPLITS

RESULTS = "results/smoke"


@pytest.fixture(scope="module")
def compared(finished: Copy) -> Copy:
    run = finished.run("--", "table_distillation", "plot_distillation")
    assert run.code == 0, run.output[-5000:]
    assert run.jobs["distill_student"] == 2  # the ladder's own student is not in this table
    assert "train_teacher" not in run.jobs
    return finished


def test_the_table_has_a_row_per_cell_and_agrees_with_the_predictions(compared: Copy) -> None:
    folder = compared.folder / RESULTS
    table = pd.read_csv(folder / "tables/distillation.csv").set_index("cell")
    assert list(table.index) == ["labels", "everything"]
    tests = {}
    for cell, chain in table["chain"].items():
        found = pd.read_parquet(folder / "measurements/snippets/seed0" / chain / "torch/predictions.parquet")
        tests[cell] = found.query("split == 'test'")
        assert table.loc[cell, "quality"] == pytest.approx((tests[cell]["prediction"] == tests[cell]["label"]).mean())
    teacher = pd.read_parquet(folder / "measurements/snippets/seed0/teacher/torch/predictions.parquet").query("split == 'test'")
    for cell, test in tests.items():
        assert table.loc[cell, "agreement"] == pytest.approx(
            (test["prediction"].to_numpy() == teacher["prediction"].to_numpy()).mean()
        )
    assert table.loc["everything", "quality_change"] == pytest.approx(
        table.loc["everything", "quality"] - table.loc["labels", "quality"]
    )
    assert table["updates"].tolist() == [4 * 3, 2 * 6]  # 96 and 192 sentences by 32
    assert table.loc["everything", "teacher_seconds"] > 0
    assert table.loc["labels", "teacher_seconds"] == 0
    assert table["projection_parameters"].tolist() == [0, 3 * 32 * 32]  # of three objectives
    assert table["out_of_domain_elsewhere"].between(0, 1).all()
    for name in ("tables/distillation.md", "tables/distillation.tex", "plots/distillation.png", "plots/distillation.svg"):
        assert (folder / name).stat().st_size > 500


def test_a_transfer_set_holds_the_training_rows_and_nothing_held_out(compared: Copy) -> None:
    folder = compared.folder / RESULTS
    wide = read_rows(folder / "transfer/snippets/wide.arrow")
    train, *held_out = (read_split(folder / "data/snippets", split) for split in SPLITS)
    assert len(wide) == 192
    assert wide["id"].head(len(train)).tolist() == train["id"].tolist()
    assert wide["label"].isna().tolist() == [False] * len(train) + [True] * (192 - len(train))
    keys = keys_of(wide)
    assert not keys.duplicated().any()
    assert not any(np.isin(keys_of(rows), keys).any() for rows in held_out)


def test_a_transfer_set_of_test_text_is_refused(compared: Copy) -> None:
    """In a study of its own, so that the models that stand on this transfer set stay."""
    read_split(compared.folder / f"{RESULTS}/data/snippets", "test").to_csv(compared.folder / "held_out.csv", index=False)

    def of_test(study: dict) -> None:
        study["study"] = "leaks"
        study["transfer"]["wide"]["unlabelled"] = [{"source": {"files": {"train": "held_out.csv"}}, "text": "text"}]

    run = compared.run("--", "results/leaks/transfer/snippets/wide.arrow", study=compared.edit(of_test, to="config/changed.yaml"))
    assert run.code != 0
    (line,) = run.errors
    assert all(part in line for part in ("transfer unlabelled.0", "test split", "name another source"))
    assert not list(compared.folder.glob("results/leaks/transfer/*/*"))


def _first_phase(study: dict, term: dict) -> None:
    study["distill"]["everything"]["phases"][0]["terms"] = [term]


# (how the study is spoilt, what the message has to name)
REFUSED: dict[str, tuple[Callable[[dict], object], list[str]]] = {
    "layers of the student": (
        lambda s: _first_phase(s, {"objective": "tinybert", "layers": 4}),
        ["distill.everything", "tinybert.layers", "write layers: 2"],
    ),
    "a layer that does not exist": (
        lambda s: _first_phase(s, {"objective": "minilmv2", "teacher_layer": 7}),
        ["distill.everything", "teacher_layer 7", "layers 0 to 3"],
    ),
    "relation heads": (
        lambda s: _first_phase(s, {"objective": "minilmv2", "relation_heads": 5}),
        ["distill.everything", "relation_heads 5", "use auto"],
    ),
    "unequal heads": (
        lambda s: (
            s["prune"]["heads25"].update(scope="per_layer"),
            s["cells"].update(everything="teacher/prune-heads25/distill-everything"),
            _first_phase(s, {"objective": "minilm"}),
        ),
        ["distill.everything", "minilm", "attention heads", "minilmv2"],
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_work_is_refused_before_any_training(compared: Copy, name: str) -> None:
    change, told = REFUSED[name]
    study = compared.edit(change, to="config/changed.yaml")
    run = compared.run("--", f"{RESULTS}/tables/distillation.md", study=study)
    assert run.code != 0
    text = "\n".join(run.errors) or run.output
    assert all(part in text for part in told), run.output[-3000:]
    assert " step " not in run.output
    assert compared.run("--", f"{RESULTS}/tables/distillation.md").code == 0  # with the study as it was, all is well again
