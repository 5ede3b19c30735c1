"""Whether cuts keep their promise: what is read of a study, what is measured, and the table by hand."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from benches import bench, put

from edgemin.core.errors import EdgeminError
from edgemin.core.files import write_json
from edgemin.plan.plan import Plan
from edgemin.study.chains import Chain
from edgemin.study.timed import Target

CUT = {"structure": "budget", "target": {"speedup": 2, "quantized": False, "tokens": 8}}
STUDY = {
    "prune.to2": CUT,
    "prune.to2_long": {**CUT, "target": {**CUT["target"], "tokens": 16}},
    "prune.int8": {"structure": "budget", "target": {"speedup": 2}},
    "cells.to2": "teacher/prune-to2",
    "cells.to2_long": "teacher/prune-to2_long",
    "cells.to2_int8": "teacher/prune-to2/quantize-int8_dynamic_ort",
    "cells.int8": "teacher/prune-int8",
    "quantize.int8_dynamic_ort": {"backend": "onnxruntime"},
}


@pytest.fixture(scope="module")
def promise():
    with bench("promise") as module:
        yield module


@pytest.fixture
def plan(planned) -> Plan:
    return planned(STUDY)


@pytest.fixture
def finished(plan, exported, tokens) -> None:
    """The files of two cuts, which are as large as their teacher."""
    for chain in (Chain(), plan.study.chain("to2"), plan.study.chain("to2_long")):
        folder = put(plan, chain, exported, tokens, ("test",))
        write_json(folder / "history.json", {"pruning": {"speedup": {"predicted": 2.1}}})


@pytest.mark.usefixtures("finished")
def test_a_cell_is_measured_beside_the_teacher_warm_and_cold(promise, capsys):
    promise.main(["study.yaml", "to2", "--rounds", "2", "--out", "table.csv"])
    row = pd.read_csv("table.csv").iloc[0]
    assert (row["cell"], row["promised"], row["predicted"]) == ("to2", 2, 2.1)
    for name in ("warm", "cold"):
        assert 0 < row[f"{name}_low"] <= row[name] <= row[f"{name}_high"]
        assert row[f"{name}_over_promised"] == pytest.approx(row[name] / 2)
    assert "to2" in capsys.readouterr().out


def test_the_table_is_of_geometric_means(promise):
    one = promise.Promise("to4", Target(speedup=4), 4.2, Path(), Path())
    rounds = [{"warm": {"to4": 2.0}, "cold": {"to4": 3.0}}, {"warm": {"to4": 8.0}, "cold": {"to4": 3.0}}]
    row = promise.table([one], rounds).iloc[0]
    assert (row["warm"], row["warm_over_promised"]) == (pytest.approx(4), pytest.approx(1))
    assert row["warm_low"] < 2 < 8 < row["warm_high"]
    assert row["cold_low"] == row["cold"] == row["cold_high"] == pytest.approx(3)


@pytest.mark.usefixtures("finished")
@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["kd"], "'kd' does not end with a cut to a time"),
        (["teacher"], "'teacher' does not end with a cut to a time"),
        (["to2_int8"], "'to2_int8' promises a time as floats, and is stored otherwise"),
        (["int8"], "'int8' promises a time in dynamic INT8, and is stored otherwise"),
        (["to2", "to2_long"], r"cells promise times at \[8, 16\] tokens"),
        (["to9"], "to9"),
    ],
)
def test_what_promises_nothing_is_refused(promise, cells, said):
    with pytest.raises(EdgeminError, match=said):
        promise.main(["study.yaml", *cells])


@pytest.mark.usefixtures("plan")
def test_what_is_not_made_yet_is_named(promise):
    with pytest.raises(EdgeminError, match=r"missing: .*prune-to2/model.onnx, .*history.json"):
        promise.main(["study.yaml", "to2"])


@pytest.mark.usefixtures("finished")
def test_models_of_another_seed_are_those_that_are_timed(promise):
    with pytest.raises(EdgeminError, match=r"missing: .*/seed3/teacher/prune-to2/model.onnx"):
        promise.main(["study.yaml", "to2", "--seed", "3"])
