"""The commands that run a study again, read as a shell and Snakemake read them; and Makefile's, for studies of any name."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hostile import cases
from hypothesis import given
from hypothesis import strategies as st
from snakemake.cli import get_argument_parser

from edgemin.core import environment
from edgemin.core.errors import EdgeminError
from edgemin.plan.calls import call
from edgemin.report.recommendation import chosen_cells

ROOT = Path(__file__).resolve().parents[2]
CHARACTERS = "ab-. '\"$`\\&;()<>*?![]{}#=~é雪\t"
NAMES = st.text(CHARACTERS, min_size=1, max_size=8).filter(lambda name: name not in (".", ".."))
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
PLACES = st.tuples(st.sampled_from(["/w/here", "/w/else where", "/w"]), PATHS).map("/".join)
VALUES = st.tuples(st.sampled_from(["seeds", "threads", "study"]), NAMES).map("=".join)
TELL = """snakemake() { printf '%s\\001' "$@"; }"""


def told(command: str) -> list[str]:
    """The words of a command `snakemake ...`, as a program is handed them by a shell."""
    done = subprocess.run(["sh", "-c", f"{TELL}\n{command}"], capture_output=True, text=True, check=True)
    return done.stdout.split("\001")[:-1]


@cases(150)
@given(st.data())
def test_any_study_and_target_arrive_as_they_are(data):
    """Oracle: a shell takes the line apart, Snakemake's own parser the words; paths are resolved from where it runs."""
    files, target = data.draw(st.lists(PLACES, min_size=1, max_size=3)), data.draw(PATHS)
    config = data.draw(st.lists(VALUES, max_size=2))
    snakefile = data.draw(st.sampled_from(["/w/here/Snakefile", "/w/a clone/Snakefile", "/w/here/it's/Snakefile"]))
    words = told(f"{call(files, config, snakefile, '/w/here')} {shlex.quote(target)}")
    asked = get_argument_parser().parse_args(words)
    there = Path("/w/here")
    assert [(there / file).resolve() for file in asked.configfile] == [Path(file).resolve() for file in files]
    assert (there / (asked.snakefile or "Snakefile")).resolve() == Path(snakefile)
    assert (asked.config or []) == config
    assert [str(one) for one in asked.targets] == [target]


def test_what_is_printed_for_a_study_of_the_clone(monkeypatch):
    """Relative to where Snakemake runs, overlays after what they change."""
    monkeypatch.chdir(ROOT)
    files = [ROOT / "config/config.yaml", "config/more.yaml"]
    assert call(files) == "snakemake --cores all --configfile config/config.yaml config/more.yaml --"
    assert call(["-odd.yaml"]) == "snakemake --cores all --configfile ./-odd.yaml --"


STUDIES = st.text("ab. '&;()<>*?![]{}~=é雪", min_size=1, max_size=10).map(lambda name: f"config/{name}.yaml")
OF_A_STUDY = ["tables", "subsets", "distillation", "pruning", "sensitivity", "quantization", "recommend", "deploy"]
OF_A_STUDY += ["deploy-recommended", "report", "status", "partial", "verify"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the Makefile, in which the tools are there."""
    folder = tmp_path_factory.mktemp("a clone")
    (folder / "Makefile").write_text((ROOT / "Makefile").read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "envs").mkdir()
    (folder / ".venv").mkdir()
    for name in ("envs/requirements.txt", "envs/constraints.txt", "pyproject.toml", ".venv/python", ".venv/ready"):
        (folder / name).touch()
    return folder


@cases(80)
@given(st.sampled_from(OF_A_STUDY), STUDIES)
def test_every_target_of_a_study_honours_it(made, target, study):
    """Whatever the file is called. Oracle: a shell takes the recipe apart."""
    done = subprocess.run(["make", "-n", target, f"STUDY={study}"], cwd=made, capture_output=True, text=True, check=True)
    lines = [shlex.split(line) for line in done.stdout.splitlines()]
    assert lines
    for words in lines:
        assert words[:2] == [".venv/bin/python", "-m"]
        if words[2] == "snakemake":
            assert get_argument_parser().parse_args(words[3:]).configfile == [Path(study)]
        else:
            assert words[3:] == ["compare" if target == "tables" else target, study]


@cases(100)
@given(st.lists(NAMES, min_size=1, max_size=4))
def test_a_python_of_any_path_arrives_as_it_is(parts):
    """As Snakemake puts it into a command line: without quotes of its own."""
    path = "/".join(["", *parts, "python"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", path)
        patch.setattr(Path, "exists", lambda self: str(self) == str(Path(path)))
        environment.quote_interpreter()
        quoted = sys.executable
        environment.quote_interpreter()  # a Snakefile may be read twice in a process
        assert sys.executable == quoted or quoted == path
    assert shlex.split(f"{quoted} script.py") == [path, "script.py"]


CELLS = st.dictionaries(
    st.sampled_from("tuv"), st.lists(st.sampled_from("abcdef"), min_size=1, max_size=5, unique=True), min_size=1
)


@cases(80)
@given(CELLS, st.randoms(use_true_random=False))
def test_what_is_shipped_is_what_the_table_recommends(cells, random):
    """Of each task the one cell that is marked; where none is, the tasks are named."""
    marked = {task: random.choice([None, *names]) for task, names in cells.items()}
    rows = [
        {"task": task, "cell": cell, "qualifies": "True", "shipped": str(marked[task] == cell)}
        for task, names in cells.items()
        for cell in names
    ]
    lacking = [task for task in cells if marked[task] is None]
    if not lacking:
        assert chosen_cells(rows) == marked
        return
    with pytest.raises(EdgeminError) as error:
        chosen_cells(rows)
    assert str(error.value).startswith(f"recommend: no cell is within all limits for task {', '.join(lacking)}, so there is none")
    assert "\n" not in str(error.value)
