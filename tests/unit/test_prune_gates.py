"""Gates against masks and cuts, and blocks that are dropped."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from prunes import pruned

from edgemin.core.errors import EdgeminError
from edgemin.encoders import checkpoint
from edgemin.encoders.surgery import drop_sublayers, keep_layers
from edgemin.encoders.width import keep_width
from edgemin.methods.distill.capture import Capture
from edgemin.methods.prune.cuts import keep_best, scores_of
from edgemin.methods.prune.scoring import Sample
from edgemin.methods.structures.cofi.accounting import prunable, whole
from edgemin.methods.structures.cofi.gates import Gated, Gates, cut_by_gates
from edgemin.study.registry import FAMILIES, KINDS
from edgemin.study.structure import Structure
from edgemin.study.variants import prune_variant


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


@pytest.mark.parametrize("family", FAMILIES.names())
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


@pytest.mark.parametrize("family", FAMILIES.names())
def test_open_gates_change_nothing(tiny, family):
    model = tiny(family).eval()
    expected = model(**inputs(family)).logits
    gated = Gated(model, lambda: Gates.all_open(model))
    torch.testing.assert_close(model(**inputs(family)).logits, expected, rtol=0, atol=1e-5)
    gated.remove()


@pytest.mark.parametrize("family", FAMILIES.names())
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


@pytest.mark.parametrize("family", FAMILIES.names())
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
    sample = Sample([{"inputs": inputs("bert"), "labels": torch.tensor([0, 1, 0])}], KINDS["classification"].losses().loss)
    variant = prune_variant({"structure": kind, "criterion": criterion, "ratio": 0.5})
    scores = scores_of(variant, model, sample, seed=0)
    assert [len(layer) for layer in scores] == [0, {"heads": 4, "ffn": 24}[kind]]
    keep_best(variant, model, scores, 0.5)
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
def test_a_job_that_drops_a_block(tiny, save, tokens, tmp_path, part, dropped):
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
    variant = {"structure": "layers", "part": part, "drop": 1, "strategy": "contribution"}
    _, told = pruned(model, save, tokens, tmp_path, variant)
    history = told["pruning"]
    assert history["layers_kept"] == [0]
    assert history["similarity"][1] == pytest.approx(1, abs=1e-5)
    assert not [name for name in checkpoint.load(tmp_path / "out").state_dict() if f"layer.1.{dropped}" in name]
