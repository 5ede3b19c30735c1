"""Weights that OpenVINO stores without their zeros: what is asked for, what ran, and what is said where the CPU has no such kernel."""

from __future__ import annotations

import logging
import shutil

import numpy as np
import pytest

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json, write_json
from edgemin.core.machine import cpu_flags
from edgemin.data.tokenizing import write_tokens
from edgemin.data.tokens import Tokens
from edgemin.encoders.onnx_export import export_checkpoint
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.stage import quantize
from edgemin.methods.schemes.int8_nncf.in_openvino import check_zeros
from edgemin.methods.structures.weights.cut import cut_weights
from edgemin.runtimes.openvino import run, sparse
from edgemin.runtimes.openvino.package import openvino
from edgemin.study.base import spec_of
from edgemin.study.runtime import open_model
from edgemin.study.variants import quantize_variant

ZEROS, ASKED = 0.75, 0.6
LAYERS = 2 * 6
"""Of the encoder. Pooler and classifier are not pruned."""


def variant(**keys):
    return quantize_variant({"scheme": "int8_nncf", "sentences": 20, **keys})


@pytest.fixture(scope="module")
def made(tiny, save, data, tmp_path_factory):
    """A parent of whose weights three quarters are zero, its tokens, and its INT8 with the zeros stored and not."""
    model = tiny("bert", hidden_size=64, intermediate_size=128)
    cut_weights(model, ZEROS, "per_layer", "magnitude", 0)
    parent = save(model, tmp_path_factory.mktemp("float"))
    export_checkpoint(parent, {})
    train = tmp_path_factory.mktemp("tokens") / "train.arrow"
    write_tokens(data / "train.arrow", parent, 16, train)
    folders = []
    for keys in ({}, {"sparse_from": ASKED}):
        folders.append(tmp_path_factory.mktemp("int8"))
        quantize(QuantizeInputs(parent, folders[-1], {"variant": spec_of(variant(**keys)), "seed": 0}, train))
    return parent, train, *folders


@pytest.fixture
def compiled(made, monkeypatch):
    """The model whose zeros are not stored: how it is opened, and the programs of it that OpenVINO has compiled since."""
    programs = []
    monkeypatch.setattr(sparse, "checked", lambda answer, program: programs.append(program) or answer)
    return lambda: (open_model(made[3], "openvino", 1), programs[-1])


def inputs(made) -> dict[str, np.ndarray]:
    return Tokens.read(made[1], made[0]).batch(range(8))


def test_both_answer_alike_and_only_one_asks(made):
    parent, _, dense, asking = made
    answers = [open_model(folder, "openvino", 1)(inputs(made)) for folder in (dense, asking)]
    np.testing.assert_allclose(*answers, rtol=0, atol=1e-5)
    assert [sparse.wanted(folder) for folder in (parent, dense, asking)] == [1, 1, ASKED]
    assert (dense / "model.bin").read_bytes() == (asking / "model.bin").read_bytes()


def test_openvino_is_given_the_share(compiled):
    assert compiled()[1].get_property(sparse.SHARE) == pytest.approx(ASKED)


def test_the_kernel_is_known_from_the_first_answer_on_and_is_sparse_where_the_cpu_has_one(made, compiled):
    """All linear layers of the encoder have multiples of 64 as sides and enough zeros. As read in OpenVINO: the kernel needs AMX."""
    answer, program = compiled()
    answer(inputs(made))
    found = sparse.kernels(program)
    assert len(found) >= LAYERS
    assert not any("undef" in kernel for kernel in found)
    assert sum("sparse" in kernel for kernel in found) == (LAYERS if sparse.FLAG in cpu_flags() else 0)


def test_the_log_says_what_ran_and_once(made, caplog):
    answer = open_model(made[3], "openvino", 1)
    with caplog.at_level(logging.INFO):
        answer(inputs(made))
        answer(inputs(made))
    (told,) = [record.getMessage() for record in caplog.records if "sparse_from" in record.getMessage()]
    assert ("dense kernels run" in told) == (sparse.FLAG not in cpu_flags())


def test_a_dense_time_is_not_taken_for_a_sparse_one(monkeypatch):
    """Where the CPU has the kernel and no layer ran in it."""
    monkeypatch.setattr(sparse, "cpu_flags", lambda: ["avx512f", sparse.FLAG])
    with pytest.raises(
        EdgeminError, match=r"^sparse_from: .*dense kernels \(brgemm_avx512_I8\), though this CPU has amx_int8; lower"
    ):
        sparse.check(["brgemm_avx512_I8"] * 2)
    sparse.check(["brgemm_sparse_avx512_amx_I8", "brgemm_avx512_amx_I8"])


@pytest.mark.parametrize("share", [0.99, 1 - 1e-9])
def test_zeros_that_no_layer_has_are_an_error_before_anything_is_written(made, tmp_path, share):
    parent, train = made[:2]
    asked = {"variant": spec_of(variant(sparse_from=share)), "seed": 0}
    with pytest.raises(EdgeminError, match=r"^sparse_from: no linear layer .* the most is 0\.[78]\d*; lower it"):
        quantize(QuantizeInputs(parent, tmp_path / "out", asked, train))
    assert not list((tmp_path / "out").iterdir())


def test_a_layer_of_another_shape_does_not_count(exported):
    """Widths of 16 and 24: OpenVINO would store none of them without zeros."""
    with pytest.raises(EdgeminError, match=r"multiples of 64 .* the most is 0;"):
        check_zeros(run.read(exported / "model.onnx"), 0.01)


def test_a_model_made_before_the_key_asks_for_nothing(made, tmp_path):
    folder = shutil.copytree(made[2], tmp_path / "copy")
    config = read_json(folder / "config.json")
    assert "sparse_from" not in config["edgemin_quantization"]
    write_json(folder / "config.json", {name: value for name, value in config.items() if name != "edgemin_quantization"})
    assert sparse.wanted(folder) == 1
    assert openvino().Core().get_property("CPU", sparse.SHARE) == 1


def test_the_key_changes_nothing_where_it_is_not_said():
    assert "sparse_from" not in spec_of(variant())
    assert (variant().sparse, variant().details) == (False, "sentences 20")
    assert (variant(sparse_from=0.5).sparse, variant(sparse_from=0.5).details) == (True, "sentences 20, sparse_from 0.5")
