"""Grids of chains: expansion, names, and what is refused."""

from __future__ import annotations

import pytest

from edgemin.core.errors import EdgeminError
from edgemin.study.cells import Grid, expand
from edgemin.study.read import parse_study

LINKS = [["distill-a", "distill-b"], ["none", "prune-x"], ["none", "quantize-q"]]


def test_every_way_of_taking_one_link_from_each_position():
    """2 x 2 x 2 chains in the order of the positions, called by their variants."""
    assert expand("g", Grid(links=LINKS), {}) == {
        "g_a": "teacher/distill-a",
        "g_a_q": "teacher/distill-a/quantize-q",
        "g_a_x": "teacher/distill-a/prune-x",
        "g_a_x_q": "teacher/distill-a/prune-x/quantize-q",
        "g_b": "teacher/distill-b",
        "g_b_q": "teacher/distill-b/quantize-q",
        "g_b_x": "teacher/distill-b/prune-x",
        "g_b_x_q": "teacher/distill-b/prune-x/quantize-q",
    }


def test_two_hundred_cells_take_ten_lines():
    links = [[f"distill-d{n}" for n in range(10)], [f"prune-p{n}" for n in range(5)], [f"quantize-q{n}" for n in range(4)]]
    assert len(expand("g", Grid(links=links), {})) == 200


def test_excluded_together_not_alone():
    """Two chains have b and x: with and without q. `none` is a choice like others here."""
    found = expand("g", Grid(links=LINKS, exclude=[["distill-b", "prune-x"], ["distill-a", "none", "quantize-q"]]), {})
    assert list(found) == ["g_a", "g_a_x", "g_a_x_q", "g_b", "g_b_q"]


def test_a_declared_chain_keeps_its_name_and_a_base_comes_first():
    grid = Grid(base="teacher/distill-k", links=[["none", "prune-x"], ["none", "prune-x"]])
    assert expand("g", grid, {"kd": "teacher/distill-k"}) == {
        "kd": "teacher/distill-k",
        "g_x": "teacher/distill-k/prune-x",
        "g_x_x": "teacher/distill-k/prune-x/prune-x",
    }
    assert expand("g", grid, {})["g_base"] == "teacher/distill-k"


@pytest.mark.parametrize(
    ("grid", "declared", "message"),
    [
        ({"links": [["quantize-q"], ["prune-x"]]}, {}, r"cross\.g: chain .* 'quantize-q' is not last"),
        ({"links": [["distill"]]}, {}, r"cross\.g: chain .* 'distill' is not of the form"),
        ({"links": [["prune-x"]], "exclude": [["prune-x"]]}, {}, r"cross\.g: nothing is left"),
        ({"links": [["prune-x"]], "exclude": [["prune-y"]]}, {}, r"cross\.g\.exclude: no position has prune-y"),
        ({"links": [["prune-x"]]}, {"g_x": "teacher"}, r"cross\.g: the chain 'teacher/prune-x' would be a second cell 'g_x'"),
        ({"links": [["prune-a_b", "prune-a"], ["none", "prune-b"]], "exclude": []}, {}, r"would be a second cell 'g_a_b'"),
    ],
)
def test_what_is_refused(grid, declared, message):
    with pytest.raises(EdgeminError, match=message):
        expand("g", Grid(**grid), declared)


GRID = {"links": [["distill-minilmv2"], ["none", "prune-heads25"], ["none", "quantize-int8_dynamic_ort"]]}


def test_cells_of_a_grid_are_cells_like_others(changed):
    """Three of its chains are the ladder's; the fourth is new, built by default and the same when the study is read again."""
    study = parse_study(changed({"cross": {"grid": GRID}}))
    new = {"grid_minilmv2_int8_dynamic_ort": "teacher/distill-minilmv2/quantize-int8_dynamic_ort"}
    assert {name: cell.chain for name, cell in study.cells.items() if name.startswith("grid")} == new
    assert set(new) <= set(study.default_cells())
    assert parse_study(study.model_dump(mode="json")) == study


def test_in_a_table_a_grid_stands_for_its_cells(changed):
    """Its reference not twice; and they are then built only for that table."""
    study = parse_study(changed({"cross": {"grid": GRID}, "tables.combinations": {"kd": ["grid", "edgemin"]}}))
    assert study.tables.combinations == {"kd": ["grid_minilmv2_int8_dynamic_ort", "kd_prune", "edgemin"]}
    assert "grid_minilmv2_int8_dynamic_ort" not in study.default_cells()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cross": {"kd": GRID}}, "cross.kd: is the name of a cell too"),
        ({"cross": {"grid": {"links": [["distill-x"]]}}}, "names the unknown distill variant 'x'"),
        ({"cross": {"grid": {"links": []}}}, "cross.grid.links"),
        ({"tables.orders": {"edgemin": ["kd"]}}, "tables.orders.edgemin: cell 'kd' has other stages than 'edgemin'"),
        ({"tables.orders": {"edgemin": ["edgemin_torch"]}}, "cell 'edgemin_torch' is not measured in onnxruntime"),
        ({"tables.combinations": {"x": ["kd"]}}, "tables.combinations.x: 'x' is not a cell"),
        ({"recommend": {"max_bytes": 0}}, "recommend.max_bytes"),
        ({"recommend": {"max_mb": 10}}, "recommend.max_mb: unknown key"),
    ],
)
def test_bad_grids_tables_and_limits_name_the_key(changed, changes, message):
    with pytest.raises(EdgeminError, match=message.replace(".", r"\.")):
        parse_study(changed(changes))
