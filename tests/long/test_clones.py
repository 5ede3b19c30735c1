"""Where a clone stands and where it is called from make no difference; and what a study ships."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from copies import ROOT, Copy, Run

SMOKE = "config/smoke.yaml"
DATA = "results/smoke/data/snippets/test.arrow"


def clone(folder: Path) -> Copy:
    """A copy with the Makefile, and an environment of its own inside, which borrows the packages of this one."""
    folder.mkdir()
    copy = Copy(folder)
    for name in ("Makefile", "pyproject.toml"):
        (folder / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / ".venv"], check=True)
    (packages,) = (folder / ".venv/lib").glob("python*/site-packages")
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    for name in (".venv/python", ".venv/ready"):
        (folder / name).touch()
    return copy


def make(copy: Copy, *words: str) -> Run:
    environment = {**os.environ, "PYTHONPATH": str(copy.folder / "workflow")}
    done = subprocess.run(
        ["make", "CORES=1", *words], cwd=copy.folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    return Run(done.returncode, done.stdout + done.stderr)


@pytest.mark.parametrize("name", ["a clone", 'it\'s $HOME (é; & "雪" #1)'])
def test_a_clone_works_whatever_its_path_is(tmp_path: Path, name: str) -> None:
    """With its .venv inside: make, and Snakemake's jobs, which run the Python of that path."""
    copy = clone(tmp_path / name)
    run = make(copy, "tables", f'STUDY={SMOKE}" -- "{DATA}')  # the first job of that study alone
    assert run.code == 0, run.output[-3000:]
    assert (copy.folder / DATA).is_file()
    assert make(copy, "status", f"STUDY={SMOKE}").code == 0


def test_called_from_elsewhere_the_clones_default_study_is_found(copy: Copy, tmp_path_factory: pytest.TempPathFactory) -> None:
    """By --directory, and by --snakefile: results go to that folder, paths of data are relative to it; the profile is the clone's."""
    (copy.folder / "config/config.yaml").write_text((copy.folder / SMOKE).read_text(encoding="utf-8"), encoding="utf-8")
    folders = [tmp_path_factory.mktemp(name) for name in ("one", "an other")]
    for folder in folders:
        (folder / "tests").symlink_to(ROOT / "tests")
    called = [
        (copy.folder, ["--directory", str(folders[0])]),
        (folders[1], ["--snakefile", str(copy.folder / "Snakefile")]),
    ]
    for (working, options), folder in zip(called, folders, strict=True):
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", *options, "--", DATA],
            cwd=working,
            env=copy.environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        assert (folder / DATA).is_file()
        assert (
            f"specific profile {'profiles/default' if working == copy.folder else copy.folder / 'profiles/default'}"
            in done.stderr
        )
    assert not (copy.folder / "results").exists()


@pytest.fixture
def undecided(finished: Copy) -> str:
    """The finished study, with limits and no cell to ship: its file, with a space in its name and an overlay's limits."""
    return finished.edit(lambda study: study.pop("deploy"), to="config/my smoke.yaml")


def test_deploy_ships_what_is_recommended_and_says_so(finished: Copy, undecided: str) -> None:
    """The smallest cell of the ladder is its last; with a limit on quality that only a float student meets it is that."""

    def best(study: dict) -> None:
        study["recommend"] = {"prefer": "quality", "max_bytes": 10**9}

    study = finished.edit(best, undecided, to="config/best smoke.yaml")
    run = finished.run("--", "deploy", study=study)
    assert run.code == 0, run.output[-3000:]
    table = (finished.folder / "results/smoke/tables/recommendation.md").read_text(encoding="utf-8")
    cell = table.split("## Ship `")[1].split("`")[0]
    chosen = json.loads((finished.folder / "results/smoke/deploy/recommended.json").read_text(encoding="utf-8"))
    assert chosen == {"snippets": cell}
    bundle = f"results/smoke/deploy/{cell}/seed0"
    assert f"to ship, recommended on validation: {bundle}" in run.output
    assert json.loads((finished.folder / bundle / "bundle.json").read_text(encoding="utf-8"))["cell"] == cell
    begin = f"snakemake --cores all --configfile {shlex.quote(study)} -- {bundle}/model.onnx"
    assert f"`{begin}`" in table
    assert begin in (finished.folder / bundle / "README.md").read_text(encoding="utf-8")
    assert "Nothing to be done" in finished.run("--", "deploy", study=study).output

    def strict(study: dict) -> None:
        study["recommend"] = {"max_bytes": 1}

    refused = finished.run("--", "deploy_recommended", study=finished.edit(strict, undecided, to="config/strict.yaml"))
    assert refused.code != 0
    (line,) = [one for one in refused.errors if "[choose_cell]" in one]
    assert line.endswith(
        "recommend: no cell is within all limits for task snippets, so there is none to ship; relax one of them "
        "(tables/recommendation.md says which), or name cells under `deploy`"
    )
    assert "Traceback" not in refused.output
    assert finished.run(timeout=600).code == 0  # as it was, for the tests that follow


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"recommend": None}, "recommend: without this key no cell is recommended; add limits"),
        ({"recommend": {"runtime": "torch"}}, "recommend.runtime: no bundle runs in torch; recommend in onnxruntime"),
    ],
)
def test_what_cannot_be_recommended_is_told_before_anything_is_built(copy: Copy, change: dict, told: str) -> None:
    study = copy.edit(lambda content: content.update(change), to="config/none.yaml")
    run = copy.run("--", "deploy_recommended", study=study)
    assert run.code != 0
    assert [told in line for line in run.errors] == [True]
    assert "Traceback" not in run.output
    assert not (copy.folder / "results/smoke/models").exists()


def test_the_recommendation_is_a_part_of_the_default_target_where_it_is_asked_for(copy: Copy) -> None:
    assert copy.dry().jobs["table_recommendation"] == 1
    without = copy.edit(lambda study: study.pop("recommend"), to="config/without.yaml")
    assert "table_recommendation" not in copy.dry(study=without).jobs
