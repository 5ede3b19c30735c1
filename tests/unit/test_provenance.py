from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import edgemin
from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json, write_json
from edgemin.core.provenance import check_provenance, digest, write_provenance

PACKAGE = Path(edgemin.__file__).parent


def python(code: str, path: Path) -> str:
    """What a fresh interpreter prints, with `path` the first place to import from."""
    environment = {**os.environ, "PYTHONPATH": str(path)}
    return subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True).stdout


def test_planning_collecting_and_sizing_import_neither_torch_nor_transformers():
    stored = ", ".join(f"edgemin.runtimes.{name}.stored" for name in ("torch", "onnxruntime", "openvino"))
    modules = f"edgemin.plan.jobs, edgemin.plan.checks, edgemin.cli.main, edgemin.report.collect, edgemin.measure.size, {stored}"
    code = f"import sys, {modules}; print(sorted({{'torch', 'transformers'}} & {{*sys.modules}}))"
    assert python(code, PACKAGE.parent).strip() == "[]"


def test_digest_is_sha256_of_canonical_json():
    assert digest({"b": 1, "a": Path("x")}) == digest({"a": "x", "b": 1}) == hashlib.sha256(b'{"a": "x", "b": 1}').hexdigest()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "parent").write_text("abc")
    folder = tmp_path / "folder"
    (folder / "child").mkdir(parents=True)
    for name in ("a", "b", ".hidden"):
        (folder / name).write_text(name)
    write_provenance(folder, spec={"seed": 3}, parents=[tmp_path / "parent"], note="hand-made")
    return folder


def test_provenance_names_spec_parents_and_files(folder):
    found = check_provenance(folder)
    assert (found["spec"], found["note"]) == ({"seed": 3}, "hand-made")
    assert found["parents"] == {(folder.parent / "parent").as_posix(): hashlib.sha256(b"abc").hexdigest()}
    assert found["sha256"] == {name: hashlib.sha256(name.encode()).hexdigest() for name in "ab"}


def test_only_the_named_files_are_compared(folder):
    (folder / "b").write_text("changed")
    check_provenance(folder, "a")
    with pytest.raises(EdgeminError, match=f"^{folder}/b: its sha256 differs"):
        check_provenance(folder)


def test_a_missing_file_is_named(folder):
    (folder / "a").unlink()
    with pytest.raises(EdgeminError, match=f"^{folder}/a: missing"):
        check_provenance(folder)


def test_a_file_that_was_never_recorded_is_named(folder):
    with pytest.raises(EdgeminError, match=f"^{folder}/.hidden: missing"):
        check_provenance(folder, ".hidden")


@pytest.mark.parametrize("value", [[], {"sha256": None}])
def test_what_is_no_provenance_is_named(folder, value):
    write_json(folder / "provenance.json", value)
    assert read_json(folder / "provenance.json") == value
    with pytest.raises(EdgeminError, match=f"^{folder}/provenance.json: not a provenance file"):
        check_provenance(folder)
