"""What a person reads of a table."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from edgemin.report.sheet import Cell, Column


def cells(columns: Sequence[Column]) -> dict[str, list[Cell]]:
    """Heading -> cells. Headings differ."""
    found = {column.heading: [column.cell(row) for row in range(len(column.values))] for column in columns}
    assert len(found) == len(columns)
    return found


def texts(columns: Sequence[Column]) -> pd.DataFrame:
    """As the Markdown form has them, without bold."""
    return pd.DataFrame(
        {heading: ["" if cell.repeated else cell.text for cell in column] for heading, column in cells(columns).items()}
    )
