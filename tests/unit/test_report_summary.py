"""The page's summary of a ladder: which way a ratio goes, and cells that are not accepted. In words: test_report_page."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from pages import written

from edgemin.report.page.render import render
from edgemin.report.page.summary import summaries


@pytest.fixture
def spec(tmp_path):
    with written(tmp_path) as found:
        yield found


def of_onnxruntime(spec, **changes):
    """Of its ladder, with other values in the row of its last cell."""
    file = Path(spec["root"]) / "tables/stagewise.csv"
    table = pd.read_csv(file)
    for name, value in changes.items():
        table.loc[table["cell"] == "edgemin", name] = value
    table.to_csv(file, index=False)
    return summaries(spec, file.parent)[0]


def test_a_ladder_that_grows_and_slows_down_says_so(spec):
    """16 MB of 4, and a speed of a half, [0.4, 0.625]: twice as slow, from 1.6 to 2.5 times."""
    ratio = {f"speedup_over_reference{end}": value for end, value in (("", 0.5), ("_low", 0.4), ("_high", 0.625))}
    _, size, speed = of_onnxruntime(spec, bytes=16e6, **ratio)["tiles"]
    assert (size["figure"], size["words"], size["more"]) == ("4.0×", "larger", "4.00 → 16.0 MB")
    assert (speed["figure"], speed["words"]) == ("2.00×", "slower [1.60, 2.50]")


def test_a_slower_ladder_of_one_round_has_no_interval(spec):
    ratio = {f"speedup_over_reference{end}": value for end, value in (("", 0.5), ("_low", None), ("_high", None))}
    speed = of_onnxruntime(spec, **ratio)["tiles"][2]
    assert (speed["figure"], speed["words"]) == ("2.00×", "slower")


def test_a_cell_that_is_not_accepted_is_marked_and_the_mark_explained(spec):
    table = pd.read_csv(Path(spec["root"]) / "tables/stagewise.csv")
    assert of_onnxruntime(spec)["marks"] == ""
    table.assign(accepted=table["cell"] != "edgemin").to_csv(Path(spec["root"]) / "tables/stagewise.csv", index=False)
    found = of_onnxruntime(spec)
    assert (found["first"], found["last"]) == ("teacher", "edgemin†")
    assert [step["cell"] for step in found["steps"]] == ["kd", "kd_prune", "edgemin†"]
    assert "<code>edgemin†</code> no significant change" in found["verdict"]
    assert found["marks"] == "†: not accepted, too far from its float parent."
    assert f'<p class="note">{found["marks"]}</p>' in render(spec)
