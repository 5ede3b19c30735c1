"""Times of shapes: from whole models to blocks in closed form, and graphs with and without blocks."""

from __future__ import annotations

import numpy as np
import pytest

from edgemin.core.errors import EdgeminError
from edgemin.measure import shapes
from edgemin.measure.fit import fit
from edgemin.methods.prune.times import Sizes, Times, at, check_sizes
from edgemin.study.measuring import Latency
from edgemin.study.runtime import open_model
from edgemin.study.structure import Structure

SIZES = Sizes(hidden=16, head_dim=4, layers=3)
TIMES = Times(SIZES, teacher=10.0, rest=0.5, attention=((1, 0.2), (4, 0.5)), ffn=((8, 0.1), (24, 0.3)))


def sums(design) -> dict:
    """Whole models, to the last digit."""
    return {shape: TIMES.rest + SIZES.layers * TIMES.of(*shape) for shape in design}


def test_blocks_are_found_again_from_sums():
    design = [(0, 0), (1, 0), (4, 0), (0, 8), (0, 24), (4, 24), (1, 8)]
    rest, attention, ffn = fit(sums(design), SIZES.layers)
    assert rest == pytest.approx(0.5)
    assert [units for units, _ in attention] == [1, 4]
    assert [ms for _, ms in attention] == pytest.approx([0.2, 0.5])
    assert [units for units, _ in ffn] == [8, 24]
    assert [ms for _, ms in ffn] == pytest.approx([0.1, 0.3])


def test_more_units_never_take_less_time():
    """Four heads measured faster than one: both get one time between the two."""
    _, attention, _ = fit({(0, 0): 1.0, (1, 0): 2.2, (4, 0): 2.0}, layers=1)
    (_, one), (_, four) = attention
    assert one == four
    assert 1.0 < four < 1.2


def test_relative_errors_count():
    """2 ms without heads and 1 with one: a step cannot be negative, so one number x is sought for both. (x/2 - 1)² + (x/1 - 1)² is least at
    1.5 / 1.25; differences would give 1.5."""
    rest, attention, ffn = fit({(0, 0): 2.0, (1, 0): 1.0}, layers=1)
    assert rest == pytest.approx(1.2)
    assert (attention, ffn) == (((1, 0.0),), ())


@pytest.mark.parametrize(("units", "ms"), [(0, 0.0), (1, 0.2), (2, 0.3), (3, 0.4), (4, 0.5)])
def test_between_timed_widths_time_is_linear(units, ms):
    assert at(TIMES.attention, units) == pytest.approx(ms)


def test_fewer_units_than_were_timed_take_as_long_as_the_smallest_block():
    assert at(TIMES.ffn, 4) == 0.1
    assert at((), 0) == 0.0


def test_a_whole_encoder_is_the_sum_of_its_blocks():
    """0.5 + (0.2 + 0.1) + (0 + 0.3) + (0.5 + 0)."""
    assert TIMES.predict(Structure(((2,), (), (0, 1, 2, 3)), 4, (8, 24, 0))) == pytest.approx(1.6)


def test_times_are_read_as_they_were_written(tmp_path):
    from edgemin.core.files import write_json

    write_json(tmp_path / "times.json", TIMES.as_json())
    assert Times.read(tmp_path / "times.json") == TIMES
    write_json(tmp_path / "times.json", {"teacher_ms": 1})
    with pytest.raises(EdgeminError, match=r"times.json: holds no times of shapes .*; delete it"):
        Times.read(tmp_path / "times.json")


def test_times_of_another_encoder_are_refused(tiny, tmp_path):
    """The model has two layers."""
    with pytest.raises(EdgeminError, match=r"times.json: has times of .*layers=3.*, the model is .*layers=2"):
        check_sizes(TIMES, tiny().config, tmp_path / "times.json")


def test_the_shapes_of_an_encoder_of_twelve_heads():
    """12 models of 12 heads and 1,536 neurons; of an encoder that lost its attention only FFN are timed."""
    found = shapes.shapes_of(Structure((tuple(range(12)),) * 6, 32, (1536,) * 6))
    assert found == [
        *((0, 0), (1, 0), (4, 0), (8, 0), (12, 0), (0, 8), (0, 384), (0, 768), (0, 1536)),
        *((12, 1536), (8, 768), (4, 384)),
    ]
    assert shapes.shapes_of(Structure(((), ()), 4, (24, 8))) == [(0, 0), (0, 8), (0, 16), (0, 24)]
    assert shapes.shapes_of(Structure(((0,),), 4, (4,))) == [(0, 0), (1, 0), (0, 4), (1, 4)]


def test_a_table_in_closed_form():
    """Blocks in which everything is slower by the same factor: times are the teacher's median, divided by constant ratios."""
    drift = np.array([[1.0], [1.5], [2.0], [4.0]])
    design = [(0, 0), (1, 0), (4, 0), (0, 8), (0, 24), (4, 24)]
    timed = {
        "teacher": drift * 10e-3 * np.ones((4, 5)),
        **{shape: drift * ms / 1e3 * np.ones((4, 3)) for shape, ms in sums(design).items()},
    }
    found = shapes.summarised(timed, design, SIZES)
    assert found["teacher_ms"] == pytest.approx(10 * 1.75)  # the median of 10, 15, 20 and 40 ms
    assert found["rest_ms"] == pytest.approx(0.5 * 1.75)
    assert [ms for _, ms in found["attention_ms"]] == pytest.approx([0.2 * 1.75, 0.5 * 1.75])
    assert abs(found["largest_error"]) < 1e-9
    whole = next(row for row in found["shapes"] if (row["heads"], row["neurons"]) == (4, 24))
    assert whole["ms"] == pytest.approx((0.5 + 3 * 0.8) * 1.75)
    assert whole["low_ms"] == pytest.approx(whole["ms"])


def test_a_few_slow_blocks_do_not_count():
    """In one block of four something else ran beside the teacher, in another beside a shape."""
    seconds = {"teacher": 10e-3, (0, 0): 1e-3, (1, 0): 2e-3}
    timed = {name: np.full((4, 3), value) for name, value in seconds.items()}
    timed["teacher"][0] *= 3
    timed[1, 0][1] *= 5
    found = shapes.summarised(timed, [(0, 0), (1, 0)], Sizes(16, 4, 1))
    assert [row["ms"] for row in found["shapes"]] == pytest.approx([1.0, 2.0])
    assert found["attention_ms"] == [[1, pytest.approx(1.0)]]


def test_what_does_not_add_up_is_timed_again_and_the_best_counts(monkeypatch, caplog):
    """Sums over blocks that are off by more than 5 %: at first by some 17 %, then by none."""
    design = [(0, 0), (1, 0), (0, 8), (1, 8)]
    good = {"teacher": np.full((4, 2), 10e-3)} | {
        shape: np.full((4, 2), ms) for shape, ms in zip(design, (1e-3, 2e-3, 3e-3, 4e-3), strict=True)
    }
    bad = {**good, (1, 8): np.full((4, 2), 8e-3)}
    for rounds, attempts, worst in (
        ([bad, good], 2, 0.0),
        ([bad] * 3, 3, shapes.summarised(bad, design, SIZES)["largest_error"]),
    ):
        left = iter(rounds)
        monkeypatch.setattr(shapes, "take_turns", lambda calls, items, protocol, left=left: next(left))
        found = shapes._best_of({}, [], shapes.PROTOCOL, design, SIZES)
        assert (found["attempts"], found["largest_error"]) == (attempts, pytest.approx(worst))
    assert abs(worst) > shapes.LOOSE
    assert "still more than 5 %: were other programs running?" in caplog.text


@pytest.fixture(scope="module")
def measured(exported, source, tmp_path_factory):
    """The job with three models of `source` (three layers, four heads, FFN 24) in place of all; the graph of `exported` is the teacher."""
    patch = pytest.MonkeyPatch()
    patch.setattr(shapes, "shapes_of", lambda structure: [(0, 0), (2, 0), (2, 8)])
    few = Latency(rounds=1, warmup=1, calls=8, seconds=1, minimum_calls=4, blocks=4)
    spec = {"runtime": "onnxruntime", "quantized": True, "tokens": 8, "threads": 1}
    yield shapes.measure(source, exported, spec, few)
    patch.undo()


def test_the_job_measures_models_without_any_block_and_in_int8(measured):
    assert measured["sizes"] == {"hidden": 16, "head_dim": 4, "layers": 3}
    assert [(row["heads"], row["neurons"]) for row in measured["shapes"]] == [(0, 0), (2, 0), (2, 8)]
    assert all(0 < row["low_ms"] <= row["ms"] <= row["high_ms"] for row in measured["shapes"])
    assert measured["teacher_ms"] > 0
    assert (measured["runtime"], measured["quantized"], measured["tokens"]) == ("onnxruntime", True, 8)
    assert measured["protocol"] == {"warmup": 1, "calls": 8, "seconds": 1.0, "minimum_calls": 4, "blocks": 4}
    assert measured["host"]["threads"] == 1


def test_a_graph_has_the_shape_and_is_quantized_if_asked(source, tmp_path):
    """Three layers of 2 heads (4 wide) and 8 neurons, in INT8: Q, K, V, O and two of the FFN each, pooler and head."""
    import onnx

    shapes.write_graph(source, (2, 8), tmp_path / "graph", quantized=True)
    graph = onnx.load(tmp_path / "graph/model.onnx").graph
    assert sum(node.op_type == "MatMulInteger" for node in graph.node) == 3 * 6 + 2
    dims = {tuple(tensor.dims) for tensor in graph.initializer}
    assert {(16, 8), (8, 16)} <= dims  # both heads together are 8 wide, and so is the FFN
    assert (16, 24) not in dims
    run = open_model(tmp_path / "graph", "onnxruntime", 1)
    ids = np.full((1, 5), 7)
    assert run({"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}).shape == (1, 2)


def test_more_tokens_than_positions_are_refused_before_anything_is_built(source, exported):
    spec = {"runtime": "onnxruntime", "quantized": True, "tokens": 40, "threads": 1}
    with pytest.raises(EdgeminError, match=r"^target.tokens: 40, but the encoder has positions for 32; lower it$"):
        shapes.measure(source, exported, spec)
