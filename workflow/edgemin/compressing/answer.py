"""What came of a run: the recommended cell, its figures, where its bundle and the page are."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import yaml

from edgemin.compressing.any_cpu import note
from edgemin.compressing.folder import STUDY, TASK, clone
from edgemin.core.errors import EdgeminError
from edgemin.plan.paths import Paths

WANTED = ("## Ship", "## No cell", "## What each reading", "## What relaxing")
"""Sections of the recommendation that are printed."""


@dataclass(frozen=True)
class Answer:
    """Paths are below the folder of the request."""

    cell: str | None
    """None: no cell is within all limits."""
    bundle: Path | None
    page: Path
    recommendation: Path
    study: Path
    cascade: str = ""
    """What the study has beside the recommendation, in words."""
    note: str = ""
    """What differs on other processors."""

    @property
    def text(self) -> str:
        """For a terminal."""
        pages = self.recommendation.read_text(encoding="utf-8")
        sections = [f"## {one}".strip() for one in pages.split("\n## ")[1:]]
        lines = [one.removeprefix("## ") for one in sections if one.startswith(WANTED)]
        places = {"bundle": self.bundle, "page": self.page, "all of it": self.recommendation, "study": self.study}
        lines += [one for one in (self.cascade.removeprefix("## "), self.note) if one]
        return "\n\n".join([*lines, "\n".join(f"{name}: {path}" for name, path in places.items() if path)])


def chosen(folder: Path, study: str) -> str | None:
    """The recommended cell. Raises EdgeminError where the study recommends none at all."""
    from edgemin.report.recommendation import chosen_cells

    file = folder / Paths(study).table("recommendation")
    if not file.is_file():
        raise EdgeminError(
            f"{folder / STUDY}: has no key `recommend` any more, so nothing is recommended; its tables are in {file.parent}"
        )
    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    try:
        return chosen_cells(rows).get(TASK)
    except EdgeminError:
        return None


def answer(folder: Path, study: str) -> Answer:
    from edgemin.compressing.cascade import words_of

    content = yaml.safe_load((folder / STUDY).read_text(encoding="utf-8"))
    words = words_of(folder, clone(), content)
    paths, cell = Paths(study), chosen(folder, study)
    bundle = folder / paths.bundle(TASK, cell, 0, several=False) if cell else None
    recommendation, caveat = folder / paths.table("recommendation", "md"), note(bundle) if bundle else ""
    return Answer(cell, bundle, folder / paths.page, recommendation, folder / STUDY, words, caveat)
