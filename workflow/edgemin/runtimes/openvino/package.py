"""The packages, imported without their telemetry."""

from __future__ import annotations

import logging
import sys
from typing import Any


def openvino() -> Any:
    """The package openvino. It sends nothing: what would send cannot be imported."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


def nncf() -> Any:
    """Import the package nncf in the same way, without its advertisements on the terminal."""
    openvino()
    import nncf

    logging.getLogger("nncf").setLevel(logging.ERROR)
    return nncf
