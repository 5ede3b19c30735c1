"""Bundles: what they hold, what their predict.py answers, and how it refuses."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml
from bundles import SPEC, int8_bundle, measurements

import edgemin
from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json, sha256, write_json
from edgemin.core.provenance import write_provenance
from edgemin.data import store
from edgemin.data.tokens import Tokens
from edgemin.deploy.bundle import make_bundle, predict_script
from edgemin.encoders import checkpoint
from edgemin.measure.quality import predict as predict_all
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.stage import quantize
from edgemin.plan.paths import BUNDLE
from edgemin.study.pins import described
from edgemin.study.registry import KINDS
from edgemin.study.runtime import open_model
from edgemin.study.sources import DataSource, ModelSource


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    return measurements(tmp_path_factory.mktemp("measured"))


@pytest.fixture(scope="module")
def bundle(exported, data, tmp_path_factory):
    return int8_bundle(exported, data, tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def copied(bundle, tmp_path):
    return shutil.copytree(bundle, tmp_path / "bundle")


def module(folder):
    loaded = importlib.util.spec_from_file_location("predict", folder / "predict.py")
    found = importlib.util.module_from_spec(loaded)
    loaded.loader.exec_module(found)
    return found


def run(folder, *arguments, stdin: bytes = b"") -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, folder / "predict.py", *arguments], input=stdin, capture_output=True, check=False)


def test_a_bundle_holds_its_files_and_their_digests(bundle):
    assert {path.name for path in bundle.iterdir()} == set(BUNDLE)
    facts = read_json(bundle / "bundle.json")
    assert facts["labels"] == ["negative", "positive"]
    assert facts["sha256"] == {name: sha256(bundle / name) for name in ("model.onnx", "tokenizer.json")}
    assert (facts["max_length"], facts["pair"], facts["seed"], facts["pad_id"]) == (16, False, 3, 0)
    assert not facts["batch_invariant"], "dynamic INT8"
    assert (len(facts["lengths"]), facts["lengths"] == sorted(facts["lengths"])) == (20, True)


def test_it_answers_as_the_study_does(bundle, data, tokens):
    rows = store.read_split(data, "test")
    run_graph = module(bundle).Model(bundle)
    ours = np.stack([run_graph.logits(text) for text in rows["text"]])
    session = run_graph.session
    theirs = predict_all(
        lambda inputs: session.run(["logits"], {name: inputs[name] for name in run_graph.names})[0],
        Tokens.read(tokens / "test.arrow", bundle),
        1,
    )
    assert np.array_equal(ours, theirs)
    answer = run_graph.predict(rows["text"][0])
    shares = torch.softmax(torch.from_numpy(ours[0]).double(), 0)
    assert list(answer["probabilities"].values()) == pytest.approx(shares.tolist(), abs=1e-6)
    assert answer["label"] == ("negative", "positive")[int(shares.argmax())]


def test_its_command_reads_arguments_files_and_standard_input(bundle, tmp_path):
    (tmp_path / "texts.txt").write_text("the film is good\n\nthe film is bad\n", encoding="utf-8")
    said = [
        run(bundle, "the film is good", "the film is bad"),
        run(bundle, "--file", str(tmp_path / "texts.txt")),
        run(bundle, stdin=b"the film is good\nthe film is bad\n"),
    ]
    assert [found.returncode for found in said] == [0, 0, 0]
    first, second = said[0].stdout.splitlines()
    assert said[1].stdout.splitlines() == [first, b"null", second]  # as many answers as lines
    assert said[0].stdout == said[2].stdout
    assert [sorted(json.loads(line)) for line in (first, second)] == [["label", "probabilities"]] * 2


def test_it_reads_csv_and_json_lines(bundle, tmp_path):
    """Quoted line ends and tabs are white space, as in training; other columns are named; an empty row is answered by null."""
    plain = run(bundle, "the film is good", "the film is bad").stdout.splitlines()
    (tmp_path / "a.csv").write_text('id,text\n1,"the film\nis\tgood"\n2,\n3,the film is bad\n', encoding="utf-8")
    (tmp_path / "a.jsonl").write_text('{"text": "the film is good"}\n\n{"text": "the film is bad", "id": 3}\n', encoding="utf-8")
    assert run(bundle, "--file", tmp_path / "a.csv").stdout.splitlines() == [plain[0], b"null", plain[1]]
    assert run(bundle, "--file", tmp_path / "a.jsonl").stdout.splitlines() == [plain[0], b"null", plain[1]]
    found = run(bundle, "--format", "csv", "--columns", "words", stdin=b"words,x\nthe film is good,1\n")
    assert found.stdout.splitlines() == plain[:1]


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        (
            ["--format", "csv"],
            b"id,words\n1,good\n",
            "row 1: no text in column 'text'; it has id, words; name others with --columns",
        ),
        (["--format", "jsonl"], b'{"text": 3}\n', "row 1: no text in column 'text'; it has text; name others with --columns"),
        (["--format", "jsonl"], b'{"text": "good"}\n[1]\n', "line 2: no JSON object with columns"),
        (["--format", "csv"], b"text\n", "no text in the input"),
        (["--format", "csv", "--columns", "a,b"], b"a,b\n1,2\n", "--columns: this model reads one text: name one column"),
        (
            ["--batch", "2", "good", "bad"],
            b"",
            "--batch: the INT8 of this model takes its ranges over a batch, so answers would depend on",
        ),
    ],
)
def test_rows_that_cannot_be_read(bundle, arguments, stdin, said):
    found = run(bundle, *arguments, stdin=stdin)
    assert (found.returncode, found.stdout) == (1, b"")
    assert found.stderr.decode().startswith(f"error: {said}")


def test_batches_give_the_same_answers(exported, measured, data, tmp_path):
    """Of a float model: padding changes sums by rounding alone (1e-6 of a probability). Empty rows and cut ones are told by their number."""
    model, out = tmp_path / "model", tmp_path / "out"
    shutil.copytree(exported, model)
    make_bundle(model, measured, data, out, {**SPEC, "batch_invariant": True})
    assert read_json(out / "bundle.json")["batch_invariant"]
    lines = "the film is good\n\nthe long and winding story was really bad\n" + "good " * 20 + "\nbad\n"
    one, many = run(out, stdin=lines.encode()), run(out, "--batch", "3", stdin=lines.encode())
    assert (one.returncode, many.returncode) == (0, 0), many.stderr
    assert sorted(many.stderr.splitlines()) == sorted(one.stderr.splitlines())
    for ours, theirs in zip(map(json.loads, many.stdout.splitlines()), map(json.loads, one.stdout.splitlines()), strict=True):
        assert (ours is None) == (theirs is None)
        if ours:
            assert ours["label"] == theirs["label"]
            assert list(ours["probabilities"].values()) == pytest.approx(list(theirs["probabilities"].values()), abs=2e-6)


def test_it_measures_itself(bundle, tmp_path):
    """In order p50, p90, p99; a process takes longer than an answer; what is measured is named by its digest."""
    out = tmp_path / "bench.json"
    ran = subprocess.run(
        [sys.executable, "-I", bundle / "bench.py", "--calls", "40", "--out", out],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert ran.returncode == 0, ran.stderr
    found = read_json(out)
    assert 0 < found["p50_ms"] <= found["p90_ms"] <= found["p99_ms"] < found["cold_start_ms"]
    assert found["peak_mb"] > 10
    assert (found["sha256"]["model.onnx"], found["calls"]) == (sha256(bundle / "model.onnx"), 40)
    (tmp_path / "texts.txt").write_text("the film is good\n\nbad\n", encoding="utf-8")
    run_on = [sys.executable, bundle / "bench.py", "--calls", "5", "--out", out, "--file"]
    assert subprocess.run([*run_on, tmp_path / "texts.txt"], capture_output=True, check=False).returncode == 0
    assert read_json(out)["what"] == "2 texts, with tokenisation"
    refused = subprocess.run([*run_on, tmp_path / "no.txt"], capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stderr) == (1, f"error: {tmp_path}/no.txt: No such file or directory\n")


def test_a_text_that_is_too_long_is_cut_and_told(bundle):
    text = "the film is good " * 20
    found = run(bundle, text)
    assert found.returncode == 0
    assert found.stderr.decode() == "text 1: longer than 16 tokens, its end was not read\n"
    model = module(bundle).Model(bundle)
    assert np.array_equal(model.logits(text), model.logits(text + " bad bad"))
    model.logits("short")
    assert model.cut is False


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        ([], b"", "error: no text in the input"),
        ([], b"  \n\n", "error: no text in the input"),
        ([" "], b"", "error: text 1: an empty text; give at least a word"),
        ([], b"good\xff", "error: the input is not UTF-8 (byte 4); convert it first"),
        (["--file", "nowhere.txt"], b"", "error: nowhere.txt: No such file or directory"),
    ],
)
def test_bad_input_is_refused_in_a_line(bundle, arguments, stdin, message):
    found = run(bundle, *arguments, stdin=stdin)
    assert (found.returncode, found.stderr.decode().strip(), found.stdout) == (1, message, b"")


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_a_damaged_bundle_is_refused(copied, name):
    (copied / name).write_bytes((copied / name).read_bytes()[:-9])
    found = run(copied, "good")
    assert found.returncode == 1
    assert f"{name}: damaged, or of another bundle; copy the whole bundle again" in found.stderr.decode()
    (copied / name).unlink()
    assert f"{name}: missing" in run(copied, "good").stderr.decode()


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff"])
def test_a_foreign_bundle_file_is_refused(copied, content):
    (copied / "bundle.json").write_bytes(content)
    found = run(copied, "good")
    assert found.returncode == 1
    assert "bundle.json: not readable" in found.stderr.decode()
    assert "Traceback" not in found.stderr.decode()


def test_the_card_tells_what_was_measured(bundle):
    text = (bundle / "README.md").read_text(encoding="utf-8")
    _, head, body = text.split("---\n", 2)
    meta = yaml.safe_load(head)
    assert meta["pipeline_tag"] == "text-classification"
    assert meta["license"] == "other"
    assert "int8" in meta["tags"]
    result = meta["model-index"][0]["results"][0]
    assert (
        result["metrics"] == [{"type": "accuracy", "value": 0.625, "name": "Accuracy"}] or result["metrics"][0]["value"] == 0.625
    )
    for figure in ("62.5", "4.32 M", "1.23 MB", "1.25 ms", "2.50 ms", "23.6x", "negative, positive", SPEC["command"]):
        assert figure in body, figure


def test_a_corrupt_model_makes_no_bundle(exported, measured, data, tmp_path):
    model = shutil.copytree(exported, tmp_path / "model")
    (model / "model.onnx").write_bytes(b"x")
    with pytest.raises(EdgeminError, match=r"model\.onnx: its sha256 differs"):
        make_bundle(model, measured, data, tmp_path / "out", SPEC)
    assert not (tmp_path / "out").exists()


def test_load_gives_the_pytorch_model_where_there_is_one(exported, tmp_path):
    inputs = {
        "input_ids": np.array([[2, 9, 3]]),
        "attention_mask": np.ones((1, 3), np.int64),
        "token_type_ids": np.zeros((1, 3), np.int64),
    }
    for backend, scheme in (("torch", "int8_dynamic"), ("torch", "bf16")):
        quantize(QuantizeInputs(exported, tmp_path / scheme, {"variant": {"backend": backend, "scheme": scheme}}))
        with torch.inference_mode():
            found = edgemin.load(tmp_path / scheme)(**{name: torch.from_numpy(x) for name, x in inputs.items()}).logits
        assert np.array_equal(found.float().numpy(), open_model(tmp_path / scheme, "torch", 1)(inputs))
    assert edgemin.load(exported).config.to_dict() == checkpoint.load(exported).config.to_dict()
    quantize(QuantizeInputs(exported, tmp_path / "onnx", {"variant": {"backend": "onnxruntime"}}))
    with pytest.raises(EdgeminError, match=r"holds a model for ONNX Runtime alone; open model\.onnx"):
        edgemin.load(tmp_path / "onnx")


@pytest.mark.parametrize(
    ("variant", "words"),
    [
        ({"backend": "onnxruntime"}, "ONNX Runtime alone; open model.onnx with onnxruntime"),
        ({"scheme": "int8_nncf", "backend": "openvino"}, "OpenVINO alone; open model.xml with openvino"),
    ],
)
def test_load_says_who_opens_what_is_for_another_runtime(tmp_path, variant, words):
    write_json(tmp_path / "config.json", {"edgemin_quantization": variant})
    write_provenance(tmp_path, spec={})
    with pytest.raises(EdgeminError, match=f"^{tmp_path}: holds a model for {words}, or load its float parent$"):
        edgemin.load(tmp_path)


def test_a_config_that_was_changed_is_named_before_its_scheme_is_read(exported, tmp_path):
    quantize(QuantizeInputs(exported, tmp_path, {"variant": {"backend": "torch", "scheme": "bf16"}}))
    write_json(tmp_path / "config.json", {**read_json(tmp_path / "config.json"), "edgemin_quantization": {"scheme": "none"}})
    with pytest.raises(EdgeminError, match=f"^{tmp_path}/config.json: its sha256 differs"):
        edgemin.load(tmp_path)


@pytest.mark.parametrize(
    ("kind", "logits", "labels", "expected"),
    [
        ("classification", [0.0, np.log(3)], ["no", "yes"], {"label": "yes", "probabilities": {"no": 0.25, "yes": 0.75}}),
        ("regression", [2.5], None, {"value": 2.5}),
    ],
)
def test_a_bundle_answers_in_the_way_of_its_kind(tmp_path, kind, logits, labels, expected):
    """Every kind's predict.py stands alone: of this project it imports nothing."""
    script = predict_script(KINDS[kind])
    (tmp_path / "predict.py").write_text(script, encoding="utf-8")
    assert module(tmp_path).answer(np.array(logits, np.float32), labels) == expected
    assert "edgemin" not in script
    assert "NotImplementedError" not in script
    assert script.count("def answer(") == 1
    assert script.rstrip().endswith("main()")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (ModelSource.model_validate({"random": {}}), "random weights"),
        (ModelSource.model_validate({"path": "mine"}), "local files of whoever ran the study"),
        (
            ModelSource.model_validate({"hub": {"repo": "a/b", "revision": "0" * 40}}),
            f"a/b on the Hugging Face hub, revision {'0' * 40}",
        ),
        (DataSource.model_validate({"files": {"train": "a.csv"}}), "local files of whoever ran the study"),
    ],
)
def test_sources_in_words(source, words):
    assert described(source) == words
