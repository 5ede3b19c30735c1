"""The comparison with libraries: what is counted, by hand, and that all sides answer as the float model."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benches import bench, put

from edgemin.core.errors import EdgeminError
from edgemin.data.tokens import Tokens
from edgemin.encoders.onnx_export import export_checkpoint
from edgemin.methods.quantize.calibration import sentences
from edgemin.plan.plan import Plan

CELLS = ["study.yaml", "kd", "teacher"]


@pytest.fixture(scope="module")
def kept():
    with bench("kept_libraries") as module:
        yield module


@pytest.fixture(scope="module")
def graphs(kept):
    """What it makes and compares graphs with."""
    return importlib.import_module("kept_graphs")


@pytest.fixture
def plan(planned) -> Plan:
    return planned()


@pytest.fixture(scope="module")
def student(tiny, save, tmp_path_factory) -> Path:
    folder = save(tiny(seed=1), tmp_path_factory.mktemp("student"))
    export_checkpoint(folder, spec={})
    return folder


@pytest.fixture
def finished(plan, student, exported, tokens) -> None:
    """The files of two float cells."""
    for cell, made in zip(CELLS[1:], (student, exported), strict=True):
        put(plan, plan.study.chain(cell), made, tokens, ("train", "validation"))


@pytest.mark.usefixtures("finished")
def test_graphs_of_both_sides_answer_as_the_float_one(kept, capsys):
    kept.main([*CELLS, "--sentences", "16", "--out", "table.csv"])
    table = pd.read_csv("table.csv", index_col="graph")
    assert (table.loc["float", ["agreement", "divergence"]] == [1, 0]).all()
    cleaned = table.loc["float: onnx_ir passes"]
    assert cleaned["agreement"] == 1
    assert cleaned["divergence"] == pytest.approx(0, abs=1e-9)
    assert cleaned["nodes"] <= table.loc["float", "nodes"]
    eight, four = (table[table.index.str.startswith(name)] for name in ("int8_static, minmax", "4 bits: ours"))
    assert eight["linear"].tolist() == [0, 0, 0, 0], "none of the encoder's layers is left in floats"
    assert four["linear"].tolist() == [0, 0, 0]
    assert (eight["agreement"] >= 0.9).all()
    assert eight[["kb", "nodes", "nodes_run"]].idxmin().tolist() == ["int8_static, minmax: ours"] * 3
    rounded, inputs = (
        eight.loc[f"int8_static, minmax: quantize_static, {form}", "nodes"] for form in ("QDQ", "QDQ, inputs alone")
    )
    assert inputs < rounded, "what products give out is left"
    said = capsys.readouterr().out
    assert "padding alike: True" in said
    assert "p_signs:" in said


@pytest.mark.usefixtures("finished")
def test_some_graphs_alone(kept, capsys):
    kept.main([*CELLS, "--only", "passes", "--texts", "8", "--out", "table.csv"])
    assert pd.read_csv("table.csv")["graph"].tolist() == ["float", "float: onnx_ir passes"]
    assert "padding" not in capsys.readouterr().out


@pytest.mark.usefixtures("finished")
def test_a_library_that_fails_leaves_what_it_said(graphs):
    case = graphs.Case.of(*CELLS)

    def broken(to):
        raise ValueError("no such layer\nand more")

    made = {"float": graphs.ways(case, 8)["float"], "library": broken}
    assert graphs.compare(case, made, 4)["note"].tolist()[1] == "ValueError: no such layer and more"
    with pytest.raises(ValueError, match="no such layer"):
        graphs.compare(case, {"float": broken}, 4)


def test_calibrators_get_each_text_without_padding_or_all_of_one_length(graphs, tokens, source):
    batches = sentences(tokens / "train.arrow", source, 40, seed=0)
    lengths = [int(row.sum()) for batch in batches for row in batch["inputs"]["attention_mask"]]
    for alike in (False, True):
        reader = graphs.reader(batches, alike)
        texts = list(iter(reader.get_next, None))
        assert [int(text["attention_mask"].sum()) for text in texts] == lengths
        assert {text["input_ids"].shape for text in texts} == {(1, length) for length in ([max(lengths)] if alike else lengths)}


def test_padding_and_the_order_of_batches_by_hand(kept):
    """Two batches of (4, 4) and (1, 3) tokens: two of 8 + 6 positions are padding. Longest texts of 9, 7, 7, 8: one step falls, one rises."""
    lengths = np.array([4, 1, 4, 3])
    assert kept.padding(lengths, [[0, 2], [1, 3]]) == pytest.approx(2 / 14)
    assert kept.falling(np.array([9, 7, 7, 8]), [[0], [1], [2], [3]]) == 0.5


def test_only_our_batches_are_those_of_an_uninterrupted_run(kept, tokens):
    lengths = np.random.default_rng(0).integers(3, 60, 3000)
    table = kept.compare_batches(lengths).set_index("sampler")
    assert table["resumes"].tolist() == [True, False]
    assert table["padding"].max() < 0.1
    assert 0.3 < table.loc["ours", "falling"] < 0.7
    assert table.loc["transformers, with a generator", "falling"] > 0.9


def test_random_signs_by_hand(kept):
    """Of ten differences of one sign 2 of 1,024 assignments of signs are as far out."""
    found = kept.compare_tests(np.array([1.0] * 9 + [2.0]))
    assert found["p_signs"] == pytest.approx(2 / 1024)
    assert found["difference"] == pytest.approx(1.1)
    assert found["low"] == pytest.approx(
        1.1 - 2.2621571628 * 0.1
    )  # Student's t with 9 degrees of freedom; the standard error is 0.1
    assert found["p_t"] < 1e-5


@pytest.mark.usefixtures("plan")
@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["kd", "edgemint"], "study.yaml: 'edgemint' is not a cell"),
        (["edgemin", "teacher"], "'edgemin' is quantized; name a float cell"),
        (
            ["kd", "teacher"],
            "missing: results/smoke/models/snippets/seed0/teacher/distill-minilmv2/model.onnx; run the study first",
        ),
    ],
)
def test_cells_that_will_not_do_are_told(kept, cells, said):
    with pytest.raises(EdgeminError, match=said):
        kept.main(["study.yaml", *cells])


@pytest.mark.usefixtures("finished")
def test_a_cell_does_not_differ_from_itself(kept, graphs):
    case = graphs.Case.of("study.yaml", "kd", "kd")
    assert not kept.differences(case).any()
    assert len(kept.differences(case)) == len(Tokens.read(case.validation[0], case.folder))
