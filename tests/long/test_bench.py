"""The speed benchmark runs, and both of its sides do the same work. Nothing is asserted about time."""

from __future__ import annotations

import importlib

import pandas as pd
import pytest
from benches import bench

from edgemin.study import registry

CHOSEN = ["tinybert", "minilmv2"]


@pytest.fixture(scope="module")
def speed():
    with bench("speed") as module:
        yield module


def test_a_row_for_each_objective_and_the_same_work_on_both_sides(speed, capsys, tmp_path, monkeypatch):
    """Two measured steps of 32 examples."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # which the benchmark sets; this puts it back
    out = tmp_path / "speed.csv"
    options = ["--rounds", "1", "--steps", "2", "--threads", "1", "--out", str(out)]
    speed.main(["--tiny", "--objectives", *CHOSEN, *options])
    header, *rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in rows[:2]] == CHOSEN
    assert rows[2][0] == "cpu:"
    table = pd.read_csv(out)
    assert list(table.columns[: len(header)]) == header
    assert table["examples_ours"].tolist() == table["examples_trainer"].tolist() == [64, 64]
    assert (table["ratio_cache"] < table["ratio"]).all()  # a teacher's pass costs something


def test_every_objective_is_there_and_fits_the_models(speed):
    assert {values["objective"] for values in speed.OBJECTIVES.values()} == set(registry.OBJECTIVES.names())
    bench = speed.Bench.make(1, tiny=True)
    for name in speed.OBJECTIVES:
        bench.pupil(bench.phase(name), importlib.import_module("speed_sides").Watch(1))


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-4), ("bf16", 2**-6)])
@pytest.mark.parametrize("name", CHOSEN)
def test_both_sides_begin_with_the_same_loss(speed, monkeypatch, name, precision, tolerance):
    """On the same batch, padded otherwise. The teacher's signals are bf16 on both sides; ours are of a bf16 pass if it is bf16."""
    monkeypatch.setattr(importlib.import_module("speed_sides"), "resolve", lambda _: precision)
    ours, theirs = speed.first_losses(name, tiny=True)
    assert ours == pytest.approx(theirs, rel=tolerance)
