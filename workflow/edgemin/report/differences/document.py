"""The difference of two sides, for people as Markdown, for programs as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from edgemin.report import columns
from edgemin.report.differences.changes import Change, changes
from edgemin.report.differences.pairs import Pair, frame, pairs
from edgemin.report.differences.sides import Key, Side
from edgemin.report.markup import pipe_table, pipes
from edgemin.report.number import Format, common_scale
from edgemin.report.sheet import Column, Sheet
from edgemin.report.statistics.adjust import cautioned, seeds_note

BYTES = 1e-3
"""Relative difference of sizes that is none: headers hold names and dates."""
LINES = 20
"""Changes of a kind that Markdown lists; JSON has all."""
_KINDS = {
    "settings": "Settings of the study",
    "code": "Code (digests)",
    "lineage": "Whole way of measurements and models (digests)",
    "weights": "Weights (sha256)",
    "versions": "Packages",
    "host": "Machine",
}


@dataclass(frozen=True)
class Difference:
    """Of two sides."""

    a: Side
    b: Side
    table: pd.DataFrame
    """A row for each that both have (`pairs.frame`)."""
    changes: Mapping[str, Sequence[Change] | None]

    @classmethod
    def between(cls, a: Side, b: Side) -> Difference:
        """Raises EdgeminError where they share no row, or judge a task by another metric."""
        both: list[Pair] = pairs(a, b)
        return cls(a, b, frame(both), changes(a, b, both))

    @property
    def rows(self) -> list[dict[str, Any]]:
        """In plain JSON types; what is missing is None."""
        return [{str(name): _plain(value) for name, value in row.items()} for row in self.table.to_dict("records")]

    def only(self, side: Side) -> list[Key]:
        """Rows that the other side has not."""
        other = self.b if side is self.a else self.a
        return [key for key in side.folders if key not in other.folders]

    def content(self) -> dict[str, Any]:
        """In plain JSON types. Numbers are as measured: a quality of 0.9 is 90 %, times are in milliseconds."""
        sides = {
            name: {"place": str(side.place), "study": side.study, "only": [key._asdict() for key in self.only(side)]}
            for name, side in (("a", self.a), ("b", self.b))
        }
        by_kind = {kind: None if those is None else [asdict(one) for one in those] for kind, those in self.changes.items()}
        return {**sides, "rows": self.rows, "changes": by_kind}

    def markdown(self) -> str:
        parts = [
            f"# What differs: A = {self.a.place}, B = {self.b.place}",
            self._summary(),
            self._qualities(),
            self._sizes(),
            self._times(),
            "## What was done otherwise",
            *(_listed(title, self.changes[kind]) for kind, title in self._kinds().items()),
        ]
        return "\n\n".join(part for part in parts if part) + "\n"

    def _kinds(self) -> dict[str, str]:
        """Kind of change -> its heading. A record holds no study: of that, what provenances say is compared."""
        whole = self.a.settings and self.b.settings
        return _KINDS if whole else {**_KINDS, "settings": "Settings of the models (a record holds no study)"}

    def _summary(self) -> str:
        """What a reader wants first, in sentences."""
        rows = self.rows
        judged = [row for row in rows if row.get("quality_change") is not None]
        same = sum(bool(row["identical"]) for row in judged)
        beyond = [row for row in judged if not row["quality_change_low"] <= 0 <= row["quality_change_high"]]
        lines = [f"- {_counted(len(rows))} (task, cell and runtime) in both."]
        lines += [
            f"- Only in {name}: {_keys(self.only(side))}." for name, side in (("A", self.a), ("B", self.b)) if self.only(side)
        ]
        lines += [f"- Not compared: {_named(row)}: {row['why']}." for row in rows if row["why"]]
        if judged:
            lines.append(f"- Answers are the same to the last digit in {same} of {_counted(len(judged))}.")
            words = f"{', '.join(map(_named, beyond))}" if beyond else "none"
            lines.append(f"- Quality differs by more than its interval in {len(beyond)} of {_counted(len(judged))}: {words}.")
        return "\n".join(lines)

    def _qualities(self) -> str:
        table = self.table
        scale = common_scale(table["metric"])
        wanted = [
            *_names(table),
            columns.numbers(f"{scale.label} A", table["quality_a"], scale.value),
            columns.numbers("B", table["quality_b"], scale.value),
        ]
        notes = []
        if "quality_change" in table:
            notes.append("A change is B less A; above 0, B is better.")
            wanted.append(columns.intervals("change", table, "quality_change", scale.change))
            notes.append(seeds_note(int(table["seeds"].max())) + cautioned(table))
        if "p_holm" in table and table["p"].notna().any():
            corrected = [f" ({columns.P.text(value)})" for value in table["p_holm"].astype(float)]
            wanted.append(Column("p (Holm)", list(table["p"].astype(float)), columns.P, after=corrected))
        if "changed" in table and table["changed"].notna().any():
            wanted.append(columns.numbers("other answers %", table["changed"], Format(1, 100)))
        wanted.append(columns.numbers("seeds", table["seeds"], columns.WHOLE))
        if "examples" in table:
            wanted.append(columns.numbers("examples", table["examples"], columns.WHOLE))
            if (table["examples"] < table[["examples_a", "examples_b"]].max(axis=1)).any():
                notes.append("Some examples are in the test set of one side alone; the others are compared.")
        return _section("Quality", table, wanted, " ".join(notes))

    def _sizes(self) -> str:
        if "larger" not in self.table:
            return ""
        table = self.table[self.table["larger"].notna()]
        counts = [name for name in ("logical", "nonzero") if table[f"{name}_a"].notna().any()]
        alike = (table["larger"] - 1).abs() <= BYTES
        for name in counts:
            alike &= table[f"{name}_a"].eq(table[f"{name}_b"]) | table[f"{name}_a"].isna()
        if alike.all():
            return f"## Size\n\nBytes (to a thousandth) and parameters are the same in {_counted(len(table))}."
        table = table[~alike]
        wanted = [
            *_names(table),
            columns.millions("MB A", table["bytes_a"]),
            columns.millions("B", table["bytes_b"]),
            columns.numbers("B / A", table["larger"], Format(3, unit="×")),
            columns.millions("parameters M A", table["logical_a"]),
            columns.millions("parameters M B", table["logical_b"]),
        ]
        return _section(
            "Size", table, wanted, f"Bytes and parameters are the same in {_counted(int(alike.sum()))} that are not listed."
        )

    def _times(self) -> str:
        if "p50_a" not in self.table:
            return ""
        table = self.table[self.table["p50_a"].notna()]
        wanted = [
            *_names(table),
            columns.numbers("p50 ms A", table["p50_a"], columns.MILLISECONDS),
            columns.numbers("p50 ms B", table["p50_b"], columns.MILLISECONDS),
        ]
        divided = "slower" in table and table["slower"].notna().any()
        if divided:
            wanted.append(columns.intervals("B / A", table, "slower", columns.TIMES))
        wanted += [
            columns.numbers(f"faster than teacher {name.upper()}", table[f"speedup_{name}"], columns.TIMES) for name in "ab"
        ]
        note = "B / A: ratio of the p50, with the 95 % interval of rounds; above 1, B is slower." if divided else ""
        if not divided or table["slower"].isna().any():
            note += " Times of other processors, or with other numbers of threads, are beside each other and not divided."
        note += _seeds_left_out(table)
        return _section("Latency", table, wanted, note.strip())


def _seeds_left_out(table: pd.DataFrame) -> str:
    """A sentence on rows of which not all timed seeds count; empty where all do."""
    groups: dict[str, list[str]] = {}
    for row in table.to_dict("records"):
        a, b, timed = (int(row[name]) for name in ("timed_a", "timed_b", "timed"))
        if min(a, b) < timed:
            counted = f"{a} of {timed}" if a == b else f"{a} of {timed} of A and {b} of {timed} of B"
            groups.setdefault(counted, []).append(_named(row))
    text = "; ".join(f"{counted} ({_few(rows)})" for counted, rows in groups.items())
    return f" Where processors, or numbers of threads, differ between seeds, not all of them count: {text}." if text else ""


def _section(title: str, table: pd.DataFrame, wanted: Sequence[Column], note: str) -> str:
    sheet = Sheet("", title, "", wanted, columns.rows_of(table))
    return "\n\n".join([f"## {title}", pipe_table(sheet), note])


def _names(table: pd.DataFrame) -> list[Column]:
    return [*columns.task(table), columns.text("cell", table["cell"]), columns.text("runtime", table["runtime"])]


def _listed(title: str, those: Sequence[Change] | None) -> str:
    if not those:
        return f"{title}: {'not known of both' if those is None else 'the same'}."
    lines = [["what", "A", "B"], *([_short(one) for one in (change.what, change.a, change.b)] for change in those[:LINES])]
    more = f"\n\n{len(those) - LINES} more are in the JSON form (--json)." if len(those) > LINES else ""
    return f"{title}:\n\n{pipes(lines)}{more}"


def _short(text: str, most: int = 70) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _counted(rows: int) -> str:
    return f"{rows} row{'' if rows == 1 else 's'}"


def _named(row: Mapping[str, Any]) -> str:
    return f"{row['task']} {row['cell']} in {row['runtime']}"


def _keys(keys: Sequence[Key]) -> str:
    return _few([_named(key._asdict()) for key in keys])


def _few(names: Sequence[str], most: int = 12) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return None if value is None or (isinstance(value, float) and not math.isfinite(value)) else value
