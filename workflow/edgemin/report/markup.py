"""Sheets as Markdown and LaTeX (booktabs)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from edgemin.report.sheet import Sheet

_TEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "_": r"\_",
    "#": r"\#",
    "$": r"\$",
    "×": r"$\times$",
    "–": "--",
    "−": "$-$",
    "<": "$<$",
    ">": "$>$",
    "|": r"\textbar{}",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "→": r"$\to$",
    "†": r"$\dagger$",
    "‡": r"$\ddagger$",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
}
_TO_ESCAPE = re.compile(f"[{re.escape(''.join(_TEX))}]")


def markdown(sheet: Sheet) -> str:
    """A pipe table under a heading, and under a sentence that is to be read first."""
    return "\n\n".join([f"# {sheet.heading}", *filter(None, [sheet.first]), pipe_table(sheet), sheet.note]) + "\n"


def pipe_table(sheet: Sheet) -> str:
    """Markdown, aligned for reading in a terminal too; bars in a cell are escaped."""
    return pipes([[column.heading for column in sheet.columns], *_texts(sheet, "**{}**")])


def pipes(rows: Sequence[Sequence[str]]) -> str:
    """Such a table of texts, the headings first."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def latex(sheet: Sheet) -> str:
    """A booktabs tabular with the note below, ready to \\input."""
    lines = [r"% needs \usepackage{booktabs}", rf"\begin{{tabular}}{{{'l' * len(sheet.columns)}}}", r"\toprule"]
    lines += [_tex_row([tex_escape(column.heading) for column in sheet.columns]), r"\midrule"]
    lines += [_tex_row(row) for row in _texts(sheet, r"\textbf{{{}}}", tex_escape)]
    lines += [r"\bottomrule", r"\end{tabular}", "", rf"{{\footnotesize {tex_escape(f'{sheet.first} {sheet.note}'.strip())}}}"]
    return "\n".join(lines) + "\n"


def _tex_row(cells: Sequence[str]) -> str:
    r"""The row above ends in `\\`, which would take a bracket or a star at the beginning of this one for its own argument."""
    first = f"{{{cells[0][0]}}}{cells[0][1:]}" if cells[0].startswith(("[", "*")) else cells[0]
    return " & ".join([first, *cells[1:]]) + r" \\"


def _texts(sheet: Sheet, bold: str, escape: Callable[[str], str] = str) -> list[list[str]]:
    """(rows, columns). bold: what becomes of the best of a block."""
    return [
        ["" if cell.repeated else bold.format(escape(cell.text)) if cell.best else escape(cell.text) for cell in row]
        for row in sheet.cells()
    ]


def tex_escape(text: str) -> str:
    return _TO_ESCAPE.sub(lambda match: _TEX[match.group()], text)
