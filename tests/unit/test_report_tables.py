"""Measurements on disk -> the long table, the stage-wise table, and both as text."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from reading import texts

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json, write_json
from edgemin.report.blocks import frame_of
from edgemin.report.clocks import times_note
from edgemin.report.collect import COLUMNS, collect, write
from edgemin.report.markup import tex_escape
from edgemin.report.measured import latency_note
from edgemin.report.tables.combinations import frame as combinations_frame
from edgemin.report.tables.latency import LatencyTable
from edgemin.report.tables.latency import columns_of as latency_shown
from edgemin.report.tables.latency import frame as latency_frame
from edgemin.report.tables.parameters import frame as parameters_frame
from edgemin.report.tables.quantization import frame as quantization_frame
from edgemin.report.tables.stagewise import columns_of
from edgemin.study import registry
from edgemin.study.table import seeds_of

GOLD = [0, 1, 1, 0]
CHAINS = {"teacher": "teacher", "kd": "teacher/distill-kd", "small": "teacher/distill-kd/quantize-int8"}
RIGHT = {"teacher": ("1110", "1111"), "kd": ("1100", "1011"), "small": ("1101", "1110")}  # by seed
P50 = {"teacher": (4.0, 6.0), "kd": (1.0, 3.0), "small": (1.0, 1.0)}
BYTES = {"teacher": 4_000_000, "kd": 2_500_000, "small": 1_000_000}
SPEEDUP = {"value": 2.5, "low": 2.0, "high": 3.0}


@pytest.fixture
def spec(tmp_path):
    """The table of three cells and two seeds, with all that was measured of them."""
    cells = {}
    for cell, chain in CHAINS.items():
        for seed in (0, 1):
            folder = tmp_path / cell / str(seed)
            predicted = [gold if mark == "1" else 1 - gold for gold, mark in zip(GOLD, RIGHT[cell][seed], strict=True)]
            answers = {
                "split": ["validation", *["test"] * 4],
                "label": [1, *GOLD],
                "logits": [np.eye(2)[p] for p in (0, *predicted)],
            }
            folder.mkdir(parents=True)
            pd.DataFrame(answers).to_parquet(folder / "predictions.parquet")
            accuracy = RIGHT[cell][seed].count("1") / 4
            write_json(
                folder / "quality.json",
                {"splits": {"validation": {"accuracy": 0.0, "examples": 1}, "test": {"accuracy": accuracy, "examples": 4}}},
            )
            counts = {"naive": None if cell == "small" else 900_000, "logical": 1_000_000, "nonzero": 999_999}
            components = {"ffn": {"logical": 7, "nonzero": 6}}
            write_json(folder / "size.json", {**counts, "components": components, "bytes": BYTES[cell], "compressed": 10})
            p50 = P50[cell][seed]
            single = {"calls": 20, "p50_ms": {"value": p50, "low": p50 - 0.5, "high": p50 + 0.5}, "reference_p50_ms": 4.0}
            if cell != "teacher":
                single["speedup_over_reference"] = SPEEDUP
            throughput = {"sentences_per_second": {"value": 100.0, "low": 90.0, "high": 110.0}}
            latency = {
                "single_stream": single,
                "throughput": throughput,
                "tokenisation_p50_ms": 0.25,
                "rounds": 5,
                "host": {"cpu": "Some & CPU", "flags": ["avx2"]},
                "threads": 1,
            }
            write_json(folder / "latency.json", latency)
            row = {
                "study": "s",
                "task": "t",
                "seed": seed,
                "cell": cell,
                "chain": chain,
                "runtime": "onnxruntime",
                "folder": str(folder),
            }
            cells.setdefault(cell, []).append(row)
    rows = [{"cell": cell, "about": {"runtime": "onnxruntime"}, "seeds": seeds} for cell, seeds in cells.items()]
    blocks = [{"task": "t", "metric": "accuracy", "rows": rows}]
    return {"study": "s", "table": "stagewise", "threads": 1, "blocks": blocks}


@pytest.fixture
def text(spec):
    """What a person reads of the stage-wise table."""
    return texts(columns_of(frame_of(spec["blocks"], stepwise=True)))


def test_every_number_has_a_row(spec):
    table = collect(spec["blocks"][0]["rows"][1]["seeds"][:1])
    assert list(table.columns) == COLUMNS
    assert set(table[["study", "task", "seed", "cell", "chain", "runtime"]].itertuples(index=False, name=None)) == {
        ("s", "t", 0, "kd", "teacher/distill-kd", "onnxruntime")
    }
    found = {
        tuple(None if pd.isna(value) else value for value in row)
        for row in table[["dataset", "split", "scenario", "metric", "value", "unit"]].itertuples(index=False, name=None)
    }
    times = {("", 2.5), ("_low", 2.0), ("_high", 3.0)}
    assert found == {
        ("t", "validation", None, "accuracy", 0.0, "share"),
        ("t", "validation", None, "examples", 1.0, "examples"),
        ("t", "test", None, "accuracy", 0.5, "share"),
        ("t", "test", None, "examples", 4.0, "examples"),
        (None, None, None, "parameters_naive", 900_000.0, "parameters"),
        (None, None, None, "parameters_logical", 1_000_000.0, "parameters"),
        (None, None, None, "parameters_nonzero", 999_999.0, "parameters"),
        (None, None, None, "parameters_logical_ffn", 7.0, "parameters"),
        (None, None, None, "parameters_nonzero_ffn", 6.0, "parameters"),
        (None, None, None, "bytes", 2_500_000.0, "bytes"),
        (None, None, None, "compressed", 10.0, "bytes"),
        (None, None, "single_stream", "calls", 20.0, "calls"),
        *((None, None, "single_stream", f"p50{end}", value, "ms") for end, value in (("", 1.0), ("_low", 0.5), ("_high", 1.5))),
        (None, None, "single_stream", "reference_p50", 4.0, "ms"),
        *((None, None, "single_stream", f"speedup_over_reference{end}", value, "times") for end, value in times),
        *((None, None, "throughput", f"sentences_per_second{end}", value, "sentences/s") for end, value in (("", 100.0), ("_low", 90.0), ("_high", 110.0))),
        (None, None, "tokenisation", "p50", 0.25, "ms"),
    }  # fmt: skip


def test_a_written_table_reads_back(spec, tmp_path):
    table = collect(spec["blocks"][0]["rows"][2]["seeds"])
    write(table, tmp_path / "results.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "results.csv"), table, check_dtype=False)


def test_the_stagewise_table_by_hand(spec):
    """Means over two seeds: 7/8, 5/8, 3/4; each against the row that it was made from; and the standard deviation of 3/4 and 1, 1/2 and 3/4."""
    table = frame_of(spec["blocks"], stepwise=True).set_index("cell")
    assert table["quality"].tolist() == [0.875, 0.625, 0.75]
    assert table["quality_change"].tolist()[1:] == [-0.25, 0.125]
    assert math.isnan(table["quality_change"]["teacher"])
    assert table["quality_sd"].tolist() == pytest.approx([0.25 / math.sqrt(2), 0.25 / math.sqrt(2), 0])
    assert table["p50"].tolist() == [5, 2, 1]
    assert table["p50_low"].tolist() == [4.5, 1.5, 0.5]
    assert table["speedup_over_reference"].tolist()[1:] == [2.5, 2.5]
    assert table["bytes"].tolist() == list(BYTES.values())
    assert (table["seeds"] == 2).all()
    assert (table["quality_low"] <= table["quality"]).all()
    assert (table["quality"] <= table["quality_high"]).all()


def test_where_the_parent_is_the_teacher_its_ratio_stands_for_the_parents(spec):
    """`kd` is made from the teacher: no third model was timed. `small` has a parent of its own."""
    for seed in spec["blocks"][0]["rows"][2]["seeds"]:
        file = Path(seed["folder"], "latency.json")
        told = read_json(file)
        told["single_stream"]["speedup_over_parent"] = {"value": 1.5, "low": 1.25, "high": 1.75}
        write_json(file, told)
    table = frame_of(spec["blocks"]).set_index("cell")
    ends = ["speedup_over_parent_low", "speedup_over_parent", "speedup_over_parent_high"]
    assert table.loc["kd", ends].tolist() == [2.0, 2.5, 3.0]
    assert table.loc["small", ends].tolist() == [1.25, 1.5, 1.75]
    assert table.loc["teacher", ends].isna().all()


def test_subsets_are_compared_with_the_teacher(spec, tmp_path):
    table = frame_of(spec["blocks"])
    assert table["quality_change"].tolist()[1:] == [-0.25, -0.125]
    text = texts(columns_of(table, stages=True))
    assert text[["distill", "prune", "quantize"]].to_numpy().tolist() == [["", "", ""], ["yes", "", ""], ["yes", "", "yes"]]
    registry.TABLES["subsets"].write(spec, tmp_path)
    assert pd.read_csv(tmp_path / "subsets.csv")["quality_change"].tolist()[1:] == [-0.25, -0.125]
    markdown = (tmp_path / "subsets.md").read_text(encoding="utf-8")
    assert markdown.startswith("# Subsets of the stages: s\n")
    assert "| distill | prune | quantize |" in markdown
    assert "a change is paired with the teacher." in markdown


def test_numbers_as_people_read_them(text):
    assert [cell.split(" ")[0] for cell in text["accuracy %"]] == ["87.50", "62.50", "75.00"]
    assert [cell.split(" ")[0] for cell in text["change"]] == ["–", "−25.00", "+12.50"]
    assert text["naive M"].tolist() == ["0.90", "0.90", "–"]
    assert text["MB"].tolist() == ["4.00", "2.50", "1.00"]
    assert text["smaller"].tolist() == ["1.0×", "1.6×", "4.0×"]
    assert text["p50 ms"].tolist() == ["5.00 [4.50, 5.50]", "2.00 [1.50, 2.50]", "1.00 [0.50, 1.50]"]
    assert text["faster than teacher"].tolist() == ["–", *["2.50× [2.00, 3.00]"] * 2]
    assert text["sentences/s"].tolist() == ["100"] * 3


def test_a_correlation_is_no_percentage(spec):
    """Matthews of the teacher's seeds: (2 1 - 1 0) / sqrt(2 2 3 1), the wrong one being a 0 taken for a 1, and 1."""
    spec["blocks"][0]["metric"] = "matthews"
    text = texts(columns_of(frame_of(spec["blocks"], stepwise=True)))
    assert text["matthews"][0].split(" ")[0] == f"{(2 / math.sqrt(12) + 1) / 2:.3f}"


def test_the_four_files_say_the_same(spec, tmp_path):
    registry.TABLES["stagewise"].write(spec, tmp_path)
    table = pd.read_csv(tmp_path / "stagewise.csv")
    assert table["quality"].tolist() == [0.875, 0.625, 0.75]
    markdown, tex = ((tmp_path / f"stagewise.{form}").read_text(encoding="utf-8") for form in ("md", "tex"))
    read = read_json(tmp_path / "stagewise.json")
    assert markdown.startswith("# Stage by stage: s\n\n2 seeds: with others, ")
    assert "a change is paired with the row that this one was made from (the row above, if that is not in the block)." in markdown
    told = "1 inference thread(s). Intervals of latency say where the next run of 5 rounds falls (95 %). 2 seeds. With fewer than 4 seeds"
    assert f"Machine: Some & CPU (avx2), {told} there is no interval and no p" in markdown
    assert rf"Machine: Some \& CPU (avx2), {told.replace('%', chr(92) + '%')}" in tex
    for mark in ("62.50 [", "−25.00 [", "2.50× [2.00, 3.00]"):
        assert mark in markdown
        assert tex_escape(mark) in tex
        assert any(cell["text"].startswith(mark) for row in read["rows"] for cell in row["cells"])
    assert markdown == f"# {read['title']}: {read['study']}\n\n{read['first']}\n\n{markdown[markdown.index('| ') :]}"
    assert markdown.endswith(f"\n\n{read['note']}\n")
    assert [[cell["text"] for cell in row["cells"]] for row in read["rows"]] == texts(columns_of(table)).to_numpy().tolist()
    rows = [line for line in tex.splitlines() if line.endswith(r" \\")]
    assert len(rows) == 1 + 3
    assert {row.count(" & ") for row in rows} == {len(columns_of(table)) - 1}


def test_with_one_round_a_ratio_has_no_interval_and_the_table_says_so(spec, tmp_path):
    for row in spec["blocks"][0]["rows"]:
        for seed in row["seeds"]:
            file = Path(seed["folder"], "latency.json")
            told = read_json(file)
            for name in {"p50_ms", "speedup_over_reference"} & set(told["single_stream"]):
                told["single_stream"][name] |= {"low": None, "high": None}
            write_json(file, {**told, "rounds": 1})
    registry.TABLES["stagewise"].write(spec, tmp_path)
    markdown = (tmp_path / "stagewise.md").read_text(encoding="utf-8")
    assert "Latency was measured in one round, so it has no interval" in markdown
    assert "2.50× |" in re.sub(" +", " ", markdown)
    assert pd.read_csv(tmp_path / "stagewise.csv")["speedup_over_reference_low"].isna().all()


@pytest.mark.parametrize(
    ("name", "spec", "said"),
    [
        ("distillation", {"blocks": []}, "tables.distillation: the study has none; add control and cells (config/README.md)"),
        (
            "combinations",
            {"blocks": []},
            "tables.combinations: the study has none; add a first cell and others (config/README.md)",
        ),
        ("orders", {"blocks": []}, "tables.orders: the study has none; add a first cell and others (config/README.md)"),
        ("choice", {"blocks": []}, "tables.choice: the study has none; add stages and their alternatives (config/README.md)"),
        (
            "statements",
            {"rows": [], "of": [], "statements": []},
            "tables.statements: the study has none; add statements and comparisons (config/README.md)",
        ),
        (
            "sensitivity",
            {"rows": [{"seeds": []}]},
            "sensitivity: the study has no such key; add it, with the cell to cut (config/README.md)",
        ),
    ],
)
def test_a_table_of_nothing_is_refused(tmp_path, name, spec, said):
    with pytest.raises(EdgeminError, match=f"^{re.escape(said)}$"):
        registry.TABLES[name].write({"study": "s", "table": name, **spec}, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def timed(spec):
    """The spec of the table of latencies of those cells; the rounds of seed 0 measured more."""
    for row in spec["blocks"][0]["rows"]:
        for seed in row["seeds"]:
            file = Path(seed["folder"], "latency.json")
            told = read_json(file)
            p50 = told["single_stream"]["p50_ms"]["value"]
            ratio = {} if row["cell"] == "teacher" else {"speedup_over_reference": SPEEDUP}
            lengths = {str(length): {"p50_ms": flat(p50 * length / 16), **ratio} for length in (16, 128)}
            first = {"cold_start_ms": flat(400.0), "end_to_end_p50_ms": flat(p50 + 0.25), "peak_memory_mb": 123.4}
            write_json(file, {**told, "lengths": lengths, **first})
    rows = [{**row, "task": "t", "metric": "accuracy", "runtime": "onnxruntime"} for row in spec["blocks"][0]["rows"]]
    return {"study": "s", "rows": rows}


def flat(value: float) -> dict[str, float]:
    return dict.fromkeys(("value", "low", "high"), value)


def test_latency_in_every_way_that_it_was_measured(timed, tmp_path):
    """Times twice as long for twice as many tokens."""
    LatencyTable().write(timed, tmp_path)
    table = pd.read_csv(tmp_path / "latency.csv").set_index("cell")
    kd = table.loc["kd"]
    p50 = np.mean(P50["kd"])
    assert (kd["p50"], kd["end_to_end"], kd["cold_start"], kd["peak_memory"]) == pytest.approx((p50, p50 + 0.25, 400, 123.4))
    assert (kd["p50_16_tokens"], kd["p50_128_tokens"]) == pytest.approx((p50, 8 * p50))
    assert kd["speedup_over_reference_128_tokens"] == SPEEDUP["value"]
    assert pd.isna(table.loc["teacher", "speedup_over_reference_128_tokens"])
    text = (tmp_path / "latency.md").read_text(encoding="utf-8")
    assert "| 128 tokens ms " in text
    assert f"{8 * p50:.2f} ({SPEEDUP['value']:.1f}×)" in text
    assert f"| {8 * np.mean(P50['teacher']):.2f} " in text, "the teacher is no faster than itself"
    assert "Machine: Some & CPU (avx2), 1 inference thread(s)." in text
    last = {row["cell"]: row["cells"][-1] for row in read_json(tmp_path / "latency.json")["rows"]}
    assert (last["kd"]["text"], last["kd"]["number"]) == (f"{8 * p50:.2f} ({SPEEDUP['value']:.1f}×)", 8 * p50)


def test_what_was_not_measured_is_left_open(spec):
    rows = [{**row, "task": "t", "metric": "accuracy", "runtime": "onnxruntime"} for row in spec["blocks"][0]["rows"]]
    columns = texts(latency_shown(latency_frame({"study": "s", "rows": rows})))
    assert set(columns["from text ms"]) == set(columns["memory MB"]) == {"–"}
    assert not any("tokens" in name for name in columns)


def test_seeds_of_another_machine_count_for_quality_and_not_for_latency(spec):
    """Of three seeds two were measured on one CPU: its p50 alone is averaged."""
    block = spec["blocks"][0]
    for row in block["rows"]:
        first = row["seeds"][0]
        file = Path(first["folder"], "latency.json")
        told = read_json(file)
        there = {
            "sentences_per_second": told["throughput"]["sentences_per_second"],
            "speedup_over_parent": {**SPEEDUP, "value": 9.0},
        }
        write_json(file, {**told, "throughput": there, "host": {"cpu": "Another", "flags": ["avx2", "amx_int8"]}})
        other = Path(row["seeds"][1]["folder"], "latency.json")
        here = read_json(other)
        write_json(other, {**here, "throughput": {**here["throughput"], "speedup_over_parent": SPEEDUP}})
        again = {**row["seeds"][1], "seed": 2}
        row["seeds"].append(again)
    table = frame_of(spec["blocks"], stepwise=True).set_index("cell")
    assert table.loc["kd", "seeds"] == 3
    assert table.loc["kd", "p50"] == pytest.approx(P50["kd"][1])
    rows = [{**row, "task": "t", "metric": "accuracy", "runtime": "onnxruntime"} for row in block["rows"]]
    assert parameters_frame({"rows": rows}).set_index("cell").loc["kd", "p50"] == pytest.approx(P50["kd"][1])
    about = {"scheme": None, "details": None}
    batches = quantization_frame(
        {"blocks": [{**block, "runtime": "onnxruntime", "rows": [{**row, "about": about} for row in block["rows"]]}]}
    )
    assert batches.set_index("cell").loc["kd", "throughput_over_parent"] == pytest.approx(SPEEDUP["value"])
    said = latency_note([seed for row in block["rows"] for seed in row["seeds"]])
    assert said.startswith(
        "Machine: Some & CPU (avx2), 1 inference thread(s); seeds 0 are of other machines, and their latencies are left out."
    )


def _timed_on(seed, cpu: str) -> None:
    file = Path(seed["folder"], "latency.json")
    told = read_json(file)
    write_json(file, {**told, "host": {**told["host"], "cpu": cpu}})


def test_the_note_says_which_cell_lacks_the_time_of_a_seed(spec):
    """The teacher's seeds are of one CPU; of `kd` the second is of another."""
    seeds = seeds_of(spec)
    assert times_note(seeds) == latency_note(seeds)
    _timed_on(spec["blocks"][0]["rows"][1]["seeds"][1], "Another")
    assert times_note(seeds) == f"{latency_note(seeds)} Left out, too, since of another machine: of kd that of seed 1."


def test_the_p50_of_another_machine_is_no_multiple_of_the_first(spec):
    rows = spec["blocks"][0]["rows"]
    for seed in rows[2]["seeds"]:
        _timed_on(seed, "Another")
    table = combinations_frame({"blocks": spec["blocks"], "table": "combinations"}).set_index("cell")
    assert table["p50_ratio"].tolist()[:2] == [1.0, 0.4]
    assert math.isnan(table.loc["small", "p50_ratio"])
    assert table.loc["small", "bytes_ratio"] == pytest.approx(0.25)
