from __future__ import annotations

import copy
import json
import math
from dataclasses import replace

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from edgemin.config.variants import AnyPrune, Cofi, MaskTerm
from edgemin.distill.capture import Capture
from edgemin.encoders import checkpoint
from edgemin.encoders.families import FAMILIES
from edgemin.encoders.structure import Structure
from edgemin.encoders.surgery import drop_sublayers, keep_layers
from edgemin.encoders.width import keep_width
from edgemin.errors import EdgeminError
from edgemin.files import read_json
from edgemin.prune import cofi
from edgemin.prune.accounting import prunable, whole
from edgemin.prune.criteria import score
from edgemin.prune.cuts import keep_best
from edgemin.prune.gates import Gated, Gates, cut_by_gates
from edgemin.prune.hard_concrete import open_probability, sample, settled
from edgemin.prune.masks import Masks
from edgemin.prune.stage import prune


def inputs(family: str) -> dict[str, torch.Tensor]:
    found = {
        "input_ids": torch.randint(5, 100, (3, 9), generator=torch.Generator().manual_seed(1)),
        "attention_mask": torch.ones(3, 9),
    }
    found["attention_mask"][1, 5:] = 0
    return found


def random_gates(model, seed: int = 0) -> Gates:
    """Soft where open; some of every kind closed, and the attention of the first layer and the FFN of the last."""
    generator = torch.Generator().manual_seed(seed)
    gates = Gates.all_open(model)
    draw = lambda like, closed: torch.rand(len(like), generator=generator).add(0.2).index_fill(0, torch.tensor(closed), 0)  # noqa: E731
    return Gates(
        draw(gates.attention, [0]),
        [draw(heads, [1, 2]) for heads in gates.heads],
        draw(gates.ffn, [len(gates.ffn) - 1]),
        [draw(neurons, [0, 3, 7, 8, 11, 15, 20, 23]) for neurons in gates.neurons],
        draw(gates.hidden, [2, 5, 6, 15]),
    )


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


@pytest.mark.parametrize("family", FAMILIES)
def test_gated_is_cut(tiny, family, tmp_path, save):
    """A model whose forward is gated and the one that is cut by the gates are the same function, and the cut one reloads."""
    torch.manual_seed(0)
    model = tiny(family).eval()
    gates = random_gates(model)
    before = model(**inputs(family)).logits
    gated = Gated(model, lambda: gates)
    expected = model(**inputs(family)).logits
    gated.remove()
    assert torch.equal(model(**inputs(family)).logits, before)
    assert (expected - before).abs().max() > 0.05
    cut = copy.deepcopy(model)
    cut_by_gates(cut, gates)
    torch.testing.assert_close(cut(**inputs(family)).logits, expected, rtol=0, atol=2e-5)
    structure = Structure.of(cut.config)
    assert [len(heads) for heads in structure.heads] == [0, 2]
    assert structure.intermediate == (16, 0)
    reloaded = checkpoint.load(save(cut, tmp_path / "cut"))
    assert torch.equal(reloaded(**inputs(family)).logits, cut(**inputs(family)).logits)


@pytest.mark.parametrize("family", FAMILIES)
def test_open_gates_change_nothing(tiny, family):
    model = tiny(family).eval()
    expected = model(**inputs(family)).logits
    gated = Gated(model, lambda: Gates.all_open(model))
    torch.testing.assert_close(model(**inputs(family)).logits, expected, rtol=0, atol=1e-5)
    gated.remove()


@pytest.mark.parametrize("family", FAMILIES)
def test_the_whole_size_is_what_the_cut_model_has(tiny, family):
    model = tiny(family)
    assert float(whole(model, Gates.all_open(model))) == sum(p.numel() for p in model.parameters())
    gates = random_gates(model)
    expected = float(whole(model, gates.as_bits()))
    cut_by_gates(model, gates)
    assert expected == sum(p.numel() for p in model.parameters())
    again = Gates.all_open(model)  # of a model that was cut before
    assert float(whole(model, again)) == sum(p.numel() for p in model.parameters())


def test_cofis_own_count_of_bert_base():
    from transformers import BertConfig, BertForSequenceClassification

    with torch.device("meta"):
        model = BertForSequenceClassification(BertConfig())
    gates = Gates.all_open(model)
    assert float(prunable(model, gates)) == 85_017_600
    half = Gates(gates.attention, gates.heads, gates.ffn, gates.neurons, gates.hidden * torch.arange(768).lt(384))
    assert float(prunable(model, half)) == 85_017_600 / 2
    no_ffn = Gates(gates.attention, gates.heads, gates.ffn * 0, gates.neurons, gates.hidden)
    assert float(prunable(model, no_ffn)) == 12 * (4 * 768**2 + 4 * 768)


LEARN = {"epochs": 8, "learning_rate": 1e-3, "batch_size": 8, "terms": [{"objective": "labels"}]}


def variant(**keys) -> Cofi:
    found = TypeAdapter(AnyPrune).validate_python({"structure": "cofi", "sparsity": 0.5, "learn": LEARN, "multiple": 4, **keys})
    assert isinstance(found, Cofi)
    return found


def test_masks_are_open_at_first_and_their_price_is_zero(tiny):
    masks = Masks(tiny(), variant(), steps=10)
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


def run(tiny, save, data, tmp_path, **keys):
    parent = save(tiny(), tmp_path / "parent")
    spec = {"variant": variant(**keys).model_dump(mode="json"), "seed": 0, "max_length": 16, "metric": "accuracy"}
    spec |= {"precision": "fp32", "threads": 1}
    out = tmp_path / "out"
    prune(parent, parent, None, [], data, out, tmp_path / "scratch", spec)
    return checkpoint.load(out), read_json(out / "history.json")


@pytest.mark.parametrize("accounting", ["prunable", "model"])
def test_a_job_reaches_its_target(tiny, save, data, tmp_path, accounting):
    before = sum(p.numel() for p in tiny().parameters())
    model, history = run(tiny, save, data, tmp_path, accounting=accounting, mask_learning_rate=0.1, learn=LEARN | {"epochs": 20})
    left = sum(p.numel() for p in model.parameters())
    last = history["masks"]["learning"]["last_terms"]
    assert last["masks.sparsity"] == pytest.approx(0.5, abs=0.06)
    assert history["masks"][f"sparsity_{accounting}"] == pytest.approx(
        last["masks.sparsity"], abs=0.2
    )  # two layers round coarsely
    assert history["masks"]["sparsity_model"] == pytest.approx(1 - left / before, abs=1e-6)
    assert history["masks"]["learning"]["last_terms"]["masks.target"] == 0.5
    assert not (tmp_path / "scratch").exists() or not any((tmp_path / "scratch").iterdir())


def test_a_target_that_is_not_reached_is_told(tiny, save, data, tmp_path, caplog):
    with caplog.at_level("WARNING"):
        _, history = run(tiny, save, data, tmp_path, sparsity=0.9, mask_learning_rate=0.001)
    assert "sparsity 0.900 was not reached" in caplog.text
    assert history["masks"]["sparsity_prunable"] < 0.3


def test_a_run_killed_while_it_recovers_does_not_learn_again(tiny, save, data, tmp_path, monkeypatch):
    recovery = [{"epochs": 1, "terms": [{"objective": "labels"}]}]
    usual, calls = cofi.loop.train, []

    def counted(*args, **kwargs):
        calls.append(args[1])
        if not any(isinstance(term, MaskTerm) for phase in args[1] for term in phase.terms) and len(calls) == 2:
            raise KeyboardInterrupt
        return usual(*args, **kwargs)

    monkeypatch.setattr(cofi.loop, "train", counted)
    with pytest.raises(KeyboardInterrupt):
        run(tiny, save, data, tmp_path / "killed", recovery=recovery, mask_learning_rate=0.3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edgemin.prune.cofi._learn", lambda *args: pytest.fail("learned again"))
        resumed, one = run(tiny, save, data, tmp_path / "killed", recovery=recovery, mask_learning_rate=0.3)
    straight, other = run(tiny, save, data, tmp_path / "straight", recovery=recovery, mask_learning_rate=0.3)
    assert {**one["masks"], "learning": 0} == {**other["masks"], "learning": 0}
    assert one["pruning"] == other["pruning"]
    for name, tensor in straight.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_embedding_tables_are_frozen_while_masks_are_learned_and_not_after(tiny, save, data, tmp_path):
    model, history = run(tiny, save, data, tmp_path, masks=["neurons"], mask_learning_rate=0.3)
    assert torch.equal(model.bert.embeddings.word_embeddings.weight, tiny().bert.embeddings.word_embeddings.weight)
    assert json.dumps(history)
    recovery = [{"epochs": 1, "terms": [{"objective": "labels"}]}]
    model, _ = run(tiny, save, data, tmp_path / "more", masks=["neurons"], recovery=recovery, mask_learning_rate=0.3)
    assert not torch.equal(model.bert.embeddings.word_embeddings.weight, tiny().bert.embeddings.word_embeddings.weight)


@pytest.mark.parametrize("keys", [{"sparsity": 1}, {"sparsity": 0}, {"masks": []}, {"masks": ["layer"]}, {"warmup": 1}])
def test_bad_keys_are_refused(keys):
    with pytest.raises(ValidationError):
        variant(**keys)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("attention", "ffn"), [([0], []), ([], [1]), ([0, 1], [0, 1])])
def test_a_dropped_block_is_a_block_that_says_nothing(tiny, family, attention, ffn, tmp_path, save):
    model = tiny(family).eval()
    gates = Gates.all_open(model)
    gates.attention[attention] = 0
    gates.ffn[ffn] = 0
    gated = Gated(model, lambda: gates)
    expected = model(**inputs(family)).logits
    gated.remove()
    drop_sublayers(model, attention, ffn)
    torch.testing.assert_close(model(**inputs(family)).logits, expected, rtol=0, atol=1e-5)
    reloaded = checkpoint.load(save(model, tmp_path / "dropped"))
    assert torch.equal(reloaded(**inputs(family)).logits, model(**inputs(family)).logits)


@pytest.mark.parametrize("kind", ["heads", "ffn"])
@pytest.mark.parametrize("criterion", ["magnitude", "gradient", "taylor", "michel", "activation", "oracle", "random"])
def test_a_layer_without_units_has_no_scores_and_is_passed_over(tiny, kind, criterion):
    model = tiny().eval()
    drop_sublayers(model, [0], [0])
    batch = {"inputs": inputs("bert"), "labels": torch.tensor([0, 1, 0])}
    variant = TypeAdapter(AnyPrune).validate_python({"structure": kind, "criterion": criterion, "ratio": 0.5})
    scores = score(model, variant, [batch], seed=0)
    assert [len(layer) for layer in scores] == [0, {"heads": 4, "ffn": 24}[kind]]
    keep_best(model, variant, [layer.tolist() for layer in scores], 0.5)
    structure = Structure.of(model.config)
    assert (len(structure.heads[1]), structure.intermediate) == ((2, (0, 24)) if kind == "heads" else (4, (0, 16)))


def test_what_is_left_of_a_cut_model_can_be_cut_further(tiny):
    model = tiny().eval()
    drop_sublayers(model, [0], [1])
    keep_width(model, [0, 1, 2, 3, 8, 9, 10, 11])
    keep_layers(model, [0, 1])
    assert model(**inputs("bert")).logits.isfinite().all()
    cut_by_gates(model, replace(Gates.all_open(model), attention=torch.zeros(1)))
    assert Structure.of(model.config).heads == ((), ())
    with pytest.raises(EdgeminError, match="layer 1 has no attention any more; choose another layer"):
        Capture(model, [1])


@pytest.mark.parametrize(("part", "dropped"), [("attention", "attention.self.query"), ("ffn", "intermediate.dense")])
def test_a_job_that_drops_a_block(tiny, save, data, tmp_path, part, dropped):
    """The block whose gate changes the first token least: here the second layer's, whose output is made zero."""
    model = tiny()
    with torch.no_grad():
        for linear in (model.bert.encoder.layer[1].attention.output.dense, model.bert.encoder.layer[1].output.dense):
            linear.weight.zero_()
            linear.bias.zero_()
        for norm in (model.bert.encoder.layer[1].attention.output.LayerNorm, model.bert.encoder.layer[1].output.LayerNorm):
            norm.weight.fill_(1)
            norm.bias.zero_()
        model.bert.encoder.layer[0].output.LayerNorm.weight.fill_(1)
        model.bert.encoder.layer[0].output.LayerNorm.bias.zero_()
    parent = save(model, tmp_path / "parent")
    spec = {"variant": {"structure": "layers", "part": part, "drop": 1, "strategy": "contribution"}, "seed": 0, "max_length": 16}
    prune(
        parent,
        parent,
        None,
        [],
        data,
        tmp_path / "out",
        tmp_path / "s",
        {**spec, "metric": "accuracy", "precision": "fp32", "threads": 1},
    )
    history = read_json(tmp_path / "out" / "history.json")["pruning"]
    assert history["layers_kept"] == [0]
    assert history["similarity"][1] == pytest.approx(1, abs=1e-5)
    assert not [name for name in checkpoint.load(tmp_path / "out").state_dict() if f"layer.1.{dropped}" in name]
