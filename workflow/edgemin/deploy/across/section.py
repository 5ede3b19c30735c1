"""What the card of a bundle says of its answers on other processors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json, whole_file

NAME = "across.json"
HEAD = "## Across CPUs\n\n"
_NOT_YET = "Not compared yet: `edgemin across` runs this folder on emulated processors and puts here how many answers differ."
_SAFE = "Its integer products, if it has any, saturate on no CPU. What is left is the rounding of floats, and of the integers that are made of them."
_UNSAFE = (
    "Its weights have 8 bits: integer products saturate on x86 CPUs without VNNI, so answers differ there. A variant of its scheme with "
    "`reduce_range: true` saturates on none. `edgemin compress --any-cpu` writes such variants."
)


def section(folder: Path, facts: Mapping[str, Any]) -> str:
    """Markdown, of the comparison in `folder` if it is of this very model. facts: of bundle.json, with `sha256` and `saturates`."""
    file = folder / NAME
    comparison = read_json(file, "delete it and run edgemin across again") if file.is_file() else {}
    if not comparison or comparison["sha256"]["model.onnx"] != facts["sha256"]["model.onnx"]:
        return f"{HEAD}{_NOT_YET}\n\n{advice(facts)}\n\n"
    return f"{HEAD}{table(comparison)}\n\n{conditions(comparison)}\n\n{advice(facts)}\n\n"


def advice(facts: Mapping[str, Any]) -> str:
    """Whether integers saturate somewhere, and what to do then. facts: of bundle.json; empty where it does not say."""
    return "" if facts.get("saturates") is None else _UNSAFE if facts["saturates"] else _SAFE


def table(comparison: Mapping[str, Any]) -> str:
    """A row for each processor. comparison: across.json."""
    head = ["| CPU | labels that differ | largest difference of a logit | of a probability |", "|---|---|---|---|"]
    return "\n".join([*head, *(_row(one, comparison["texts"]) for one in comparison["machines"])])


def _row(one: Mapping[str, Any], texts: int) -> str:
    labels = "-" if one["labels_differ"] is None else f"{one['labels_differ']} of {texts}"
    numbers = ("-" if one[key] is None else f"{one[key]:.2g}" for key in ("largest_logit", "largest_probability"))
    return f"| {one['words']} ({one['name']}) | {labels} | {' | '.join(numbers)} |"


def conditions(comparison: Mapping[str, Any]) -> str:
    """What was compared with what, and how."""
    flags = ", ".join(comparison["host"]["flags"]) or "none of the flags that matter"
    vnni = (
        ""
        if any("vnni" in flag for flag in comparison["host"]["flags"])
        else " It has no VNNI: what a CPU with VNNI answers is not among these."
    )
    return (
        f"{comparison['texts']} texts, compared with the answers of {comparison['host']['cpu']} ({flags}).{vnni} ONNX Runtime {comparison['onnxruntime']}; other CPUs "
        f"emulated by {comparison['emulator']}. Answers alone: emulated times mean nothing."
    )


def put(folder: Path, facts: Mapping[str, Any]) -> Path:
    """Put the section into the folder's README.md, in place of the one that is there. Raises EdgeminError for a card without one."""
    card = folder / "README.md"
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    before, head, after = text.partition(HEAD)
    if not head:
        raise EdgeminError(f"{card}: has no section '{HEAD.strip()}'; make the bundle again, with this version")
    with whole_file(card) as partial:
        partial.write_text(before + section(folder, facts) + after[after.index("## ") :], encoding="utf-8")
    return card
