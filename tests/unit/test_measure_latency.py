"""Blocks, plans, turns and the measuring job."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgemin.data.tokenizing import write_tokens
from edgemin.data.tokens import Tokens
from edgemin.measure import blocks, host, latency_job
from edgemin.measure.first_use import first_use
from edgemin.measure.latency import plan, single_stream, take_turns, throughput
from edgemin.measure.latency_job import measure
from edgemin.measure.lengths import of_length
from edgemin.plan.jobs.measuring import one_round
from edgemin.study.measuring import Latency

SIMULATIONS = 200
THREE_SD = 3 * np.sqrt(0.95 * 0.05 / SIMULATIONS)  # of a share of hits that is 95 % in truth: 0.046


def timings(simulations: int, seed: int, median: float = 1.0) -> np.ndarray:
    """Log-normal calls, 20 blocks of 50, each call's log correlated by 0.7 with the one before, across blocks too."""
    noise = np.random.default_rng(seed).standard_normal((1000, simulations))
    for now in range(1, 1000):
        noise[now] = 0.7 * noise[now - 1] + np.sqrt(1 - 0.7**2) * noise[now]
    return median * np.exp(0.1 * noise.T).reshape(simulations, 20, 50)


def covers(interval: blocks.Interval, truth: float) -> bool:
    assert interval.low <= interval.value <= interval.high
    return interval.low <= truth <= interval.high


@pytest.mark.parametrize(("q", "quantile"), [(50, 0.0), (90, 1.2815516)])
def test_an_interval_over_blocks_covers_where_one_over_calls_does_not(monkeypatch, q, quantile):
    """A quantile of the marginal, exp(0.1 z). Calls as blocks of one are the naive interval: 1000 correlated calls are worth
    1000 * (1 - 0.7) / (1 + 0.7) = 176 at the median, so it is some 2.4 times too narrow."""
    monkeypatch.setattr(blocks, "_RESAMPLES", 400)  # enough for a 95 % interval to a hundredth, and quick
    truth, hits, naive = np.exp(0.1 * quantile), 0, 0
    for series in timings(SIMULATIONS, seed=q):
        hits += covers(blocks.percentile(series, q), truth)
        naive += covers(blocks.percentile(series.reshape(-1, 1), q), truth)
    assert abs(hits / SIMULATIONS - 0.95) <= THREE_SD
    assert naive / SIMULATIONS < 0.95 - 2 * THREE_SD


def test_a_ratio_over_blocks_covers_where_one_over_calls_does_not():
    """Two independent series, the one twice as slow."""
    pairs = list(zip(timings(SIMULATIONS, seed=1, median=2.0), timings(SIMULATIONS, seed=2), strict=True))
    hits = sum(covers(blocks.ratio(a, b), 2.0) for a, b in pairs)
    naive = sum(covers(blocks.ratio(a.reshape(-1, 1), b.reshape(-1, 1)), 2.0) for a, b in pairs)
    assert abs(hits / SIMULATIONS - 0.95) <= THREE_SD
    assert naive / SIMULATIONS < 0.95 - 2 * THREE_SD


@pytest.mark.parametrize("factor", [1.0, 3.0, 0.125])
def test_a_constant_factor_is_recovered(factor):
    """Every block's ratio is the same: no width but float64's rounding."""
    [series] = timings(1, seed=3)
    found = blocks.ratio(factor * series, series)
    assert [found.value, found.low, found.high] == pytest.approx([factor] * 3, rel=1e-12)


def test_a_ratio_by_hand():
    """Medians 4 over 1 and 9 over 1: the geometric mean is 6, and Student's t with one degree of freedom is 12.706."""
    found = blocks.ratio(np.array([[3.0, 4.0, 5.0], [9.0, 9.0, 99.0]]), np.ones((2, 3)))
    half = 12.7062047 * np.std([np.log(4), np.log(9)], ddof=1) / np.sqrt(2)
    assert [found.value, found.low, found.high] == pytest.approx([6, 6 * np.exp(-half), 6 * np.exp(half)], rel=1e-6)


def test_a_percentile_by_hand():
    """0 ... 99 in ten equal blocks: whatever blocks are drawn, the median stays 49.5 and so do the ends."""
    series = np.arange(100.0).reshape(10, 10)
    assert blocks.percentile(series, 90).value == pytest.approx(89.1)
    even = blocks.percentile(np.tile(np.arange(100.0), (10, 1)), 50)
    assert (even.value, even.low, even.high) == (49.5, 49.5, 49.5)
    assert blocks.percentile(series, 50) == blocks.percentile(series, 50)


PROTOCOL = Latency(rounds=1, warmup=2, calls=1000, seconds=10, minimum_calls=100, blocks=20, batch_size=8, batches=4)


@pytest.mark.parametrize(
    ("pace", "repeats"),
    [
        ({"model": 0.001}, {"model": 10}),  # 10,000 would fit, 1000 are asked for
        ({"model": 0.02}, {"model": 5}),  # 500 fit into 10 seconds
        ({"model": 1.0}, {"model": 1}),  # not fewer than 100
        ({"model": 0.001, "reference": 0.02}, {"model": 10, "reference": 5}),
        ({"model": 0.001, "reference": 1.0, "parent": 0.02}, {"model": 10, "reference": 1, "parent": 5}),
    ],
)
def test_a_plan_by_hand(pace, repeats):
    """100 sentences in 20 blocks of 5, whatever the pace: the same for every row of a table."""
    assert plan(pace, PROTOCOL) == (5, repeats)


@pytest.mark.parametrize(("minimum", "sentences"), [(3, 1), (20, 1), (21, 2)])
def test_a_plan_has_a_sentence_in_every_block_and_all_that_are_asked_for(minimum, sentences):
    assert plan({"model": 1.0}, PROTOCOL.model_copy(update={"minimum_calls": minimum})) == (sentences, {"model": 1})


def test_rounds_share_a_protocol():
    """The totals stay: 5 rounds of 200 calls, 2 s, 20 sentences, 4 blocks, 4 batches. Warm-up is of every process."""
    whole = Latency()
    shared = {"rounds": 1, "calls": 200, "seconds": 2.0, "minimum_calls": 20, "blocks": 4, "batches": 4}
    assert whole.share() == whole.model_copy(update=shared)
    assert whole.share().warmup == 50


def test_what_cannot_be_shared_evenly_is_rounded_up():
    few = Latency(rounds=3, calls=10, minimum_calls=1, blocks=4, batches=1).share()
    assert (few.calls, few.minimum_calls, few.blocks, few.batches) == (4, 1, 4, 1)
    assert Latency(rounds=3, batches=0).share().batches == 0


@pytest.mark.parametrize(
    ("told", "blocks"), [({"batches": 100}, 20), ({"rounds": 8}, 6), ({"rounds": 1, "batches": 7}, 21), ({}, 4)]
)
def test_no_batch_is_timed_oftener_than_another(told, blocks):
    """Batches go by length. 20 in 4 blocks: only the four shortest would be timed. 3 in 4: the shortest twice."""
    found = one_round(Latency(**told))
    assert found.blocks == blocks
    assert blocks % found.batches == 0


def test_a_round_of_a_whole_protocol():
    assert Latency(rounds=1).share() == Latency(rounds=1)


def test_models_take_turns_on_the_same_sentences():
    """Warm-up 2 and 5 trials each, then blocks of 8 / 4 = 2 sentences: A B, B A, A B, B A."""
    protocol = PROTOCOL.model_copy(update={"blocks": 4, "calls": 8, "minimum_calls": 8})
    log = []
    found = take_turns({name: lambda item, name=name: log.append((name, item)) for name in "AB"}, "uvwxy", protocol)
    assert "".join(item for _, item in log[:7]) == "uv" + "uvwxy"
    turns = [
        (name, "".join(item for _, item in group)) for name, group in itertools.groupby(log[14:], key=lambda entry: entry[0])
    ]
    assert turns == [("A", "uv"), ("B", "uvwx"), ("A", "wxyu"), ("B", "yuvw"), ("A", "vw")]
    assert {name: values.shape for name, values in found.items()} == {"A": (4, 2), "B": (4, 2)}


def test_a_single_stream_summary_by_hand():
    """The model takes 2 ms, the reference 6: three times as fast, without any spread."""
    own, other = np.full((4, 5), 0.002), np.full((4, 10), 0.006)
    found = single_stream({"model": own, "reference": other})
    flat = {"low": 2, "high": 2, "value": 2}
    assert found.pop("speedup_over_reference") == pytest.approx(dict.fromkeys(("value", "low", "high"), 3), rel=1e-12)
    assert {name: found.pop(f"{name}_ms") for name in ("p50", "p90", "p99")} == {
        name: pytest.approx(flat) for name in ("p50", "p90", "p99")
    }
    assert found == {"calls": 20, "blocks": 4, "min_ms": 2.0, "reference_p50_ms": pytest.approx(6)}


def test_a_throughput_summary_by_hand():
    """Batches of 8 in 40 ms are 200 sentences a second."""
    found = throughput({"model": np.full((4, 2), 0.04), "parent": np.full((4, 2), 0.02)}, 8)
    assert found["sentences_per_second"] == pytest.approx(200)
    assert found["speedup_over_parent"]["value"] == pytest.approx(0.5)
    uneven = np.array([[0.01, 0.01, 0.9], [0.03, 0.03, 0.03]])  # a short batch with one pause, and a long one: 16 in 40 ms
    assert throughput({"model": uneven}, 8)["sentences_per_second"] == pytest.approx(400)


@pytest.fixture
def allowed():
    """The processors that the tests may use, also afterwards; none where the system does not tell."""
    if not hasattr(os, "sched_setaffinity"):
        yield []
        return
    before = os.sched_getaffinity(0)
    yield sorted(before)
    os.sched_setaffinity(0, before)


def test_a_process_is_bound_to_the_last_of_its_processors(allowed):
    assert host.pin(1) == allowed[-1:]
    assert not allowed or os.sched_getaffinity(0) == {allowed[-1]}


def timed_in(runtime, folder, data, tokens, protocol):
    """A job that measures a model against itself."""
    models = dict.fromkeys(("model", "reference"), (folder, tokens / "test.arrow"))
    spec = {"protocol": protocol.model_dump(), "max_length": 16, "threads": 1}
    return measure(models, runtime, data / "test.arrow", spec)


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino", "torch"])
def test_a_latency_job_summarises_what_it_timed(exported, data, tokens, runtime):
    """Two models, 4 blocks of 3 sentences; 24 test sentences are 3 batches of 8, and 4 blocks of one batch are timed."""
    protocol = Latency(
        rounds=1, warmup=1, calls=12, minimum_calls=12, seconds=1, blocks=4, batch_size=8, batches=4, lengths=[8, 16, 17]
    )
    summary, table = timed_in(runtime, exported, data, tokens, protocol)
    scenarios = [("single_stream", 12)] + ([("throughput", 4)] if runtime != "torch" else [])
    counts = table.groupby(["scenario", "model"]).size().to_dict()
    assert counts == {(s, m): n for s, n in scenarios for m in ("model", "reference")}
    timed = {
        model: rows.pivot(index="block", columns="call", values="seconds").to_numpy()
        for model, rows in table[table["scenario"] == "single_stream"].groupby("model")
    }
    assert summary["single_stream"]["p50_ms"]["value"] == pytest.approx(1e3 * np.median(timed["model"]))
    assert summary["single_stream"]["speedup_over_reference"] == blocks.ratio(timed["reference"], timed["model"]).as_dict()
    assert summary["single_stream"]["calls"] == 12
    if runtime == "torch":
        assert "throughput" not in summary
    else:
        assert (summary["throughput"]["calls"], summary["throughput"]["batch_size"]) == (4, 8)
    assert (summary["runtime"], summary["threads"], summary["host"]["threads"]) == (runtime, 1, 1)
    assert 0 < summary["tokenisation_p50_ms"] < summary["end_to_end_p50_ms"] < 1000
    assert 0.5 < summary["end_to_end_over_model"] < 1000
    assert list(summary["lengths"]) == ["8", "16"], "17 is more than the task has room for"
    assert all(one["p50_ms"] > 0 and one["speedup_over_reference"]["value"] > 0 for one in summary["lengths"].values())
    assert summary["cold_start_ms"] > summary["lengths"]["8"]["p50_ms"]
    assert summary["peak_memory_mb"] is None or 0 <= summary["peak_memory_mb"] < 4000


@pytest.mark.usefixtures("allowed")
def test_models_that_are_compared_read_the_same_texts_in_the_order_of_the_seed(exported, data, tokens, monkeypatch):
    """Each by its own tokens: those of the reference are made with room for 4."""
    short = tokens / "short.arrow"
    write_tokens(data / "test.arrow", exported, 4, short)
    read = {}

    def opened(folder, runtime, threads):
        log = read.setdefault(len(read), [])
        return lambda inputs: log.append(inputs["input_ids"].tolist())

    monkeypatch.setattr(latency_job, "open_model", opened)
    protocol = Latency(
        rounds=1, warmup=24, calls=4, minimum_calls=4, seconds=1, blocks=4, batch_size=32, batches=4, seed=7, lengths=[]
    )
    models = {"model": (exported, tokens / "test.arrow"), "reference": (exported, short)}
    spec = {"protocol": protocol.model_dump(), "max_length": 16, "threads": 1}
    summary, _ = measure(models, "onnxruntime", data / "test.arrow", spec)
    order = np.random.default_rng(7).permutation(24).tolist()
    assert read[0].pop(0) == [Tokens.read(tokens / "test.arrow")[order[0]]["input_ids"].tolist()]  # its first answer
    for log, file in zip(read.values(), (tokens / "test.arrow", short), strict=True):
        texts = Tokens.read(file)
        assert [ids for [ids] in log[:24]] == [texts[index]["input_ids"].tolist() for index in order]
    assert "throughput" not in summary  # 24 sentences are no batch of 32


@pytest.mark.usefixtures("allowed")
def test_a_round_goes_on_where_the_one_before_ended_and_batches_are_of_like_length(exported, data, tokens, monkeypatch):
    """Round 2 of 4 sentences each begins at the fifth of the order; of its 2 batches of 8 the first has the 8 shortest of 16."""
    ones, full = [], []

    def opened(folder, runtime, threads):
        return lambda inputs: (ones if len(inputs["input_ids"]) == 1 else full).append(inputs["input_ids"])

    monkeypatch.setattr(latency_job, "open_model", opened)
    protocol = Latency(
        rounds=1, warmup=0, calls=4, minimum_calls=4, seconds=1, blocks=4, batch_size=8, batches=2, seed=7, lengths=[]
    )
    spec = {"protocol": protocol.model_dump(), "max_length": 16, "threads": 1}
    measure({"model": (exported, tokens / "test.arrow")}, "onnxruntime", data / "test.arrow", spec, number=2)
    order, texts = np.random.default_rng(7).permutation(24), Tokens.read(tokens / "test.arrow")
    timed = [ids[0].tolist() for ids in ones[6:10]]  # after its first answer and five trials
    assert timed == [texts[index]["input_ids"].tolist() for index in order[4:8]]
    lengths = sorted(texts.lengths[np.roll(order, -16)[:16]])
    assert {ids.shape[1] for ids in full[::2]} | {ids.shape[1] for ids in full[1::2]} == {lengths[7], lengths[15]}


def test_inputs_of_a_length_are_made_of_texts(tokens):
    """Each begins and ends as a text does; between the ends are the inner ids of texts, in order."""
    texts, order = Tokens.read(tokens / "test.arrow"), [3, 1, 2]
    inner = np.concatenate([texts[index]["input_ids"][1:-1] for index in order])
    made = of_length(texts, order, 6)
    assert len(made) == 5
    first, last = texts[3]["input_ids"][[0, -1]]
    for number, one in enumerate(made):
        assert all(values.shape == (1, 6) and values.dtype == np.int64 for values in one.values())
        assert one["attention_mask"].all()
        assert one["input_ids"][0, [0, -1]].tolist() == [first, last]
        assert one["input_ids"][0, 1:-1].tolist() == np.resize(np.roll(inner, -6 * number), 6)[1:-1].tolist()
    assert set(made[0]) == {"attention_mask", *texts.names}


def test_a_length_beyond_all_texts_repeats_them(tokens):
    texts = Tokens.read(tokens / "test.arrow")
    [one, *_] = of_length(texts, [0], 100)
    inner = texts[0]["input_ids"][1:-1]
    assert one["input_ids"][0, 1:-1].tolist() == np.resize(inner, 100)[1:-1].tolist()


FIRST_USE = """
import json

import numpy as np

from edgemin.measure.first_use import first_use

before = np.ones(12_500_000)


def opened():
    np.ones(25_000_000)
    stays = np.ones(6_250_000)
    return lambda inputs: stays[0] + inputs


model, found = first_use(opened, 1.0)
print(json.dumps({**found, "answer": model(2.0), "before": before.sum()}))
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells the peak anew")
def test_memory_is_what_a_model_took_at_its_highest():
    """200 MB while it is opened, of which 50 stay; what was there before does not count.

    In a process of its own, as a round is: what other tests have left to the allocator moves the peak.
    """
    found = json.loads(subprocess.run([sys.executable, "-c", FIRST_USE], check=True, capture_output=True, text=True).stdout)
    assert found["answer"] == 3
    assert found["before"] == 12_500_000
    assert found["peak_memory_mb"] == pytest.approx(200, abs=30)
    assert found["cold_start_ms"] > 0


def test_where_the_system_tells_no_memory_there_is_none(monkeypatch, tmp_path):
    monkeypatch.setattr("edgemin.measure.first_use._CLEAR", tmp_path / "none" / "clear_refs")
    assert first_use(lambda: print, "")[1]["peak_memory_mb"] is None
