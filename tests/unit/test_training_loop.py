"""The training loop: killed and resumed, its best epoch, dropout, and the weighted sum of its terms."""

from __future__ import annotations

import logging
import math
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from transformers import set_seed

from edgemin.core.errors import EdgeminError
from edgemin.encoders import checkpoint
from edgemin.encoders.onnx_export import random_inputs
from edgemin.study.phases import Phase
from edgemin.study.registry import FAMILIES, KINDS
from edgemin.training import phase as loop
from edgemin.training import trainer
from edgemin.training.data import read_examples
from edgemin.training.predict import predict
from edgemin.training.sampler import LengthGroupedSampler
from edgemin.training.settings import Settings, TrainingInputs
from edgemin.training.supervised import Supervised

KIND = KINDS["classification"]
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
def train(source, tokens, tmp_path):
    """train(meddle, epochs, phases, scratch): a student that always starts from the same weights; returns (student, history)."""
    train_set, validation = (read_examples(tokens / f"{split}.arrow", KIND, source) for split in ("train", "validation"))

    def run(
        meddle=lambda call, loss: loss, epochs=3, phases=1, scratch="scratch", rate=0.02, dropout=None, term=Term, keep="loss"
    ):
        set_seed(0)
        student = checkpoint.load_source(source, kind=KIND, labels=["negative", "positive"], finetuned=False)
        phase = Phase.model_validate(
            {
                **{"epochs": epochs, "batch_size": BATCH, "learning_rate": rate, "dropout": dropout, "keep": keep},
                "terms": [{"objective": "labels"}],
            }
        )
        settings = Settings("accuracy", KIND, seed=0, precision="fp32", scratch=tmp_path / scratch)
        calls = []
        given = TrainingInputs(train_set, validation, settings)
        history = loop.train(student, [phase] * phases, lambda config: term(meddle, calls), given)
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
def test_a_killed_run_goes_on_as_if_nothing_had_happened(train, at, caplog):
    """Two phases of three epochs, with dropout, killed in the third, fourth and sixth epoch: equal to the bit."""
    undisturbed, history = train(phases=2, scratch="undisturbed")
    with pytest.raises(KeyboardInterrupt):
        train(power_cut(at), phases=2)
    caplog.set_level(logging.INFO)
    resumed, again = train(phases=2)
    first_is_done = "train, phase 1 of 2: already done, continuing with the next" in caplog.text
    assert first_is_done == (at > 3 * PER_EPOCH)
    number, done = 1 + first_is_done, (at - 1) // PER_EPOCH % 3 * PER_EPOCH  # of the running phase's 18 updates
    assert (f"train, phase {number} of 2: resumed at step {done} of 18" in caplog.text) == (done > 0)
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


@pytest.mark.parametrize("keep", ["loss", "metric", "last"])
def test_the_epoch_that_counts_is_kept(train, keep):
    """Three epochs towards the labels, then three away from them."""
    student, history = train(lambda call, loss: loss if call <= 3 * PER_EPOCH else -loss, epochs=6, rate=0.01, keep=keep)
    [phase] = history["phases"]
    losses, scores = phase["validation"]["loss"], phase["validation"]["metric"]
    assert len(losses) == len(scores) == 6
    assert losses[-1] > min(losses)
    assert scores[-1] < max(scores)
    expected = {"loss": losses.index(min(losses)), "metric": scores.index(max(scores)), "last": 5}[keep]
    assert (phase["selected_by"], phase["selected_epoch"]) == (keep, 1 + expected)
    logits = predict(student, train.validation)
    assert KIND.scores().score("accuracy")(train.validation.labels, logits) == scores[expected]
    loss = F.cross_entropy(torch.from_numpy(logits).double(), torch.tensor(train.validation.labels))
    assert float(loss) == pytest.approx(losses[expected], rel=1e-5)


@pytest.mark.parametrize(("keep", "epoch"), [("loss", 1), ("metric", 2), ("last", 3)])
def test_loss_and_metric_may_choose_different_epochs(train, keep, epoch, monkeypatch):
    """Sure answers, one of them wrong; then all barely right; then all wrong."""
    right = np.eye(2, dtype=np.float32)[train.validation.labels]
    one_wrong = right.copy()
    one_wrong[0] = 1 - right[0]
    answers = iter([one_wrong * 3, right * 0.05, 1 - right])
    monkeypatch.setattr(trainer, "predict", lambda model, examples: next(answers))
    weights = []
    monkeypatch.setattr(
        trainer.Progress,
        "on_evaluate",
        lambda self, *args, model, **more: weights.append(model.student.state_dict()["classifier.bias"].clone()),
    )
    student, history = train(keep=keep)
    assert history["phases"][0]["selected_epoch"] == epoch
    assert [torch.equal(student.state_dict()["classifier.bias"], one) for one in weights] == [n == epoch for n in (1, 2, 3)]


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


@pytest.mark.parametrize("family", FAMILIES.names())
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
    model = Supervised(student, [("labels", 0.25, Sum("student")), ("logits", 3.0, Sum("logits"))])
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
    model = Supervised(tiny(), [("tinybert", 1.0, Parts("logits"))])
    inputs = {"input_ids": torch.tensor([[2, 7, 3]]), "attention_mask": torch.ones(1, 3, dtype=torch.long)}
    model(inputs, torch.tensor([0]), {"logits": torch.tensor([[1.0, 2.0]])})
    assert model.raw == {"tinybert": 3, "tinybert.first": 1.5, "tinybert.second": 2}


def test_values_are_learned_by_the_same_loop(source, tokens, tmp_path):
    """The labels as numbers, one output: validation is the mean squared error, and Pearson's r, of what the model then says."""
    kind = KINDS["regression"]
    train_set, validation = (read_examples(tokens / f"{split}.arrow", kind, source) for split in ("train", "validation"))
    set_seed(0)
    student = checkpoint.load_source(source, kind=kind, labels=None, finetuned=False)
    schedule = {"epochs": 4, "batch_size": BATCH, "learning_rate": 0.02}
    phase = Phase.model_validate({**schedule, "terms": [{"objective": "labels"}]})
    given = TrainingInputs(train_set, validation, Settings("pearson", kind, seed=0, precision="fp32", scratch=tmp_path))
    history = loop.train(student, [phase], lambda term: term.build(student, None, kind), given)
    values = predict(student, validation)
    assert values.shape == (24, 1)
    [phase] = history["phases"]
    losses, scores = phase["validation"]["loss"], phase["validation"]["metric"]
    best = losses.index(min(losses))
    assert phase["selected_epoch"] == 1 + best
    assert losses[best] == pytest.approx(((values[:, 0] - validation.labels) ** 2).mean(), rel=1e-5)
    assert scores[best] == pytest.approx(np.corrcoef(validation.labels, values[:, 0])[0, 1], rel=1e-6)
    assert scores[best] > 0.8


def test_progress_is_told_now_and_then_with_the_time_that_is_left(monkeypatch, caplog):
    """Resumed at step 10 of 100, two seconds a step: nothing within 15 seconds; at step 18, 82 steps are left."""
    caplog.set_level(logging.INFO)
    now, state = [1000.0], SimpleNamespace(global_step=10, max_steps=100)
    monkeypatch.setattr(trainer.time, "monotonic", lambda: now[0])
    progress = trainer.Progress("distill", LengthGroupedSampler([5] * 20, 2, seed=0))
    progress.on_train_begin(None, state, None)
    assert caplog.messages == ["distill: resumed at step 10 of 100"]
    for _ in range(10):
        state.global_step += 1
        now[0] += 2
        progress.on_step_end(None, state, None)
    assert caplog.messages[1:] == ["distill: step 18 of 100, 2.00 s a step, 2:44 left"]
