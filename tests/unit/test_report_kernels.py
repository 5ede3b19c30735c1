"""Cells that ask for kernels of sparse weights: tables and plots say where the CPU that timed them has none."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from edgemin.core.files import write_json
from edgemin.plan.plan import Plan
from edgemin.report import columns, kernels
from edgemin.report.acceptance.marks import names_in, not_accepted
from edgemin.report.forms import write_table
from edgemin.study.read import parse_study
from edgemin.study.registry import TABLES

AMX, NONE = ["avx2", "avx512_vnni", "amx_int8"], ["avx2", "avx512_vnni"]


@pytest.fixture
def spec(tmp_path):
    """spec(cell=flags of its seeds' CPUs, None where it was not timed): a table's; those whose names begin with sparse ask for the kernel."""

    def made(**cells):
        rows = []
        for cell, hosts in cells.items():
            seeds = []
            for seed, flags in enumerate(hosts):
                folder = tmp_path / cell / str(seed)
                folder.mkdir(parents=True)
                if flags is not None:
                    write_json(folder / "latency.json", {"host": {"flags": flags}})
                asks = {"sparse": True} if cell.startswith("sparse") else {}
                seeds.append({"task": "t", "cell": cell, "seed": seed, "folder": str(folder), **asks})
            rows.append({"cell": cell, "seeds": seeds})
        return {"study": "s", "rows": rows}

    return made


def test_one_cpu_without_the_kernel_is_enough_and_what_is_not_timed_says_nothing(spec):
    found = spec(dense=[NONE], sparse=[AMX, AMX], sparse_some=[AMX, NONE], sparse_once=[NONE, None], sparse_never=[None])
    told = kernels.kernels_of(found)
    assert told == {("t", "sparse"): True, ("t", "sparse_some"): False, ("t", "sparse_once"): False}
    assert kernels.note_of("A note.", told).startswith("A note. ‡ Timed with dense kernels")
    assert kernels.note_of("", told).endswith("needs: `sparse_some`, `sparse_once`.")
    assert kernels.note_of("A note.", {("t", "sparse"): True}) == "A note."


def test_every_form_of_a_table_says_it(spec, tmp_path):
    found = pd.DataFrame({"cell": ["dense", "sparse", "sparse_amx"], "task": "t", "faster": [2.0, 2.0, 3.0]})
    shown = [columns.text("cell", found["cell"]), columns.text("faster", found["faster"])]
    write_table(TABLES["quantization"], spec(dense=[NONE], sparse=[NONE], sparse_amx=[AMX]), tmp_path, found, shown, "A note.")
    assert "| sparse‡ " in (tmp_path / "quantization.md").read_text(encoding="utf-8")
    assert r"sparse$\ddagger$" in (tmp_path / "quantization.tex").read_text(encoding="utf-8")
    told = json.loads((tmp_path / "quantization.json").read_text(encoding="utf-8"))
    assert "‡ Timed with dense kernels" in told["note"]
    table = pd.read_csv(tmp_path / "quantization.csv")
    assert table["sparse_kernel"].fillna("").tolist() == ["", False, True]
    assert list(names_in(table)) == ["dense", "sparse‡", "sparse_amx"]
    assert not_accepted(table) == " ‡: dense kernels ran, this CPU has none for sparse weights."


def test_a_table_of_other_cells_is_as_it_was(spec, tmp_path):
    found = pd.DataFrame({"cell": ["dense"], "task": "t"})
    write_table(TABLES["quantization"], spec(dense=[NONE]), tmp_path, found, [columns.text("cell", found["cell"])], "A note.")
    assert "‡" not in (tmp_path / "quantization.md").read_text(encoding="utf-8")
    assert (tmp_path / "quantization.csv").read_text(encoding="utf-8").splitlines()[0] == "cell,task"


def test_rows_say_which_cells_ask(changed):
    """By the scheme's own word, in every table."""
    nncf = {"scheme": "int8_nncf"}
    study = parse_study(
        changed(
            {
                "quantize": {"dense": nncf, "sparse": {**nncf, "sparse_from": 0.5}},
                "cells": {
                    "teacher": "teacher",
                    "kd": "teacher/distill-minilmv2",
                    "dense": "teacher/distill-minilmv2/quantize-dense",
                    "sparse": "teacher/distill-minilmv2/quantize-sparse",
                },
                "tables": {"quantization": {"kd": ["dense", "sparse"]}},
                "runtimes": ["openvino"],
            }
        )
    )
    (block,) = TABLES["quantization"].spec(Plan(study))["blocks"]
    assert [row["seeds"][0].get("sparse") for row in block["rows"]] == [None, None, True]
    assert [row["about"]["details"] for row in block["rows"]] == [None, "", "sparse_from 0.5"]
