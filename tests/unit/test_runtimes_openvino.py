"""OpenVINO: answers, threads, damaged files, silence, and what is said where it is not installed."""

from __future__ import annotations

import importlib.machinery
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import edgemin
from edgemin.core.errors import EdgeminError
from edgemin.core.provenance import EXPORT_PROVENANCE, write_provenance
from edgemin.encoders import checkpoint
from edgemin.encoders.onnx_export import TOLERANCE, export, random_inputs
from edgemin.encoders.surgery import drop_sublayers, keep_heads
from edgemin.measure.host import host
from edgemin.runtimes.openvino import run
from edgemin.runtimes.openvino.package import openvino
from edgemin.study.registry import FAMILIES, RUNTIMES
from edgemin.study.runtime import check_installed, open_model

SHAPES = [(1, 1), (1, 2), (1, 40), (4, 7), (7, 31)]
CUT = ((0, 2, 3), (1,))


def asked(model, batch: int, length: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Random inputs, and PyTorch's logits."""
    inputs = random_inputs(model, batch, length, seed=batch * length)
    with torch.no_grad():
        return {name: values.numpy() for name, values in inputs.items()}, model(**inputs).logits.numpy()


@pytest.mark.parametrize(("batch", "length"), SHAPES)
def test_float_graphs_give_pytorchs_logits_at_any_shape(exported, batch, length):
    inputs, ours = asked(checkpoint.load(exported), batch, length)
    theirs = open_model(exported, "openvino", 1)({**inputs, "unknown": inputs["input_ids"]})
    assert (theirs.dtype, theirs.shape) == (np.float32, (batch, 2))
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("whole", [True, False], ids=["cut", "without some blocks"])
@pytest.mark.parametrize("family", FAMILIES.names())
def test_cut_models_of_every_family_run(tiny, tmp_path, family, whole):
    model = tiny(family)
    if whole:
        keep_heads(model, CUT)
    else:
        drop_sublayers(model, attention=[0], ffn=[1])
    export(model, tmp_path / "model.onnx")
    program = run.compiled(run.read(tmp_path / "model.onnx"), 1)
    for batch, length in SHAPES:
        inputs, ours = asked(model, batch, length)
        np.testing.assert_allclose(program(inputs), ours, rtol=0, atol=TOLERANCE)


def test_answers_do_not_change_when_the_next_ones_come(exported):
    """OpenVINO's own output is a view of memory that it writes into again."""
    program, model = open_model(exported, "openvino", 1), checkpoint.load(exported)
    first = program(asked(model, 2, 9)[0])
    before = first.copy()
    program(asked(model, 2, 5)[0])
    assert np.array_equal(first, before)


SETTINGS = """
import sys
from pathlib import Path
from edgemin.runtimes.openvino.package import openvino
from edgemin.study.runtime import open_model
programs = []
class Core(openvino().Core):
    def compile_model(self, *arguments):
        programs.append(super().compile_model(*arguments))
        return programs[-1]
openvino().Core = Core
open_model(Path(sys.argv[1]), "openvino", int(sys.argv[2]))
[program] = programs
precision = program.get_property("INFERENCE_PRECISION_HINT").to_string()
print(program.get_property("INFERENCE_NUM_THREADS"), program.get_property("NUM_STREAMS"), precision)
"""


@pytest.mark.parametrize("threads", [1, 2])
def test_it_takes_the_threads_that_it_is_given_and_computes_in_float32(exported, threads):
    """In a process of its own: OpenVINO counts its processors once."""
    if threads > len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count())):
        pytest.skip("it has no more threads than processors")
    assert python(SETTINGS, str(exported), str(threads)).stdout.split() == [str(threads), "1", "f32"]


SIGNAL = """
import faulthandler, gc, signal, sys, time
from pathlib import Path
from edgemin.study.runtime import open_model
faulthandler.enable()  # with a stack of its own for signals
first, second = (open_model(Path(sys.argv[1]), "openvino", 1) for _ in range(2))
del first
gc.collect()
del second
gc.collect()
signal.signal(signal.SIGALRM, lambda *_: print("rang"))
signal.setitimer(signal.ITIMER_REAL, 0.1)
time.sleep(0.5)
"""


def test_a_signal_ends_nothing_after_models_went_in_the_order_in_which_they_came(exported):
    assert python(SIGNAL, str(exported)).stdout.split() == ["rang"]


WORK = """
import sys
from pathlib import Path
import numpy as np
from edgemin.study.runtime import open_model
program = open_model(Path(sys.argv[1]), "openvino", int(sys.argv[2]))
names = ("input_ids", "attention_mask", "token_type_ids")
inputs = {name: np.full((256, 40), int(name != "token_type_ids"), np.int64) for name in names}
tasks = Path("/proc/self/task")
def ticks():
    parts = {task.name: (task / "stat").read_text().rpartition(")")[2].split() for task in tasks.iterdir()}
    return {name: int(values[11]) + int(values[12]) for name, values in parts.items()}
before = ticks()
while sum(ticks().values()) - sum(before.values()) < 200:
    program(inputs)
print(sum(took - before.get(name, 0) > 20 for name, took in ticks().items()))
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="asks Linux about threads")
def test_one_thread_is_one_thread(exported):
    """Of two seconds of work, one thread does all but a tenth."""
    assert python(WORK, str(exported), "1").stdout.split() == ["1"]


def python(code: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(Path(edgemin.__file__).parents[1]), **variables}
    return subprocess.run([sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True, check=True)


@pytest.fixture
def quantized(exported, tmp_path):
    """A folder as a scheme for OpenVINO leaves it, its graph being the float one."""
    folder = tmp_path / "quantized"
    folder.mkdir()
    openvino().save_model(run.read(exported / "model.onnx"), folder / "model.xml", compress_to_fp16=False)
    shutil.copy(exported / "config.json", folder)
    write_provenance(folder, spec={})
    return folder


def test_a_folder_in_its_own_format_runs(exported, quantized):
    inputs, ours = asked(checkpoint.load(exported), 4, 7)
    np.testing.assert_allclose(open_model(quantized, "openvino", 1)(inputs), ours, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("name", ["model.xml", "model.bin"])
def test_a_corrupt_or_missing_file_is_named(quantized, name):
    content = bytearray((quantized / name).read_bytes())
    content[len(content) // 2] ^= 1
    (quantized / name).write_bytes(content)
    with pytest.raises(EdgeminError, match=f"^{quantized / name}: its sha256 differs"):
        open_model(quantized, "openvino", 1)
    (quantized / name).unlink()
    with pytest.raises(EdgeminError, match=f"^{quantized / name}: missing"):
        open_model(quantized, "openvino", 1)


def test_a_corrupt_or_missing_graph_of_floats_is_named(exported, tmp_path):
    folder = shutil.copytree(exported, tmp_path / "copy")
    (folder / "model.onnx").write_bytes((exported / "model.onnx").read_bytes()[:-9])
    with pytest.raises(EdgeminError, match=f"^{folder}/model.onnx: its sha256 differs"):
        open_model(folder, "openvino", 1)
    (folder / "model.onnx").unlink()
    with pytest.raises(EdgeminError, match=f"^{folder}/model.onnx: missing"):
        open_model(folder, "openvino", 1)


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


@pytest.mark.parametrize("name", ["model.onnx", "model.xml", "model.bin"])
@pytest.mark.parametrize("damage", [half, lambda content: b"", lambda content: b"no graph"], ids=["half", "empty", "text"])
def test_a_graph_that_was_recorded_corrupt_is_named_in_a_line(exported, quantized, name, damage):
    """With what is wrong, not with the place in OpenVINO's sources that its own message begins with."""
    if name == "model.onnx":
        shutil.copy(exported / name, quantized)
    (quantized / name).write_bytes(damage((quantized / name).read_bytes()))
    write_provenance(quantized, spec={}, **({"name": EXPORT_PROVENANCE} if name == "model.onnx" else {}))
    graph = "model.onnx" if name == "model.onnx" else "model.xml"
    with pytest.raises(
        EdgeminError, match=f"^{quantized}/{graph}: OpenVINO cannot read it \\(.+\\); delete it and run"
    ) as caught:
        open_model(quantized, "openvino", 1)
    assert "\n" not in str(caught.value)
    assert ".cpp" not in str(caught.value)


SILENT = """
import json, sys
told = []
sys.addaudithook(lambda event, data: told.append(event) if event.split(".")[0] in ("socket", "subprocess", "os.posix_spawn") else None)
import numpy as np
from pathlib import Path
from edgemin.runtimes.openvino.package import nncf, openvino
from edgemin.runtimes.openvino.run import compiled, read
from edgemin.methods.schemes.int8_nncf.in_openvino import quantized
names = ("input_ids", "attention_mask", "token_type_ids")
examples = [{name: np.full((1, length), int(name != "token_type_ids"), np.int64) for name in names} for length in (3, 5)]
model = quantized(read(Path(sys.argv[1]) / "model.onnx"), examples)
openvino().save_model(model, Path(sys.argv[2]) / "model.xml", compress_to_fp16=False)
compiled(model, 1)(examples[0])
loaded = [name for name, module in sys.modules.items() if name.partition(".")[0] == "openvino_telemetry" and module is not None]
stub = type(nncf().telemetry.telemetry).__name__
print(json.dumps({"loaded": loaded, "events": told, "nncf": stub}))
"""


def test_nothing_is_sent(exported, tmp_path):
    """In a process of its own, since NNCF is silent under pytest in any case. Both packages are there, and so is their telemetry."""
    (tmp_path / "home").mkdir()
    done = python(SILENT, str(exported), str(tmp_path), HOME=str(tmp_path / "home"))
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == {"loaded": [], "events": [], "nncf": "MagicMock"}
    assert not list((tmp_path / "home").iterdir())


class Hidden:
    """Finds no module of these names."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        if name in self.names:
            return None
        return importlib.machinery.PathFinder.find_spec(name, path, target)


@pytest.mark.parametrize(
    ("absent", "words"),
    [
        (["openvino", "nncf"], "openvino and nncf, which are not installed"),
        (["openvino"], "openvino, which is not installed"),
        (["nncf"], "nncf, which is not installed"),
    ],
)
def test_absent_packages_are_told_in_a_line_for_each_key(monkeypatch, absent, words):
    monkeypatch.setattr(sys, "meta_path", [Hidden(*absent)])
    for name in absent:
        monkeypatch.delitem(sys.modules, name, raising=False)
    keys = {"runtimes": "openvino", "latency": "torch", "quantize.int8_nncf": "openvino"}
    with pytest.raises(EdgeminError) as caught:
        check_installed(keys)
    told = f"the runtime openvino needs {words}; run `make openvino`, or take openvino out"
    assert str(caught.value).splitlines() == [f"runtimes: {told}", f"quantize.int8_nncf: {told}"]


def test_nothing_is_told_where_all_is_installed():
    check_installed({name: name for name in RUNTIMES.names()})


def test_a_host_tells_the_versions_of_what_is_installed(monkeypatch):
    assert {"openvino", "nncf"} <= set(host(1)["versions"])
    monkeypatch.setattr("edgemin.core.provenance.find_spec", lambda name: None)
    assert not {"openvino", "nncf"} & set(host(1)["versions"])
