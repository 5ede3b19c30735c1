"""What documents say of results, written from the record of measurements.

A document has places `<!-- measured: NAME -->` … `<!-- end -->`. What is between them is the Jinja template docs/measured/NAME.md,
filled. In a template each study on record is a `Study`, by its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import jinja2
import yaml

from edgemin.cli.badges import badges
from edgemin.cli.compare import FOLDER
from edgemin.cli.on_record import Study
from edgemin.core.errors import EdgeminError

DOCUMENTS = ("README.md", "docs/results.md", "docs/log.md")
FIGURES = {
    "docs/images/pareto_latency.png": ("evidence", "pareto_latency"),
    "docs/images/frontier.png": ("frontier", "pareto_latency"),
}
"""Picture -> study and plot."""
TEMPLATES = "docs/measured"
_PLACE = re.compile(r"(<!-- measured: (?P<name>\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


@contextmanager
def studies(tree: Path) -> Iterator[dict[str, Study]]:
    """Those on record, by name."""
    read = {file: yaml.safe_load(file.read_text(encoding="utf-8")) for file in sorted(tree.glob("config/*.yaml"))}
    files = {keys["study"]: file for file, keys in read.items() if isinstance(keys, dict) and "study" in keys}
    kept = sorted(folder for folder in (tree / FOLDER).iterdir() if folder.name in files)
    with TemporaryDirectory() as scratch:
        yield {folder.name: Study(files[folder.name], folder, Path(scratch, folder.name)) for folder in kept}


def written(tree: Path, on_record: Mapping[str, Study]) -> dict[str, str]:
    """Name of a document -> what it should be. Raises EdgeminError for a place without a template, and for what is not on record."""
    templates = jinja2.Environment(  # noqa: S701 (Markdown of our own, no HTML)
        loader=jinja2.FileSystemLoader(tree / TEMPLATES), undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )

    def write(match: re.Match[str]) -> str:
        try:
            text = templates.get_template(f"{match['name']}.md").render(on_record, studies=on_record)
        except jinja2.TemplateError as error:
            raise EdgeminError(f"{TEMPLATES}/{match['name']}.md: {error}") from None
        return f"{match[1]}{text.strip()}\n{match[3]}"

    return {name: _PLACE.sub(write, (tree / name).read_text(encoding="utf-8")) for name in DOCUMENTS}


def run(tree: Path) -> int:
    """Rewrite them, and the figures, in the tree of a clone."""
    with studies(tree) as on_record:
        for name, text in (written(tree, on_record) | badges(tree, len(on_record))).items():
            (tree / name).write_text(text, encoding="utf-8")
            print(f"written: {name}")
        for figure, (study, plot) in FIGURES.items():
            if study in on_record:
                on_record[study].draw(plot, tree / figure)
                print(f"drawn: {figure}")
    return 0
