"""What differs between two sets of results: rows paired by cell, seed and example, and what was done otherwise.

edgemin diff results/quick docs/reference/quick/amd-epyc-a67401 --fail-if "drop > 0.5"
"""

from __future__ import annotations

import argparse
import sys

from edgemin.core.files import write_json
from edgemin.report.differences.document import Difference
from edgemin.report.differences.limits import QUANTITIES, Limit
from edgemin.report.differences.sides import open_side

WORDS = "what differs between two results folders or records: quality, size, latency, settings, code, versions, machine"


def declare(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    for name, words in (("a", "the one before"), ("b", "the one after; a change is b less a")):
        parser.add_argument(
            name, metavar=name.upper(), help=f"{words}: results/STUDY, docs/reference/STUDY/MACHINE, or its seedN.json"
        )
    parser.add_argument("--json", metavar="FILE", help="write everything to this file, unrounded")
    parser.add_argument(
        "--fail-if",
        metavar="LIMIT",
        action="append",
        default=[],
        help="end with 1 if a row breaks it, such as 'drop > 0.5', or cannot be compared, or B lacks a row of A; may be given several times; "
        + "; ".join(f"{name}: {words}" for name, words in QUANTITIES.items()),
    )


def answer(asked: argparse.Namespace) -> int:
    """Print the difference. 1 if a limit is broken, with a line for each row that breaks it or cannot be held to it; else 0."""
    limits = [Limit.parse(text) for text in asked.fail_if]
    difference = Difference.between(open_side(asked.a), open_side(asked.b))
    rows = difference.rows
    missing = [f"{key.task} {key.cell} in {key.runtime}: missing in B" for key in difference.only(difference.a)] if limits else []
    broken = [*missing, *(line for limit in limits for line in limit.broken(rows))]
    if asked.json:
        write_json(asked.json, {**difference.content(), "limits": [str(limit) for limit in limits], "broken": broken})
    print(difference.markdown())
    for line in broken:
        print(f"broken: {line}", file=sys.stderr)
    return int(bool(broken))
