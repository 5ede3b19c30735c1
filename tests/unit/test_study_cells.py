"""Cells: which chains a study has, where they are measured, and which of them are built by default."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgemin.core.errors import EdgeminError
from edgemin.plan.jobs import Jobs
from edgemin.plan.lineage import listed
from edgemin.plan.plan import Plan
from edgemin.study.chains import Chain
from edgemin.study.read import parse_study


def test_cells_share_prefixes(changed):
    study = parse_study(changed())
    stem = "teacher/distill-minilmv2"
    assert list(map(str, study.chains())) == [
        "teacher",
        stem,
        f"{stem}/prune-heads25",
        f"{stem}/prune-heads25/quantize-int8_dynamic_ort",
        f"{stem}/prune-heads25/quantize-int8_dynamic_torch",
    ]
    assert study.runtimes_of(Chain.parse(stem)) == ["onnxruntime", "torch"]
    assert study.runtimes_of(study.chain("edgemin_torch")) == ["torch"]


def test_without_tables_every_cell_stands_in_the_runtimes_that_it_is_measured_in(changed):
    study = parse_study(changed({"tables": {}}))
    assert study.blocks("stagewise") == {
        "onnxruntime": ["teacher", "kd", "kd_prune", "edgemin"],
        "torch": ["teacher", "kd", "kd_prune", "edgemin_torch"],
    }
    assert study.blocks("subsets") == {}
    assert study.default_cells() == ["teacher", "kd", "kd_prune", "edgemin", "edgemin_torch"]


def test_cells_of_an_optional_table_alone_are_not_built_by_default(changed):
    tables = {"stagewise": {"torch": ["teacher", "kd"]}, "subsets": {"torch": ["teacher", "kd_prune"]}}
    study = parse_study(changed({"tables": tables}))
    assert study.default_cells() == ["teacher", "kd", "edgemin", "edgemin_torch"]
    with pytest.raises(EdgeminError, match=r"tables.subsets.torch: lists no cell with the chain 'teacher'"):
        parse_study(changed({"tables": {"subsets": {"torch": ["kd"]}}}))


def test_the_teacher_is_the_first_row_wherever_it_is_listed(changed):
    """Ratios and changes of a block are against its first row."""
    study = parse_study(changed({"tables": {"stagewise": {"torch": ["kd_prune", "kd", "teacher"]}}}))
    assert study.blocks("stagewise") == {"torch": ["teacher", "kd_prune", "kd"]}


def test_cells_of_the_distillation_table_alone_are_not_built_by_default(changed):
    """`extra` and its control `more` stand nowhere else; `kd` is a row of the stage-wise table too."""
    cells = {"cells.extra": "teacher/distill-minilmv2/distill-minilmv2", "cells.more": "teacher/prune-heads25/distill-minilmv2"}
    tables = {"stagewise": {"torch": ["teacher", "kd"]}, "distillation": {"more": ["kd", "extra"]}}
    study = parse_study(changed({**cells, "tables": tables}))
    assert study.default_cells() == ["teacher", "kd", "kd_prune", "edgemin", "edgemin_torch"]
    without = parse_study(changed({**cells, "tables": {"stagewise": tables["stagewise"]}}))
    assert without.default_cells() == [*study.default_cells(), "extra", "more"]


def test_cells_of_a_table_on_the_page_are_built_by_default(changed):
    """Named on the page, the table asks for its cells; `extra` is then built without being asked for."""
    cells = {"cells.extra": "teacher/prune-heads25", "tables.subsets": {"torch": ["teacher", "extra"]}}
    assert "extra" not in parse_study(changed(cells)).default_cells()
    assert "extra" in parse_study(changed({**cells, "page": ["stagewise", "subsets"]})).default_cells()


def test_without_a_page_the_tables_that_the_study_lists_are_made(changed):
    """No stage-wise table, no page, no plot, no latency: nothing is timed for a table of validation alone."""
    choice = {"asks": "which", "among": ["kd", "kd_prune"], "chosen": "kd"}
    study = parse_study(changed({"page": [], "tables": {"choice": [choice]}}))
    assert study.default_tables() == ["choice"]
    assert study.default_cells() == ["teacher", "kd", "kd_prune", "edgemin", "edgemin_torch"]  # in this table, or in none
    jobs = list(Jobs(Plan(study)).reports())
    assert [job.rule for job in jobs] == ["table_choice"]
    assert {Path(file).name for job in jobs for file in listed(job.read())} == {"predictions.parquet"}
    limits = {"page": [], "recommend": {"max_bytes": 9}}
    assert parse_study(changed(limits)).default_tables() == ["recommendation", "stagewise"]
    with pytest.raises(EdgeminError, match="page: empty, and `tables` lists none: nothing would be made"):
        parse_study(changed({"page": [], "tables": {}}))


def test_a_name_that_is_no_cell_is_answered_with_all_cells_or_with_the_nearest(changed):
    few = {"tables": {"subsets": {"torch": ["teacher", "kd_pruned"]}}}
    with pytest.raises(EdgeminError, match=r"'kd_pruned' is not a cell; known: teacher, kd, kd_prune, edgemin, edgemin_torch$"):
        parse_study(changed(few))
    many = {f"cells.other{number}": "teacher/prune-heads25" for number in range(20)}
    with pytest.raises(EdgeminError, match=r"'kd_pruned' is not a cell; nearest: kd_prune(, \w+){4}$"):
        parse_study(changed({**few, **many}))


def test_a_quantized_cell_is_measured_in_the_runtime_of_its_scheme_alone(changed):
    """OpenVINO has a scheme of its own; float cells are measured there if the study says so."""
    study = parse_study(
        changed(
            {
                "quantize.nncf": {"scheme": "int8_nncf"},
                "cells.nncf": "teacher/quantize-nncf",
                "runtimes": ["onnxruntime", "openvino"],
                "tables": {},
            }
        )
    )
    assert study.runtimes_of(study.chain("nncf")) == ["openvino"]
    assert study.blocks("stagewise") == {
        "onnxruntime": ["teacher", "kd", "kd_prune", "edgemin"],
        "openvino": ["teacher", "kd", "kd_prune", "nncf"],
    }
