"""The pins, looked at: `audit.py` asks the advisory database about them, `audit.py licences FILE` writes the table of their licences."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
LISTS = ("requirements.txt", "requirements-openvino.txt", "requirements-dev.txt", "constraints.txt")


def pins(name: str) -> dict[str, str]:
    """Package -> version, of one of the lists."""
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    return dict(line.strip().split("==") for line in lines if "==" in line and not line.startswith("#"))


def licence(package: str) -> str:
    """As the installed package declares it: its SPDX expression, or its classifiers, or the first line of its licence field."""
    told = importlib.metadata.metadata(package)
    if told.get("License-Expression"):
        return str(told["License-Expression"])
    classifiers = [
        text.split(" :: ")[-1] for text in told.get_all("Classifier") or [] if text.startswith("License :: OSI Approved :: ")
    ]
    first = (told.get("License") or "").strip().split("\n")[0]
    return " or ".join(classifiers) or first or "not declared"


def table() -> str:
    """A row per pin, as installed here."""
    text = [
        "# Licences of what is installed",
        "",
        "Written by `make licences` from the metadata of the installed packages. None of them is part of this repository.",
    ]
    titles = (
        "What a study needs",
        "What the runtime openvino needs",
        "What tests and linters need",
        "What these bring with them",
    )
    seen: set[str] = set()
    for name, title in zip(LISTS, titles, strict=True):
        own = {package: version for package, version in pins(name).items() if package not in seen}
        seen |= own.keys()
        rows = [
            f"| {package} | {version} | {_cell(package)} |"
            for package, version in sorted(own.items(), key=lambda x: x[0].lower())
        ]
        text += ["", f"## {title}", "", "| package | version | licence |", "|---|---|---|", *rows]
    return "\n".join(text) + "\n"


def _cell(package: str) -> str:
    try:
        return re.sub(r"[|\s]+", " ", licence(package))
    except importlib.metadata.PackageNotFoundError:
        return "not installed on the machine that wrote this"


def audit() -> int:
    """1 if an advisory is known for a pin; 0 if none is, or if nobody could be asked, which is said."""
    wanted = [argument for name in LISTS if name != "requirements-dev.txt" for argument in ("-r", str(FOLDER / name))]
    command = [
        str(Path(sys.executable).with_name("pip-audit")),
        *wanted,
        "--no-deps",
        "--disable-pip",
        "-f",
        "json",
        "--progress-spinner",
        "off",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own pins
    return verdict(done.stdout, done.stderr)


def verdict(found: str, errors: str) -> int:
    """Prints what pip-audit found (JSON), and returns what `audit` does."""
    try:
        packages = json.loads(found)["dependencies"]
    except (ValueError, KeyError, TypeError):
        print("not audited: the advisory database could not be asked:", (errors.strip().splitlines() or ["no answer"])[-1])
        return 0
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    bad = [(package, advisory) for package in packages for advisory in package.get("vulns", [])]
    for package, advisory in bad:
        fixed = ", ".join(advisory["fix_versions"]) or "no version yet"
        print(f"{package['name']} {package['version']}: {advisory['id']}, mended in {fixed}")
    print(f"{len(packages) - len(skipped)} packages audited, {len(bad)} advisories")
    if skipped:
        print(
            f"{len(skipped)} not audited, since the database did not know them or could not be asked: {', '.join(skipped[:5])}, ..."
        )
    return 1 if bad else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["licences"]:
        Path(sys.argv[2]).write_text(table(), encoding="utf-8")
    else:
        sys.exit(audit())
