"""The page of `edgemin status --page`: cells, what runs, and the curves of trainings. One file that loads nothing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

from edgemin.cli.status import STATES, Standing
from edgemin.cli.watching.curves import figure
from edgemin.cli.watching.jobs import Watched
from edgemin.core.files import whole_file

STYLE = Path(__file__).with_name("page.css")


def write(file: Path, standing: Standing, watched: Watched, now: float, every: float | None) -> None:
    """Write the page whole. now: the time, in seconds since the epoch. every: seconds after which a browser reads it again; None: never."""
    with whole_file(file) as partial:
        partial.write_text(text(standing, watched, now, every), encoding="utf-8")


def text(standing: Standing, watched: Watched, now: float, every: float | None) -> str:
    """As `write` writes it."""
    refresh = f'<meta http-equiv="refresh" content="{max(1, round(every))}">\n' if every else ""
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
    kept = f"read again every {every:g} s" if every else "not read again"
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"{refresh}<title>{escape(standing.study)}: status</title>\n<style>\n{STYLE.read_text(encoding='utf-8')}</style>\n"
        f"<header><h1>{escape(standing.study)}</h1>{_bar(standing)}<p>{escape(standing.head)}</p><p class=quiet>{when}, {kept}.</p></header>\n<main>\n"
        + "".join(_sections(standing, watched, now))
        + "</main>\n</html>\n"
    )


def _sections(standing: Standing, watched: Watched, now: float) -> Iterator[str]:
    if jobs := watched.running(standing, now):
        yield _section("Running", _table(("job", "where it is"), jobs.items()))
    rows = ((line.state, line.cell, f"{line.done} of {line.of}", "; ".join(line.reasons)) for line in standing.lines)
    yield _section("Cells", _table(("state", "cell", "jobs", "last line of the log"), rows, stated=True))
    if trainings := watched.trainings(standing, now):
        figures = "".join(figure(name, state, training) for name, (state, training) in trainings.items())
        note = "Loss of training, and the metric on validation after each epoch (dots), by step. Scales differ. A running training saves its losses at the end of an epoch."
        yield _section("Trainings", f"<p class=quiet>{note}</p><div class=figures>{figures}</div>")


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>{content}</section>\n"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]], stated: bool = False) -> str:
    """stated: the first column is a state."""
    head = "".join(f"<th scope=col>{one}</th>" for one in heads)
    body = ""
    for row in rows:
        first, *rest = map(escape, row)
        start = f'<td><span class="state {first}">{first}</span></td>' if stated else f"<td>{first}</td>"
        body += f"<tr>{start}{''.join(f'<td>{one}</td>' for one in rest)}</tr>"
    return f"<div class=wide><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _bar(standing: Standing) -> str:
    """Cells by state, as parts of a bar."""
    counts = Counter(line.state for line in standing.lines)
    parts = "".join(
        f'<span class="{state}" style="flex:{counts[state]}" title="{counts[state]} {state}"></span>'
        for state in reversed(STATES)
        if counts[state]
    )
    return f"<div class=bar aria-hidden=true>{parts}</div>"
