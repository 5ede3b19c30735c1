"""bench.py of a bundle: which texts it times, and whose memory it counts."""

from __future__ import annotations

import subprocess
import sys

import pytest
from bundles import int8_bundle

from edgemin.core.files import read_json

HEAVY = """
import numpy as np
class BundleError(Exception): pass
class Model:
    def __init__(self, folder, threads):
        self.numbers, self.pair = np.ones(50_000_000), False
        self.facts = dict(study="small", cell="heavy", chain="teacher", seed=0, sha256={}, read=[])
    def logits(self, text, pair=None):
        assert text.startswith("the film is")
        return self.numbers[:2]
"""
"""Takes 400 MB and answers at once."""


@pytest.fixture(scope="module")
def bundle(exported, data, tmp_path_factory):
    return int8_bundle(exported, data, tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def bench(bundle, tmp_path):
    """bench(arguments): what the run says, and the content of bench.json. By way of a shell, since Linux counts the memory of whoever starts a process
    as its own."""

    def run(*arguments):
        out = tmp_path / "bench.json"
        shell = ["sh", "-c", '"$@"; exit $?', "sh"]
        command = [*shell, sys.executable, bundle / "bench.py", "--calls", "5", "--out", out, *arguments]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        return ran, read_json(out) if out.exists() else None

    return run


def test_rows_of_a_table_are_timed_not_its_lines(bench, tmp_path):
    """Two texts in three lines; --format says what a name does not, to the process of the first answer, too."""
    for name, more in (("ROWS.CSV", ()), ("rows.txt", ("--format", "csv"))):
        (tmp_path / name).write_text("id,review\n1,the film is good\n2,the film is bad\n3,\n", encoding="utf-8")
        ran, found = bench("--file", tmp_path / name, "--columns", "review", *more)
        assert ran.returncode == 0, ran.stderr
        assert found["what"] == "2 texts, with tokenisation"


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--columns", "review"], 2, "--format and --columns: of a file of texts; give it with --file"),
        (["--file", "rows.tsv"], 1, "error: rows.tsv: columns between tabs are not read; save it as CSV"),
        (["--file", "texts.txt", "--columns", "review"], 1, "error: --columns: of a CSV or of JSON lines, and the input is read as lines"),
    ],
)  # fmt: skip
def test_what_it_cannot_read_it_refuses(bench, arguments, status, said):
    ran, found = bench(*arguments)
    assert (ran.returncode, found) == (status, None)
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr


def test_its_memory_is_not_that_of_the_model_beside_it(bench, tmp_path):
    other = tmp_path / "heavy"
    other.mkdir()
    (other / "predict.py").write_text(HEAVY, encoding="utf-8")
    (tmp_path / "rows.csv").write_text("text\nthe film is good\n", encoding="utf-8")
    ran, found = bench("--file", tmp_path / "rows.csv", "--against", other)
    assert ran.returncode == 0, ran.stderr
    assert found["against"]["cell"] == "heavy"
    assert 10 < found["peak_mb"] < 400
