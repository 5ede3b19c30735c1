"""The distill stage: the student that it starts from, its teacher out of caches, and whole jobs."""

from __future__ import annotations

import logging
import shutil

import numpy as np
import pandas as pd
import pytest
import torch

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json, sha256
from edgemin.core.provenance import check_provenance, write_provenance
from edgemin.data import store
from edgemin.data.tokenizing import write_tokens
from edgemin.encoders import checkpoint
from edgemin.encoders.surgery import keep_heads
from edgemin.encoders.weights import read_weights
from edgemin.methods.distill import teachers
from edgemin.methods.distill.stage import distill, make_student
from edgemin.study.distilling import Distill
from edgemin.study.registry import KINDS
from edgemin.study.structure import Structure
from edgemin.study.term import needs_of
from edgemin.training.data import read_examples
from edgemin.training.run import Files

KIND = KINDS["classification"]
SPEC = {"metric": "accuracy", "seed": 0, "precision": "fp32", "threads": 1}


@pytest.fixture(scope="module")
def train(tokens, source):
    return read_examples(tokens / "train.arrow", KIND, source)


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
    same, folder = make_student(variant("parent"), parent, None, KIND, ["a", "b"], seed=0)
    assert folder == parent
    assert all(torch.equal(tensor, same.state_dict()[name]) for name, tensor in whole.state_dict().items())
    student, _ = make_student(variant({"layers": [1]}), parent, None, KIND, ["a", "b"], seed=0)
    assert Structure.of(student.config).heads == ((1,),)
    assert torch.equal(student.bert.encoder.layer[0].output.dense.weight, whole.bert.encoder.layer[1].output.dense.weight)
    assert torch.equal(student.classifier.weight, whole.classifier.weight)


def test_a_layer_that_the_parent_lacks_is_named(parent):
    with pytest.raises(EdgeminError, match=r"^student.layers names layer 2, the parent has layers 0 to 1"):
        make_student(variant({"layers": [1, 2]}), parent, None, KIND, ["a", "b"], seed=0)


def test_a_student_of_its_own_inherits_nothing_but_the_labels(parent, source):
    student, tokenizer = make_student(variant({"source": {"path": "x"}}), parent, source, KIND, ["a", "b", "c"], seed=0)
    assert tokenizer == source
    assert student.classifier.weight.shape == (3, 16)
    stored = read_weights(source / "model.safetensors")
    assert all(torch.equal(student.state_dict()[name], tensor) for name, tensor in stored.items())


def test_a_student_of_its_own_has_a_head_for_its_kind_of_task_drawn_by_the_seed(parent, source):
    def head(kind, labels, seed):
        student, _ = make_student(variant({"source": {"path": "x"}}), parent, source, kind, labels, seed)
        assert student.config.problem_type == kind.problem_type
        return student.classifier.weight

    values = [head(KINDS["regression"], None, seed) for seed in (0, 0, 1)]
    assert values[0].shape == (1, 16)
    assert torch.equal(values[0], values[1])
    assert not torch.equal(values[0], values[2])
    assert head(KIND, ["a", "b"], 0).shape == (2, 16)


def test_a_student_of_its_own_starts_from_the_layers_that_are_named(parent, source):
    student, _ = make_student(variant({"source": {"path": "x"}, "layers": [0, 2]}), parent, source, KIND, ["a", "b"], seed=0)
    stored = read_weights(source / "model.safetensors")
    assert student.config.num_hidden_layers == len(student.bert.encoder.layer) == 2
    for number, origin in enumerate((0, 2)):
        for name, tensor in student.bert.encoder.layer[number].state_dict().items():
            [theirs] = (values for key, values in stored.items() if key.endswith(f"encoder.layer.{origin}.{name}"))
            assert torch.equal(tensor, theirs)


@pytest.fixture
def teacher_files(parent, tokens, tmp_path):
    """teacher_files(limit_gb): cache what a teacher says; where it is."""

    def make(limit_gb: float = 8.0, needs=("logits", "qkv_last"), texts=tokens / "train.arrow") -> teachers.TeacherFiles:
        for need in needs:
            spec = {**SPEC, "limit_gb": limit_gb}
            teachers.cache(teachers.TeacherFiles(parent, texts), need, tmp_path / f"{need}.json", spec)
        return teachers.TeacherFiles(parent, texts, [tmp_path / f"{need}.json" for need in needs])

    return make


def test_a_manifest_says_what_was_stored_and_what_it_was_made_from(teacher_files, parent, tokens, tmp_path):
    """Four bytes for each of 96 texts' two logits, beside a header; too much for a limit of 767."""
    [manifest] = teacher_files(needs=["logits"]).caches
    told = read_json(manifest)
    made_from = {"teacher": sha256(parent / "model.safetensors"), "data": sha256(tokens / "train.arrow")}
    assert told.pop("seconds") > 0
    assert told == {"need": "logits", "live": False, "bytes": 768, **made_from}
    assert manifest.with_suffix(".safetensors").stat().st_size > 768
    manifest.with_suffix(".safetensors").unlink()
    [manifest] = teacher_files(767e-9, needs=["logits"]).caches
    assert read_json(manifest) == {"need": "logits", "live": True, "bytes": 768, "seconds": 0, **made_from}
    assert not list(tmp_path.glob("*.safetensors"))


def test_signals_are_the_same_from_a_cache_a_lost_cache_or_a_live_teacher(parent, tokens, train, teacher_files, tmp_path, caplog):
    """Above the limit nothing is stored: 96 sentences of two logits are 768 bytes, Q, K and V are more."""
    caplog.set_level(logging.INFO)
    indices = np.argsort(train.lengths, kind="stable")[:64].tolist()  # the batch that the cache is computed in
    length = train.collate(indices)["inputs"]["input_ids"].shape[1]
    batches = []
    for limit, lose in ((8.0, False), (8.0, True), (768e-9, False), (0.0, False)):
        for path in tmp_path.glob("*.safetensors"):
            path.unlink()
        found = teacher_files(limit)
        stored = {path.stem: path for path in tmp_path.glob("*.safetensors")}
        assert set(stored) == {file.stem for file in found.caches if not read_json(file)["live"]}
        assert [read_json(file)["live"] for file in found.caches] == [limit == 0, limit < 8]
        if lose:
            stored["logits"].unlink()
        batches.append(teachers.signals(found, parent, SPEC, train).batch(indices, length))
        assert ("logits.safetensors was cleared away; computing it again" in caplog.text) == lose
        assert ("qkv_last would take " in caplog.text) == (limit < 8)
        caplog.clear()
    for batch in batches[1:]:
        assert batch.keys() == batches[0].keys()
        assert all(torch.equal(batch[name], batches[0][name]) for name in batch)
    assert teachers.signals(teachers.TeacherFiles(parent, tokens / "train.arrow"), parent, SPEC, train) is None


@pytest.fixture
def job(parent, tokens, tmp_path):
    """job(variant, teacher_files, out): run it; its phases, as the history tells them."""

    def run(
        variant: Distill, teacher_files: teachers.TeacherFiles, out="out", texts=tokens / "train.arrow", **changes
    ) -> list[dict]:
        files = Files(texts, tokens / "validation.arrow", tmp_path / out, tmp_path / "scratch")
        distill(parent, None, teacher_files, files, {**SPEC, "variant": variant.model_dump(mode="json"), **changes})
        return read_json(tmp_path / out / "history.json")["phases"]

    return run


def test_a_distill_job_from_caches_to_checkpoint(parent, tokens, teacher_files, job, tmp_path):
    """96 sentences in batches of 32 are three updates; the student keeps the one head of its parent's second layer."""
    [phase] = job(variant({"layers": [1]}), teacher_files())
    assert Structure.of(checkpoint.load(tmp_path / "out").config).heads == ((1,),)
    assert phase["updates"] == 3
    assert set(phase["last_terms"]) == {"logits", "minilmv2"}
    assert phase["projection_parameters"] == 0
    parents = check_provenance(tmp_path / "out")["parents"]
    made_from = (parent / "model.safetensors", tokens / "train.arrow", tokens / "validation.arrow")
    assert list(parents) == [str(file) for file in made_from]


def test_a_distill_job_in_tinyberts_two_steps(parent, teacher_files, job, tmp_path):
    """The intermediate step chooses no epoch and has a projection of 16 by 16; the prediction step reads its logits out of
    the caches of the other. The checkpoint is a student's and no more."""
    terms = [{"objective": "tinybert", "layers": 2}], [{"objective": "logits", "loss": "cross_entropy"}]
    phases = [{"epochs": 1, "batch_size": 32, "terms": each} for each in terms]
    asked = Distill.model_validate({"student": "parent", "phases": phases})
    needs = needs_of([term for phase in asked.phases for term in phase.terms])
    assert needs == ["hidden_map2", "scores_map2"]
    first, second = job(asked, teacher_files(needs=needs))
    assert set(first["last_terms"]) == {"tinybert", "tinybert.embeddings", "tinybert.hidden", "tinybert.attention"}
    assert set(second["last_terms"]) == {"logits"}
    assert [phase["projection_parameters"] for phase in (first, second)] == [16 * 16, 0]
    assert [len(phase["validation"]["loss"]) for phase in (first, second)] == [0, 1]
    assert read_weights(tmp_path / "out" / "model.safetensors").keys() == read_weights(parent / "model.safetensors").keys()


def test_a_distill_job_checks_what_is_known_now(teacher_files, job):
    """Its student's heads were cut: the job finds that out, whatever planning knew."""
    terms = [{"objective": "minilmv2", "relation_heads": 3}]
    asked = Distill.model_validate({"student": {"layers": [0]}, "phases": [{"terms": terms}]})
    with pytest.raises(EdgeminError, match=r"^minilmv2.relation_heads 3 does not divide both widths, student 12 and teacher 4;"):
        job(asked, teacher_files(needs=["qkv_last"]))


@pytest.fixture
def transfer(data, source, tmp_path):
    """The tokens of a transfer set: 40 training rows and as many texts without a label."""
    rows = store.read_split(data, "train")
    texts = pd.DataFrame({"id": [f"new-{n}" for n in range(40)], "text": [f"the film is fine {n}" for n in range(40)]})
    names = store.label_names(data)
    wide = store.to_dataset(pd.concat([rows[:40], texts], ignore_index=True), KIND, names)
    store.write_dataset(wide, tmp_path / "rows.arrow", label_names=names)
    write_tokens(tmp_path / "rows.arrow", source, 16, tmp_path / "transfer.arrow")
    return tmp_path / "transfer.arrow"


def test_a_distill_job_on_a_transfer_set(tokens, transfer, teacher_files, job, tmp_path):
    """80 texts in batches of 32 are three updates, in place of the 96 rows."""
    plain = variant({"layers": [1]}).model_dump(mode="json")
    plain["phases"][0]["terms"].append({"objective": "labels"})
    asked, of_training = Distill.model_validate(plain), teacher_files()
    of_others = teachers.TeacherFiles(of_training.teacher, transfer, of_training.caches)
    with pytest.raises(EdgeminError, match="made with another data"):
        job(asked, of_others, texts=transfer)
    [phase] = job(asked, teacher_files(texts=transfer), texts=transfer)
    assert (phase["updates"], phase["examples_seen"]) == (3, 80)
    parents = check_provenance(tmp_path / "out")["parents"]
    assert str(transfer) in parents
    assert str(tokens / "train.arrow") not in parents


def test_training_from_the_cache_gives_the_losses_of_a_live_teacher(teacher_files, job):
    """The teacher under bf16 autocast: its cache was computed in other batches, which moves the last of bf16's eight bits."""
    logs = []
    for name, limit in (("cached", 8.0), ("live", 0.0)):
        phases = job(variant({"layers": [1]}, phases=2), teacher_files(limit), out=name, precision="bf16")
        logs.append([entry["loss"] for phase in phases for entry in phase["log"] if "loss" in entry])
    assert len(logs[0]) == 6  # two phases of three updates, each logged
    assert logs[0] == pytest.approx(logs[1], rel=2**-7, abs=1e-4)


def test_a_student_of_other_pieces_cannot_follow_tokens(data, source, teacher_files, tmp_path):
    """`good` is one piece of the teacher and several of the student."""
    student = shutil.copytree(source, tmp_path / "student")
    text = (student / "tokenizer.json").read_text(encoding="utf-8")
    (student / "tokenizer.json").write_text(text.replace('"good"', '"g00d"'), encoding="utf-8")
    write_provenance(student, spec={})
    write_tokens(data / "train.arrow", student, 16, tmp_path / "train.arrow")
    theirs = read_examples(tmp_path / "train.arrow", KIND, student)
    rows = store.read_split(data, "train")
    first = rows["id"][rows["text"].str.contains(r"\bgood\b")].iloc[0]
    message = rf"^teacher and student split the text '{first}' of {tmp_path}/train.arrow into different pieces; token-level terms"
    with pytest.raises(EdgeminError, match=message):
        teachers.signals(teacher_files(), student, SPEC, theirs)
    signals = teachers.signals(teacher_files(needs=["logits"]), student, SPEC, theirs)
    assert set(signals.batch([0], 16)) == {"logits"}
