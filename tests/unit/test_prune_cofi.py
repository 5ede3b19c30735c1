"""Masks that are learned with the weights: their distribution, their price, and jobs that learn them."""

from __future__ import annotations

import json
import math

import pytest
import torch
from prunes import prune_into
from pydantic import ValidationError
from torch._subclasses.fake_tensor import FakeTensorMode

from edgemin.encoders import checkpoint
from edgemin.methods.structures.cofi import Cofi, MaskTerm, learning
from edgemin.methods.structures.cofi.gates import Gates
from edgemin.methods.structures.cofi.hard_concrete import open_probability, sample, settled
from edgemin.methods.structures.cofi.masks import Masks
from edgemin.study.base import spec_of
from edgemin.study.registry import FAMILIES
from edgemin.study.variants import prune_variant
from edgemin.training import phase


def test_the_probability_of_being_open_by_hand():
    """P(z > 0) = sigmoid(log_alpha - (2/3) log(1/11)): 0 at log_alpha = (2/3) log(1/11) is one half."""
    half = 2 / 3 * math.log(1 / 11)
    values = torch.tensor([half, 0.0, 2.0], dtype=torch.float64)
    expected = [0.5, 1 / (1 + 11 ** (-2 / 3)), 1 / (1 + math.exp(-2) * 11 ** (-2 / 3))]
    assert open_probability(values).tolist() == pytest.approx(expected, abs=1e-12)
    assert open_probability(torch.tensor([0.0])).item() == pytest.approx(0.8318, abs=1e-4)


def test_samples_are_open_as_often_as_the_probability_says():
    torch.manual_seed(0)
    for log_alpha in (-3.0, -1.6, 0.0, 3.0):
        drawn = sample(torch.full((20_000,), log_alpha))
        assert 0 <= drawn.min() <= drawn.max() <= 1
        expected = float(open_probability(torch.tensor(log_alpha)))
        assert float((drawn > 0).float().mean()) == pytest.approx(expected, abs=4 * math.sqrt(0.25 / 20_000))


def test_settled_gates_close_the_lowest_by_hand():
    """Expected open: 0.98 + 0.98 + 0.02 + 0.02 = 2 of 4; the open ones keep sigmoid(1.2 log_alpha)."""
    log_alpha = torch.tensor([-5.5, 2.3, 2.4, -5.4])
    assert float(open_probability(log_alpha).sum()) == pytest.approx(2, abs=0.1)
    assert settled(log_alpha).tolist() == pytest.approx([0, 1 / (1 + math.exp(-2.76)), 1 / (1 + math.exp(-2.88)), 0])
    assert int((settled(log_alpha, multiple=3) > 0).sum()) == 3
    assert int((settled(torch.full((4,), -9.0)) > 0).sum()) == 0
    assert int((settled(torch.full((4,), -9.0), multiple=2, least=2) > 0).sum()) == 2


LEARN = {"epochs": 8, "learning_rate": 1e-3, "batch_size": 8, "terms": [{"objective": "labels"}]}


def variant(**keys) -> Cofi:
    found = prune_variant({"structure": "cofi", "sparsity": 0.5, "learn": LEARN, "multiple": 4, **keys})
    assert isinstance(found, Cofi)
    return found


@pytest.mark.parametrize("family", FAMILIES.names())
def test_masks_are_open_at_first_and_their_price_is_zero(tiny, family):
    masks = Masks(tiny(family), variant(), steps=10)
    gates = masks.settled()
    assert all(bool((gate > 0).all()) for gate in (gates.attention, *gates.heads, gates.ffn, gates.hidden))
    price = masks.eval()(None, None, None, None)
    assert price.item() == 0  # both multipliers are zero
    assert masks.parts["target"] == masks.parts["sparsity"]
    masks.remove()


def test_multipliers_ascend_while_the_model_is_too_large_and_masks_then_close(tiny):
    masks = Masks(tiny(), variant(warmup=0), steps=10)
    optimiser = torch.optim.SGD(masks.parameters(), lr=0.01)
    for _ in range(2):
        optimiser.zero_grad()
        masks(None, None, None, None).backward()
        optimiser.step()
    gap = masks.parts["sparsity"] - 0.5
    first, second = masks.multipliers.tolist()
    assert gap < 0
    assert first < 0 < second  # ascent on l1 * gap + l2 * gap^2
    assert all(float(stored.grad.max()) > 0 for stored in (masks.attention, masks.ffn, masks.hidden))
    masks.remove()


def test_what_may_not_be_cut_stays_open(tiny):
    student = tiny().train()
    masks = Masks(student, variant(masks=["heads"]), steps=10)
    learned = [name for name, parameter in masks.named_parameters() if parameter.requires_grad]
    assert sorted(learned) == ["heads.0", "heads.1", "multipliers"]
    masks.train()
    drawn = masks._current()
    assert not torch.equal(drawn.heads[0], masks.settled().heads[0])
    student.eval()  # as validation does
    assert torch.equal(masks._current().heads[0], masks.settled().heads[0])
    for gate in (drawn.attention, drawn.ffn, drawn.hidden, *drawn.neurons):
        assert torch.equal(gate, torch.ones_like(gate))
    masks.remove()


def run(tiny, save, tokens, tmp_path, **keys):
    parent, out = save(tiny(), tmp_path / "parent"), tmp_path / "out"
    history = prune_into(out, parent, tokens, spec_of(variant(**keys)))
    return checkpoint.load(out), history


@pytest.mark.parametrize("accounting", ["prunable", "model"])
def test_a_job_reaches_its_target(tiny, save, tokens, tmp_path, accounting):
    before = sum(p.numel() for p in tiny().parameters())
    model, history = run(
        tiny, save, tokens, tmp_path, accounting=accounting, mask_learning_rate=0.1, learn=LEARN | {"epochs": 20}
    )
    left = sum(p.numel() for p in model.parameters())
    last = history["masks"]["learning"]["last_terms"]
    assert last["masks.sparsity"] == pytest.approx(0.5, abs=0.06)
    assert history["masks"][f"sparsity_{accounting}"] == pytest.approx(
        last["masks.sparsity"], abs=0.2
    )  # two layers round coarsely
    assert history["masks"]["sparsity_model"] == pytest.approx(1 - left / before, abs=1e-6)
    assert history["masks"]["learning"]["last_terms"]["masks.target"] == 0.5
    assert not (tmp_path / "scratch").exists() or not any((tmp_path / "scratch").iterdir())


def test_masks_that_a_gpu_holds_are_settled_there():
    """A stand-in for a GPU that knows devices and shapes alone: an operation on tensors of two devices fails."""
    with FakeTensorMode():
        ones = torch.ones(2, device="cuda")
        closed = Gates(ones, [ones, ones], ones, [ones, ones], ones).closing_empty()
        assert {gate.device.type for gate in (closed.attention, closed.ffn)} == {"cuda"}


def test_a_target_that_is_not_reached_is_told(tiny, save, tokens, tmp_path, caplog):
    with caplog.at_level("WARNING"):
        _, history = run(tiny, save, tokens, tmp_path, sparsity=0.9, mask_learning_rate=0.001)
    assert "sparsity 0.900 was not reached" in caplog.text
    assert history["masks"]["sparsity_prunable"] < 0.3


def test_a_run_killed_while_it_recovers_does_not_learn_again(tiny, save, tokens, tmp_path, monkeypatch):
    recovery = [{"epochs": 1, "terms": [{"objective": "labels"}]}]
    usual, calls = phase.train, []

    def counted(*args, **kwargs):
        calls.append(args[1])
        if not any(isinstance(term, MaskTerm) for one in args[1] for term in one.terms) and len(calls) == 2:
            raise KeyboardInterrupt
        return usual(*args, **kwargs)

    for module in (learning, phase):  # of the masks, and of the recovery
        monkeypatch.setattr(module, "train", counted)
    with pytest.raises(KeyboardInterrupt):
        run(tiny, save, tokens, tmp_path / "killed", recovery=recovery, mask_learning_rate=0.3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learning, "_learn", lambda *args: pytest.fail("learned again"))
        resumed, one = run(tiny, save, tokens, tmp_path / "killed", recovery=recovery, mask_learning_rate=0.3)
    straight, other = run(tiny, save, tokens, tmp_path / "straight", recovery=recovery, mask_learning_rate=0.3)
    assert {**one["masks"], "learning": 0} == {**other["masks"], "learning": 0}
    assert one["pruning"] == other["pruning"]
    for name, tensor in straight.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_embedding_tables_are_frozen_while_masks_are_learned_and_not_after(tiny, save, tokens, tmp_path):
    model, history = run(tiny, save, tokens, tmp_path, masks=["neurons"], mask_learning_rate=0.3)
    assert torch.equal(model.bert.embeddings.word_embeddings.weight, tiny().bert.embeddings.word_embeddings.weight)
    assert json.dumps(history)
    recovery = [{"epochs": 1, "terms": [{"objective": "labels"}]}]
    model, _ = run(tiny, save, tokens, tmp_path / "more", masks=["neurons"], recovery=recovery, mask_learning_rate=0.3)
    assert not torch.equal(model.bert.embeddings.word_embeddings.weight, tiny().bert.embeddings.word_embeddings.weight)


@pytest.mark.parametrize("keys", [{"sparsity": 1}, {"sparsity": 0}, {"masks": []}, {"masks": ["layer"]}, {"warmup": 1}])
def test_bad_keys_are_refused(keys):
    with pytest.raises(ValidationError):
        variant(**keys)
