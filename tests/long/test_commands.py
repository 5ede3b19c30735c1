"""Every command that the project prints, run as it stands there; `-n` is added where a run takes more than five minutes, or needs a network."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from commands import printed
from copies import ROOT, Copy
from packaging.requirements import Requirement
from snakemake.cli import get_argument_parser

PRINTED = printed()
SMOKE = "config/smoke.yaml"
TEMPLATES = {
    "make {}": "names a target, `make openvino`: tests/unit/test_runtimes_openvino.py",
    "pip install --no-deps -e {}": "tests/unit/test_environment.py",
    "snakemake --cores all": "what a caller that knows no study says",
    "snakemake --cores all {}/model.onnx": "the same; the card has the study too: `test_what_a_study_prints_runs`",
    "snakemake --cores all {}/bundle.json": "the same of a cascade: tests/long/test_bundle.py",
    "snakemake --cores all --configfile config/mine.yaml --": "how a command begins: tests/unit/test_calls.py",
}
"""Commands with places to fill -> who runs them filled."""
NEVER_HERE = {
    ". .venv/bin/activate": "of a shell",
    ".venv/bin/pre-commit install": "writes into a repository",
    ".venv/bin/python benchmarks/planning.py planning.csv planning.png": "eight minutes; the same with numbers is run",
    ".venv/bin/python benchmarks/freed_memory.py": "five minutes; the same with a small model is run",
    ".venv/bin/python benchmarks/schedule.py config/quick.yaml": "of a study that has run; tests/unit/test_bench_schedule.py",
    ".venv/bin/python benchmarks/schedule.py config/quick.yaml --threads 1 --times 1.75": "likewise",
    "sha256sum -c": "names a format",
    "edgemin status": "run with a study",
    "edgemin status --page": "likewise",
    "edgemin status --watch": "goes on until a study is done: tests/unit/test_cli_watching.py",
    "edgemin status STUDY --watch": "likewise",
    "edgemin status config/mine.yaml --watch": "likewise",
    "edgemin status config/mine.yaml --watch 30 --page status.html": "likewise",
    "edgemin smoke config/mine.yaml": "tests/long/test_small_copies.py runs others",
    "edgemin smoke config/study.yaml": "tests/long/test_small_copies.py",
    "edgemin smoke": "needs a study",
    "edgemin diff results/quick docs/reference/quick/amd-epyc-a67401": "of results that are not here; tests/unit/test_report_differences.py",
    'edgemin diff results/quick docs/reference/quick/amd-epyc-a67401 --fail-if "drop > 0.5"': "likewise",
    'edgemin diff before results/quick --fail-if "drop > 0.5" --fail-if "larger > 1.01"': "likewise",
    "edgemin compress": "run with a data file: tests/long/test_compress.py",
    "edgemin compress --any-cpu": "names an option: tests/unit/test_compress_any_cpu.py",
    "edgemin compress --data data.csv --text text --label label --max-mb 10 --max-drop 1": "likewise",
    "edgemin compress --data data.csv --text text --label label --max-mb 10 --max-drop 1 --model FOLDER": "likewise",
    ".venv-bench/bin/python benchmarks/runtimes.py config/quick.yaml kd_prune edgemin --scheme int8_fused --lengths 8 16 27 64 128": "of a study that has run; "
    "tests/unit/test_bench_runtimes.py",
    "python bench.py": "of a bundle: tests/unit/test_deploy_bundle.py",
    "python bench.py --file texts.txt --against ../../teacher/seed0": "of a cascade's bundle: tests/unit/test_deploy_cascade.py",
    "edgemin across": "needs a bundle, and emulators: tests/unit/test_deploy_across.py, tests/long/test_across.py",
    "edgemin across results/quick/deploy/best/seed0 --texts texts.txt": "likewise",
    "edgemin across results/quick/deploy/best/seed0 --texts texts.txt --aarch64 aarch64": "likewise",
    "edgemin measured add": "run with a study: tests/unit/test_cli_measured.py",
    "edgemin measured add config/quick.yaml bench.json": "likewise",
    "snakemake --configfile study.yaml": "in the folder that it leaves",
    "python benchmarks/three_classes.py reviews.csv": "needs a network",
    "snakemake --sdm conda": "needs conda",
    "snakemake --lint": "run by `make lint`",
    "git lfs pull": "in the repository of a user's data",
    "git annex get": "likewise",
    ".venv/bin/python benchmarks/promise.py config/budget.yaml to2 to4 to8": "of a study that has run; tests/unit/test_bench_promise.py",
    ".venv/bin/python benchmarks/promise.py config/budget.yaml int8_to4 int8_to8": "likewise",
    ".venv/bin/python benchmarks/kept_libraries.py config/quick.yaml kd teacher": "likewise; tests/unit/test_bench_kept_libraries.py",
    ".venv/bin/python benchmarks/kept_labels.py quick evidence frontier": "needs adjustText; tests/unit/test_bench_kept_labels.py",
    ".venv/bin/python -m pip install --no-deps adjustText==1.4.0": "needs a network",
}
SOURCE_ONLY = {"snakemake --profile profiles/slurm"}
"""Needs a plugin, which tests/faults/test_slurm.py installs."""
REALLY = {
    "edgemin status config/config.yaml",
    "edgemin status config/mine.yaml --page status.html",
    "edgemin compare config/config.yaml",
    ".venv/bin/python benchmarks/speed.py --help",
    ".venv/bin/python benchmarks/freed_memory.py --tiny --rounds 1 --steps 4",
    ".venv/bin/python benchmarks/planning.py planning.csv planning.png 60",
    "make help",
    "make status",
    "make partial",
    "make verify",
    "make verify STUDY=config/quick.yaml",
    "make reference",
    "make clean-scratch",
    *(command for command in PRINTED if command.startswith("snakemake ") and SMOKE in command),
}


MEASURING = ".venv/bin/python benchmarks/runtimes.py config/smoke.yaml kd_prune edgemin"


def of(program: str) -> list[str]:
    return sorted(command for command in PRINTED if command.startswith(f"{program} ") and command not in TEMPLATES)


def test_every_printed_command_has_somebody_who_runs_it() -> None:
    """A new one that nobody runs fails here; so does an old one that nobody prints any more."""
    known = {
        MEASURING,
        *TEMPLATES,
        *NEVER_HERE,
        *REALLY,
        *of("make"),
        *of("snakemake"),
        *of("pip"),
        *of("find"),
        'python predict.py "a text"',
    }
    assert {command: files for command, files in PRINTED.items() if command not in known} == {}
    assert (set(TEMPLATES) | set(NEVER_HERE) | REALLY | SOURCE_ONLY) - set(PRINTED) == set()
    assert len(PRINTED) > 60


@pytest.fixture(scope="module")
def place(finished: Copy) -> Iterator[Copy]:
    """The copy with the finished smoke study, made a clone: Makefile, documents, tools in .venv."""
    folder = finished.folder
    for name in ("docs", "benchmarks"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("Makefile", "README.md", "CONTRIBUTING.md", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    tools(folder, f'exec {shlex.quote(sys.executable)} "$@"')
    for name, text in (("mine", mine()), ("heads30", block("README.md", "prune: {heads30")), ("limits", limits())):
        (folder / f"config/{name}.yaml").write_text(text, encoding="utf-8")
    yield finished
    for name in ("mine", "heads30", "limits"):
        (folder / f"config/{name}.yaml").unlink()
    for name in ("docs", "benchmarks", ".venv", ".venv-bench"):
        shutil.rmtree(folder / name)
    for name in ("Makefile", "README.md", "CONTRIBUTING.md", "pyproject.toml", "planning.csv", "planning.png", "status.html"):
        (folder / name).unlink(missing_ok=True)


def tools(folder: Path, python: str) -> None:
    """What `make` would have installed: programs that run the Python of this test."""
    scripts = {"python": python, "snakemake": 'exec python -m snakemake "$@"', "edgemin": 'exec python -m edgemin.cli.main "$@"'}
    for name in (".venv", ".venv-bench"):
        (folder / name / "bin").mkdir(parents=True)
        for script, text in scripts.items():
            (folder / name / "bin" / script).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
            (folder / name / "bin" / script).chmod(0o755)
    for name in (".venv/python", ".venv/ready", ".venv/ready-dev", ".venv/ready-openvino", ".venv-bench/ready"):
        (folder / name).touch()


def block(document: str, start: str, language: str = "yaml") -> str:
    """The block of a document that begins so."""
    text = (ROOT / document).read_text(encoding="utf-8")
    (found,) = re.findall(rf"^```{language}\n({re.escape(start)}.*?)^```", text, re.MULTILINE | re.DOTALL)
    return str(found)


def limits() -> str:
    """The file of one line of the README."""
    (found,) = re.findall(r"`config/limits.yaml` with the line `(.*?)`", (ROOT / "README.md").read_text(encoding="utf-8"))
    return str(found)


def mine() -> str:
    """The study of docs/own-data.md, of files that are there."""
    study = yaml.safe_load(block("docs/own-data.md", "study: mine"))
    study["tasks"]["reviews"]["source"]["files"] = {"train": "tests/data/snippets.csv"}
    study["teacher"]["source"] = {"random": {"layers": 12}}
    study["teacher"]["training"] = [{"epochs": 1}]
    return yaml.safe_dump(study)


def shell(copy: Copy, command: str, folder: str = ".") -> subprocess.CompletedProcess[str]:
    """A command as a user types it, `.venv` activated."""
    path = f"{copy.folder / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"
    environment = {**copy.environment, "PATH": path, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        ["bash", "-c", command],
        cwd=copy.folder / folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.mark.parametrize("command", sorted(REALLY))
def test_it_runs_as_printed(place: Copy, command: str) -> None:
    done = shell(place, command)
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    assert "Traceback" not in done.stdout + done.stderr


def test_a_benchmark_finds_the_files_that_it_would_measure(place: Copy) -> None:
    """It takes turns for minutes, on an otherwise idle machine; with one word more it names what it reads."""
    files = shell(place, f"{MEASURING} --files").stdout.split()
    assert len(files) > 2
    assert [file for file in files if not (place.folder / file).exists()] == []


def recipes(copy: Copy, command: str) -> list[str]:
    """The lines that a `make ...` runs."""
    assert command.startswith("make ")
    done = shell(copy, f"make -n {command.removeprefix('make ')}")
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    return [line for line in done.stdout.splitlines() if not line.startswith("make: ")]


def snakemakes(copy: Copy) -> list[tuple[str, list[str]]]:
    """(where it is printed, its words) of every call of Snakemake, those of make among them."""
    found = [(command, shlex.split(command)[1:]) for command in of("snakemake") if command not in {*NEVER_HERE, *SOURCE_ONLY}]
    for command in of("make"):
        for line in recipes(copy, command):
            if " -m snakemake " in line and "$files" not in line:
                found.append((command, shlex.split(line.partition(" -m snakemake ")[2])))
    return found


def test_every_call_of_snakemake_reaches_its_target(place: Copy) -> None:
    """By Snakemake's own parser: its words name files of studies that are there, and targets that can be planned; each study once."""
    targets: dict[tuple[str, ...], set[str]] = {}
    forced: dict[tuple[str, ...], set[str]] = {}
    parser = get_argument_parser()
    for where, words in snakemakes(place):
        asked = parser.parse_args(words)
        files = tuple(map(str, asked.configfile or ["config/config.yaml"]))
        assert [file for file in files if not (place.folder / file).is_file()] == [], where
        options = ("--config", *asked.config) if asked.config else ()
        targets.setdefault((*files, *options), set()).update(map(str, asked.targets or ["tables"]))
        forced.setdefault((*files, *options), set()).update(asked.forcerun or ())
    assert len(targets) >= 6
    for study, wanted in targets.items():
        rules = ["--forcerun", *sorted(forced[study])] if forced[study] else []
        done = shell(
            place, shlex.join(["snakemake", "-n", "--quiet", "all", "--configfile", *study, *rules, "--", *sorted(wanted)])
        )
        assert done.returncode == 0, f"{study} {wanted}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"


def test_every_target_of_make_is_told_and_has_a_recipe(place: Copy) -> None:
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert phony
    told = {line.split()[0] for line in shell(place, "make help").stdout.splitlines()}
    assert told == set(phony.group(1).split())
    empty = [target for target in told if not recipes(place, f"make {target}")]
    assert empty == ["openvino"]  # its packages are there


@pytest.mark.parametrize("command", of("pip"))
def test_what_is_to_be_installed_can_be_named_so(command: str) -> None:
    words = [word for word in shlex.split(command)[2:] if not word.startswith("-")]
    assert [Requirement(word).name for word in words if "{}" not in word]


def test_what_a_study_prints_runs(place: Copy) -> None:
    """The bundle's card, the recommendation and the page name the study: their commands find everything done."""
    folder = place.folder / "results/smoke"
    assert shell(place, f"make deploy STUDY={SMOKE}").returncode == 0
    bundle = "results/smoke/deploy/edgemin/seed0"
    card = (place.folder / bundle / "README.md").read_text(encoding="utf-8")
    indented = re.findall(r"^ {4}(\S.*)$", card.partition("## Use")[2], re.MULTILINE)
    begin = f"snakemake --cores all --configfile {SMOKE} --"
    install, predict, rebuild = indented
    assert [str(Requirement(word)) for word in shlex.split(install)[2:]]
    assert '"label"' in shell(place, predict, bundle).stdout
    assert rebuild == f"{begin} {bundle}/model.onnx"
    page = (folder / "report/index.html").read_text(encoding="utf-8")
    commands = re.findall(r'<code class="command">(.*?)</code>', page)
    assert commands[-1].startswith(f"{begin} cell_")
    recommended = re.findall(r"`(snakemake [^`]*)`", (folder / "tables/recommendation.md").read_text(encoding="utf-8"))
    assert all(command.startswith(f"{begin} results/smoke/deploy/") for command in recommended)
    for command in (rebuild, commands[-1], *recommended):
        done = shell(place, command)
        assert done.returncode == 0, done.stderr[-2000:]
    assert shell(place, commands[0]).stderr.count("Nothing to be done") == 1


def test_what_verify_prints_mends(place: Copy) -> None:
    (place.folder / "results/smoke/tables/stagewise.md").write_text("damaged", encoding="utf-8")
    damaged = shell(place, f"make verify STUDY={SMOKE}")
    assert damaged.returncode != 0
    mended = shell(place, damaged.stdout.splitlines()[-1])
    assert mended.returncode == 0, mended.stderr[-2000:]
    assert shell(place, f"make verify STUDY={SMOKE}").returncode == 0


@pytest.fixture
def quick(place: Copy) -> Iterator[Copy]:
    """The smoke study's results under the names of the quick one, of which the documents speak."""
    links = [(place.folder / "results/quick", "smoke"), (place.folder / "results/smoke/models/movies", "snippets")]
    for link, target in links:
        link.symlink_to(target)
    yield place
    for link, _ in links:
        link.unlink()


@pytest.mark.parametrize("command", of("find"))
def test_digests_are_compared_without_this_project(quick: Copy, command: str) -> None:
    """Nothing is wrong; a file that was changed is named."""
    assert shell(quick, command).returncode == 0
    file = quick.folder / "results/smoke/tables/stagewise.tex"
    kept = file.read_bytes()
    file.write_text("changed", encoding="utf-8")
    done = shell(quick, command)
    file.write_bytes(kept)
    assert (done.returncode, done.stdout) == (1, "results/smoke/tables/stagewise.tex: FAILED\n")


PYTHON = {"docs/deployment.md": ("import json", "import edgemin")}
"""Documents with Python for users; those of docs/extending.md are run by test_extending.py."""


def test_the_python_of_the_documents_runs(quick: Copy) -> None:
    found = {
        document.relative_to(ROOT).as_posix(): re.findall(
            r"^```python\n(.*?)^```", document.read_text(encoding="utf-8"), re.M | re.S
        )
        for document in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"), ROOT / "config/README.md", ROOT / "results/README.md")
    }
    assert {name for name, blocks in found.items() if blocks} == {*PYTHON, "docs/extending.md"}
    for name, starts in PYTHON.items():
        assert len(found[name]) == len(starts)
        for code, start in zip(found[name], starts, strict=True):
            assert code.startswith(start)
            done = quick.python("-c", code)
            assert done.code == 0, done.output
    (line,) = re.findall(r"`(datasets\.Dataset\.\S+)`", (ROOT / "docs/architecture.md").read_text(encoding="utf-8"))
    done = quick.python("-c", f"import datasets; print(len({line}))")
    assert int(done.output.split()[-1]) > 0
