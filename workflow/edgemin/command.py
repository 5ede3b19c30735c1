"""The frame of commands that people run on a study file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from edgemin.config import read_study
from edgemin.errors import EdgeminError
from edgemin.plan import Plan


def tell(arguments: Sequence[str], about: Callable[[Plan], str]) -> int:
    """Print what is `about` the study that the first argument names, else the default one. 1: it cannot be told; stderr says why."""
    try:
        print(about(Plan(read_study(arguments[0] if arguments else "config/config.yaml"))))
    except EdgeminError as error:
        print(error, file=sys.stderr)
        return 1
    return 0
