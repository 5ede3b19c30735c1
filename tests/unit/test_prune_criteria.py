"""Scores of heads and neurons against independent computations, and masked against sliced models."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
import torch

from edgemin.core.errors import EdgeminError
from edgemin.encoders.blocks import layers_of
from edgemin.encoders.onnx_export import random_inputs
from edgemin.encoders.surgery import keep_heads, keep_layers, keep_neurons
from edgemin.methods.criteria.activation import score as activation
from edgemin.methods.criteria.gradient import score as gradient
from edgemin.methods.criteria.magnitude import score as magnitude
from edgemin.methods.criteria.michel import score as michel
from edgemin.methods.criteria.oracle import score as oracle
from edgemin.methods.criteria.taylor import score as taylor
from edgemin.methods.prune.cuts import scores_of
from edgemin.methods.prune.scoring import Sample, evaluating, masked
from edgemin.methods.prune.units import units_of
from edgemin.methods.structures.ffn import Ffn
from edgemin.methods.structures.heads import Heads
from edgemin.methods.structures.layers.cut import similarities
from edgemin.study.criterion import criterion_of, ranking
from edgemin.study.registry import CRITERIA, FAMILIES, KINDS
from edgemin.training.data import read_examples, sampled

UNITS = ("heads", "ffn")
LOSS = KINDS["classification"].losses().loss
NOTHING = Sample([], LOSS)
TINY = 1e-10  # float64


def sample_of(model, sizes=((3, 7), (2, 5)), seed=0) -> Sample:
    """Batches (rows, length) of random tokens with labels; the last two tokens of the first row are padding."""
    torch.manual_seed(seed)
    found = []
    for number, (rows, length) in enumerate(sizes):
        inputs = random_inputs(model, rows, length, seed=number)
        inputs["attention_mask"] = torch.ones(rows, length, dtype=torch.long)
        inputs["attention_mask"][0, -2:] = 0
        found.append({"inputs": inputs, "labels": torch.randint(0, 2, (rows,))})
    return Sample(found, LOSS)


def gate_gradients(model, kind, batch):
    """Per layer (examples, units): dL/dgate by autograd on gates that multiply what the units hand on, an example at a time."""
    layers = units_of(model, kind)
    found = [[] for _ in layers]
    for row in range(len(batch["labels"])):
        gates = [torch.ones(layer.count, dtype=torch.float64, requires_grad=True) for layer in layers]
        with ExitStack() as stack:
            for layer, gate in zip(layers, gates, strict=True):
                multiply = lambda module, x, gate=gate, width=layer.width: (x[0] * gate.repeat_interleave(width),)  # noqa: E731
                stack.callback(layer.read_by.register_forward_pre_hook(multiply).remove)
            inputs = {name: values[row : row + 1] for name, values in batch["inputs"].items()}
            loss = LOSS(model(**inputs).logits, batch["labels"][row : row + 1])
        for number, change in enumerate(torch.autograd.grad(loss, gates)):
            found[number].append(change)
    return [torch.stack(rows) for rows in found]


@pytest.mark.parametrize("family", FAMILIES.names())
@pytest.mark.parametrize("kind", UNITS)
def test_michel_and_taylor_are_gate_gradients(tiny, family, kind):
    """Michel's is the mean size over examples; Taylor's of the output's weights the size of the mean."""
    model = tiny(family).double().eval()
    sample = sample_of(model)
    gates = [torch.cat(rows) for rows in zip(*(gate_gradients(model, kind, batch) for batch in sample.batches), strict=True)]
    found = michel.units(model, kind, sample), taylor.units(model, kind, sample, output_only=True)
    for gate, one, other in zip(gates, *found, strict=True):
        torch.testing.assert_close(one, gate.abs().mean(0), rtol=TINY, atol=TINY)
        torch.testing.assert_close(other, gate.mean(0).abs(), rtol=TINY, atol=TINY)


@pytest.mark.parametrize("kind", UNITS)
def test_gradient_is_the_norm_of_the_mean_gradient(tiny, kind):
    model = tiny().double().eval()
    sample = sample_of(model)
    found, output = (gradient.units(model, kind, sample, output_only) for output_only in (False, True))
    assert all(parameter.grad is None for parameter in model.parameters())
    total = sum(LOSS(model(**batch["inputs"]).logits, batch["labels"]) * len(batch["labels"]) for batch in sample.batches) / 5
    total.backward()
    for number, layer in enumerate(units_of(model, kind)):
        out = layer.read_by.weight.grad.T.reshape(layer.count, -1)
        rows = [linear.weight.grad.reshape(layer.count, -1) for linear in layer.made_by]
        torch.testing.assert_close(output[number], out.norm(dim=1), rtol=TINY, atol=TINY)
        torch.testing.assert_close(found[number], torch.cat([out, *rows], 1).norm(dim=1), rtol=TINY, atol=TINY)


@pytest.mark.parametrize("kind", UNITS)
def test_activation_is_the_mean_norm_over_real_tokens(tiny, kind):
    model = tiny().double().eval()
    sample = sample_of(model)
    found = activation.units(model, kind, sample)
    layer, seen = units_of(model, kind)[1], []
    handle = layer.read_by.register_forward_pre_hook(lambda module, x: seen.append(x[0]))
    for batch in sample.batches:
        model(**batch["inputs"])
    handle.remove()
    real = torch.cat([x[batch["inputs"]["attention_mask"].bool()] for x, batch in zip(seen, sample.batches, strict=True)])
    assert len(real) == 3 * 7 + 2 * 5 - 4
    expected = real.unflatten(-1, (layer.count, layer.width)).norm(dim=-1).mean(0)
    torch.testing.assert_close(found[1], expected, rtol=TINY, atol=TINY)


def test_the_oracle_is_the_loss_of_the_model_without_the_head(tiny):
    """Against surgery: the head cut out, not masked."""
    model = tiny().double().eval()
    sample = sample_of(model)
    found = oracle.units(model, "heads", sample)

    @torch.no_grad()
    def loss(cut):
        return (
            sum(float(LOSS(cut(**batch["inputs"]).logits, batch["labels"]) * len(batch["labels"])) for batch in sample.batches)
            / 5
        )

    for layer, head in ((0, 2), (1, 0)):
        cut = tiny()
        keep_heads(cut, [[h for h in range(4) if (number, h) != (layer, head)] for number in range(2)])
        assert float(found[layer][head]) == pytest.approx(loss(cut.double().eval()) - loss(model), abs=1e-8)


def test_ffn_magnitude_by_hand(tiny):
    model = tiny()
    layer = units_of(model, "ffn")[0]
    with torch.no_grad():
        layer.made_by[0].weight[3] = 2.0
        layer.read_by.weight[:, 3] = -1.0
    assert float(magnitude.units(model, "ffn", 1)[0][3]) == pytest.approx(16 * 2 + 16)
    assert float(magnitude.units(model, "ffn", 2)[0][3]) == pytest.approx((16 * 4 + 16) ** 0.5)
    assert float(magnitude.units(model, "ffn", 2, output_only=True)[0][3]) == pytest.approx(4)


@pytest.mark.parametrize("family", FAMILIES.names())
def test_masked_is_sliced(tiny, family):
    """Heads, neurons and a layer at once, position bias and all: the cut model answers as the masked one."""
    model, cut = tiny(family), tiny(family)
    heads, neurons = [[0, 2, 3], [1]], [[5, 0, 7, 23], list(range(0, 24, 2))]
    with ExitStack() as stack:
        for kind, keep in (("heads", heads), ("ffn", neurons)):
            for layer, kept in zip(units_of(model, kind), keep, strict=True):
                stack.enter_context(masked(layer, [unit for unit in range(layer.count) if unit not in kept]))
        inputs = random_inputs(model, 3, 9, seed=1)
        expected = model(**inputs).logits
    keep_heads(cut, heads)
    keep_neurons(cut, neurons)
    torch.testing.assert_close(cut(**inputs).logits, expected, rtol=0, atol=1e-5)  # float32
    only = tiny(family)
    keep_layers(only, [1])
    keep_layers(cut, [1])
    with ExitStack() as stack:
        for kind, keep in (("heads", heads), ("ffn", neurons)):
            (layer,) = units_of(only, kind)
            stack.enter_context(masked(layer, [unit for unit in range(layer.count) if unit not in keep[1]]))
        expected = only(**inputs).logits
    torch.testing.assert_close(cut(**inputs).logits, expected, rtol=0, atol=1e-5)


def test_a_neuron_costs_twice_the_width_and_one(tiny):
    """2d + 1 parameters: a row, its bias, a column. A head 4 d d_h + 3 d_h."""
    model = tiny()
    before = sum(parameter.numel() for parameter in model.parameters())
    keep_neurons(model, [list(range(24)), list(range(20))])
    middle = sum(parameter.numel() for parameter in model.parameters())
    assert before - middle == 4 * (2 * 16 + 1)
    keep_heads(model, [[0, 1, 2, 3], [0, 1, 2]])
    assert middle - sum(parameter.numel() for parameter in model.parameters()) == 4 * 16 * 4 + 3 * 4


@pytest.mark.parametrize("variant", [Heads(ratio=0.5, criterion="random"), Ffn(structure="ffn", ratio=0.5, criterion="random")])
def test_random_scores_are_a_function_of_the_seed(tiny, variant):
    one, again, other = (scores_of(variant, tiny(), NOTHING, seed) for seed in (1, 1, 2))
    assert [len(layer) for layer in one] == ([4, 4] if variant.structure == "heads" else [24, 24])
    assert one == again
    assert not any(a == b for a, b in zip(one, other, strict=True))


def test_normalised_scores_have_norm_one_per_layer(tiny):
    for layer in scores_of(Heads(ratio=0.5, normalise="layer"), tiny(), NOTHING, 0):
        assert sum(score**2 for score in layer) == pytest.approx(1)


def test_a_sample_is_drawn_by_the_seed_without_repeats(tokens, source):
    examples = read_examples(tokens / "train.arrow", KINDS["classification"], source)
    batches = sampled(examples, 40, 3)
    assert [len(batch["labels"]) for batch in batches] == [32, 8]
    again = sampled(examples, 40, 3)
    assert torch.equal(batches[0]["inputs"]["input_ids"], again[0]["inputs"]["input_ids"])
    everything = sampled(examples, 10_000, 3)
    assert sum(len(batch["labels"]) for batch in everything) == len(examples)


def test_similarity_is_one_for_a_layer_that_passes_on_what_it_gets(tiny):
    """All its weights zero, LayerNorms one: a normalised input comes out as it went in."""
    model = tiny()
    with torch.no_grad():
        for number, layer in enumerate(layers_of(model)):
            for name, parameter in layer.named_parameters():
                if "LayerNorm" in name:
                    parameter.fill_(1.0 if name.endswith("weight") else 0.0)
                elif number == 1:
                    parameter.zero_()
    first, second = similarities(model, sample_of(model).batches)
    assert second == pytest.approx(1, abs=1e-6)
    assert first < 0.99


def test_a_width_is_scored_by_its_mean_size_over_real_tokens(tiny):
    """Of what enters the first layer and what leaves each of the two."""
    model = tiny().eval()
    sample, states = sample_of(model), []
    for batch in sample.batches:
        found = model(**batch["inputs"], output_hidden_states=True).hidden_states
        states += [state[batch["inputs"]["attention_mask"].bool()] for state in found]
    states = torch.cat(states).double()
    assert states.shape == (3 * (3 * 7 + 2 * 5 - 4), 16)
    torch.testing.assert_close(activation.width(model, sample), states.abs().mean(0), rtol=TINY, atol=TINY)


def test_scores_are_taken_without_dropout_and_the_mode_comes_back(tiny):
    model = tiny().train()
    with evaluating(model):
        assert not model.training
    assert model.training
    sample = sample_of(model)
    for name in CRITERIA.names():
        variant = Heads(ratio=0.5, criterion=name)
        assert scores_of(variant, model, sample, 0) == scores_of(variant, model, sample, 0)
        assert model.training


@pytest.mark.parametrize(
    ("name", "ranks", "reads_data"),
    [
        ("magnitude", {"heads", "ffn", "weights", "width"}, False),
        ("random", {"heads", "ffn", "weights", "width"}, False),
        ("activation", {"heads", "ffn", "width"}, True),
        *((name, {"heads", "ffn"}, True) for name in ("gradient", "taylor", "michel", "oracle")),
    ],
)
def test_a_criterion_says_what_it_ranks_and_reads(name, ranks, reads_data):
    assert {structure for structure in ("heads", "ffn", "weights", "width") if name in ranking(structure)} == ranks
    assert (CRITERIA[name].reads_data, CRITERIA[name].slow) == (reads_data, name == "oracle")


def test_what_a_criterion_does_not_rank_is_told():
    assert criterion_of("michel", "heads").name == "michel"
    with pytest.raises(EdgeminError, match=r"^criterion 'michel' does not rank weights; known: .*magnitude, .*random"):
        criterion_of("michel", "weights")
    with pytest.raises(EdgeminError, match=r"^criterion 'size' does not rank heads; known: activation, "):
        criterion_of("size", "heads")
