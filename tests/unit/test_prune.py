"""Magnitudes of heads in closed form, and prune jobs of every structure."""

from __future__ import annotations

import math

import pandas as pd
import pytest
import torch
from prunes import prune_into, pruned

from edgemin.core.files import read_json
from edgemin.core.provenance import check_provenance
from edgemin.data import store
from edgemin.data.tokenizing import write_tokens
from edgemin.encoders import checkpoint
from edgemin.encoders.blocks import layers_of
from edgemin.encoders.surgery import keep_heads
from edgemin.encoders.weights import read_weights
from edgemin.methods.criteria.magnitude.score import units as magnitude
from edgemin.methods.prune.inputs import PruneInputs
from edgemin.methods.prune.units import units_of
from edgemin.methods.structures.weights.cut import linear_weights
from edgemin.study.family import family_of
from edgemin.study.registry import FAMILIES, KINDS
from edgemin.study.structure import Structure
from edgemin.study.variants import prune_variant

ROUNDING = 1e-12  # float64


def heads_of(model, layer: int):
    """The weights of one layer as heads: rows of Q, K, V and columns of O, each (4 heads, 4, 16)."""
    family = family_of(model.config)
    matrices = [layers_of(model)[layer].get_submodule(name).weight for name in (family.query, family.key, family.value)]
    output = layers_of(model)[layer].get_submodule(family.output).weight
    return [matrix.data.unflatten(0, (4, 4)) for matrix in matrices] + [output.data.T.unflatten(0, (4, 4))]


def scores(model, p: int) -> torch.Tensor:
    return torch.stack(magnitude(model, "heads", p))


@pytest.mark.parametrize("family", FAMILIES.names())
@pytest.mark.parametrize(("p", "first"), [(1, 64 * (1 + 2 + 3 + 4)), (2, math.sqrt(64 * (1 + 4 + 9 + 16)))])
def test_head_magnitude_in_closed_form(tiny, family, p, first):
    """Head h of layer l: 64 weights each of size 1, 2, 3 and 4 in Q, K, V and O, times (h + 1)(l + 1), of either sign."""
    model = tiny(family)
    signs = torch.tensor([1.0, -1.0]).repeat(8)
    for layer in range(2):
        for size, weight in enumerate(heads_of(model, layer), 1):
            for head in range(4):
                weight[head] = size * (head + 1) * (layer + 1) * signs
    expected = torch.tensor([[first * (head + 1) * (layer + 1) for head in range(4)] for layer in range(2)], dtype=torch.float64)
    torch.testing.assert_close(scores(model, p), expected, rtol=ROUNDING, atol=0)


@pytest.mark.parametrize("p", [1, 2])
def test_head_magnitude_does_not_see_the_order_inside_a_head(tiny, p):
    model = tiny()
    before = scores(model, p)
    for weight in heads_of(model, 0):
        weight[1] = weight[1, [2, 0, 3, 1]]
    torch.testing.assert_close(scores(model, p), before, rtol=ROUNDING, atol=0)
    weight[1], weight[2] = weight[2].clone(), weight[1].clone()  # between heads it does
    assert (scores(model, p)[0, 1:3] - before[0, 1:3]).abs().min() > 1e-3


@pytest.mark.parametrize("p", [1, 2])
def test_head_magnitude_scales_with_its_head_and_no_other(tiny, p):
    model = tiny()
    before = scores(model, p)
    for weight in heads_of(model, 1):
        weight[2] *= -4  # a power of two: exact
    factor = torch.ones(2, 4, dtype=torch.float64)
    factor[1, 2] = 4
    torch.testing.assert_close(scores(model, p), before * factor, rtol=ROUNDING, atol=0)


def test_heads_that_are_left_keep_their_scores(tiny):
    model = tiny()
    before = scores(model, 2)
    keep_heads(model, ((0, 2, 3), (1,)))
    left = magnitude(model, "heads", 2)
    torch.testing.assert_close(left[0], before[0, [0, 2, 3]], rtol=ROUNDING, atol=0)
    torch.testing.assert_close(left[1], before[1, [1]], rtol=ROUNDING, atol=0)


def test_a_prune_job_cuts_the_lowest_heads_and_says_which(tiny, save, tokens, tmp_path):
    """A quarter of eight heads, twice: the heads are counted as in the unpruned model."""
    model = tiny()
    for layer, factors in enumerate(((8, 1, 7, 3), (5, 2, 6, 4))):
        for weight in heads_of(model, layer):
            weight[:] = torch.tensor(factors)[:, None, None]
    parent, found = save(model, tmp_path / "model"), []
    for number in range(2):
        out = tmp_path / f"pruned{number}"
        prune_into(out, parent, tokens, {"ratio": 0.25, "p": 1})
        found.append(Structure.of(checkpoint.load(out).config).heads)
        parent = out
    assert found == [((0, 2, 3), (0, 2, 3)), ((0, 2), (0, 2))]  # those of factors 1 and 2; then of 6 / 4, so 2: 3 and 4
    facts = read_json(parent / "history.json")["pruning"]
    assert (facts["heads_before"], facts["heads_kept"]) == ([[0, 2, 3], [0, 2, 3]], [[0, 2], [0, 2]])
    assert facts["scores"][0] == pytest.approx([4 * 64 * factor for factor in (8, 7, 3)], rel=ROUNDING)


@pytest.mark.parametrize("recovers", [True, False])
def test_a_recovery_trains_on_the_texts_that_it_is_given(tiny, save, data, tokens, source, tmp_path, recovers):
    """40 rows of a transfer set, a quarter of them without a label, in batches of 16: three updates. Without a recovery none."""
    rows = store.read_split(data, "train")[:40].astype({"label": "Int64"})
    rows.loc[rows.index[::4], "label"] = pd.NA
    names = store.label_names(data)
    store.write_dataset(store.to_dataset(rows, KINDS["classification"], names), tmp_path / "rows.arrow", label_names=names)
    write_tokens(tmp_path / "rows.arrow", source, 16, tmp_path / "transfer.arrow")
    variant: dict = {"ratio": 0.25}
    if recovers:
        variant["recovery"] = [{"epochs": 1, "batch_size": 16, "terms": [{"objective": "labels"}]}]
    parent, out = save(tiny(), tmp_path / "model"), tmp_path / "pruned"
    texts = tmp_path / "transfer.arrow" if recovers else tokens / "train.arrow"
    phases = prune_into(out, parent, tokens, variant, texts)["phases"]
    assert [(phase["updates"], phase["examples_seen"]) for phase in phases] == [(3, 40)] * recovers
    parents = check_provenance(out)["parents"]
    assert (str(tmp_path / "transfer.arrow") in parents) == recovers
    assert (str(tokens / "train.arrow") in parents) != recovers
    assert str(parent / "model.safetensors") in parents


@pytest.mark.parametrize(
    "variant",
    [
        {"ratio": 0.5},
        {"structure": "ffn", "ratio": 0.5, "criterion": "random"},
        {"structure": "layers", "drop": 1},
        {"structure": "width", "ratio": 0.5},
        {"structure": "weights", "ratio": 0.5},
    ],
)
def test_sentences_are_read_only_by_who_needs_them(tiny, variant):
    def read():
        raise AssertionError("read")

    model = tiny()
    before = sum(int((parameter != 0).sum()) for parameter in model.parameters())
    prune_variant(variant).cut(PruneInputs(model, KINDS["classification"], read, seed=0))
    assert sum(int((parameter != 0).sum()) for parameter in model.parameters()) < before
    needs = {"structure": variant.get("structure", "heads"), "criterion": "activation", "ratio": 0.5}
    if variant.get("structure") == "layers":
        needs = {**variant, "strategy": "contribution"}
    if variant.get("structure") != "weights":  # which no criterion ranks by sentences
        with pytest.raises(AssertionError, match="read"):
            prune_variant(needs).cut(PruneInputs(tiny(), KINDS["classification"], read, seed=0))


@pytest.mark.parametrize("criterion", ["magnitude", "gradient", "taylor", "michel", "activation", "random"])
def test_neurons_go_by_every_criterion(tiny, save, tokens, tmp_path, criterion):
    """Half of 48 neurons, and each layer keeps a multiple of four; the same job twice cuts the same."""
    variant = {"structure": "ffn", "ratio": 0.5, "multiple": 4, "criterion": criterion, "sentences": 40}
    found = [pruned(tiny(), save, tokens, tmp_path / str(number), variant) for number in range(2)]
    structure, history = found[0]
    assert structure == found[1][0]
    assert history["pruning"] == found[1][1]["pruning"]
    assert structure.heads == ((0, 1, 2, 3),) * 2
    assert all(width % 4 == 0 for width in structure.intermediate)
    assert abs(sum(structure.intermediate) - 24) <= 4  # two layers, each rounded by two at most
    assert [len(layer) for layer in history["pruning"]["scores"]] == [24, 24]


def test_the_oracle_scores_heads_in_a_job(tiny, save, tokens, tmp_path):
    structure, history = pruned(tiny(), save, tokens, tmp_path, {"ratio": 0.25, "criterion": "oracle", "sentences": 40})
    assert structure.kept_heads == 6
    lowest = sorted(
        (score, layer, head) for layer, row in enumerate(history["pruning"]["scores"]) for head, score in enumerate(row)
    )
    assert all(head not in structure.heads[layer] for _, layer, head in lowest[:2])


@pytest.mark.parametrize(("scope", "iterations"), [("global", 2), ("global", 3), ("per_layer", 2), ("per_layer", 5)])
def test_steps_end_at_the_same_share(tiny, save, tokens, tmp_path, scope, iterations):
    structure, history = pruned(tiny(), save, tokens, tmp_path, {"ratio": 0.5, "scope": scope, "iterations": iterations})
    assert structure.kept_heads == 4
    assert [len(layer) for layer in history["pruning"]["scores"]] == [4, 4]  # the first step's


def test_steps_score_anew(tiny, save, tokens, tmp_path, monkeypatch):
    counts = []

    def counted(model, structure, p, output_only):
        counts.append([layer.count for layer in units_of(model, structure)])
        return magnitude(model, structure, p, output_only)

    monkeypatch.setattr("edgemin.methods.criteria.magnitude.score.units", counted)
    pruned(tiny(), save, tokens, tmp_path, {"ratio": 0.5, "scope": "per_layer", "iterations": 2})
    assert counts == [[4, 4], [3, 3]]


def test_a_ratio_of_zero_is_the_control(tiny, save, tokens, tmp_path):
    recovery = [{"epochs": 1, "batch_size": 32, "terms": [{"objective": "labels"}]}]
    structure, history = pruned(tiny(), save, tokens, tmp_path, {"ratio": 0, "recovery": recovery})
    assert structure.kept_heads == 8
    assert [phase["updates"] for phase in history["phases"]] == [3]


@pytest.mark.parametrize("strategy", ["top", "contribution"])
def test_a_job_that_drops_a_layer(tiny, save, tokens, tmp_path, strategy):
    """What is left is a stock model of one layer."""
    structure, history = pruned(tiny(), save, tokens, tmp_path, {"structure": "layers", "strategy": strategy, "drop": 1})
    (kept,) = history["pruning"]["layers_kept"]
    assert len(structure.heads) == 1
    assert "edgemin" not in read_json(tmp_path / "out" / "config.json")
    weights = [read_weights(tmp_path / folder / "model.safetensors") for folder in ("model", "out")]
    name = "bert.encoder.layer.{}.intermediate.dense.weight"
    assert torch.equal(weights[0][name.format(kept)], weights[1][name.format(0)])
    if strategy == "top":
        assert kept == 0
    else:
        assert kept == min((0, 1), key=lambda layer: history["pruning"]["similarity"][layer])


def zeros(folder) -> list[int]:
    return [int((weight == 0).sum()) for weight in linear_weights(checkpoint.load(folder))]


@pytest.mark.parametrize("scope", ["global", "per_layer"])
@pytest.mark.parametrize("criterion", ["magnitude", "random"])
def test_weights_become_zero_and_stay_so(tiny, save, tokens, tmp_path, scope, criterion):
    """The smallest of each layer's four 16 x 16 and two 16 x 24 matrices; training moves the others alone."""
    recovery = [{"epochs": 1, "batch_size": 32, "learning_rate": 1e-2, "terms": [{"objective": "labels"}]}]
    variant = {"structure": "weights", "ratio": 0.4, "scope": scope, "criterion": criterion}
    pruned(tiny(), save, tokens, tmp_path / "cut", variant)
    pruned(tiny(), save, tokens, tmp_path / "recovered", {**variant, "recovery": recovery})
    cut, recovered = (tmp_path / name / "out" for name in ("cut", "recovered"))
    assert zeros(cut) == zeros(recovered)
    assert sum(zeros(cut)) == (round(0.4 * 2 * (4 * 256 + 2 * 384)) if scope == "global" else 2 * (4 * 102 + 2 * 154))
    before, after = (linear_weights(checkpoint.load(folder)) for folder in (cut, recovered))
    assert all(torch.equal(a == 0, b == 0) for a, b in zip(before, after, strict=True))
    assert any((a - b).abs().max() > 1e-3 for a, b in zip(before, after, strict=True))
    if criterion == "magnitude" and scope == "global":
        sizes = torch.cat([weight.abs().flatten() for weight in linear_weights(tiny())])
        alive = torch.cat([(weight != 0).flatten() for weight in before])
        assert sizes[~alive].max() <= sizes[alive].min()


@pytest.mark.parametrize("criterion", ["magnitude", "activation", "random"])
def test_a_job_that_cuts_the_width(tiny, save, tokens, tmp_path, criterion):
    """Half of 16 dimensions, to a multiple of the four heads."""
    variant = {"structure": "width", "ratio": 0.5, "multiple": 2, "criterion": criterion, "sentences": 40}
    structure, history = pruned(tiny(), save, tokens, tmp_path, variant)
    assert len(history["pruning"]["width_kept"]) == 8
    model = checkpoint.load(tmp_path / "out")
    assert model.config.hidden_size == model.bert.embeddings.word_embeddings.embedding_dim == 8
    assert structure.heads == ((0, 1, 2, 3),) * 2
    assert structure.head_dim == 4
