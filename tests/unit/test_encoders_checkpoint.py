from __future__ import annotations

import copy
import json
import shutil

import pytest
import torch
from transformers import AutoModelForSequenceClassification, set_seed

from edgemin.core.errors import EdgeminError
from edgemin.core.provenance import write_provenance
from edgemin.encoders import checkpoint
from edgemin.encoders.onnx_export import random_inputs
from edgemin.encoders.surgery import keep_heads, keep_layers
from edgemin.encoders.weights import read_weights
from edgemin.study.registry import FAMILIES, KINDS
from edgemin.study.structure import Structure

CLASSES, VALUES = KINDS["classification"], KINDS["regression"]
FILES = {"model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json", "provenance.json"}


def same(one, other) -> bool:
    """Equal to the bit: every tensor, and the logits."""
    mine, theirs = one.state_dict(), other.state_dict()
    inputs = random_inputs(one, 2, 9, seed=1)
    with torch.no_grad():
        answers = torch.equal(one(**inputs).logits, other(**inputs).logits)
    return answers and mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)


@pytest.mark.parametrize("family", FAMILIES.names())
def test_a_cut_model_comes_back_to_the_bit(tiny, save, tmp_path, family):
    model = tiny(family)
    keep_heads(model, ((0, 2, 3), (1,)))
    loaded = checkpoint.load(save(model, tmp_path))
    assert Structure.of(loaded.config).heads == ((0, 2, 3), (1,))
    assert same(model, loaded)


@pytest.mark.parametrize("family", FAMILIES.names())
def test_a_model_without_some_layers_is_a_stock_model(tiny, save, tmp_path, family):
    model = tiny(family)
    keep_layers(model, [1])
    save(model, tmp_path)
    assert "edgemin" not in json.loads((tmp_path / "config.json").read_text())
    stock, report = AutoModelForSequenceClassification.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert same(model, stock.eval())


def test_a_checkpoint_is_these_files_and_no_pickle(tiny, save, tmp_path):
    save(tiny(), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == FILES
    assert all(path.read_bytes()[:2] != b"\x80\x02" and path.read_bytes()[:2] != b"PK" for path in tmp_path.iterdir())


def truncated(file):
    file.write_bytes(file.read_bytes()[:-100])


def flipped(file):
    content = bytearray(file.read_bytes())
    content[-1] ^= 1  # the last bit of the last weight: safetensors itself does not notice
    file.write_bytes(content)


def damaged(file):
    file.write_text("{", encoding="utf-8")


@pytest.fixture
def folder(tiny, save, tmp_path):
    return save(tiny(), tmp_path / "model")


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("model.safetensors", truncated, "its sha256 differs"),
        ("model.safetensors", flipped, "its sha256 differs"),
        ("model.safetensors", lambda file: file.unlink(), "missing"),
        ("config.json", damaged, "its sha256 differs"),
        ("config.json", lambda file: file.unlink(), "missing"),
        ("provenance.json", damaged, "not valid JSON"),
        ("provenance.json", lambda file: file.unlink(), "no such file"),
    ],
)
def test_a_corrupt_file_is_named(folder, name, damage, message):
    damage(folder / name)
    with pytest.raises(EdgeminError, match=f"^{folder / name}: .*{message}"):
        checkpoint.load(folder)


def test_the_weights_of_another_model_are_named(folder, tiny, save, tmp_path):
    other = save(tiny(seed=1), tmp_path / "other")
    shutil.copyfile(other / "model.safetensors", folder / "model.safetensors")
    with pytest.raises(EdgeminError, match=f"^{folder}/model.safetensors: its sha256 differs"):
        checkpoint.load(folder)


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("model.safetensors", truncated, "model.safetensors: not a readable safetensors file"),
        ("model.safetensors", damaged, "model.safetensors: not a readable safetensors file"),
        ("config.json", damaged, "config.json: not valid JSON"),
        ("config.json", lambda file: file.write_text("[]"), "config.json: not a model config"),
    ],
)
def test_what_was_recorded_corrupt_is_named_too(folder, name, damage, message):
    damage(folder / name)
    write_provenance(folder, spec={})
    with pytest.raises(EdgeminError, match=f"^{folder}/{message}"):
        checkpoint.load(folder)


@pytest.mark.parametrize("change", [{"intermediate_size": 32}, {"num_hidden_layers": 3}, {"num_hidden_layers": 1}])
def test_weights_that_do_not_fit_their_config_are_named(folder, tiny, tmp_path, change):
    other = tiny(**change)
    (tmp_path / "other").mkdir()
    checkpoint.save(other, tmp_path / "other")
    shutil.copyfile(tmp_path / "other" / "model.safetensors", folder / "model.safetensors")
    write_provenance(folder, spec={})
    with pytest.raises(EdgeminError, match=f"^{folder}/model.safetensors: does not fit its config.json"):
        checkpoint.load(folder)


def test_a_source_gets_a_new_head_from_the_seed_and_its_own_encoder(source):
    models = []
    for seed in (0, 0, 1):
        set_seed(seed)
        models.append(checkpoint.load_source(source, kind=CLASSES, labels=["a", "b", "c"], finetuned=False))
    stored = read_weights(source / "model.safetensors")
    for model in models:
        state = model.state_dict()
        assert set(state) - set(stored) == {"classifier.weight", "classifier.bias"}
        assert all(torch.equal(state[name], tensor) for name, tensor in stored.items())
        assert model.config.id2label == {0: "a", 1: "b", 2: "c"}
        assert model.config.problem_type == "single_label_classification"
    heads = [model.classifier.weight for model in models]
    assert heads[0].shape == (3, 16)
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])


def test_a_regression_has_one_output(source):
    model = checkpoint.load_source(source, kind=VALUES, labels=None, finetuned=False)
    assert model.classifier.weight.shape == (1, 16)
    assert model.config.problem_type == "regression"


def test_a_finetuned_source_comes_with_its_head(folder, tiny):
    """Cut or not, as it is; but only for as many classes as it knows."""
    assert same(checkpoint.load_source(folder, kind=CLASSES, labels=["a", "b"], finetuned=True), tiny())
    with pytest.raises(EdgeminError, match=f"^{folder}: the fine-tuned model has 2 outputs, the task 3"):
        checkpoint.load_source(folder, kind=CLASSES, labels=["a", "b", "c"], finetuned=True)


def test_a_cut_source_keeps_its_cuts(tiny, save, tmp_path):
    model = tiny()
    keep_heads(model, ((0, 2, 3), (1,)))
    assert same(checkpoint.load_source(save(model, tmp_path), kind=CLASSES, labels=["a", "b"], finetuned=True), model)


def test_a_head_of_another_size_is_named(folder):
    with pytest.raises(EdgeminError, match=f"^{folder}: .*another size.*classifier"):
        checkpoint.load_source(folder, kind=CLASSES, labels=["a", "b", "c"], finetuned=False)


def test_a_source_without_its_head_or_some_layer_is_refused(source, folder, tmp_path):
    with pytest.raises(EdgeminError, match=f"^{source}: .*missing.*classifier"):
        checkpoint.load_source(source, kind=CLASSES, labels=["a", "b"], finetuned=True)
    from safetensors.torch import save_file

    weights = read_weights(folder / "model.safetensors")
    del weights["bert.encoder.layer.1.output.dense.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    write_provenance(folder, spec={})
    with pytest.raises(EdgeminError, match=f"^{folder}: .*missing.*bert.encoder.layer.1.output.dense.weight"):
        checkpoint.load_source(folder, kind=CLASSES, labels=["a", "b"], finetuned=False)


def test_saving_leaves_the_model_as_it_was(tiny, save, tmp_path):
    model = tiny()
    before = copy.deepcopy(model)
    save(model, tmp_path)
    assert same(before, model)
