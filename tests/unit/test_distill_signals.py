"""Capturing Q, K and V, the cache of teacher signals, and the student that a distill stage starts from."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from safetensors import safe_open

from edgemin.config.variants import Distill
from edgemin.deploy.onnx_export import random_inputs
from edgemin.distill import teachers
from edgemin.distill.capture import PROJECTIONS, Capture, layer_number
from edgemin.distill.signals import CachedSignals, LiveSignals, bytes_of, write_cache
from edgemin.distill.stage import distill, make_student
from edgemin.encoders import checkpoint
from edgemin.encoders.families import FAMILIES, family_of, layers_of
from edgemin.encoders.structure import Structure
from edgemin.encoders.surgery import keep_heads
from edgemin.errors import EdgeminError
from edgemin.files import read_json
from edgemin.provenance import check_provenance, write_provenance
from edgemin.training.data import read_examples

FACTS = {"teacher": "t", "data": "d"}


@pytest.mark.parametrize("family", FAMILIES)
def test_captured_projections_are_the_linear_outputs(tiny, family):
    """x W^T + b of the layer's input, all heads side by side; gone after `remove`."""
    model = tiny(family)
    keep_heads(model, ((0, 2, 3), (1,)))
    capture = Capture(model, [1])
    with torch.no_grad():
        hidden = model(**random_inputs(model, 2, 7, seed=0), output_hidden_states=True).hidden_states
        for projection in PROJECTIONS:
            linear = layers_of(model)[1].get_submodule(getattr(family_of(model.config), projection))
            expected = hidden[1] @ linear.weight.T + linear.bias
            assert expected.shape == (2, 7, 4)
            torch.testing.assert_close(capture[1, projection], expected, rtol=0, atol=1e-5)  # float32
        before = capture[1, "query"]
        capture.remove()
        model(**random_inputs(model, 2, 7, seed=1))
    assert capture[1, "query"] is before


def test_last_is_the_last_layer(tiny):
    assert [layer_number(tiny(), layer, "key") for layer in ("last", 0, 1)] == [1, 0, 1]
    with pytest.raises(EdgeminError, match=r"^key: layer 2 does not exist; the model has layers 0 to 1"):
        layer_number(tiny(), 2, "key")


NEEDS = ("logits", "qkv_last", "qkv_0")


@pytest.fixture(scope="module")
def teacher(tiny):
    return tiny()


@pytest.fixture(scope="module")
def train(data, source):
    return read_examples(data, "train", source, 16)


@pytest.fixture(scope="module")
def caches(tmp_path_factory, teacher, train):
    folder = tmp_path_factory.mktemp("caches")
    for need in NEEDS:
        write_cache(teacher, train, need, folder / f"{need}.safetensors", "fp32", FACTS)
    return [folder / f"{need}.safetensors" for need in NEEDS]


def test_a_cached_batch_is_the_batch_of_a_live_teacher(teacher, train, caches):
    """The first 64 by length are the batch that the cache was computed in: equal to the bit, bf16 of Q, K, V included."""
    indices = np.argsort(train.lengths, kind="stable")[:64].tolist()
    length = train.collate(indices)["inputs"]["input_ids"].shape[1]
    live = LiveSignals(teacher, train, NEEDS, "fp32")
    theirs, ours = live.batch(indices, length), CachedSignals(caches, train, FACTS).batch(indices, length)
    assert theirs.keys() == ours.keys() == {"logits"} | {f"{need}.{name}" for need in NEEDS[1:] for name in PROJECTIONS}
    for name in theirs:
        assert theirs[name].dtype == ours[name].dtype == (torch.float32 if name == "logits" else torch.bfloat16)
        assert torch.equal(theirs[name], ours[name]), name
    live.capture.remove()


def test_any_other_batch_agrees_to_rounding(teacher, train, caches):
    """Another composition is another order of float32 sums, which may turn the last of bf16's 8 bits."""
    indices = [90, 3, 41, 3]
    length = train.collate(indices)["inputs"]["input_ids"].shape[1] + 8  # a longer batch than the teacher needs
    live = LiveSignals(teacher, train, NEEDS, "fp32")
    theirs, ours = live.batch(indices, length), CachedSignals(caches, train, FACTS).batch(indices, length)
    for name in theirs:
        torch.testing.assert_close(theirs[name], ours[name], rtol=1e-5 if name == "logits" else 2**-7, atol=1e-5)
        if name != "logits":
            assert ours[name].shape[1] == length
            for row, index in enumerate(indices):
                assert not ours[name][row, train.lengths[index] :].any()
    live.capture.remove()


def test_the_cache_holds_every_token_once(train, caches):
    with safe_open(caches[1], framework="pt") as file:
        assert set(file.keys()) == {"offsets", *(f"qkv_last.{name}" for name in PROJECTIONS)}
        assert file.get_slice("qkv_last.query").get_shape() == [sum(train.lengths), 16]
        assert file.get_tensor("offsets").tolist() == [0, *np.cumsum(train.lengths)]


@pytest.mark.parametrize("need", NEEDS)
def test_the_size_of_a_cache_is_known_before(teacher, train, caches, need):
    """Four bytes a logit; two a value of Q, K and V, each 16 wide."""
    expected = len(train) * 2 * 4 if need == "logits" else sum(train.lengths) * 3 * 16 * 2
    with safe_open(caches[NEEDS.index(need)], framework="pt") as file:
        stored = sum(file.get_tensor(name).nbytes for name in set(file.keys()) - {"offsets"})
    assert bytes_of(teacher, train, need) == stored == expected


@pytest.mark.parametrize("changed", FACTS)
def test_a_foreign_cache_is_refused(train, caches, changed):
    with pytest.raises(EdgeminError, match=f"^{caches[0]}: made with another {changed}"):
        CachedSignals(caches, train, {**FACTS, changed: "other"})


def test_other_token_counts_are_refused(data, source, caches):
    """Logits are per sentence and do not mind; Q, K and V are per token."""
    cut = read_examples(data, "train", source, 6)
    CachedSignals(caches[:1], cut, FACTS)
    with pytest.raises(EdgeminError, match=f"^{caches[1]}: the student's tokenizer gives other token counts"):
        CachedSignals(caches, cut, FACTS)


@pytest.mark.parametrize("content", [b"", b"{}", None], ids=["empty", "foreign", "missing"])
def test_an_unreadable_cache_is_named(train, tmp_path, content):
    if content is not None:
        (tmp_path / "x").write_bytes(content)
    with pytest.raises(EdgeminError, match=f"^{tmp_path}/x: not a readable teacher cache"):
        CachedSignals([tmp_path / "x"], train, FACTS)


@pytest.fixture(scope="module")
def parent(tiny, save, tmp_path_factory):
    """A checkpoint with three of four and one of four heads."""
    model = tiny()
    keep_heads(model, ((0, 2, 3), (1,)))
    return save(model, tmp_path_factory.mktemp("parent"))


def variant(student, phases=1, **term) -> Distill:
    terms = [{"objective": "logits", **term}, {"objective": "minilmv2", "relation_heads": 2}]
    return Distill.model_validate({"student": student, "phases": [{"epochs": 1, "batch_size": 32, "terms": terms}] * phases})


def test_a_student_starts_from_its_parents_layers(parent):
    whole = checkpoint.load(parent)
    same, folder = make_student(variant("parent"), parent, None, ["a", "b"], seed=0)
    assert folder == parent
    assert all(torch.equal(tensor, same.state_dict()[name]) for name, tensor in whole.state_dict().items())
    student, _ = make_student(variant({"layers": [1]}), parent, None, ["a", "b"], seed=0)
    assert Structure.of(student.config).heads == ((1,),)
    assert torch.equal(student.bert.encoder.layer[0].output.dense.weight, whole.bert.encoder.layer[1].output.dense.weight)
    assert torch.equal(student.classifier.weight, whole.classifier.weight)


def test_a_student_of_its_own_inherits_nothing_but_the_labels(parent, source):
    student, tokenizer = make_student(variant({"source": {"path": "x"}}), parent, source, ["a", "b", "c"], seed=0)
    assert tokenizer == source
    assert student.classifier.weight.shape == (3, 16)
    stored = checkpoint.read_weights(source / "model.safetensors")
    assert all(torch.equal(student.state_dict()[name], tensor) for name, tensor in stored.items())


@pytest.fixture
def manifests(parent, data, tmp_path):
    """manifests(limit_gb): cache what a teacher says; the files that say where."""

    def make(limit_gb: float = 8.0, needs=("logits", "qkv_last")):
        for need in needs:
            teachers.cache(parent, data, need, tmp_path / f"{need}.json", 16, "fp32", 1, limit_gb)
        return [tmp_path / f"{need}.json" for need in needs]

    return make


def test_signals_are_the_same_from_a_cache_a_lost_cache_or_a_live_teacher(parent, data, train, manifests, tmp_path):
    """Above the limit nothing is stored: 96 sentences of two logits are 768 bytes, Q, K and V are more."""
    indices = np.argsort(train.lengths, kind="stable")[:64].tolist()  # the batch that the cache is computed in
    length = train.collate(indices)["inputs"]["input_ids"].shape[1]
    batches = []
    for limit, lose in ((8.0, False), (8.0, True), (768e-9, False), (0.0, False)):
        for path in tmp_path.glob("*.safetensors"):
            path.unlink()
        files = manifests(limit)
        stored = {path.stem: path for path in tmp_path.glob("*.safetensors")}
        assert set(stored) == {file.stem for file in files if not read_json(file)["live"]}
        assert [read_json(file)["live"] for file in files] == [limit == 0, limit < 8]
        if lose:
            stored["logits"].unlink()
        signals = teachers.signals(files, parent, parent, data, train, 16, "fp32")
        batches.append(signals.batch(indices, length))
    for batch in batches[1:]:
        assert batch.keys() == batches[0].keys()
        assert all(torch.equal(batch[name], batches[0][name]) for name in batch)
    assert teachers.signals([], parent, parent, data, train, 16, "fp32") is None


def test_a_distill_job_from_caches_to_checkpoint(parent, data, manifests, tmp_path):
    """96 sentences in batches of 32 are three updates; the student keeps the one head of its parent's second layer."""
    spec = {"variant": variant({"layers": [1]}).model_dump(mode="json"), "max_length": 16, "metric": "accuracy"}
    spec |= {"seed": 0, "precision": "fp32", "threads": 1}
    distill(parent, parent, None, manifests(), data, tmp_path / "out", tmp_path / "scratch", spec)
    assert Structure.of(checkpoint.load(tmp_path / "out").config).heads == ((1,),)
    [phase] = read_json(tmp_path / "out" / "history.json")["phases"]
    assert phase["updates"] == 3
    assert set(phase["last_terms"]) == {"logits", "minilmv2"}
    assert str(parent / "model.safetensors") in check_provenance(tmp_path / "out")["parents"]


def test_training_from_the_cache_gives_the_losses_of_a_live_teacher(parent, data, manifests, tmp_path):
    """The teacher under bf16 autocast: its cache was computed in other batches, which moves the last of bf16's eight bits."""
    logs = []
    for name, limit in (("cached", 8.0), ("live", 0.0)):
        spec = {"variant": variant({"layers": [1]}, phases=2).model_dump(mode="json"), "max_length": 16, "metric": "accuracy"}
        spec |= {"seed": 0, "precision": "bf16", "threads": 1}
        distill(parent, parent, None, manifests(limit), data, tmp_path / name, tmp_path / "scratch", spec)
        phases = read_json(tmp_path / name / "history.json")["phases"]
        logs.append([entry["loss"] for phase in phases for entry in phase["log"] if "loss" in entry])
    assert len(logs[0]) == 6  # two phases of three updates, each logged
    assert logs[0] == pytest.approx(logs[1], rel=2**-7, abs=1e-4)


def test_a_student_of_other_pieces_cannot_follow_tokens(parent, data, source, train, manifests, tmp_path):
    """`good` is one piece of the teacher and several of the student."""
    student = shutil.copytree(source, tmp_path / "student")
    text = (student / "tokenizer.json").read_text(encoding="utf-8")
    (student / "tokenizer.json").write_text(text.replace('"good"', '"g00d"'), encoding="utf-8")
    write_provenance(student, spec={})
    with pytest.raises(EdgeminError, match=r"split '.*good.*' into different pieces"):
        teachers.signals(manifests(), parent, student, data, train, 16, "fp32")
    teachers.signals(manifests(needs=["logits"]), parent, student, data, train, 16, "fp32")
