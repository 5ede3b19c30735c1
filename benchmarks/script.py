"""How a benchmark is run as a script."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from edgemin.core.errors import EdgeminError


def run(main: Callable[[], None]) -> None:
    """On the CPU, whatever GPUs there are. What a user did wrong is a line each, and exit status 1."""
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    try:
        main()
    except EdgeminError as error:
        sys.exit("\n".join(f"error: {line}" for line in str(error).splitlines()))
