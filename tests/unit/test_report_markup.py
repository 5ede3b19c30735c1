"""What texts may hold in Markdown and in LaTeX."""

from __future__ import annotations

import pytest

from edgemin.report import columns, markup
from edgemin.report.sheet import Row, Sheet


def sheet_of(text):
    """One row of that text and another."""
    return Sheet("some", "Title", "", [columns.text("says", [text]), columns.text("more", ["b"])], [Row()])


@pytest.mark.parametrize(
    ("text", "tex"),
    [
        ("10^6 & ~50 %", r"10\textasciicircum{}6 \& \textasciitilde{}50 \%"),
        (r"\input{x} #1 $2", r"\textbackslash{}input\{x\} \#1 \$2"),
        ("<0.001 (≤ 9, ≥ 1)", r"$<$0.001 ($\le$ 9, $\ge$ 1)"),
        ("a → b > c", r"a $\to$ b $>$ c"),
        ("KL(a || b)", r"KL(a \textbar{}\textbar{} b)"),
    ],
)
def test_what_latex_would_read_as_its_own_is_escaped(text, tex):
    assert markup.tex_escape(text) == tex


@pytest.mark.parametrize(
    ("text", "tex"), [("[12] says", "{[}12] says"), ("* better", "{*} better"), ("as [12]", "as [12]"), ("", "")]
)
def test_the_end_of_a_row_takes_nothing_from_the_next(text, tex):
    r"""After `\\\\`, LaTeX reads a bracket as a distance and a star as its own."""
    assert f"\\midrule\n{tex} & b \\\\\n" in markup.latex(sheet_of(text))


def test_a_text_of_several_lines_stays_in_its_row():
    """As YAML has it behind `says: >`."""
    sheet = sheet_of("one\nand  two\n")
    assert markup.pipe_table(sheet).splitlines()[2:] == ["| one and two | b    |"]
    assert "\none and two & b " in markup.latex(sheet)
