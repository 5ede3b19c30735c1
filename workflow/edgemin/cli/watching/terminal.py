"""Look again and again: on a terminal in place, elsewhere a line with a time for whatever has changed."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from edgemin.cli import status
from edgemin.cli.watching import page
from edgemin.cli.watching.jobs import Watched
from edgemin.plan.jobs import Jobs
from edgemin.plan.plan import Plan

CLEAR, HOME, LINE, BELOW = "\x1b[2J", "\x1b[H", "\x1b[K\n", "\x1b[J"
"""Clear the screen; go to its beginning; end a line and what is left of an older one; drop what is below."""


def watch(plan: Plan, every: float, file: Path | None, pause: Callable[[float], None] = time.sleep) -> None:
    """Show how far the study is every so many seconds, and write its page, until all is done, or Ctrl-C."""
    jobs, watched, show = Jobs(plan), Watched(plan.paths), _shower(sys.stdout)
    try:
        while True:
            standing, now = status.standing(plan, jobs=jobs), time.time()
            show(now, [standing.head, *_running(watched.running(standing, now)), *map(_cell, standing.lines)])
            if file:
                page.write(file, standing, watched, now, None if standing.ended else every)
            if standing.ended:
                return
            pause(every)
    except KeyboardInterrupt:
        return


def _running(jobs: dict[str, str]) -> list[str]:
    return [f"  {name}: {where}" for name, where in jobs.items()]


def _cell(line: status.Line) -> str:
    """With what has failed; jobs that run have lines of their own."""
    return "; ".join(
        [line.short, *(reason for reason in line.reasons if line.state != "running" or status.tells_failure(reason))]
    )


def _shower(out: TextIO) -> Callable[[float, Sequence[str]], None]:
    """How lines are printed: on a terminal in place, as many as fit."""
    printed: list[str] = []

    def in_place(now: float, lines: Sequence[str]) -> None:
        columns, rows = shutil.get_terminal_size()
        every = [f"{_time(now)}; Ctrl-C ends this, not the study", *lines]
        fit = every if len(every) < rows else [*every[: rows - 2], f"and {len(every) - rows + 2} lines more"]
        out.write((HOME if printed else CLEAR + HOME) + "".join(line[: columns - 1] + LINE for line in fit) + BELOW)
        out.flush()
        printed[:] = lines

    def below(now: float, lines: Sequence[str]) -> None:
        for line in lines:
            if line not in printed:
                print(f"{_time(now)} {line}", file=out)
        out.flush()
        printed[:] = lines

    return in_place if out.isatty() else below


def _time(now: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
