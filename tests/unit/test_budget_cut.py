"""A model cut to a time: what stays is what scores and times say, the job says what it did, and what cannot be met."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
import torch

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json, sha256, write_json
from edgemin.encoders import checkpoint
from edgemin.encoders.onnx_export import random_inputs
from edgemin.methods.distill.teachers import TeacherFiles
from edgemin.methods.prune.scoring import masked
from edgemin.methods.prune.times import Sizes, Times
from edgemin.methods.prune.units import units_of
from edgemin.methods.structures.budget.cut import keep_best
from edgemin.methods.structures.budget.stage import prune_to_time
from edgemin.study.structure import Structure
from edgemin.training.run import Files

TIMES = Times(Sizes(16, 4, 2), teacher=10.0, rest=1.0, attention=((1, 0.8), (4, 2.0)), ffn=((8, 0.5), (24, 1.5)))
"""Of the tiny models (two layers, four heads, 24 neurons): 1 + 2 · (2 + 1.5) = 8 ms whole, 1 ms without any block."""
SPEC = {"metric": "accuracy", "seed": 0, "precision": "fp32", "threads": 1}
LOGITS = {"epochs": 1, "learning_rate": 1.0e-3, "batch_size": 32, "terms": [{"objective": "labels"}]}


def cut_into(out, parent, tokens, speedup, times=TIMES, **settings):
    """Run the job; returns its history."""
    write_json(out.parent / "times.json", times.as_json())
    texts = tokens / "train.arrow"
    prune_to_time(
        parent,
        out.parent / "times.json",
        sentences=texts,
        teacher_files=TeacherFiles(parent, texts),
        files=Files(texts, tokens / "validation.arrow", out, out.parent / "scratch"),
        spec={**SPEC, "variant": {"structure": "budget", "target": {"speedup": speedup}, "sentences": 32, **settings}},
    )
    return read_json(out / "history.json")


@pytest.fixture
def parent(tiny, save, tmp_path):
    return save(tiny(), tmp_path / "parent")


@pytest.mark.parametrize("criterion", ["michel", "taylor", "oracle"])
def test_what_stays_is_within_the_time_and_has_the_best_scores(parent, tokens, tmp_path, criterion):
    """To twice the teacher's speed: 5 ms. Of each block its best units stay, and the loss is the sum of all others."""
    told = cut_into(tmp_path / "out", parent, tokens, 2, criterion=criterion)["pruning"]
    structure = Structure.of(checkpoint.load(tmp_path / "out").config)
    assert TIMES.predict(structure) == pytest.approx(told["ms"]["predicted"])
    assert told["ms"]["predicted"] <= 5.0
    assert told["ms"] == {"teacher": 10.0, "before": 8.0, "predicted": told["ms"]["predicted"], "fastest": 1.8, "budget": 5.0}
    assert told["speedup"] == pytest.approx({"before": 1.25, "predicted": 10 / told["ms"]["predicted"], "fastest": 10 / 1.8})
    assert told["heads_kept"] == [list(heads) for heads in structure.heads]
    assert told["neurons_kept"] == list(structure.intermediate)
    assert all(neurons in (0, 8, 16, 24) for neurons in structure.intermediate)
    lost = 0.0
    for scores, heads in zip(told["scores"]["heads"], structure.heads, strict=True):
        gone = [score for head, score in enumerate(scores) if head not in heads]
        assert all(low <= scores[head] for low in gone for head in heads)
        lost += sum(worth(criterion, gone))
    for scores, neurons in zip(told["scores"]["neurons"], structure.intermediate, strict=True):
        lost += sum(sorted(worth(criterion, scores))[: len(scores) - neurons])
    assert told["loss"] == pytest.approx(lost)


def worth(criterion, scores):
    return [score if criterion == "oracle" else score * score for score in scores]


def test_no_other_choice_within_the_time_loses_less(parent, tokens, tmp_path):
    """All 25 · 16 of them: two layers with 0 to 4 heads and 0, 8, 16 or 24 neurons. Rounding to ticks may cost 4 of 10,000."""
    told = cut_into(tmp_path / "out", parent, tokens, 2)["pruning"]
    heads, neurons = ([sorted(worth("michel", layer)) for layer in told["scores"][name]] for name in ("heads", "neurons"))
    losses = [
        sum(sum(heads[layer][: 4 - kept]) for layer, kept in enumerate((a, b)))
        + sum(sum(neurons[layer][: 24 - kept]) for layer, kept in enumerate((m, n)))
        for a in range(5)
        for b in range(5)
        for m in (0, 8, 16, 24)
        for n in (0, 8, 16, 24)
        if a + b and 1.0 + TIMES.of(a, m) + TIMES.of(b, n) <= 5.0 - 4e-4 * 4
    ]
    assert told["loss"] <= min(losses) + 1e-12


def test_a_floor_leaves_a_share_of_every_block(parent, tokens, tmp_path):
    """A quarter: one head and 8 neurons (the multiple above 6), 1 + 2 · 1.3 = 3.6 ms at the fastest."""
    told = cut_into(tmp_path / "out", parent, tokens, 2.7, least=0.25)["pruning"]
    assert told["ms"]["fastest"] == pytest.approx(3.6)
    assert all(told["heads_kept"])
    assert min(told["neurons_kept"]) >= 8


def test_layers_alike_keep_the_same_share(parent, tokens, tmp_path):
    """To 5 ms: 1 + 2 · (1.2 + 0.5) = 4.4 with two heads and 8 neurons; two heads and 16 neurons take 5.4."""
    told = cut_into(tmp_path / "out", parent, tokens, 2, layers="alike")["pruning"]
    assert [len(heads) for heads in told["heads_kept"]] == [2, 2]
    assert told["neurons_kept"] == [8, 8]
    assert told["ms"]["predicted"] == pytest.approx(4.4)
    best = cut_into(tmp_path / "best", parent, tokens, 2)["pruning"]
    assert best["loss"] <= told["loss"]


def test_to_the_fastest_shape_all_blocks_go_but_one_head(parent, tokens, tmp_path):
    """Without it the classified token would read no other."""
    told = cut_into(tmp_path / "out", parent, tokens, 10 / 1.8)["pruning"]
    assert (sorted(map(len, told["heads_kept"])), told["neurons_kept"]) == ([0, 1], [0, 0])
    model = checkpoint.load(tmp_path / "out")
    assert torch.isfinite(model(**random_inputs(model, 2, 7, seed=0)).logits).all()


def test_a_time_below_the_fastest_shape_says_which_speed_is_left(parent, tokens, tmp_path):
    with pytest.raises(EdgeminError) as error:
        cut_into(tmp_path / "to12", parent, tokens, 12)
    assert str(error.value) == (
        "to12: target.speedup: 12, but the fastest shape that may be left is 5.56 times as fast as the teacher; lower it, or cut layers or "
        f"width first (times: {tmp_path / 'times.json'})"
    )
    assert not (tmp_path / "to12").exists()


def test_a_model_that_is_fast_enough_keeps_all(parent, tokens, tmp_path, caplog):
    """10 / 8 = 1.25 times as fast before the cut: on another machine it may not be, so it is no error."""
    with caplog.at_level(logging.WARNING):
        told = cut_into(tmp_path / "out", parent, tokens, 1.2)["pruning"]
    assert "target.speedup: 1.2, and the model is 1.25 times as fast as the teacher before the cut" in caplog.text
    assert (told["loss"], told["ms"]["predicted"]) == (0.0, 8.0)


def test_times_of_another_encoder_are_refused(parent, tokens, tmp_path):
    with pytest.raises(EdgeminError, match=r"times.json: has times of .*layers=3"):
        cut_into(tmp_path / "out", parent, tokens, 2, replace(TIMES, sizes=Sizes(16, 4, 3)))


def test_cuts_follow_one_another_and_are_recovered(parent, tokens, tmp_path):
    """The second goes on from what the first left, also where a block is gone; times are of the same encoder."""
    first = cut_into(tmp_path / "one", parent, tokens, 2.5, recovery=[LOGITS])
    second = cut_into(tmp_path / "two", tmp_path / "one", tokens, 5)["pruning"]
    assert first["phases"][0]["updates"] == 3  # 96 sentences
    assert second["heads_before"] == first["pruning"]["heads_kept"]
    assert second["ms"]["before"] == pytest.approx(first["pruning"]["ms"]["predicted"])
    assert second["ms"]["predicted"] <= 2.0
    for before, after in zip(second["heads_before"], second["heads_kept"], strict=True):
        assert set(after) <= set(before)


def test_the_same_cut_twice_is_the_same_and_names_its_times(parent, tokens, tmp_path):
    for name in ("one", "two"):
        cut_into(tmp_path / name, parent, tokens, 2)
    assert sha256(tmp_path / "one/model.safetensors") == sha256(tmp_path / "two/model.safetensors")
    made_from = read_json(tmp_path / "one/provenance.json")["parents"]
    assert made_from[(tmp_path / "times.json").as_posix()] == sha256(tmp_path / "times.json")


@pytest.mark.parametrize("family", ["bert", "distilbert", "electra", "mpnet", "roberta"])
def test_the_cut_model_is_the_whole_one_with_outputs_of_what_goes_at_zero(tiny, family):
    """A block that goes takes its output's bias along, so that is set to zero too. Layer 0 keeps two heads and no FFN, layer 1 no attention
    and 8 neurons."""
    whole, cut = tiny(family), tiny(family)
    heads, neurons = [[0.3, 0.1, 0.4, 0.2], [1.0] * 4], [[1.0] * 24, list(range(24))]
    keep_best(cut, heads, [2, 0], neurons, [0, 8])
    assert Structure.of(cut.config) == Structure(((0, 2), ()), 4, (0, 8))
    (heads_0, heads_1), (ffn_0, ffn_1) = units_of(whole, "heads"), units_of(whole, "ffn")
    with torch.no_grad():
        heads_1.read_by.bias.zero_()
        ffn_0.read_by.bias.zero_()
    inputs = random_inputs(whole, 3, 9, seed=1)
    with masked(heads_0, [1, 3]), masked(heads_1, range(4)), masked(ffn_0, range(24)), masked(ffn_1, range(16)), torch.no_grad():
        wanted = whole(**inputs).logits
    with torch.no_grad():
        found = cut(**inputs).logits
    assert torch.allclose(found, wanted, atol=1e-5)


def test_layers_alike_without_a_head_are_refused(parent, tokens, tmp_path):
    """1.9 ms leave room for one head of one layer, and not for one of each."""
    with pytest.raises(
        EdgeminError, match=r"out: target.speedup: 5\.25 leaves no attention, so the text would not be read; lower it"
    ):
        cut_into(tmp_path / "out", parent, tokens, 5.25, layers="alike")
