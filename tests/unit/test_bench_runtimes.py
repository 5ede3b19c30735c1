"""The benchmark of runtimes runs, and none of its contenders answers otherwise than the float model. Nothing is asserted about time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from benches import bench

from edgemin.core.errors import EdgeminError
from edgemin.data import store
from edgemin.data.tokenizing import write_tokens
from edgemin.data.tokens import Tokens
from edgemin.encoders.onnx_export import export_checkpoint
from edgemin.measure import host
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.plan.plan import Plan
from edgemin.study.runtime import Runtime

CELLS = ["study.yaml", "kd_prune", "edgemin"]
FLOATS = ["ONNX Runtime fp32", "OpenVINO fp32", "PyTorch fp32"]
INT8 = ["OpenVINO static INT8", "ours, ONNX Runtime int8_dynamic", "torch.ao INT8"]


@pytest.fixture(scope="module")
def runtimes():
    with bench("runtimes") as module:
        yield module


@pytest.fixture
def plan(planned) -> Plan:
    return planned({"seeds": [3, 4]})


@pytest.fixture
def trained(source, tokens, tiny):
    """A model that has learned which adjectives are good."""
    model, examples = tiny(), Tokens.read(tokens / "train.arrow")
    labels = torch.tensor(examples.column("label").tolist())
    inputs = {name: torch.from_numpy(values) for name, values in examples.batch(range(len(examples))).items()}
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(40):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(**inputs).logits, labels).backward()
        optimizer.step()
    return model


def answers(model, file: Path) -> np.ndarray:
    """The class of each text, one at a time."""
    tokens = Tokens.read(file)
    with torch.inference_mode():
        ones = [{name: torch.from_numpy(values) for name, values in tokens.batch([at]).items()} for at in range(len(tokens))]
        return np.asarray([model(**one).logits.argmax().item() for one in ones])


@pytest.fixture
def finished(plan, source, trained, save, data, tokens) -> None:
    """The files of the two cells: a float model and its INT8. The labels are what the model says."""
    task = plan.study.tasks["snippets"]
    chain = plan.study.chain("kd_prune")
    floats, quantized = (Path(plan.paths.model("snippets", 3, one)) for one in (chain, plan.study.chain("edgemin")))
    save(trained, floats)
    export_checkpoint(floats, spec={})
    variant = plan.study.quantize["int8_dynamic_ort"]
    variant.quantize(QuantizeInputs(floats, quantized, {"variant": variant.model_dump()}))
    for split in ("train", "test"):
        rows = store.read_split(data, split).assign(label=answers(trained, tokens / f"{split}.arrow"))
        assert 0.3 < rows["label"].mean() < 0.7
        store.write_dataset(store.to_dataset(rows, task.asks, task.label_names), "rows.arrow", label_names=task.label_names)
        write_tokens(Path("rows.arrow"), source, 16, Path(plan.tokens("snippets", chain, split)))


@pytest.mark.usefixtures("finished")
def test_all_contenders_answer_as_the_float_model(runtimes, monkeypatch, capsys):
    """The labels are its answers, some of each class, so that the accuracy is how often a contender agrees with it."""
    monkeypatch.setattr(host, "pin", lambda threads: [])
    monkeypatch.setattr(runtimes.TorchAo, "packages", ("not_there",))
    runtimes.main([*CELLS, "--seconds", "0.05", "--out", "table.csv"])
    assert "torchao INT8, compiled: left out (not_there not installed)" in capsys.readouterr().err.splitlines()
    table = pd.read_csv("table.csv", index_col="runtime")
    assert sorted(table.index) == sorted([*FLOATS, *INT8])
    assert (table.loc[FLOATS, "accuracy"] == 1).all()
    assert (table.loc[INT8, "accuracy"] >= 0.9).all()
    assert (table.loc["ours, ONNX Runtime int8_dynamic", ["ours_faster", "low", "high"]] == 1).all()


@pytest.mark.usefixtures("finished")
def test_a_scheme_that_is_made_here_is_timed_at_each_length(runtimes, monkeypatch):
    monkeypatch.setattr(host, "pin", lambda threads: [])
    monkeypatch.setattr(runtimes, "TorchAo", Broken)
    monkeypatch.setattr(runtimes, "TorchDotAo", Broken)
    monkeypatch.setattr(Broken, "label", "broken", raising=False)
    runtimes.main([*CELLS, "--seconds", "0.02", "--scheme", "int8_fused", "--lengths", "3", "9", "--out", "table.csv"])
    table = pd.read_csv("table.csv").set_index(["tokens", "runtime"])
    ours = "ours, ONNX Runtime int8_fused"
    assert sorted(table.index) == sorted((length, name) for length in (3, 9) for name in (ours, *FLOATS, *INT8[:2]))
    assert (table.loc[[(3, ours), (9, ours)], ["ours_faster", "low", "high"]] == 1).all(axis=None)
    assert (table["accuracy"] >= 0.9).all()


def test_texts_of_a_length_are_those_that_there_are(runtimes, tokens):
    test = Tokens.read(tokens / "test.arrow")
    ones = runtimes.of_length(test, 6)
    first, *words, last = test[0]["input_ids"].tolist()
    assert {one["input_ids"].shape for one in ones} == {(1, 6)}
    assert {(int(one["input_ids"][0, 0]), int(one["input_ids"][0, -1])) for one in ones} == {(first, last)}
    joined = np.concatenate([one["input_ids"][0, 1:-1] for one in ones]).tolist()
    assert joined[: len(words)] == words
    assert len(joined) == sum(test.lengths - 2) // 4 * 4
    assert all((one["attention_mask"] == 1).all() and (one["token_type_ids"] == 0).all() for one in ones)
    with pytest.raises(EdgeminError, match="--lengths: 17 is none of 3 to 16"):
        runtimes.of_length(test, 17)


def test_the_plan_says_which_files_are_read(runtimes, plan, capsys):
    """By the names that snakemake makes them under; and without them nothing is run."""
    runtimes.main([*CELLS, "--files", "--seed", "4"])
    said = capsys.readouterr().out.split()
    folder = "results/smoke/models/snippets/seed4/teacher/distill-minilmv2/prune-heads25"
    models = ("model.onnx", "model.safetensors", "quantize-int8_dynamic_ort/model.onnx")
    assert {f"{folder}/{name}" for name in models} < set(said)
    assert {plan.tokens("snippets", plan.study.chain("kd_prune"), split) for split in ("train", "test")} < set(said)
    with pytest.raises(EdgeminError, match=f"missing: {len(said)} of {len(said)} files, the first {said[0]}; let snakemake"):
        runtimes.main([*CELLS, "--seed", "4"])


@pytest.mark.usefixtures("plan")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["kd_prune", "edgemint"], "study.yaml: 'edgemint' is not a cell; known: .*edgemin"),
        (["kd", "edgemin"], "'edgemin' is not 'kd' quantized"),
        (["kd", "kd_prune"], "'kd_prune' is not 'kd' quantized"),
        (["kd_prune", "edgemin", "--task", "films"], "no task 'films' with seed 3; tasks: snippets; seeds: \\[3, 4\\]"),
        (["kd_prune", "edgemin", "--seed", "0"], "no task 'snippets' with seed 0"),
    ],
)
def test_cells_that_will_not_do_are_told(runtimes, arguments, message):
    with pytest.raises(EdgeminError, match=message):
        runtimes.main(["study.yaml", *arguments])


@pytest.mark.usefixtures("plan")
def test_nothing_is_compared_where_ours_does_not_run(runtimes, monkeypatch):
    case = runtimes.Case.of(*CELLS)
    monkeypatch.setattr(type(case.runtime), "packages", ("not_there",))
    with pytest.raises(EdgeminError, match="ours, ONNX Runtime int8_dynamic: the runtime onnxruntime needs not_there"):
        case.check()


class Broken(Runtime):
    def open(self, folder, threads):
        raise RuntimeError("no such operator\nand more")


class Sound(Runtime):
    """Says the first class of everything."""

    def open(self, folder, threads):
        return lambda inputs: np.asarray([[1.0, 0.0]] * len(inputs["input_ids"]), dtype=np.float32)


def test_a_peer_that_fails_is_left_out_and_ours_is_not(runtimes, plan, tokens, capsys):
    case, test = runtimes.Case.of(*CELLS), Tokens.read(tokens / "test.arrow")
    entered = runtimes.enter({"ours": (Sound(), Path()), "peer": (Broken(), Path())}, test, case, 1)
    assert {name: quality for name, (_, quality) in entered.items()} == {"ours": (test.column("label") == 0).mean()}
    assert "peer: left out (RuntimeError: no such operator)" in capsys.readouterr().err.splitlines()
    with pytest.raises(RuntimeError, match="no such operator"):
        runtimes.enter({"ours": (Broken(), Path()), "peer": (Sound(), Path())}, test, case, 1)
