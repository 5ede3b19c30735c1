"""Compare a bundle's answers on this machine with those on emulated processors."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json, sha256, write_json
from edgemin.core.machine import cpu_flags, cpu_model
from edgemin.core.recorded import record
from edgemin.deploy.across import machines, section
from edgemin.deploy.across.compare import compare
from edgemin.deploy.across.saturating import saturates

WORDS = "a bundle's answers on this CPU beside those on emulated ones: AVX2 without VNNI, and aarch64"


def declare(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.add_argument("bundle", help="folder of a bundle")
    parser.add_argument("--texts", required=True, metavar="FILE", help="texts, as predict.py of the bundle reads them")
    parser.add_argument(
        "--format", choices=("lines", "csv", "jsonl"), help="of that file, as for predict.py; default: by its name"
    )
    parser.add_argument("--columns", help="of a CSV or of JSON lines, as for predict.py")
    parser.add_argument("--count", type=int, default=100, help="first texts of the file that count; default: 100")
    parser.add_argument(
        "--aarch64", metavar="ROOT", help="folder with an arm64 system that has Python and the packages; without it x86 alone"
    )


def answer(asked: argparse.Namespace) -> int:
    bundle = Path(asked.bundle)
    if not (bundle / "bundle.json").is_file():
        raise EdgeminError(f"{bundle}: no bundle.json in it; name the folder of a bundle")
    facts = read_json(bundle / "bundle.json", "make the bundle again")
    if "members" in facts:
        raise EdgeminError(f"{bundle}: is of a cascade; compare the bundles of its members")
    if asked.count < 1:
        raise EdgeminError(f"--count: {asked.count} texts; at least 1")
    if not Path(asked.texts).is_file():
        raise EdgeminError(f"{asked.texts}: no such file; name a file of texts, one a line")
    options = {"file": asked.texts, "format": asked.format, "columns": asked.columns}
    arguments = [f"--{name}={value}" for name, value in options.items() if value]
    comparison = across(bundle, asked.count, arguments, Path(asked.aarch64) if asked.aarch64 else None)
    write_json(bundle / section.NAME, comparison)
    card = section.put(bundle, {**facts, "saturates": saturates(bundle / "model.onnx")})
    record([bundle / section.NAME, card])
    print(section.table(comparison), section.conditions(comparison), sep="\n\n")
    if not asked.aarch64:
        print(f"aarch64 was not compared: give --aarch64 FOLDER ({machines.ROOT})")
    print(f"{bundle / section.NAME}: written, and shown in {card}")
    return 0


def across(bundle: Path, count: int, arguments: Sequence[str], root: Path | None) -> dict[str, Any]:
    """The content of across.json. arguments: of predict.py; root: an arm64 system, or None.

    Raises EdgeminError, before anything is answered, for what an emulator needs and does not have.
    """
    machines.check_host()
    commands = [(one, one.command(None)) for one in machines.X86]
    commands += [(one, one.command(root)) for one in machines.AARCH64 if root]
    packages, ours = machines.answers([sys.executable], bundle, count, arguments)
    rows = []
    for machine, command in commands:
        theirs_packages, theirs = machines.answers(command, bundle, count, arguments)
        if theirs_packages["onnxruntime"] != packages["onnxruntime"]:
            raise EdgeminError(
                f"{root}: has onnxruntime {theirs_packages['onnxruntime']}, and {packages['onnxruntime']} is here: two versions, not two CPUs; "
                f"{machines.ROOT} with the version that is here"
            )
        rows.append({"name": machine.name, "words": machine.words, **compare(ours, theirs)})
    return {
        "sha256": {"model.onnx": sha256(bundle / "model.onnx")},
        "texts": len(ours),
        "host": {"cpu": cpu_model(), "flags": cpu_flags()},
        "onnxruntime": packages["onnxruntime"],
        "emulator": _version(commands[0][1][0]),
        "machines": rows,
        "compared_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _version(emulator: str) -> str:
    """The first words of what it says of itself: `qemu-x86_64 version 7.2.22`."""
    output = subprocess.run([emulator, "--version"], capture_output=True, text=True, check=False).stdout.split("(")[0]  # noqa: S603 - found in PATH
    return output.strip().partition("\n")[0] or Path(emulator).name
