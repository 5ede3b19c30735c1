"""Runtimes, predictions and the host."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

import edgemin
from edgemin.core.errors import EdgeminError
from edgemin.data import store
from edgemin.data.arrow import FACTS
from edgemin.data.tokens import Tokens, pad
from edgemin.encoders.onnx_export import TOLERANCE
from edgemin.measure import quality
from edgemin.measure.host import host
from edgemin.study.kind import kind_of
from edgemin.study.runtime import open_model


def batch(lengths=(9, 4)) -> dict[str, np.ndarray]:
    ids = np.random.default_rng(0).integers(5, 90, (len(lengths), max(lengths)))
    return pad([{"input_ids": row[:n].tolist(), "token_type_ids": [0] * n} for row, n in zip(ids, lengths, strict=True)], 0)


def test_both_runtimes_give_one_answer(exported):
    inputs = batch()
    answers = {runtime: open_model(exported, runtime, 1)(inputs) for runtime in ("torch", "onnxruntime")}
    assert all(answer.dtype == np.float32 and answer.shape == (2, 2) for answer in answers.values())
    np.testing.assert_allclose(answers["torch"], answers["onnxruntime"], rtol=0, atol=TOLERANCE)


def test_a_runtime_takes_the_threads_that_it_is_given(exported):
    for threads in (2, 1):
        open_model(exported, "torch", threads)
        assert torch.get_num_threads() == threads


@pytest.mark.parametrize(("runtime", "name"), [("torch", "model.safetensors"), ("onnxruntime", "model.onnx")])
def test_a_corrupt_model_is_named(exported, tmp_path, runtime, name):
    folder = shutil.copytree(exported, tmp_path / "copy")
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(EdgeminError, match=f"^{folder / name}: its sha256 differs"):
        open_model(folder, runtime, 1)
    (folder / name).unlink()
    with pytest.raises(EdgeminError, match=f"^{folder / name}: missing"):
        open_model(folder, runtime, 1)


def test_a_graph_that_was_recorded_corrupt_is_named(tmp_path):
    from edgemin.core.provenance import write_provenance

    (tmp_path / "model.onnx").write_bytes(b"no graph")
    write_provenance(tmp_path, spec={})
    with pytest.raises(EdgeminError, match=f"^{tmp_path}/model.onnx: ONNX Runtime cannot load it"):
        open_model(tmp_path, "onnxruntime", 1)


def first_two(inputs: dict[str, np.ndarray]) -> np.ndarray:
    """A model whose logits are the first two ids, and which cannot see padding."""
    assert (inputs["input_ids"][inputs["attention_mask"] == 0] == 99).all()
    return inputs["input_ids"][:, :2].astype(np.float32)


FIRST = (5, 0, 7, 3, 8, 2)


def texts(labels) -> Tokens:
    """Six texts of n + 2 tokens, of which the first two are n and 9 - n; padding is 99."""
    ids = [[n, 9 - n, *range(n)] for n in FIRST]
    columns = {"id": [f"test-{n}" for n in range(6)], "label": labels, "input_ids": pa.array(ids, pa.large_list(pa.int32()))}
    return Tokens(
        pa.table(columns).replace_schema_metadata({FACTS: json.dumps({"pad_id": 99, "max_length": 64})}), Path("test.arrow")
    )


@pytest.mark.parametrize("batch_size", [1, 2, 4, 100])
def test_predictions_stand_in_the_order_of_the_sentences(batch_size):
    found = quality.predict(first_two, texts([0] * 6), batch_size)
    assert found.tolist() == [[n, 9 - n] for n in FIRST]


def test_batches_hold_sentences_of_similar_length():
    lengths = []

    def run(inputs: dict[str, np.ndarray]) -> np.ndarray:
        lengths.append(inputs["attention_mask"].sum(1).tolist())
        return first_two(inputs)

    quality.predict(run, texts([0] * 6), 2)
    assert lengths == [[2, 4], [5, 7], [9, 10]]


def test_quality_by_hand():
    """Predicted 0 where n > 4.5: 0 1 0 1 0 1 of the gold 0 1 1 1 0 0, four of six."""
    test = texts([0, 1, 1, 1, 0, 0])
    found, table = quality.measure(first_two, {"test": test}, 4, kind_of({"metric": "accuracy"}), "accuracy")
    assert found == {"metric": "accuracy", "batch_size": 4, "splits": {"test": {"accuracy": 4 / 6, "examples": 6}}}
    assert table["prediction"].tolist() == [0, 1, 0, 1, 0, 1]
    assert table["id"].tolist() == [f"test-{n}" for n in range(6)]
    assert table["label"].tolist() == [0, 1, 1, 1, 0, 0]
    assert set(table["split"]) == {"test"}
    assert [row.tolist() for row in table["logits"]] == [[n, 9 - n] for n in FIRST]


def test_a_regression_predicts_its_one_value():
    test = texts([10.0, 0.0, 14.0, 6.0, 16.0, 4.0])  # twice the first id
    kind = kind_of({"metric": "pearson"})
    found, table = quality.measure(lambda inputs: first_two(inputs)[:, :1], {"test": test}, 4, kind, "pearson")
    assert found["splits"]["test"]["pearson"] == pytest.approx(1, abs=1e-12)
    assert table["prediction"].tolist() == [5, 0, 7, 3, 8, 2]


@pytest.mark.parametrize("runtime", ["torch", "onnxruntime", "openvino"])
def test_a_folder_is_measured_on_validation_and_test(exported, data, tokens, runtime):
    spec = {"metric": "accuracy", "batch_size": 7, "threads": 1}
    files = {split: tokens / f"{split}.arrow" for split in ("validation", "test")}
    found, table = quality.measure_folder(exported, runtime, files, spec)
    assert (found["runtime"], found["host"]["threads"]) == (runtime, 1)
    for split in ("validation", "test"):
        rows = table[table["split"] == split]
        gold = store.read_split(data, split)
        assert rows["label"].tolist() == gold["label"].tolist()
        assert rows["id"].tolist() == gold["id"].tolist()
        share = float((np.stack(rows["logits"].tolist()).argmax(1) == gold["label"]).mean())
        assert found["splits"][split] == {"accuracy": share, "examples": 24}


def test_tokens_of_another_tokenizer_are_refused(exported, tokens, tmp_path):
    folder = shutil.copytree(exported, tmp_path / "copy")
    (folder / "tokenizer.json").write_text((folder / "tokenizer.json").read_text() + " ")
    with pytest.raises(EdgeminError, match=f"^{tokens}/test.arrow: made with another tokenizer than that of {folder}"):
        quality.measure_folder(folder, "onnxruntime", {"test": tokens / "test.arrow"}, {"metric": "accuracy", "threads": 1})


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_graphs_are_measured_without_torch_and_transformers(exported, tokens, runtime):
    code = (
        "import sys; from pathlib import Path; from edgemin.measure import quality; "
        f"quality.measure_folder(Path({str(exported)!r}), {runtime!r}, {{'test': Path({str(tokens / 'test.arrow')!r})}}, "
        "{'metric': 'accuracy', 'batch_size': 1, 'threads': 1}); print(sorted({'torch', 'transformers'} & {*sys.modules}))"
    )
    workflow = {"PYTHONPATH": str(Path(edgemin.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], env=workflow, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_host_is_described_without_names():
    found = host(3)
    assert found["threads"] == 3
    assert found["cores_logical"] >= (found["cores_physical"] or 1)
    assert set(found["versions"]) >= {"torch", "transformers", "onnxruntime", "numpy"}
    assert json.loads(json.dumps(found)) == found
