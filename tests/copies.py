"""Runs of the real workflow, as a user starts them, in a copy of the repository's tracked parts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml

ROOT = Path(__file__).resolve().parents[1]
TIMELESS = ["cell", "runtime", "quality", "quality_low", "quality_high", "naive", "logical", "nonzero", "bytes"]


@dataclass
class Run:
    code: int
    output: str

    @property
    def jobs(self) -> dict[str, int]:
        """Rule -> number of jobs, from Snakemake's table."""
        found = re.findall(r"^([a-z_0-9]+) +(\d+)$", self.output, re.MULTILINE)
        return {name: int(count) for name, count in found if name != "total"}

    @property
    def errors(self) -> list[str]:
        return [line for line in self.output.splitlines() if "error: " in line]


class Copy:
    """A working copy in which studies can be edited and run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("workflow", "config", "profiles", "envs", "tests/data"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "Snakefile", folder)
        (folder / "modules").mkdir()

    def command(self, *arguments: str, study: str = "config/smoke.yaml", cores: int = 2) -> list[str]:
        return [sys.executable, "-m", "snakemake", "--cores", str(cores), "--configfile", study, *arguments]

    @property
    def environment(self) -> dict[str, str]:
        """In which the copy's package is imported, not that of the repository; jobs note what they load in `modules`."""
        return {**os.environ, "PYTHONPATH": str(self.folder / "workflow"), "EDGEMIN_MODULES": str(self.folder / "modules")}

    def run(self, *arguments: str, study: str = "config/smoke.yaml", timeout: float = 1200, **variables: str) -> Run:
        """variables: of the environment."""
        return self.python(*self.command(*arguments, study=study)[1:], timeout=timeout, **variables)

    def python(self, *arguments: str, timeout: float = 1200, folder: Path | None = None, **variables: str) -> Run:
        """Run Python in the copy, or in another folder: `copy.python("-m", "edgemin.cli.main", "status", "config/smoke.yaml")`."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=folder or self.folder,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Run(done.returncode, done.stdout + done.stderr)

    def made(self) -> list[str]:
        """Files of the smoke study, but for what is only on the way."""
        files = (file.relative_to(self.folder).as_posix() for file in self.folder.glob("results/smoke/**/*") if file.is_file())
        return sorted(file for file in files if "/scratch/" not in file and "/logs/" not in file)

    def qualities(self) -> pd.DataFrame:
        """The smoke study's stagewise table, but for times."""
        return pd.read_csv(self.folder / "results/smoke/tables/stagewise.csv")[TIMELESS]

    def dry(self, *arguments: str, study: str = "config/smoke.yaml") -> Run:
        return self.run("-n", "--quiet", "rules", "reason", "host", "--", *arguments, study=study)

    def edit(self, change: Callable[[dict], object], study: str = "config/smoke.yaml", to: str | None = None) -> str:
        """Rewrite a study by `change`, under its own name or as `to`; returns the file's name."""
        content = yaml.safe_load((self.folder / study).read_text())
        change(content)
        target = to or study
        (self.folder / target).write_text(yaml.safe_dump(content, sort_keys=False))
        return target


CODE = "\n\nEDITED = True\n"
"""At the end of a module: other code, which does nothing."""
Edit = Callable[[str, str, str], None]


def edits(copy: Copy) -> Iterator[Edit]:
    """edit(file below the package, old, new), put back at the end; at the end of the file where old is empty."""
    before: dict[Path, str] = {}

    def edit(name: str, old: str, new: str) -> None:
        file = copy.folder / "workflow/edgemin" / name
        text = file.read_text(encoding="utf-8")
        before.setdefault(file, text)
        assert old in text
        file.write_text(text.replace(old, new, 1) if old else text + new, encoding="utf-8")

    yield edit
    for file, text in before.items():
        file.write_text(text, encoding="utf-8")
