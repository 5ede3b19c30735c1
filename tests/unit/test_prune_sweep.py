"""Ratio sweeps: scores taken once, points against cuts made by hand, and their table and plots."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json, write_json
from edgemin.encoders import checkpoint
from edgemin.encoders.surgery import keep_heads
from edgemin.measure.sweep import sweep
from edgemin.methods.prune import cuts
from edgemin.methods.structures.selection import select
from edgemin.study.registry import KINDS, PLOTS, TABLES
from edgemin.training.data import read_examples
from edgemin.training.predict import predict

SPEC = {"ratios": [0, 0.25, 0.5], "metric": "accuracy", "seed": 0, "threads": 1}
LAYER = 4 * (16 * 16 + 16) + 2 * 16 * 24 + 24 + 16 + 4 * 16


@pytest.fixture
def parent(tiny, save, tmp_path):
    return save(tiny(), tmp_path / "model")


@pytest.fixture
def swept(parent, tokens):
    """swept(variant): what the sweep of a variant finds."""
    return lambda variant: sweep(parent, tokens / "train.arrow", tokens / "validation.arrow", {**SPEC, "variant": variant})


def variant(structure="heads", criterion="magnitude"):
    return {"structure": structure, "criterion": criterion, "ratio": 0.5} | ({} if structure == "weights" else {"sentences": 40})


@pytest.mark.parametrize("criterion", ["magnitude", "michel", "oracle"])
def test_a_sweep_scores_once_and_cuts_by_it(parent, tokens, swept, monkeypatch, criterion):
    calls, real = [], cuts.scores_of
    monkeypatch.setattr(cuts, "scores_of", lambda *given: calls.append(1) or real(*given))
    found = swept(variant(criterion=criterion))
    assert len(calls) == 1
    kind = KINDS["classification"]
    validation, accuracy = read_examples(tokens / "validation.arrow", kind, parent), kind.scores().score("accuracy")
    for point in found["points"]:
        model = checkpoint.load(parent)
        if point["ratio"]:
            keep_heads(model, select(found["scores"], point["ratio"], "global"))
        assert point["value"] == pytest.approx(accuracy(validation.labels, predict(model, validation)))
        heads_gone = round(8 * point["ratio"])
        assert point["parameters"] == 2 * LAYER - heads_gone * (4 * 16 * 4 + 3 * 4)


def test_sweeps_of_neurons_and_weights(swept):
    neurons = swept(variant("ffn", "activation"))["points"]
    assert [point["parameters"] for point in neurons][::2] == [2 * LAYER, 2 * LAYER - neurons_gone(neurons[2]) * 33]
    weights = swept(variant("weights"))
    count = 2 * (4 * 256 + 2 * 384)
    assert [point["parameters"] for point in weights["points"]] == [2 * LAYER - round(count * ratio) for ratio in SPEC["ratios"]]
    assert weights["scores"] == []


def neurons_gone(point) -> int:
    """Half of 48, each layer rounded to a multiple of eight: 16, 24 or 32 are left."""
    gone = (2 * LAYER - point["parameters"]) // 33
    assert 48 - gone in (16, 24, 32)
    return gone


def made_up(folder, criterion, structure="heads", seed=0, scores=((1, 2), (4, 3))):
    points = [{"ratio": r, "value": 0.9 - r / 2 - seed / 100, "parameters": 10, "seconds": 1} for r in (0, 0.5)]
    told = {"structure": structure, "criterion": criterion, "metric": "accuracy", "scoring_seconds": 1, "points": points}
    file = folder / f"{structure}-{criterion}-{seed}.json"
    write_json(file, {**told, "scores": [list(layer) for layer in scores]})
    return {"task": "t", "seed": seed, "file": str(file)}


def table(sweeps, folder) -> pd.DataFrame:
    """Written to a folder, and read again."""
    TABLES["sensitivity"].write({"study": "smoke", "rows": [{"cell": None, "seeds": sweeps}]}, folder)
    return pd.read_csv(folder / "sensitivity.csv")


def test_the_table_has_every_point(tmp_path):
    sweeps = [made_up(tmp_path, "magnitude", seed=seed) for seed in (0, 1)] + [made_up(tmp_path, "random", "ffn")]
    found = table(sweeps, tmp_path)
    assert found[["structure", "criterion", "seed", "ratio"]].to_numpy().tolist() == [
        ["heads", "magnitude", 0, 0.0],
        ["heads", "magnitude", 0, 0.5],
        ["heads", "magnitude", 1, 0.0],
        ["heads", "magnitude", 1, 0.5],
        ["ffn", "random", 0, 0.0],
        ["ffn", "random", 0, 0.5],
    ]
    np.testing.assert_allclose(found["value"], [0.9, 0.65, 0.89, 0.64, 0.9, 0.65])
    read = read_json(tmp_path / "sensitivity.json")
    headings = [column["heading"] for column in read["columns"]]
    assert headings == ["seed", "structure", "criterion", "cut %", "validation accuracy %", "parameters M", "s", "scoring s"]
    assert [[cell["text"] for cell in row["cells"][:5]] for row in read["rows"][2:5]] == [
        ["1", "heads", "magnitude", "0.0", "89.00"],
        ["1", "heads", "magnitude", "50.0", "64.00"],
        ["0", "ffn", "random", "0.0", "90.00"],
    ]
    assert [row["cells"][4]["number"] for row in read["rows"]] == pytest.approx([90, 65, 89, 64, 90, 65])
    assert {(row["cell"], row["task"]) for row in read["rows"]} == {(None, "t")}
    assert {file.name for file in tmp_path.glob("sensitivity.*")} == {"sensitivity.csv", "sensitivity.json"}
    with pytest.raises(EdgeminError, match="sensitivity: the study has no such key; add it"):
        table([], tmp_path)


def test_the_plots_say_what_the_files_say(tmp_path):
    """Scores in the opposite order: a rank correlation of -1."""
    sweeps = [
        made_up(tmp_path, "oracle"),
        made_up(tmp_path, "magnitude", scores=((4, 3), (1, 2))),
        made_up(tmp_path, "random", "ffn"),
    ]
    table(sweeps, tmp_path)
    files = [str(tmp_path / name) for name in ("s.png", "s.svg")]
    PLOTS["sensitivity"].draw({}, [str(tmp_path / "sensitivity.csv")], files)
    assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")
    svg = (tmp_path / "s.svg").read_text()
    assert all(
        text in svg for text in ("attention heads", "FFN neurons", "oracle", "magnitude", "random", "validation accuracy %")
    )
    PLOTS["head_importance"].draw({}, [sweep["file"] for sweep in sweeps[:2]], [str(tmp_path / "h.svg")])
    assert "magnitude: ρ = −1.00" in (tmp_path / "h.svg").read_text()
