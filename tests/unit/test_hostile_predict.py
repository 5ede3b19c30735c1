"""predict.py: one answer a line, whatever the lines hold, where they come from and in which locale; drawn from a fixed seed."""

from __future__ import annotations

import argparse
import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hostile import cases
from hypothesis import example, given
from hypothesis import strategies as st

from edgemin.core.files import sha256, write_json
from edgemin.data.rows import texts_of
from edgemin.deploy.bundle import predict_script
from edgemin.study.registry import KINDS

BREAKS = "\v\f\r\x1c\x1d\x1e\x85\u2028\u2029"
"""What `str.splitlines` takes for the end of a line, but for the line feed."""
ODD = BREAKS + "\t \u00a0\u200b\u3000\ufeff\ufffc\0\x1b\u202e"
TEXT = st.text(st.sampled_from(ODD) | st.characters(exclude_categories=["Cs"], exclude_characters="\n"), max_size=12)
LABELS = ["schlecht", "schön\u2028\u202egut"]


def _bundle(exported, folder, pair: bool):
    folder.mkdir()
    for name in ("model.onnx", "tokenizer.json"):
        shutil.copyfile(exported / name, folder / name)
    (folder / "predict.py").write_text(predict_script(KINDS["classification"]), encoding="utf-8")
    digests = {name: sha256(folder / name) for name in ("model.onnx", "tokenizer.json")}
    write_json(folder / "bundle.json", {"labels": LABELS, "max_length": 16, "pair": pair, "sha256": digests})
    return folder


@pytest.fixture(scope="module")
def folders(exported, tmp_path_factory):
    """Bundles of a model of single texts, and of pairs."""
    folder = tmp_path_factory.mktemp("bundles")
    return {pair: _bundle(exported, folder / str(pair), pair) for pair in (False, True)}


@pytest.fixture(scope="module")
def script(folders):
    loaded = importlib.util.spec_from_file_location("predict_hostile", folders[False] / "predict.py")
    found = importlib.util.module_from_spec(loaded)
    loaded.loader.exec_module(found)
    return found


@pytest.fixture(scope="module")
def models(script, folders):
    return {pair: script.Model(folder) for pair, folder in folders.items()}


def _run(folder, *arguments, stdin: bytes | None = b"", flags=(), **variables):
    return subprocess.run(
        [sys.executable, *flags, folder / "predict.py", *arguments],
        input=stdin,
        capture_output=True,
        check=False,
        env={**os.environ, **variables},
    )


def _told(found) -> list[str]:
    """Lines of JSON by any reader's idea of a line."""
    return found.stdout.decode("utf-8").splitlines()


def _main(script, monkeypatch, raw: bytes) -> tuple[list, str]:
    """What the command prints of such an input: answers, and what it says."""
    said, told = io.TextIOWrapper(io.BytesIO(), "ascii"), io.StringIO()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(raw), isatty=lambda: False))
    monkeypatch.setattr(sys, "stdout", said)
    monkeypatch.setattr(sys, "stderr", told)
    try:
        script.main([])
    except SystemExit as ended:
        told.write(str(ended.code))
    said.seek(0)
    monkeypatch.undo()
    return [json.loads(line) for line in said.read().splitlines()], told.getvalue()


# -- as many answers as lines, in their order ------------------------------------------------------------------------


@cases(300)
@given(st.lists(TEXT, min_size=1, max_size=5), st.lists(st.sampled_from(["\n", "\r\n"]), min_size=5, max_size=5), st.booleans())
@example(["a\u2028b\x85c", "", "d\ve"], ["\n"] * 5, True)
@example(["a\tb", "\t", "\ufeff"], ["\r\n"] * 5, False)
def test_every_line_has_its_answer(script, models, monkeypatch, lines, ends, closed):
    monkeypatch.setattr(script, "Model", lambda **_: models[False])
    written = "".join(line + end for line, end in zip(lines, ends, strict=False))
    raw = written.encode() if closed else written.encode().removesuffix(b"\n").removesuffix(b"\r")
    whole = raw.decode("utf-8").removeprefix("\ufeff")  # an oracle of its own: count line feeds
    wanted = whole.split("\n")[: whole.count("\n") + (not whole.endswith("\n") and whole != "")]
    found, said = _main(script, monkeypatch, raw)
    if not whole.split():
        assert (found, said) == ([], "error: no text in the input")
        return
    assert len(found) == len(wanted)
    for number, (line, answer) in enumerate(zip(wanted, found, strict=True), 1):
        if not line.split():
            assert answer is None
            assert f"text {number}: empty, answered by null" in said
        else:
            assert answer == models[False].predict(" ".join(line.split())), line


@cases(200)
@given(st.lists(st.lists(TEXT, min_size=1, max_size=3), min_size=1, max_size=4))
def test_a_pair_has_one_tab_or_nothing_is_answered(script, models, monkeypatch, rows):
    """White space within the halves is as in a single text; the wrong line is named before any answer."""
    monkeypatch.setattr(script, "Model", lambda **_: models[True])
    rows = [[half.replace("\t", " ").replace("\ufeff", "") for half in row] for row in rows]
    found, said = _main(script, monkeypatch, "".join("\t".join(row) + "\n" for row in rows).encode())
    empty = [not "".join(row).split() for row in rows]
    wrong = [
        number for number, row in enumerate(rows, 1) if (len(row) != 2 or not all(map(str.split, row))) and not empty[number - 1]
    ]
    if all(empty):
        assert said == "error: no text in the input"
    elif wrong:
        assert f"error: text {wrong[0]}: " in said
    else:
        wanted = [None if none else models[True].predict(*row) for row, none in zip(rows, empty, strict=True)]
        assert found == wanted
    assert bool(found) == (not wrong and not all(empty))


@cases(300)
@given(st.text(st.sampled_from(ODD + "\n") | st.characters(), max_size=20))
def test_a_text_is_prepared_as_training_prepares_it(script, text):
    cleaned = script.clean(text)
    if cleaned:
        assert texts_of(pd.DataFrame({"text": pd.Series([text], dtype=object)}), ["text"], "x")["text"][0] == cleaned
    assert script.clean(cleaned) == cleaned


def test_the_module_prepares_texts_too(models):
    assert np.array_equal(models[False].logits("the\u2028film\t is\r\ngood "), models[False].logits("the film is good"))


# -- where they come from and go to ----------------------------------------------------------------------------------

TEXTS = "größe ist gut\nİstanbul 🎬\n\nthe\u2028film\n".encode()


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1:strict"},
        {"LC_ALL": "tr_TR.ISO-8859-9", "LANG": "tr_TR", "PYTHONIOENCODING": "utf-16"},
        {"PYTHONOPTIMIZE": "2", "PYTHONHASHSEED": "7", "HOME": "/nonexistent", "TMPDIR": "/nonexistent"},
        {"PYTHONWARNINGS": "error", "OMP_NUM_THREADS": "3", "COLUMNS": "5"},
    ],
)
def test_any_locale_and_environment_gets_the_same_bytes(folders, variables):
    plain, found = _run(folders[False], stdin=TEXTS), _run(folders[False], stdin=TEXTS, **variables)
    assert (plain.returncode, found.returncode) == (0, 0), found.stderr
    assert found.stdout == plain.stdout
    assert [json.loads(line) is None for line in _told(found)] == [False, False, True, False]
    typed = _run(folders[False], *TEXTS.decode().replace("\n\n", "\n").splitlines()[:2], **variables)
    assert typed.stdout == b"".join(plain.stdout.splitlines(keepends=True)[:2])


def test_a_disk_that_is_full_is_told_in_a_line(folders):
    with Path("/dev/full").open("w") as full:
        found = subprocess.run(
            [sys.executable, folders[False] / "predict.py", "good"], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert (found.returncode, found.stderr) == (1, b"error: the answers cannot be written: No space left on device\n")


@pytest.mark.parametrize("command", ["head -1", "true"])
def test_who_reads_no_further_gets_no_traceback(folders, tmp_path, command):
    (tmp_path / "texts.txt").write_bytes(b"the film is good\n" * 3000)
    ran = f"'{sys.executable}' '{folders[False]}/predict.py' --file '{tmp_path}/texts.txt' | {command}; exit ${{PIPESTATUS[0]}}"
    found = subprocess.run(["bash", "-c", ran], capture_output=True, check=False)
    assert (found.returncode, found.stderr) == (141, b"")


@pytest.mark.parametrize(
    ("closed", "said"),
    [("<&-", "error: standard input is closed; give texts, or --file"), (">&-", "error: standard output is closed")],
)
def test_closed_streams_are_told(folders, closed, said):
    found = subprocess.run(
        ["bash", "-c", f"'{sys.executable}' '{folders[False]}/predict.py' {closed}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert found.returncode == 1
    assert found.stderr.decode().startswith(said)


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "said"),
    [
        (["good", "--file", "x"], b"", 2, "give texts or --file, not both"),
        (["--threads", "0", "good"], b"", 2, "at least 1"),
        (["--file", "."], b"", 1, "error: .: Is a directory"),
        ([b"good\xff"], b"", 1, "error: text 1: not UTF-8; convert it first"),
        (["good", ""], b"", 1, "error: text 2: an empty text; give at least a word"),
        ([], "good\n".encode("utf-16"), 1, "error: the input is not UTF-8 (byte 0); convert it first"),
        ([], b"\xef\xbb\xbf", 1, "error: no text in the input"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_line_and_nothing_answered(folders, arguments, stdin, code, said):
    found = _run(folders[False], *arguments, stdin=stdin)
    assert (found.returncode, found.stdout) == (code, b"")
    assert said in found.stderr.decode().splitlines()[-1]


def test_a_mark_at_the_beginning_and_old_line_ends(folders, script, tmp_path):
    marked, plain = (_run(folders[False], stdin=raw) for raw in (b"\xef\xbb\xbfgood\n", b"good"))
    assert marked.stdout == plain.stdout != b""
    old = _run(folders[False], stdin=b"good\rbad\r")
    assert len(_told(old)) == 1
    assert "carriage returns and no line feed: it is read as one text" in old.stderr.decode()
    (tmp_path / "long").write_bytes(b"good " * 400_000 + b"\nbad")
    assert len(script.read_texts(argparse.Namespace(text=[], file=str(tmp_path / "long")))) == 2
    assert len(_told(_run(folders[False], "--file", tmp_path / "long"))) == 2
