"""Scores of heads and neurons against independent computations, and masked against sliced models."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
import torch

from edgemin.config.variants import Ffn, Heads
from edgemin.deploy.onnx_export import random_inputs
from edgemin.encoders.families import FAMILIES, layers_of
from edgemin.encoders.surgery import keep_heads, keep_layers, keep_neurons
from edgemin.prune.criteria import contexts, gradients, magnitude, masked, oracle, score
from edgemin.prune.layers import similarities
from edgemin.prune.units import units_of
from edgemin.training.data import read_examples, sampled
from edgemin.training.labels import labels_loss

KINDS = ("heads", "ffn")
TINY = 1e-10  # float64


def batches_of(model, sizes=((3, 7), (2, 5)), seed=0):
    """Batches (rows, length) of random tokens with labels; the last two tokens of the first row are padding."""
    torch.manual_seed(seed)
    found = []
    for number, (rows, length) in enumerate(sizes):
        inputs = random_inputs(model, rows, length, seed=number)
        inputs["attention_mask"] = torch.ones(rows, length, dtype=torch.long)
        inputs["attention_mask"][0, -2:] = 0
        found.append({"inputs": inputs, "labels": torch.randint(0, 2, (rows,))})
    return found


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
            loss = labels_loss(model(**inputs).logits, batch["labels"][row : row + 1])
        for number, gradient in enumerate(torch.autograd.grad(loss, gates)):
            found[number].append(gradient)
    return [torch.stack(rows) for rows in found]


@pytest.mark.parametrize("family", ["bert", "mpnet", "distilbert"])
@pytest.mark.parametrize("kind", KINDS)
def test_michel_and_taylor_are_gate_gradients(tiny, family, kind):
    """Michel's is the mean size over examples; Taylor's of the output's weights the size of the mean."""
    model = tiny(family).double().eval()
    batches = batches_of(model)
    gates = [torch.cat(rows) for rows in zip(*(gate_gradients(model, kind, batch) for batch in batches), strict=True)]
    michel, taylor = contexts(model, kind, batches, "michel"), gradients(model, kind, batches, "taylor", output_only=True)
    for gate, one, other in zip(gates, michel, taylor, strict=True):
        torch.testing.assert_close(one, gate.abs().mean(0), rtol=TINY, atol=TINY)
        torch.testing.assert_close(other, gate.mean(0).abs(), rtol=TINY, atol=TINY)


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_is_the_norm_of_the_mean_gradient(tiny, kind):
    model = tiny().double().eval()
    batches = batches_of(model)
    found, output = (gradients(model, kind, batches, "gradient", output_only) for output_only in (False, True))
    assert all(parameter.grad is None for parameter in model.parameters())
    total = sum(labels_loss(model(**batch["inputs"]).logits, batch["labels"]) * len(batch["labels"]) for batch in batches) / 5
    total.backward()
    for number, layer in enumerate(units_of(model, kind)):
        out = layer.read_by.weight.grad.T.reshape(layer.count, -1)
        rows = [linear.weight.grad.reshape(layer.count, -1) for linear in layer.made_by]
        torch.testing.assert_close(output[number], out.norm(dim=1), rtol=TINY, atol=TINY)
        torch.testing.assert_close(found[number], torch.cat([out, *rows], 1).norm(dim=1), rtol=TINY, atol=TINY)


@pytest.mark.parametrize("kind", KINDS)
def test_activation_is_the_mean_norm_over_real_tokens(tiny, kind):
    model = tiny().double().eval()
    batches = batches_of(model)
    found = contexts(model, kind, batches, "activation")
    layer, seen = units_of(model, kind)[1], []
    handle = layer.read_by.register_forward_pre_hook(lambda module, x: seen.append(x[0]))
    for batch in batches:
        model(**batch["inputs"])
    handle.remove()
    real = torch.cat([x[batch["inputs"]["attention_mask"].bool()] for x, batch in zip(seen, batches, strict=True)])
    assert len(real) == 3 * 7 + 2 * 5 - 4
    expected = real.unflatten(-1, (layer.count, layer.width)).norm(dim=-1).mean(0)
    torch.testing.assert_close(found[1], expected, rtol=TINY, atol=TINY)


def test_the_oracle_is_the_loss_of_the_model_without_the_head(tiny):
    """Against surgery: the head cut out, not masked."""
    model = tiny().double().eval()
    batches = batches_of(model)
    found = oracle(model, "heads", batches)

    @torch.no_grad()
    def loss(cut):
        return (
            sum(float(labels_loss(cut(**batch["inputs"]).logits, batch["labels"]) * len(batch["labels"])) for batch in batches)
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
    assert float(magnitude(model, "ffn", 1)[0][3]) == pytest.approx(16 * 2 + 16)
    assert float(magnitude(model, "ffn", 2)[0][3]) == pytest.approx((16 * 4 + 16) ** 0.5)
    assert float(magnitude(model, "ffn", 2, output_only=True)[0][3]) == pytest.approx(4)


@pytest.mark.parametrize("family", FAMILIES)
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
    one, again, other = (score(tiny(), variant, [], seed) for seed in (1, 1, 2))
    assert [len(layer) for layer in one] == ([4, 4] if variant.structure == "heads" else [24, 24])
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_normalised_scores_have_norm_one_per_layer(tiny):
    for layer in score(tiny(), Heads(ratio=0.5, normalise="layer"), [], 0):
        assert float(layer.norm()) == pytest.approx(1)


def test_a_sample_is_drawn_by_the_seed_without_repeats(data, source):
    examples = read_examples(data, "train", source, 16)
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
    first, second = similarities(model, batches_of(model))
    assert second == pytest.approx(1, abs=1e-6)
    assert first < 0.99
