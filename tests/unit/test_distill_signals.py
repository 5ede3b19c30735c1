"""The cache of teacher signals, and the student that a distill stage starts from."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open

from edgemin.config.variants import Distill, needs_of
from edgemin.distill import teachers
from edgemin.distill.capture import PROJECTIONS
from edgemin.distill.signals import CachedSignals, LiveSignals, Signal, bytes_of, signals_of, write_cache
from edgemin.distill.stage import distill, make_student
from edgemin.encoders import checkpoint
from edgemin.encoders.structure import Structure
from edgemin.encoders.surgery import keep_heads
from edgemin.errors import EdgeminError
from edgemin.files import read_json
from edgemin.provenance import check_provenance, write_provenance
from edgemin.tasks import store
from edgemin.training.data import read_examples

FACTS = {"teacher": "t", "data": "d"}


NEEDS = {
    "logits": {},
    "qkv_last": {name: Signal(name, 1) for name in PROJECTIONS},
    "qkv_0": {name: Signal(name, 0) for name in PROJECTIONS},
    "hidden_last": {"1": Signal("hidden", 2)},
    "hidden_map2": {str(n): Signal("hidden", n) for n in range(3)},
    "scores_last": {"1": Signal("scores", 1)},
    "scores_map2": {"1": Signal("scores", 0), "2": Signal("scores", 1)},
}
"""What each says of a teacher of two layers."""
NAMES = {f"{need}.{name}" for need, parts in NEEDS.items() for name in parts}


@pytest.fixture(scope="module")
def teacher(tiny):
    """Four heads in the first layer, three in the second."""
    model = tiny()
    keep_heads(model, (range(4), (0, 1, 3)))
    return model


@pytest.fixture(scope="module")
def train(data, source):
    return read_examples(data, "train", source, 16)


@pytest.fixture(scope="module")
def caches(tmp_path_factory, teacher, train):
    folder = tmp_path_factory.mktemp("caches")
    for need in NEEDS:
        write_cache(teacher, train, need, folder / f"{need}.safetensors", "fp32", FACTS)
    return [folder / f"{need}.safetensors" for need in NEEDS]


@pytest.mark.parametrize("need", NEEDS)
def test_a_need_says_which_signals_it_comprises(teacher, need):
    assert signals_of(need, teacher) == {f"{need}.{name}": signal for name, signal in NEEDS[need].items()}


def test_layers_are_mapped_evenly(tiny):
    """Twelve layers on six, as for TinyBERT: hidden states 0, 2 .. 12, attention of the layers 1, 3 .. 11."""
    teacher = tiny(num_hidden_layers=12)
    found = {
        need: list(signals_of(need, teacher).items()) for need in ("hidden_map6", "scores_map6", "hidden_last", "scores_last")
    }
    assert found == {
        "hidden_map6": [(f"hidden_map6.{n}", Signal("hidden", 2 * n)) for n in range(7)],
        "scores_map6": [(f"scores_map6.{n}", Signal("scores", 2 * n - 1)) for n in range(1, 7)],
        "hidden_last": [("hidden_last.1", Signal("hidden", 12))],
        "scores_last": [("scores_last.1", Signal("scores", 11))],
    }


@pytest.mark.parametrize("kind", ["hidden", "scores"])
def test_layers_that_cannot_be_mapped_evenly_are_an_error(tiny, kind):
    with pytest.raises(EdgeminError, match=r"^layers: 5 do not divide the teacher's 12 layers evenly; choose a divisor"):
        signals_of(f"{kind}_map5", tiny(num_hidden_layers=12))


def test_a_cached_batch_is_the_batch_of_a_live_teacher(teacher, train, caches):
    """The first 64 by length are the batch that the cache was computed in: equal to the bit, what is stored in bf16 too."""
    indices = np.argsort(train.lengths, kind="stable")[:64].tolist()
    length = train.collate(indices)["inputs"]["input_ids"].shape[1]
    live = LiveSignals(teacher, train, list(NEEDS), "fp32")
    theirs, ours = live.batch(indices, length), CachedSignals(caches, train, FACTS).batch(indices, length)
    assert theirs.keys() == ours.keys() == {"logits"} | NAMES
    for name in theirs:
        assert theirs[name].dtype == ours[name].dtype == (torch.float32 if name == "logits" else torch.bfloat16)
        assert torch.equal(theirs[name], ours[name]), name
    live.capture.remove()


def test_any_other_batch_agrees_to_rounding(teacher, train, caches):
    """Another composition is another order of float32 sums, which may turn the last of bf16's 8 bits."""
    indices = [90, 3, 41, 3]
    length = train.collate(indices)["inputs"]["input_ids"].shape[1] + 8  # a longer batch than the teacher needs
    live = LiveSignals(teacher, train, list(NEEDS), "fp32")
    theirs, ours = live.batch(indices, length), CachedSignals(caches, train, FACTS).batch(indices, length)
    for name in theirs:
        torch.testing.assert_close(theirs[name], ours[name], rtol=1e-5 if name == "logits" else 2**-7, atol=1e-5)
        if name != "logits":
            pairwise = name.startswith("scores_")
            assert ours[name].shape[1:-1] == ((length, length) if pairwise else (length,))
            for row, index in enumerate(indices):
                values, n = ours[name][row], train.lengths[index]
                assert values[:n].any()
                assert not values[n:].any()
                assert not (pairwise and values[:, n:].any())
    live.capture.remove()


def test_signals_are_the_models_own(teacher, train, caches):
    """A text alone, unpadded: hidden states and last attention as the teacher gives them out, rounded to bf16."""
    teacher.set_attn_implementation("eager")
    inputs = {name: torch.tensor([values]) for name, values in train.tokens[7].items()}
    with torch.no_grad():
        outputs = teacher(**inputs, output_hidden_states=True, output_attentions=True)
    teacher.set_attn_implementation("sdpa")
    said = CachedSignals(caches, train, FACTS).batch([7], train.lengths[7])
    torch.testing.assert_close(said["logits"], outputs.logits, rtol=0, atol=1e-5)
    for n, hidden in enumerate(outputs.hidden_states):
        torch.testing.assert_close(said[f"hidden_map2.{n}"].float(), hidden, rtol=2**-8, atol=1e-5)
    for n, attention in enumerate(outputs.attentions, 1):
        found = said[f"scores_map2.{n}"].float().softmax(2).permute(0, 3, 1, 2)
        torch.testing.assert_close(found, attention, rtol=2**-9, atol=0)  # e^x of a bf16 x below 1


def test_a_cache_computed_again_is_the_same_file(teacher, train, caches, tmp_path):
    """In this process and in others: with two keys, safetensors would order its header by chance."""
    write_cache(teacher, train, "qkv_last", tmp_path / "again", "fp32", FACTS)
    assert (tmp_path / "again").read_bytes() == caches[list(NEEDS).index("qkv_last")].read_bytes()
    with safe_open(tmp_path / "again", framework="pt") as opened:
        assert list(opened.metadata()) == ["facts"]


def test_the_cache_holds_every_token_and_every_pair_once(train, caches):
    lengths, files = np.array(train.lengths), dict(zip(NEEDS, caches, strict=True))
    expected = {
        "qkv_0": {f"qkv_0.{name}": [lengths.sum(), 16] for name in PROJECTIONS},
        "qkv_last": {f"qkv_last.{name}": [lengths.sum(), 12] for name in PROJECTIONS},
        "hidden_map2": {f"hidden_map2.{n}": [lengths.sum(), 16] for n in range(3)},
        "scores_map2": {"scores_map2.1": [(lengths**2).sum(), 4], "scores_map2.2": [(lengths**2).sum(), 3]},
    }
    for need, shapes in expected.items():
        with safe_open(files[need], framework="pt") as file:
            assert {name: file.get_slice(name).get_shape() for name in set(file.keys()) - {"offsets", "logits"}} == shapes
            assert file.get_slice("logits").get_shape() == [96, 2]
            assert file.get_tensor("offsets").tolist() == [0, *np.cumsum(lengths)]


@pytest.mark.parametrize(
    ("need", "per_token", "per_pair"),
    [
        ("logits", 0, 0),
        ("qkv_last", 3 * 12, 0),
        ("qkv_0", 3 * 16, 0),
        ("hidden_last", 16, 0),
        ("hidden_map2", 3 * 16, 0),
        ("scores_last", 0, 3),
        ("scores_map2", 0, 4 + 3),
    ],
)
def test_the_size_of_a_cache_is_known_before(teacher, train, caches, need, per_token, per_pair):
    """Four bytes for each of two logits, which are always there; two for a value of a token or of a pair of tokens."""
    lengths = np.array(train.lengths)
    expected = len(train) * 2 * 4 + 2 * (lengths.sum() * per_token + (lengths**2).sum() * per_pair)
    with safe_open(caches[list(NEEDS).index(need)], framework="pt") as file:
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


def test_a_student_of_its_own_starts_from_the_layers_that_are_named(parent, source):
    student, _ = make_student(variant({"source": {"path": "x"}, "layers": [0, 2]}), parent, source, ["a", "b"], seed=0)
    stored = checkpoint.read_weights(source / "model.safetensors")
    assert student.config.num_hidden_layers == len(student.bert.encoder.layer) == 2
    for number, origin in enumerate((0, 2)):
        for name, tensor in student.bert.encoder.layer[number].state_dict().items():
            [theirs] = (values for key, values in stored.items() if key.endswith(f"encoder.layer.{origin}.{name}"))
            assert torch.equal(tensor, theirs)


@pytest.fixture
def manifests(parent, data, tmp_path):
    """manifests(limit_gb): cache what a teacher says; the files that say where."""

    def make(limit_gb: float = 8.0, needs=("logits", "qkv_last"), rows=None):
        for need in needs:
            teachers.cache(parent, data, rows or data / "train.parquet", need, tmp_path / f"{need}.json", 16, "fp32", 1, limit_gb)
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
        signals = teachers.signals(files, parent, parent, data, data / "train.parquet", train, 16, "fp32")
        batches.append(signals.batch(indices, length))
    for batch in batches[1:]:
        assert batch.keys() == batches[0].keys()
        assert all(torch.equal(batch[name], batches[0][name]) for name in batch)
    assert teachers.signals([], parent, parent, data, data / "train.parquet", train, 16, "fp32") is None


def test_a_distill_job_from_caches_to_checkpoint(parent, data, manifests, tmp_path):
    """96 sentences in batches of 32 are three updates; the student keeps the one head of its parent's second layer."""
    spec = {"variant": variant({"layers": [1]}).model_dump(mode="json"), "max_length": 16, "metric": "accuracy"}
    spec |= {"seed": 0, "precision": "fp32", "threads": 1}
    distill(parent, parent, None, None, manifests(), data, tmp_path / "out", tmp_path / "scratch", spec)
    assert Structure.of(checkpoint.load(tmp_path / "out").config).heads == ((1,),)
    [phase] = read_json(tmp_path / "out" / "history.json")["phases"]
    assert phase["updates"] == 3
    assert set(phase["last_terms"]) == {"logits", "minilmv2"}
    assert phase["projection_parameters"] == 0
    assert str(parent / "model.safetensors") in check_provenance(tmp_path / "out")["parents"]


def test_a_distill_job_in_tinyberts_two_steps(parent, data, manifests, tmp_path):
    """The intermediate step chooses no epoch and has a projection of 16 by 16; the prediction step reads its logits out of
    the caches of the other. The checkpoint is a student's and no more."""
    terms = [{"objective": "tinybert", "layers": 2}], [{"objective": "logits", "loss": "cross_entropy"}]
    phases = [{"epochs": 1, "batch_size": 32, "terms": each} for each in terms]
    job = Distill.model_validate({"student": "parent", "phases": phases})
    needs = needs_of(job.phases)
    assert needs == ["hidden_map2", "scores_map2"]
    spec = {"variant": job.model_dump(mode="json"), "max_length": 16, "metric": "accuracy"}
    spec |= {"seed": 0, "precision": "fp32", "threads": 1}
    distill(parent, parent, None, None, manifests(needs=needs), data, tmp_path / "out", tmp_path / "scratch", spec)
    first, second = read_json(tmp_path / "out" / "history.json")["phases"]
    assert set(first["last_terms"]) == {"tinybert", "tinybert.embeddings", "tinybert.hidden", "tinybert.attention"}
    assert set(second["last_terms"]) == {"logits"}
    assert [phase["projection_parameters"] for phase in (first, second)] == [16 * 16, 0]
    assert [len(phase["validation"]) for phase in (first, second)] == [0, 1]
    stored = checkpoint.read_weights(tmp_path / "out" / "model.safetensors")
    assert stored.keys() == checkpoint.read_weights(parent / "model.safetensors").keys()


def test_a_distill_job_on_a_transfer_set(parent, data, manifests, tmp_path):
    """40 training rows and as many without a label: 80 in batches of 32 are three updates, in place of the 96 rows."""
    rows = store.read_split(data, "train")
    texts = pd.DataFrame({"id": [f"new-{n}" for n in range(40)], "text": [f"the film is fine {n}" for n in range(40)]})
    transfer = tmp_path / "transfer.parquet"
    pd.concat([rows[:40], texts], ignore_index=True).to_parquet(transfer, index=False)
    spec = {"variant": variant({"layers": [1]}).model_dump(mode="json"), "max_length": 16, "metric": "accuracy"}
    spec |= {"seed": 0, "precision": "fp32", "threads": 1}
    spec["variant"]["phases"][0]["terms"].append({"objective": "labels"})
    with pytest.raises(EdgeminError, match="made with another data"):
        distill(parent, parent, None, transfer, manifests(), data, tmp_path / "out", tmp_path / "scratch", spec)
    caches = manifests(rows=transfer)
    distill(parent, parent, None, transfer, caches, data, tmp_path / "out", tmp_path / "scratch", spec)
    [phase] = read_json(tmp_path / "out" / "history.json")["phases"]
    assert (phase["updates"], phase["examples_seen"]) == (3, 80)
    parents = check_provenance(tmp_path / "out")["parents"]
    assert str(transfer) in parents
    assert str(data / "train.parquet") not in parents


def test_training_from_the_cache_gives_the_losses_of_a_live_teacher(parent, data, manifests, tmp_path):
    """The teacher under bf16 autocast: its cache was computed in other batches, which moves the last of bf16's eight bits."""
    logs = []
    for name, limit in (("cached", 8.0), ("live", 0.0)):
        spec = {"variant": variant({"layers": [1]}, phases=2).model_dump(mode="json"), "max_length": 16, "metric": "accuracy"}
        spec |= {"seed": 0, "precision": "bf16", "threads": 1}
        distill(parent, parent, None, None, manifests(limit), data, tmp_path / name, tmp_path / "scratch", spec)
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
        teachers.signals(manifests(), parent, student, data, data / "train.parquet", train, 16, "fp32")
    signals = teachers.signals(manifests(needs=["logits"]), parent, student, data, data / "train.parquet", train, 16, "fp32")
    assert set(signals.batch([0], 16)) == {"logits"}
