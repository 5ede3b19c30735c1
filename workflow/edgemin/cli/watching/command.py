"""`edgemin status`: once, or again and again."""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

from edgemin.cli import DEFAULT, status
from edgemin.cli.watching import page
from edgemin.cli.watching.jobs import Watched
from edgemin.cli.watching.terminal import watch
from edgemin.core.errors import EdgeminError
from edgemin.plan.plan import Plan
from edgemin.study.read import read_study

WORDS = "how far a study is, and about how long the rest takes"
EVERY = 5.0
"""Seconds between two looks."""


def declare(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    add = parser.add_argument
    add("study", nargs="?", default=DEFAULT, help=f"default: {DEFAULT}")
    add(
        "--watch",
        nargs="?",
        type=_seconds,
        const=EVERY,
        metavar="SECONDS",
        help=f"look again every so many seconds ({EVERY:g}), until all is done or Ctrl-C",
    )
    add("--page", type=Path, metavar="FILE", help="write an HTML page with the curves of trainings too; it loads nothing")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of seconds; name the study before --watch") from None
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text}: give more than 0 seconds")
    return seconds


def answer(asked: argparse.Namespace) -> int:
    """Print the report of a study file, once or until all is done, and write the page."""
    if asked.page and asked.page.is_dir():
        raise EdgeminError(f"--page {asked.page}: is a folder; name a file")
    plan = Plan(read_study(asked.study))
    if asked.watch is not None:
        watch(plan, asked.watch, asked.page)
        return 0
    standing = status.standing(plan)
    print(standing)
    if asked.page:
        page.write(asked.page, standing, Watched(plan.paths), time.time(), None)
        print(f"page: {asked.page}")
    return 0
