"""Processors that QEMU's user mode emulates, and what it needs for that."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgemin.core.errors import EdgeminError

SCRIPT = Path(__file__).with_name("answers.py")
INSTALL = "apt-get install --no-install-recommends qemu-user"
ROOT = "sh envs/aarch64-root.sh FOLDER makes one"


@dataclass(frozen=True)
class Machine:
    name: str
    """As QEMU calls the processor."""
    words: str
    emulator: str

    def command(self, root: Path | None) -> list[str]:
        """That runs Python on it. root: folder with an arm64 system, for processors of another kind than this machine's.

        Raises EdgeminError, with the remedy, for an emulator or a system that is not there.
        """
        emulator = shutil.which(self.emulator)
        if emulator is None:
            raise EdgeminError(f"{self.emulator}: no such program; {INSTALL}")
        if root is None:
            return [emulator, "-cpu", self.name, sys.executable]
        return [emulator, "-L", str(root), "-cpu", self.name, str(python_of(root))]


# The emulator knows neither AVX-512 nor VNNI: this machine's own answers stand for those.
X86 = (Machine("Haswell", "x86 with AVX2, without VNNI", "qemu-x86_64"),)
AARCH64 = (
    Machine("neoverse-n1", "aarch64 with dot products", "qemu-aarch64"),
    Machine("cortex-a72", "aarch64 without dot products", "qemu-aarch64"),
)


def check_host() -> None:
    """Raises EdgeminError where this machine's own programs are not x86: the emulated processor runs them."""
    if platform.machine() not in ("x86_64", "AMD64"):
        raise EdgeminError(
            f"across: this machine is {platform.machine()}; compare on one with x86-64, whose Python the emulated x86 runs"
        )


def python_of(root: Path) -> Path:
    """The Python of an arm64 system. Raises EdgeminError where there is none, or where the loader of ONNX Runtime would find no processor."""
    pythons = sorted((root / "usr/bin").glob("python3.[0-9]*[0-9]"))
    if not pythons:
        raise EdgeminError(f"{root}: no usr/bin/python3.* in it, so no arm64 system; {ROOT}")
    for name in ("proc/cpuinfo", "sys/devices/system/cpu/possible", "sys/devices/system/cpu/present"):
        if not (root / name).is_file():
            raise EdgeminError(f"{root / name}: missing, and ONNX Runtime wants it; {ROOT}")
    return pythons[-1]


def answers(python: Sequence[str], bundle: Path, count: int, arguments: Sequence[str]) -> tuple[dict[str, Any], list[Any]]:
    """What the bundle answers where `python` runs: the packages, and logits and answer of each text.

    arguments: of predict.py. Raises EdgeminError for a process that fails, with its last line.
    """
    command = [*python, str(SCRIPT), str(bundle), str(count), *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False)  # noqa: S603 - found above
    if ran.returncode:
        lines = [line for line in ran.stderr.splitlines() if line.strip() and "warning: TCG" not in line]
        last = lines[-1].removeprefix("error: ") if lines else f"exit status {ran.returncode}"
        raise EdgeminError(
            last if last.startswith(str(bundle)) else f"{Path(python[0]).name}: the bundle could not answer: {last}"
        )
    packages, *rows = [json.loads(line) for line in ran.stdout.splitlines()]
    return packages, rows
