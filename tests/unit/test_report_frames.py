"""Tables that are read back: names that look like something else stay names."""

from __future__ import annotations

import pandas as pd
import pytest
from matplotlib import pyplot

from edgemin.report.frames import read_frame
from edgemin.report.page.points import points_of
from edgemin.report.page.summary import summaries
from edgemin.report.standing import standing_of
from edgemin.study import registry

NAMES = ["nan", "null", "NA", "None", "true", "inf", "1e5", "007"]


def rows(task, teacher, cell):
    """Of cells.csv and stagewise.csv."""
    common = {"task": task, "runtime": "torch", "metric": "accuracy", "naive": None, "logical": 1e6, "recipe": "r"}
    return pd.DataFrame(
        [
            {**common, "cell": teacher, "chain": "teacher", "quality": 0.9, "bytes": 4e6, "p50": 8.0},
            {
                **common,
                "cell": cell,
                "chain": "teacher/distill-k",
                "against": "teacher",
                "quality": 0.8,
                "bytes": 1e6,
                "p50": 2.0,
            },
        ]
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_text_and_an_empty_place_is_missing(tmp_path, name):
    found = rows(name, "teacher", name).assign(accepted=[True, False])
    found.to_csv(tmp_path / "cells.csv", index=False)
    again = read_frame(tmp_path / "cells.csv")
    assert again["task"].tolist() == [name, name]
    assert again["cell"].tolist() == ["teacher", name]
    assert again["against"].isna().tolist() == [True, False]
    assert again["naive"].isna().all()
    assert (again["accepted"].dtype, again["quality"].dtype) == (bool, float)


@pytest.mark.parametrize(("task", "cell"), [*((name, "kd") for name in NAMES), *(("movies", name) for name in NAMES)])
def test_plots_and_the_page_take_any_name(tmp_path, monkeypatch, task, cell):
    table, figures = rows(task, "teacher", cell), []
    for name in ("cells", "stagewise"):
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    table.assign(recommended=[False, True]).to_csv(tmp_path / "recommendation.csv", index=False)
    for module in ("pareto", "plots.stagewise.draw"):
        monkeypatch.setattr(f"edgemin.report.{module}.save", lambda figure, files: figures.append(figure))
    registry.PLOTS["stagewise"].draw({}, [str(tmp_path / "stagewise.csv")], [])
    registry.PLOTS["pareto_size"].draw({"ends": {"torch": [cell]}}, [str(tmp_path / "cells.csv")], [])
    assert f"teacher → {cell}: 4.0× smaller" in figures[0].get_suptitle()
    assert f"Winner by means: {cell} (80.00" in " ".join(figures[1].get_suptitle().split())
    assert [point["id"] for point in points_of(tmp_path)] == [f"{task}/teacher/torch", f"{task}/{cell}/torch"]
    assert standing_of({}, [tmp_path / "recommendation.csv"]).recommended == {(task, cell)}
    (found,) = summaries({"tables": ["stagewise"], "rows": [], "timed_with": {}}, tmp_path)
    assert (found["first"], found["last"]) == ("teacher", cell)
    for figure in figures:
        pyplot.close(figure)
