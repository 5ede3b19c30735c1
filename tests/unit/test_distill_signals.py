"""The cache of teacher signals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors import safe_open

from edgemin.core.errors import EdgeminError
from edgemin.data.tokenizing import write_tokens
from edgemin.encoders.surgery import keep_heads
from edgemin.methods.distill.capture import PROJECTIONS
from edgemin.methods.distill.signals import CachedSignals, LiveSignals, Signal, bytes_of, signals_of, write_cache
from edgemin.study.registry import KINDS
from edgemin.training.data import read_examples

FACTS = {"teacher": "t", "data": "d"}
NEEDS = {
    "logits": {},
    "qkv_last": {name: Signal(name, 1) for name in PROJECTIONS},
    "qkv_0": {name: Signal(name, 0) for name in PROJECTIONS},
    "hidden_last": {"1": Signal("hidden", 2)},
    "hidden_map2": {str(n): Signal("hidden", n) for n in range(3)},
    "scores_last": {"1": Signal("scores", 1)},
    "scores_map2": {"1": Signal("scores", 0), "2": Signal("scores", 1)},
}
"""What each says of a teacher of two layers."""
NAMES = {f"{need}.{name}" for need, parts in NEEDS.items() for name in parts}


@pytest.fixture(scope="module")
def teacher(tiny):
    """Four heads in the first layer, three in the second."""
    model = tiny()
    keep_heads(model, (range(4), (0, 1, 3)))
    return model


@pytest.fixture(scope="module")
def train(tokens, source):
    return read_examples(tokens / "train.arrow", KINDS["classification"], source)


@pytest.fixture(scope="module")
def caches(tmp_path_factory, teacher, train):
    folder = tmp_path_factory.mktemp("caches")
    for need in NEEDS:
        write_cache(teacher, train, need, folder / f"{need}.safetensors", "fp32", FACTS)
    return [folder / f"{need}.safetensors" for need in NEEDS]


@pytest.mark.parametrize("need", NEEDS)
def test_a_need_says_which_signals_it_comprises(teacher, need):
    assert signals_of(need, teacher) == {f"{need}.{name}": signal for name, signal in NEEDS[need].items()}


def test_layers_are_mapped_evenly(tiny):
    """Twelve layers on six, as for TinyBERT: hidden states 0, 2 .. 12, attention of the layers 1, 3 .. 11."""
    teacher = tiny(num_hidden_layers=12)
    found = {
        need: list(signals_of(need, teacher).items()) for need in ("hidden_map6", "scores_map6", "hidden_last", "scores_last")
    }
    assert found == {
        "hidden_map6": [(f"hidden_map6.{n}", Signal("hidden", 2 * n)) for n in range(7)],
        "scores_map6": [(f"scores_map6.{n}", Signal("scores", 2 * n - 1)) for n in range(1, 7)],
        "hidden_last": [("hidden_last.1", Signal("hidden", 12))],
        "scores_last": [("scores_last.1", Signal("scores", 11))],
    }


@pytest.mark.parametrize("kind", ["hidden", "scores"])
def test_layers_that_cannot_be_mapped_evenly_are_an_error(tiny, kind):
    with pytest.raises(EdgeminError, match=r"^layers: 5 do not divide the teacher's 12 layers evenly; choose a divisor"):
        signals_of(f"{kind}_map5", tiny(num_hidden_layers=12))


def test_a_cached_batch_is_the_batch_of_a_live_teacher(teacher, train, caches):
    """The first 64 by length are the batch that the cache was computed in: equal to the bit, what is stored in bf16 too."""
    indices = np.argsort(train.lengths, kind="stable")[:64].tolist()
    length = train.collate(indices)["inputs"]["input_ids"].shape[1]
    live = LiveSignals(teacher, train, list(NEEDS), "fp32")
    theirs, ours = live.batch(indices, length), CachedSignals(caches, train, FACTS).batch(indices, length)
    assert theirs.keys() == ours.keys() == {"logits"} | NAMES
    for name in theirs:
        assert theirs[name].dtype == ours[name].dtype == (torch.float32 if name == "logits" else torch.bfloat16)
        assert torch.equal(theirs[name], ours[name]), name
    live.capture.remove()


def test_any_other_batch_agrees_to_rounding(teacher, train, caches):
    """Another composition is another order of float32 sums, which may turn the last of bf16's 8 bits."""
    indices = [90, 3, 41, 3]
    length = train.collate(indices)["inputs"]["input_ids"].shape[1] + 8  # a longer batch than the teacher needs
    live = LiveSignals(teacher, train, list(NEEDS), "fp32")
    theirs, ours = live.batch(indices, length), CachedSignals(caches, train, FACTS).batch(indices, length)
    for name in theirs:
        torch.testing.assert_close(theirs[name], ours[name], rtol=1e-5 if name == "logits" else 2**-7, atol=1e-5)
        if name != "logits":
            pairwise = name.startswith("scores_")
            assert ours[name].shape[1:-1] == ((length, length) if pairwise else (length,))
            for row, index in enumerate(indices):
                values, n = ours[name][row], train.lengths[index]
                assert values[:n].any()
                assert not values[n:].any()
                assert not (pairwise and values[:, n:].any())
    live.capture.remove()


def test_signals_are_the_models_own(teacher, train, caches):
    """A text alone, unpadded: hidden states and last attention as the teacher gives them out, rounded to bf16."""
    teacher.set_attn_implementation("eager")
    inputs = {name: torch.from_numpy(values) for name, values in train.tokens.batch([7]).items()}
    with torch.no_grad():
        outputs = teacher(**inputs, output_hidden_states=True, output_attentions=True)
    teacher.set_attn_implementation("sdpa")
    said = CachedSignals(caches, train, FACTS).batch([7], train.lengths[7])
    torch.testing.assert_close(said["logits"], outputs.logits, rtol=0, atol=1e-5)
    for n, hidden in enumerate(outputs.hidden_states):
        torch.testing.assert_close(said[f"hidden_map2.{n}"].float(), hidden, rtol=2**-8, atol=1e-5)
    for n, attention in enumerate(outputs.attentions, 1):
        found = said[f"scores_map2.{n}"].float().softmax(2).permute(0, 3, 1, 2)
        torch.testing.assert_close(found, attention, rtol=2**-9, atol=0)  # e^x of a bf16 x below 1


def test_a_cache_computed_again_is_the_same_file(teacher, train, caches, tmp_path):
    """In this process and in others: with two keys, safetensors would order its header by chance."""
    write_cache(teacher, train, "qkv_last", tmp_path / "again", "fp32", FACTS)
    assert (tmp_path / "again").read_bytes() == caches[list(NEEDS).index("qkv_last")].read_bytes()
    with safe_open(tmp_path / "again", framework="pt") as opened:
        assert list(opened.metadata()) == ["facts"]


def test_the_cache_holds_every_token_and_every_pair_once(train, caches):
    lengths, files = np.array(train.lengths), dict(zip(NEEDS, caches, strict=True))
    expected = {
        "qkv_0": {f"qkv_0.{name}": [lengths.sum(), 16] for name in PROJECTIONS},
        "qkv_last": {f"qkv_last.{name}": [lengths.sum(), 12] for name in PROJECTIONS},
        "hidden_map2": {f"hidden_map2.{n}": [lengths.sum(), 16] for n in range(3)},
        "scores_map2": {"scores_map2.1": [(lengths**2).sum(), 4], "scores_map2.2": [(lengths**2).sum(), 3]},
    }
    for need, shapes in expected.items():
        with safe_open(files[need], framework="pt") as file:
            assert {name: file.get_slice(name).get_shape() for name in set(file.keys()) - {"offsets", "logits"}} == shapes
            assert file.get_slice("logits").get_shape() == [96, 2]
            assert file.get_tensor("offsets").tolist() == [0, *np.cumsum(lengths)]


@pytest.mark.parametrize(
    ("need", "per_token", "per_pair"),
    [
        ("logits", 0, 0),
        ("qkv_last", 3 * 12, 0),
        ("qkv_0", 3 * 16, 0),
        ("hidden_last", 16, 0),
        ("hidden_map2", 3 * 16, 0),
        ("scores_last", 0, 3),
        ("scores_map2", 0, 4 + 3),
    ],
)
def test_the_size_of_a_cache_is_known_before(teacher, train, caches, need, per_token, per_pair):
    """Four bytes for each of two logits, which are always there; two for a value of a token or of a pair of tokens."""
    lengths = np.array(train.lengths)
    expected = len(train) * 2 * 4 + 2 * (lengths.sum() * per_token + (lengths**2).sum() * per_pair)
    with safe_open(caches[list(NEEDS).index(need)], framework="pt") as file:
        stored = sum(file.get_tensor(name).nbytes for name in set(file.keys()) - {"offsets"})
    assert bytes_of(teacher, train, need) == stored == expected


@pytest.mark.parametrize("changed", FACTS)
def test_a_foreign_cache_is_refused(train, caches, changed):
    with pytest.raises(EdgeminError, match=f"^{caches[0]}: made with another {changed}"):
        CachedSignals(caches, train, {**FACTS, changed: "other"})


def test_other_token_counts_are_refused(data, source, caches, tmp_path):
    """Logits are per sentence and do not mind; Q, K and V are per token."""
    write_tokens(data / "train.arrow", source, 6, tmp_path / "cut.arrow")
    cut = read_examples(tmp_path / "cut.arrow", KINDS["classification"], source)
    CachedSignals(caches[:1], cut, FACTS)
    with pytest.raises(EdgeminError, match=f"^{caches[1]}: the student's tokenizer gives other token counts"):
        CachedSignals(caches, cut, FACTS)


@pytest.mark.parametrize("content", [b"", b"{}", None], ids=["empty", "foreign", "missing"])
def test_an_unreadable_cache_is_named(train, tmp_path, content):
    if content is not None:
        (tmp_path / "x").write_bytes(content)
    with pytest.raises(EdgeminError, match=f"^{tmp_path}/x: not a readable teacher cache"):
        CachedSignals([tmp_path / "x"], train, FACTS)
