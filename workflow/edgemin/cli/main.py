"""`edgemin`: what people ask of a study besides running it.

edgemin status config/config.yaml
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from edgemin import __version__
from edgemin.cli import DEFAULT, across, compare, diff, documents, measured, partial, reference, smoke, verify
from edgemin.cli.watching import command as status
from edgemin.compressing import command as compress
from edgemin.core.environment import check_tree, escape, named
from edgemin.core.errors import EdgeminError

COMMANDS = {
    "partial": (partial.run, "tables of what is there; what is missing is named"),
    "compare": (compare.run, "what was measured here beside the record of the same class of machine, in docs/reference"),
    "verify": (verify.run, "every file against its recorded sha256; prints the command that mends what is damaged"),
}
# With arguments of their own: modules with WORDS, `declare(parser)` and `answer(asked)`.
OTHERS = {
    "across": across,
    "compress": compress,
    "diff": diff,
    "measured": measured,
    "smoke": smoke,
    "status": status,
}


def parser() -> argparse.ArgumentParser:
    """Of all commands."""
    parser = argparse.ArgumentParser(prog="edgemin", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (_, words) in COMMANDS.items():
        commands.add_parser(name, help=words).add_argument("study", nargs="?", default=DEFAULT, help=f"default: {DEFAULT}")
    for name, command in OTHERS.items():
        command.declare(commands.add_parser(name, help=command.WORDS))
    commands.add_parser("reference", help="rewrite the JSON schema, and the generated parts of the documents, from the settings")
    commands.add_parser("documents", help="rewrite what documents say of results, from docs/reference")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """0: all is well; 1: something is not; 2: the study cannot be read, or the command is none."""
    asked = parser().parse_args(arguments)
    escape()
    try:
        if Path("Snakefile").is_file() and Path("workflow/edgemin").is_dir():
            check_tree(Path())
        if asked.command in OTHERS:
            return OTHERS[asked.command].answer(asked)
        if asked.command == "reference":
            return reference.run(Path())
        if asked.command == "documents":
            return documents.run(Path())
        return COMMANDS[asked.command][0](asked.study)
    except EdgeminError as error:
        for line in named(str(error)).splitlines():
            print(f"error: {line}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
