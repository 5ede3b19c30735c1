"""`edgemin across`: answers on emulated processors. The emulators here run the machine's own Python: what they are told to change, they change."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from bundles import SPEC, int8_bundle, measurements

from edgemin.cli.main import main
from edgemin.core.files import read_json, sha256, write_json
from edgemin.deploy import cpu
from edgemin.deploy.across import section
from edgemin.deploy.across.compare import compare
from edgemin.deploy.across.saturating import saturates
from edgemin.deploy.bundle import make_bundle

TEXTS = "the film is good\n\na plot was bad\nthe end felt dull\n"


@pytest.fixture(scope="module")
def made(exported, data, tmp_path_factory):
    return int8_bundle(exported, data, tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def bundle(made, tmp_path, monkeypatch):
    """A bundle, texts.txt and an arm64 system `root` in the working folder; no emulator in PATH yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    shutil.copytree(made, "bundle")
    Path("texts.txt").write_text(TEXTS, encoding="utf-8")
    for name in ("usr/bin/python3.11", "proc/cpuinfo", "sys/devices/system/cpu/possible", "sys/devices/system/cpu/present"):
        program(Path("root", name), f'exec {sys.executable} "$@"')
    return Path("bundle")


def program(file: Path, does: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
    file.chmod(0o755)


def emulators(x86: str = "", aarch64: str = "") -> None:
    """Programs by the emulators' names that run what they are given, and pass what it prints on to a filter."""
    for name, options, change in (("qemu-x86_64", 2, x86), ("qemu-aarch64", 4, aarch64)):
        version = f'if [ "$1" = --version ]; then echo "{name} version 7.2.1 (Debian)"; exit; fi'
        program(Path("bin", name), f'{version}\nshift {options}\n"$@"{change}')


def across(*more: str) -> int:
    return main(["across", "bundle", "--texts", "texts.txt", *more])


def test_the_bundle_answers_on_all_and_its_card_says_what_was_found(bundle, capsys):
    """One of three labels is changed on x86, by an emulator that takes the first text's negative for positive and the other way round."""
    swap = 's/"label": "negative"/"label": "x"/; s/"label": "positive"/"label": "negative"/; s/"label": "x"/"label": "positive"/'
    emulators(x86=f" | /bin/sed '2 {{ {swap} }}'")
    assert "Not compared yet" in (bundle / "README.md").read_text(encoding="utf-8")
    assert across("--aarch64", "root") == 0
    found = read_json(bundle / "across.json")
    assert (found["texts"], found["emulator"]) == (3, "qemu-x86_64 version 7.2.1")
    assert found["sha256"]["model.onnx"] == sha256(bundle / "model.onnx")
    assert [(one["name"], one["labels_differ"]) for one in found["machines"]] == [
        ("Haswell", 1),
        ("neoverse-n1", 0),
        ("cortex-a72", 0),
    ]
    assert [one["largest_logit"] for one in found["machines"]] == [0, 0, 0]
    card = (bundle / "README.md").read_text(encoding="utf-8")
    assert "| x86 with AVX2, without VNNI (Haswell) | 1 of 3 | 0 |" in card
    assert "`reduce_range: true` saturates on none." in card
    assert card.count("## Across CPUs") == 1
    assert "\n\n## Data and licences\n" in card
    assert "| aarch64 with dot products (neoverse-n1) | 0 of 3 | 0 | 0 |" in capsys.readouterr().out
    assert across() == 0
    assert (bundle / "README.md").read_text(encoding="utf-8").count("## Across CPUs") == 1
    assert "aarch64 was not compared: give --aarch64 FOLDER" in capsys.readouterr().out


def test_a_cascade_is_refused_before_anything_answers(bundle, capsys):
    write_json(bundle / "bundle.json", {**read_json(bundle / "bundle.json"), "members": []})
    assert across() == 2
    assert capsys.readouterr().err == "error: bundle: is of a cascade; compare the bundles of its members\n"


def test_differences_by_hand():
    """Of one text in three the label; the second logit of another is 0.5 away, its probability 0.1."""
    ours = [
        {"logits": [0.0, n], "answer": {"label": "ab"[n > 0], "probabilities": {"a": 0.5, "b": 0.5}}} for n in (1.0, -1.0, 2.0)
    ]
    theirs = [
        ours[0],
        {"logits": [0.0, -0.5], "answer": {"label": "a", "probabilities": {"a": 0.4, "b": 0.6}}},
        {**ours[2], "answer": {"label": "a", "probabilities": {"a": 0.5, "b": 0.5}}},
    ]
    assert compare(ours, theirs) == {"labels_differ": 1, "largest_logit": 0.5, "largest_probability": pytest.approx(0.1)}


def test_values_have_no_labels_and_several_labels_are_one_answer():
    value = [{"logits": [1.5], "answer": {"value": 1.5}}], [{"logits": [1.25], "answer": {"value": 1.25}}]
    assert compare(*value) == {"labels_differ": None, "largest_logit": 0.25, "largest_probability": None}
    many = [[{"logits": [1.0], "answer": {"labels": some, "probabilities": {"a": 0.5}}}] for some in ([], ["a"])]
    assert compare(*many)["labels_differ"] == 1


@pytest.mark.parametrize(
    ("change", "arguments", "said"),
    [
        (lambda: None, [], "qemu-x86_64: no such program; apt-get install --no-install-recommends qemu-user"),
        (
            emulators,
            ["--aarch64", "bundle"],
            "bundle: no usr/bin/python3.* in it, so no arm64 system; sh envs/aarch64-root.sh FOLDER",
        ),
        (
            lambda: (emulators(), Path("root/proc/cpuinfo").unlink()),
            ["--aarch64", "root"],
            "root/proc/cpuinfo: missing, and ONNX Runtime",
        ),
        (
            lambda: emulators(aarch64=""" | /bin/sed 's/"onnxruntime": "[^"]*"/"onnxruntime": "0.1"/'"""),
            ["--aarch64", "root"],
            "root: has onnxruntime 0.1, and ",
        ),
        (
            lambda: program(Path("bin/qemu-x86_64"), "echo no such CPU >&2; exit 3"),
            [],
            "qemu-x86_64: the bundle could not answer: no such CPU",
        ),
        (
            lambda: (emulators(), Path("bundle/model.onnx").write_bytes(b"x")),
            [],
            "bundle/model.onnx: damaged, or of another bundle",
        ),
        (lambda: (emulators(), Path("texts.txt").unlink()), [], "texts.txt: no such file"),
        (emulators, ["--count", "0"], "--count: 0 texts; at least 1"),
        (lambda: Path("bundle/bundle.json").unlink(), [], "bundle: no bundle.json in it; name the folder of a bundle"),
        (
            lambda: (emulators(), Path("bundle/README.md").write_text("# mine")),
            [],
            "bundle/README.md: has no section '## Across CPUs'",
        ),
    ],
)
def test_what_is_missing_is_said_in_a_line(bundle, capsys, change, arguments, said):
    change()
    assert across(*arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {said}")


def test_a_machine_that_is_no_x86_is_told_so(bundle, monkeypatch, capsys):
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert across() == 2
    assert capsys.readouterr().err.startswith("error: across: this machine is aarch64; compare on one with x86-64")


def test_weights_of_seven_bits_do_not_saturate(exported, data, made, tmp_path):
    safe = int8_bundle(exported, data, tmp_path, reduce_range=True)
    assert (saturates(made / "model.onnx"), saturates(safe / "model.onnx"), saturates(exported / "model.onnx")) == (
        True,
        False,
        False,
    )
    assert [read_json(one / "bundle.json")["saturates"] for one in (made, safe)] == [True, False]
    assert "saturate on no CPU" in (safe / "README.md").read_text(encoding="utf-8")


def test_a_bundle_made_again_keeps_what_was_found_of_the_same_model(bundle, exported, data, tmp_path):
    """A comparison of another model is not shown."""
    emulators()
    assert across() == 0
    (tmp_path / "measured").mkdir()
    remade = tmp_path / "int8"
    facts = read_json(bundle / "bundle.json")
    assert "0 of 3" in section.section(bundle, facts)
    assert "Not compared yet" in section.section(bundle, {**facts, "sha256": {"model.onnx": "0"}})
    shutil.copytree(exported, remade)
    make_bundle(remade, measurements(tmp_path / "measured"), data, bundle, SPEC)
    card = (bundle / "README.md").read_text(encoding="utf-8")
    assert "0 of 3" not in card, "the float model is another one"
    write_json(
        bundle / "across.json", {**read_json(bundle / "across.json"), "sha256": {"model.onnx": sha256(bundle / "model.onnx")}}
    )
    make_bundle(remade, tmp_path / "measured", data, bundle, SPEC)
    assert "0 of 3" in (bundle / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("here", "there", "words"),
    [
        (["avx2"], ["avx2", "avx512_vnni"], "this CPU has no VNNI, and the one that measured this INT8 model has:"),
        (["avx2", "avx_vnni"], ["avx2"], "this CPU has VNNI, and the one that measured this INT8 model has not:"),
        (["avx2"], ["asimd"], "this CPU has no VNNI, and the one that measured this INT8 model is of another kind:"),
        (["avx2"], ["avx2"], ""),
        ([], ["avx2", "avx_vnni"], ""),
    ],
)
def test_a_model_that_was_measured_with_other_integers_says_so(monkeypatch, here, there, words):
    monkeypatch.setattr(cpu, "_flags", lambda: here)
    note = cpu.another_cpu({"saturates": True, "measured_with": there})
    assert note.startswith(words)
    assert bool(note) == bool(words)
    assert not cpu.another_cpu({"saturates": False, "measured_with": there})


def test_a_machine_without_vnni_says_what_it_cannot_tell():
    found = {"texts": 3, "onnxruntime": "1", "emulator": "qemu", "host": {"cpu": "Old", "flags": ["avx2"]}}
    assert "It has no VNNI: what a CPU with VNNI answers is not among these." in section.conditions(found)
    assert "no VNNI" not in section.conditions({**found, "host": {"cpu": "New", "flags": ["avx2", "avx_vnni"]}})
