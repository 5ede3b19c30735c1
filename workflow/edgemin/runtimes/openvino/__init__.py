"""OpenVINO, optional: `make openvino` installs its packages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgemin.study.runtime import Runtime

if TYPE_CHECKING:
    from edgemin.study.runtime import Run


class OpenVino(Runtime):
    name = "openvino"
    label = "OpenVINO"
    color = "#009E73"
    marker = "^"
    shape = "triangle-up"
    packages = ("openvino", "nncf")
    quantized = ("model.xml", "model.bin")

    def open(self, folder: Path, threads: int) -> Run:
        from . import run

        return run.open_folder(folder, threads)

    def nonzero(self, folder: Path, sizes: dict[str, int]) -> dict[str, int]:
        from . import stored

        return stored.nonzero(folder, sizes)
