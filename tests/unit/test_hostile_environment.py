"""What jobs inherit: nothing that a notebook, a launcher, a cluster or a CI sets, and all that allotments and networks need."""

from __future__ import annotations

import json
import logging
import os
import pwd
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from hostile import cases
from hostile_environment import INHERITED, NEEDED, NOWHERE, PLACES, STARTING, worst
from hypothesis import given
from hypothesis import strategies as st

from edgemin.cli.main import main
from edgemin.core.environment import KEEP, KEPT, calm, settled

ROOT = Path(__file__).parents[2]
CHOSEN = {"MPLBACKEND": "agg", "TOKENIZERS_PARALLELISM": "false", "PYTHONUTF8": "1"}
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@st.composite
def environments(draw: st.DrawFn) -> dict[str, str]:
    """Some variables of each table, and some that nobody knows."""
    found = {}
    for table in (INHERITED, STARTING, PLACES):
        for name in draw(st.lists(st.sampled_from(sorted(table)), max_size=12, unique=True)):
            found[name] = draw(st.sampled_from(table[name]))
    names = draw(st.lists(st.sampled_from(sorted(NEEDED)), unique=True))
    unknown = draw(st.lists(st.from_regex(r"(?:TORCH|ACME|HF|X|NV|EDGE)_[A-Z]{3,8}", fullmatch=True), max_size=3))
    return found | {name: NEEDED[name] for name in names} | dict.fromkeys(unknown, "1")


@pytest.fixture
def own(monkeypatch, tmp_path):
    """own(environment): it is the process's own until the test ends."""
    monkeypatch.chdir(tmp_path)
    before = dict(os.environ)

    def take(environment: dict[str, str]) -> None:
        os.environ.clear()
        os.environ.update({"PATH": before["PATH"], **environment})

    yield take
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """Nobody else wants to run: what jobs do otherwise is in test_machine.py."""
    monkeypatch.setattr("edgemin.core.environment.crowded", lambda threads: False)


@cases(200)
@given(environments(), st.integers(1, 9))
def test_a_job_sees_what_is_needed_and_nothing_else(own, environment, threads):
    own(environment)
    before = dict(os.environ)
    with settled(str(threads)):
        seen = dict(os.environ)
        assert {name: value for name, value in seen.items() if name in NEEDED} == {
            name: value for name, value in environment.items() if name in NEEDED
        }
        assert {name: seen.get(name) for name in CHOSEN} == CHOSEN
        assert {seen[name] for name in THREADS} == {str(threads)}
        places = {"PATH", "HOME", "TMPDIR", "TMP", "TEMP", "XDG_CACHE_HOME", "HF_HOME", "MPLCONFIGDIR", "LOGNAME"}
        assert set(seen) - places <= {*NEEDED, *CHOSEN, *THREADS, "VECLIB_MAXIMUM_THREADS"}
        assert Path.home().is_dir()
        for name in ("TMPDIR", "TMP", "TEMP", "XDG_CACHE_HOME"):
            assert name not in seen or not seen[name] or (os.access(seen[name], os.W_OK) and not seen[name].startswith("/proc"))
    assert dict(os.environ) == before


@cases(100)
@given(environments())
def test_what_planning_starts_has_python_as_it_is_by_default(own, environment):
    own(environment)
    with warnings.catch_warnings():
        calm()
    assert not set(os.environ) & (set(STARTING) - {"PYTHONUTF8"})
    assert os.environ["PYTHONUTF8"] == "1"
    others = set(environment) - set(STARTING)
    assert {name: os.environ[name] for name in others} == {name: environment[name] for name in others}


def test_a_log_that_cannot_hold_a_letter_escapes_it(own, tmp_path):
    """Snakemake opens its own in the encoding of the locale."""
    own({})
    logger, handler = logging.getLogger("snakemake.logging"), logging.FileHandler(tmp_path / "log", encoding="ascii")
    logger.addHandler(handler)
    try:
        calm()
        logger.warning("18 cells × 1 seed")
    finally:
        logger.removeHandler(handler)
        handler.close()
    assert (tmp_path / "log").read_text() == "18 cells \\xd7 1 seed\n"


def test_what_is_asked_for_by_name_reaches_jobs(own):
    own({"PYTORCH_CUDA_ALLOC_CONF": "a", "NCCL_DEBUG": "b", "NCCL_P2P": "c", KEEP: "pytorch_cuda_alloc_conf,NCCL_D*"})
    with settled("1"):
        assert [os.environ.get(name) for name in ("PYTORCH_CUDA_ALLOC_CONF", "NCCL_DEBUG", "NCCL_P2P")] == ["a", "b", None]


def test_the_table_has_a_reason_for_each_variable_once():
    names = [name for group in KEPT.values() for name in group]
    assert len(names) == len(set(names))
    assert all(len(reason.split()) > 3 for reason in KEPT)


def test_who_has_no_name_gets_one(own, monkeypatch):
    def nobody(_):
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    for before, after in (({}, f"user{os.getuid()}"), ({"USER": "ann"}, None)):
        own({"HOME": NOWHERE, **before})
        calm()
        assert os.environ.get("LOGNAME") == after


def test_a_home_that_can_only_be_read_keeps_its_models(own, tmp_path, monkeypatch):
    (tmp_path / "ro/.cache/huggingface").mkdir(parents=True)
    monkeypatch.setattr("edgemin.core.environment._writable", lambda folder: "ro" not in folder.parts)
    own({"HOME": str(tmp_path / "ro")})
    with settled("1"):
        assert os.environ["HOME"] == str(tmp_path / "ro")
        assert os.environ["HF_HOME"] == str(tmp_path / "ro/.cache/huggingface")
        assert os.environ["XDG_CACHE_HOME"] == str(tmp_path / ".snakemake/home/.cache")
        assert os.environ["MPLCONFIGDIR"] == str(tmp_path / ".snakemake/home/.cache/matplotlib")


# -- processes as Snakemake starts them ------------------------------------------------------------------------------

PLANNING = """
import subprocess, sys
from edgemin.core.environment import calm
calm()
sys.exit(subprocess.run([sys.executable, "-c", sys.argv[1], *sys.argv[2:]]).returncode)
"""
JOB = """
import json, locale, os, sys
from edgemin.core.environment import settled
assert not {"numpy", "matplotlib"} & set(sys.modules), "too late"
with settled("1"):
    import getpass, tempfile
    import matplotlib.pyplot as plt
    import numpy as np
    from tokenizers import Tokenizer
    from edgemin.study.runtime import open_model
    ids = Tokenizer.from_file(sys.argv[1] + "/tokenizer.json").encode("the film is good").ids
    inputs = {"input_ids": np.array([ids]), "attention_mask": np.ones((1, len(ids)), np.int64)}
    inputs["token_type_ids"] = np.zeros_like(inputs["input_ids"])
    plt.figure().savefig("x.png", metadata={"Software": None})
    with open("größe.txt", "w") as file:
        file.write("größe")
    bytes_of = {name: open(name, "rb").read().hex() for name in ("x.png", "größe.txt")}
    assert getpass.getuser() and tempfile.mkdtemp() and os.path.isdir(os.path.expanduser("~"))
    print(json.dumps([open_model(sys.argv[1], "onnxruntime", 1)(inputs).tolist(), plt.get_backend(),
        locale.getpreferredencoding(False), sys.flags.optimize, sys.stdout.encoding, bytes_of, str(sorted(sys.warnoptions))]))
"""


def _job(folder: Path, where: Path, environment: dict[str, str]) -> str:
    where.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", PLANNING, JOB, str(folder)],
        cwd=where,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "workflow"), **environment},
        capture_output=True,
        check=False,
    )
    said = done.stderr.decode("utf-8", "replace")
    assert done.returncode == 0, (environment, said)
    assert "Traceback" not in said
    return done.stdout.decode("utf-8")


@pytest.fixture(scope="module")
def plain(exported, tmp_path_factory):
    return _job(exported, tmp_path_factory.mktemp("plain"), {"HOME": str(Path.home())})


@cases(12)
@given(environments())
def test_a_job_computes_and_draws_the_same_in_any_environment(exported, plain, tmp_path, environment):
    assert _job(exported, tmp_path / "job", environment) == plain


def test_and_in_the_worst(exported, plain, tmp_path):
    found = _job(exported, tmp_path / "job", worst())
    assert found == plain
    assert json.loads(plain)[1:5] == ["agg", "utf-8", 0, "utf-8"]


def test_commands_print_in_any_locale(tmp_path, capsysbinary):
    """In a process of its own: the encoding of a stream is chosen where Python starts."""
    study = (ROOT / "config/smoke.yaml").read_text(encoding="utf-8").replace("tests/data/snippets.csv", "daten/größe.csv")
    (tmp_path / "größe.yaml").write_text(study, encoding="utf-8")
    said = []
    for variables in ({}, {"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONOPTIMIZE": "2"}):
        done = subprocess.run(
            [sys.executable, "-m", "edgemin.cli.main", "status", "größe.yaml"],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "workflow"), **variables},
            capture_output=True,
            check=False,
        )
        said.append((done.returncode, done.stdout, b"Traceback" in done.stderr))
    assert said == [said[0]] * 3
    assert said[0][0] == 0
    assert main(["status", str(tmp_path / "nowhere.yaml")]) == 2
    assert capsysbinary.readouterr().err.startswith(b"error: ")
