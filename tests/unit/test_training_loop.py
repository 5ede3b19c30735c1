from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from transformers import set_seed

from edgemin.config.variants import Labels, Phase
from edgemin.deploy.onnx_export import random_inputs
from edgemin.encoders import checkpoint
from edgemin.encoders.families import FAMILIES
from edgemin.errors import EdgeminError
from edgemin.files import read_json
from edgemin.provenance import check_provenance
from edgemin.tasks.metrics import compute
from edgemin.training import loop
from edgemin.training.data import read_examples
from edgemin.training.labels import NO_LABEL, LabelsTerm, labels_loss
from edgemin.training.precision import bf16_here, resolve
from edgemin.training.run import train_and_save
from edgemin.training.teacher import train_teacher

BATCH, PER_EPOCH = 16, 6  # 96 sentences


class Term(nn.Module):
    """Cross-entropy with the gold labels; `meddle(call, loss)` may raise, or give another loss, at the n-th call of all."""

    def __init__(self, meddle, calls: list) -> None:
        super().__init__()
        self.meddle, self.calls = meddle, calls

    def forward(self, logits, mask, labels, teacher):
        self.calls.append(None)
        return self.meddle(len(self.calls), F.cross_entropy(logits, labels))


class Normalised(Term):
    """Divided by its size at the first call, which a buffer keeps, and multiplied by a learned factor."""

    def __init__(self, meddle, calls: list) -> None:
        super().__init__(meddle, calls)
        self.register_buffer("first", torch.zeros(()))
        self.factor = nn.Parameter(torch.ones(()))

    def forward(self, logits, mask, labels, teacher):
        loss = super().forward(logits, mask, labels, teacher)
        if not self.first:
            self.first.copy_(loss.detach())
        return loss / self.first * self.factor


@pytest.fixture
def train(source, data, tmp_path):
    """train(meddle, epochs, phases, scratch): a student that always starts from the same weights; returns (student, history)."""
    train_set, validation = (read_examples(data, split, source, 16) for split in ("train", "validation"))

    def run(meddle=lambda call, loss: loss, epochs=3, phases=1, scratch="scratch", rate=0.02, dropout=None, term=Term):
        set_seed(0)
        student = checkpoint.load_source(source, labels=["negative", "positive"], finetuned=False)
        phase = Phase.model_validate(
            {"epochs": epochs, "batch_size": BATCH, "learning_rate": rate, "terms": [{"objective": "labels"}], "dropout": dropout}
        )
        settings = loop.Settings("accuracy", seed=0, precision="fp32", scratch=tmp_path / scratch)
        calls = []
        history = loop.train(student, [phase] * phases, lambda config: term(meddle, calls), train_set, validation, settings)
        return student, history

    run.validation = validation
    return run


def equal(one: nn.Module, other: nn.Module) -> bool:
    mine, theirs = one.state_dict(), other.state_dict()
    return all(torch.equal(mine[name], theirs[name]) for name in mine)


def power_cut(at: int):
    def meddle(call, loss):
        if call == at:
            raise KeyboardInterrupt
        return loss

    return meddle


@pytest.mark.parametrize("at", [2 * PER_EPOCH + 2, 3 * PER_EPOCH + 1, 5 * PER_EPOCH + 4])
def test_a_killed_run_goes_on_as_if_nothing_had_happened(train, at):
    """Two phases of three epochs, with dropout, killed in the third, fourth and sixth epoch: equal to the bit."""
    undisturbed, history = train(phases=2, scratch="undisturbed")
    with pytest.raises(KeyboardInterrupt):
        train(power_cut(at), phases=2)
    resumed, again = train(phases=2)
    assert equal(undisturbed, resumed)
    for phase, other in zip(history["phases"], again["phases"], strict=True):
        assert phase["validation"] == other["validation"]
        assert phase["selected_epoch"] == other["selected_epoch"]


def test_a_resumed_run_repeats_the_epoch_that_was_killed_and_no_more(train):
    """Killed at call 14 of 18, so at the second batch of the third epoch: six calls are left to do."""
    with pytest.raises(KeyboardInterrupt):
        train(power_cut(14))
    calls = []
    train(lambda call, loss: calls.append(call) or loss)
    assert len(calls) == PER_EPOCH


def test_a_resumed_run_goes_on_with_what_its_terms_hold(train):
    """A projection and the sizes of the first step, as some objectives have them: killed in the third epoch, equal to the bit."""
    undisturbed, history = train(scratch="undisturbed", term=Normalised)
    with pytest.raises(KeyboardInterrupt):
        train(power_cut(2 * PER_EPOCH + 2), term=Normalised)
    resumed, again = train(term=Normalised)
    assert equal(undisturbed, resumed)
    losses = [[entry["loss"] for entry in told["phases"][0]["log"] if "loss" in entry] for told in (history, again)]
    assert losses[0] == losses[1]
    assert losses[0][0] == 1
    assert history["phases"][0]["projection_parameters"] == 1


def test_runs_are_a_function_of_the_seed(train):
    assert equal(train(scratch="a")[0], train(scratch="b")[0])


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_names_step_and_batch(train, bad):
    """Update 8 of 18 is the second batch of the second epoch."""
    with pytest.raises(EdgeminError) as error:
        train(lambda call, loss: loss * bad if call == 8 else loss)
    assert f"loss is {bad} at step 8 of 18 (epoch 2, batch 2; terms: {{'labels': {bad}}})" in str(error.value)


def test_the_best_epoch_by_validation_is_kept(train):
    """Three epochs towards the labels, then three away from them."""
    student, history = train(lambda call, loss: loss if call <= 3 * PER_EPOCH else -loss, epochs=6, rate=0.01)
    [phase] = history["phases"]
    scores = phase["validation"]
    assert len(scores) == 6
    assert scores[-1] < max(scores)
    assert phase["selected_epoch"] == 1 + scores.index(max(scores)) <= 3
    kept = compute("accuracy", train.validation.labels, loop.predict(student, train.validation))
    assert kept == max(scores)


@pytest.mark.parametrize(("dropout", "same"), [(0.0, True), (None, False), (0.5, False)])
def test_dropout_of_a_phase_is_that_of_its_training(train, dropout, same):
    """Without it a training does not hang on torch's random numbers, which are drawn otherwise here from the second step on."""

    def disturbed(call, loss):
        torch.manual_seed(1000 + call)
        return loss

    usual, history = train(epochs=1, dropout=dropout, scratch="usual")
    other, again = train(disturbed, epochs=1, dropout=dropout, scratch="other")
    losses = [[entry["loss"] for entry in told["phases"][0]["log"] if "loss" in entry] for told in (history, again)]
    assert len(losses[0]) == PER_EPOCH
    assert losses[0][0] == losses[1][0]
    assert (losses[0] == losses[1]) == equal(usual, other) == same
    assert {module.p for module in usual.modules() if isinstance(module, nn.Dropout)} == {0.1}


@pytest.mark.parametrize("family", FAMILIES)
def test_no_dropout_leaves_nothing_to_chance(tiny, family):
    """In attention too, which reads the probability from its module. Two passes in training mode, equal to the bit."""
    model = tiny(family).train()
    inputs = random_inputs(model, 2, 7, seed=0)

    def differ() -> bool:
        with torch.no_grad():
            return not torch.equal(model(**inputs).logits, model(**inputs).logits)

    assert differ()
    with loop.dropout(model, 0.0):
        assert not differ()
    assert differ()


def test_dropout_is_as_before_afterwards():
    """Also after an exception; None changes nothing."""
    model = nn.Sequential(nn.Dropout(0.1), nn.Linear(1, 1), nn.Sequential(nn.Dropout(0.3)))

    def now() -> list[float]:
        return [model[0].p, model[2][0].p]

    with loop.dropout(model, None):
        assert now() == [0.1, 0.3]
    with loop.dropout(model, 0.5):
        assert now() == [0.5, 0.5]
    assert now() == [0.1, 0.3]
    with pytest.raises(ZeroDivisionError), loop.dropout(model, 0.0):
        1 / sum(now())  # which is 0 inside
    assert now() == [0.1, 0.3]


def test_history_counts_the_work(train):
    [phase] = train(epochs=2)[1]["phases"]
    assert (phase["updates"], phase["batch_size"], phase["examples_seen"]) == (2 * PER_EPOCH, BATCH, 2 * 96)
    rates = [entry["learning_rate"] for entry in phase["log"] if "learning_rate" in entry]
    # Logged after each update n of 12 by the schedule's next value: the peak after round(0.1 * 12) = 1 of warm-up.
    assert rates == pytest.approx([0.02 * min(n, (12 - n) / 11) for n in range(12)], rel=1e-6)


class Sum(nn.Module):
    """The sum of the student's logits, or of the teacher's."""

    def __init__(self, of: str) -> None:
        super().__init__()
        self.of = of

    def forward(self, logits, mask, labels, teacher):
        return {"student": logits, **teacher}[self.of].sum()


def test_the_loss_is_the_weighted_sum_of_the_terms(tiny):
    student = tiny()
    model = loop.Supervised(student, [("labels", 0.25, Sum("student")), ("logits", 3.0, Sum("logits"))])
    inputs = {"input_ids": torch.tensor([[2, 7, 3]]), "attention_mask": torch.ones(1, 3, dtype=torch.long)}
    with torch.no_grad():
        loss = model(inputs, torch.tensor([0]), {"logits": torch.tensor([[1.0, 2.0]])})["loss"]
        own = student(**inputs).logits.sum().item()
    assert loss.item() == pytest.approx(0.25 * own + 3 * 3, rel=1e-6)  # float32
    assert model.raw == pytest.approx({"labels": own, "logits": 3})


class Parts(Sum):
    """Tells what it is made of."""

    parts: ClassVar = {"first": 1.5, "second": 2.0}


def test_parts_of_a_term_stand_beside_it(tiny):
    model = loop.Supervised(tiny(), [("tinybert", 1.0, Parts("logits"))])
    inputs = {"input_ids": torch.tensor([[2, 7, 3]]), "attention_mask": torch.ones(1, 3, dtype=torch.long)}
    model(inputs, torch.tensor([0]), {"logits": torch.tensor([[1.0, 2.0]])})
    assert model.raw == {"tinybert": 3, "tinybert.first": 1.5, "tinybert.second": 2}


def test_predictions_come_in_the_order_of_the_examples(source, data):
    """Sorted, batched and padded inside; one by one and unpadded outside: float32 rounding between."""
    set_seed(0)
    model = checkpoint.load_source(source, labels=["a", "b"], finetuned=False)
    given = read_examples(data, "train", source, 16)
    with torch.no_grad():
        singly = [
            model(**{name: torch.tensor([ids]) for name, ids in example.items()}).logits[0].numpy() for example in given.tokens
        ]
    np.testing.assert_allclose(loop.predict(model, given), np.stack(singly), rtol=0, atol=1e-5)


def test_batches_carry_inputs_labels_and_signals(source, data):
    given = read_examples(data, "train", source, 16)

    class Signals:
        def batch(self, indices, length):
            return {"asked": (list(indices), length)}

    batch = given.collate([5, 0], Signals())
    assert {name: tuple(values.shape) for name, values in batch["inputs"].items()} == dict.fromkeys(
        ("input_ids", "token_type_ids", "attention_mask"), (2, 8 if max(given.lengths[i] for i in (5, 0)) <= 8 else 16)
    )
    assert batch["labels"].tolist() == [given.labels[5], given.labels[0]]
    assert batch["teacher"]["asked"] == ([5, 0], batch["inputs"]["input_ids"].shape[1])


def test_gold_labels_by_hand():
    """-log(e^2 / (e^2 + 1)) for the first row, log 2 for the second; for values (1 - 3)^2 and 0."""
    logits = torch.tensor([[2.0, 0.0], [1.0, 1.0]])
    expected = (math.log(1 + math.exp(-2)) + math.log(2)) / 2
    assert labels_loss(logits, torch.tensor([0, 1])).item() == pytest.approx(expected, rel=1e-6)  # float32
    assert labels_loss(torch.tensor([[1.0], [2.0]]), torch.tensor([3.0, 2.0])).item() == 2
    term = LabelsTerm(Labels(objective="labels"), nn.Linear(1, 1))
    assert term(logits, torch.ones(2, 1), torch.tensor([0, 1]), {}).item() == labels_loss(logits, torch.tensor([0, 1])).item()


def test_examples_without_a_label_do_not_count():
    """Class -100, value NaN: neither in the sum, nor in the number that it is divided by, nor in the gradient."""
    logits = torch.tensor([[2.0, 0.0], [9.0, -9.0], [1.0, 1.0], [7.0, 7.0]], requires_grad=True)
    loss = labels_loss(logits, torch.tensor([0, NO_LABEL, 1, NO_LABEL]))
    assert loss.item() == labels_loss(logits[[0, 2]], torch.tensor([0, 1])).item()
    loss.backward()
    assert logits.grad.abs().sum(1).tolist() == [pytest.approx(1 / (1 + math.exp(2)), rel=1e-6), 0, 0.5, 0]  # (p - 1) / 2, twice
    values = torch.tensor([[1.0], [5.0], [2.0]], requires_grad=True)
    loss = labels_loss(values, torch.tensor([3.0, math.nan, 2.5]))
    assert loss.item() == (4 + 0.25) / 2
    loss.backward()
    assert values.grad.flatten().tolist() == [-2, 0, -0.5]  # 2 (z - y) / 2


@pytest.mark.parametrize("gold", [torch.full((2,), NO_LABEL), torch.full((2,), math.nan)], ids=["classes", "values"])
def test_a_batch_without_labels_costs_nothing(gold):
    logits = torch.ones(2, 1 if gold.is_floating_point() else 3, requires_grad=True)
    loss = labels_loss(logits, gold)
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


def test_with_every_label_it_is_the_plain_mean():
    logits, gold = torch.randn(6, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 2, 1, 1, 0, 2])
    assert labels_loss(logits, gold).item() == pytest.approx(F.cross_entropy(logits, gold).item(), rel=1e-6)
    values = logits[:, 0]
    assert labels_loss(logits[:, 1:2], values).item() == pytest.approx(F.mse_loss(logits[:, 1], values).item(), rel=1e-6)


def test_precision_auto_is_what_the_device_computes_in():
    assert [resolve(name) for name in ("fp32", "bf16", "auto")] == ["fp32", "bf16", "bf16" if bf16_here() else "fp32"]


SPEC = {"max_length": 16, "metric": "accuracy", "seed": 0, "precision": "fp32", "threads": 1}


@pytest.mark.parametrize("epochs", [0, 1])
def test_a_training_job_leaves_a_checkpoint_and_no_scratch(source, data, tmp_path, epochs):
    """Without phases the model is written as it is."""
    set_seed(0)
    student = checkpoint.load_source(source, labels=["a", "b"], finetuned=False)
    before = {name: tensor.clone() for name, tensor in student.state_dict().items()}
    phases = [Phase.model_validate({"epochs": 1, "terms": [{"objective": "labels"}]})] * epochs
    train_and_save(
        student,
        phases,
        lambda config: LabelsTerm(config, student),
        data=data,
        tokenizer_folder=source,
        out=tmp_path / "out",
        scratch=tmp_path / "scratch",
        spec=SPEC,
        parents=[source / "model.safetensors"],
        name="test",
        facts=lambda: {"note": 7},
    )
    loaded = checkpoint.load(tmp_path / "out").state_dict()
    assert all(torch.equal(loaded[name], before[name]) for name in before) == (not epochs)
    parents = check_provenance(tmp_path / "out")["parents"]
    assert list(parents) == [str(source / "model.safetensors"), str(data / "train.parquet"), str(data / "validation.parquet")]
    history = read_json(tmp_path / "out" / "history.json")
    assert (len(history["phases"]), history["precision"], history["note"]) == (epochs, "fp32", 7)
    assert not list((tmp_path / "scratch").glob("*"))


def test_a_teacher_that_came_finetuned_is_taken_as_it_is(tiny, save, data, tmp_path):
    model = tiny()
    spec = {**SPEC, "teacher": {"source": {"path": "x"}, "training": "none"}}
    train_teacher(save(model, tmp_path / "source"), data, tmp_path / "out", tmp_path / "scratch", spec)
    assert equal(checkpoint.load(tmp_path / "out"), model)


def test_a_teacher_learns_its_task(source, data, tmp_path):
    """The adjective gives the label away: from a coin's toss to nearly all right, and the same from the same seed."""
    phases = [{"epochs": 4, "batch_size": 16, "learning_rate": 0.02}]
    spec = {**SPEC, "teacher": {"source": {"path": "x"}, "training": phases}}
    for out in ("one", "other"):
        train_teacher(source, data, tmp_path / out, tmp_path / f"scratch {out}", spec)
    [phase] = read_json(tmp_path / "one" / "history.json")["phases"]
    assert max(phase["validation"]) > 0.9
    assert equal(*(checkpoint.load(tmp_path / out) for out in ("one", "other")))
