"""Numbers as people read them, and tables as Markdown and LaTeX (booktabs)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from edgemin.core.files import whole_file
from edgemin.report.statistics.twoway import FEWEST_SEEDS
from edgemin.study.kind import metric_of

MISSING = "–"
_TEX = {
    "&": r"\&",
    "%": r"\%",
    "_": r"\_",
    "#": r"\#",
    "$": r"\$",
    "×": r"$\times$",
    "–": "--",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
}


def quality_scale(metric: str) -> tuple[float, str, int]:
    """How a metric is shown: factor, label, digits."""
    found = metric_of(metric)
    return found.factor, found.label, found.digits


def scale_of(table: pd.DataFrame) -> tuple[float, str, int]:
    """The scale of all rows; `quality` as it is, where their metrics differ."""
    scales = [quality_scale(metric) for metric in table["metric"].unique()]
    return scales[0] if len(scales) == 1 else (1, "quality", 3)


def task_column(table: pd.DataFrame) -> dict[str, Any]:
    """The first column of a table of several tasks; nothing for one."""
    return {"task": table["task"]} if table["task"].nunique() > 1 else {}


def millions(values: pd.Series) -> list[str]:
    """Counts in millions: two decimals, more for a model of a few thousand parameters."""
    return [number(value / 1e6, 2 if value >= 1e5 else 4) if pd.notna(value) else MISSING for value in values.astype(float)]


def number(value: float | None, digits: int, signed: bool = False) -> str:
    if value is None or pd.isna(value):
        return MISSING
    text = f"{value:{'+' if signed else ''}.{digits}f}"
    return text.replace("-", "−") if signed else text


def numbers(values: pd.Series, factor: float, digits: int, unit: str = "") -> list[str]:
    return [number(value * factor, digits) + unit if pd.notna(value) else MISSING for value in values.astype(float)]


def intervals(table: pd.DataFrame, name: str, factor: float, digits: int, unit: str = "", signed: bool = False) -> list[str]:
    """`value [low, high]` of the columns name, name_low and name_high; the value alone where there is no interval."""
    cells = []
    for _, row in table.iterrows():
        value, low, high = (row.get(f"{name}{end}") for end in ("", "_low", "_high"))
        if value is None or pd.isna(value):
            cells.append(MISSING)
            continue
        told = number(value * factor, digits, signed) + unit
        ends = "" if pd.isna(low) else f" [{number(low * factor, digits, signed)}, {number(high * factor, digits, signed)}]"
        cells.append(told + ends)
    return cells


def judged(table: pd.DataFrame) -> dict[str, Any]:
    """Columns of quality, its change and how sure that is, the same in every table; the best of a block in bold."""
    factor, label, digits = scale_of(table)
    qualities = intervals(table, "quality", factor, digits)
    columns: dict[str, Any] = {
        label: [f"**{text}**" if best else text for text, best in zip(qualities, table["best"], strict=True)]
    }
    if "quality_change" in table:
        columns["change"] = intervals(table, "quality_change", factor, digits + 1, signed=True)
    if "p" in table and table["p"].notna().any():
        columns["p (Holm)"] = [_p_values(p, corrected) for p, corrected in zip(table["p"], table["p_holm"], strict=True)]
    return columns


def _p_values(p: float | None, corrected: float | None) -> str:
    return MISSING if p is None or pd.isna(p) else f"{_p_value(p)} ({_p_value(corrected)})"


def _p_value(p: float | None) -> str:
    return "<0.001" if p is not None and p < 0.001 else number(p, 3)


def pipe_table(table: pd.DataFrame) -> str:
    """Markdown, aligned for reading in a terminal too."""
    cells = [list(map(str, table.columns)), *[list(map(str, row)) for row in table.itertuples(index=False)]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(table.columns))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def markdown(table: pd.DataFrame, title: str, note: str, first: str = "") -> str:
    """A pipe table under a heading, and under a sentence that is to be read first."""
    return "\n\n".join([f"# {title}", *filter(None, [first]), pipe_table(table), note]) + "\n"


def tex_escape(text: str) -> str:
    text = re.sub(r"[&%_#$×–^~]", lambda match: _TEX[match.group()], text)
    return re.sub(r"\*\*(.+?)\*\*", r"\\textbf{\1}", text.replace("−", "$-$")).replace("<", "$<$")


def latex(table: pd.DataFrame, note: str) -> str:
    """A booktabs tabular with the note below, ready to \\input."""
    lines = [r"% needs \usepackage{booktabs}", rf"\begin{{tabular}}{{{'l' * len(table.columns)}}}", r"\toprule"]
    lines.append(" & ".join(tex_escape(str(column)) for column in table.columns) + r" \\")
    lines.append(r"\midrule")
    lines += [" & ".join(tex_escape(str(cell)) for cell in row) + r" \\" for row in table.itertuples(index=False)]
    lines += [r"\bottomrule", r"\end{tabular}", "", rf"{{\footnotesize {tex_escape(note)}}}"]
    return "\n".join(lines) + "\n"


def to_be_read_first(table: pd.DataFrame) -> str:
    """What a table of few seeds cannot show."""
    seeds = int(table["seeds"].max()) if "seeds" in table and len(table) else FEWEST_SEEDS
    if seeds >= FEWEST_SEEDS:
        return ""
    return (
        f"{'One seed' if seeds == 1 else f'{seeds} seeds'}: with others, or on another processor, every row would move, and by how much cannot "
        f"be seen here. A table of methods takes {FEWEST_SEEDS} seeds or more: make evidence."
    )


def write_forms(folder: Path, name: str, table: pd.DataFrame, shown: Mapping[str, Any], title: str, note: str) -> None:
    """Write {name}.csv (`table`, unrounded), and what is shown of it, columns of text, as {name}.md and {name}.tex."""
    text, first = pd.DataFrame(dict(shown)), to_be_read_first(table)
    with whole_file(folder / f"{name}.csv") as partial:
        table.to_csv(partial, index=False)
    with whole_file(folder / f"{name}.md") as partial:
        partial.write_text(markdown(text, title, note, first), encoding="utf-8")
    with whole_file(folder / f"{name}.tex") as partial:
        partial.write_text(latex(text, f"{first} {note}".strip()), encoding="utf-8")
