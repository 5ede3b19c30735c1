"""The smoke study in an environment that a notebook, a launcher, a cluster and a CI have left behind, all at once."""

from __future__ import annotations

import pandas as pd
from copies import Copy
from hostile_environment import worst


def test_the_smoke_study_runs_as_ever_in_a_hostile_environment(copy: Copy, finished: Copy, ordinary: list[str]) -> None:
    run = copy.run(**worst())
    assert run.code == 0, run.output[-5000:]
    assert "Traceback" not in run.output
    assert run.errors == []
    pd.testing.assert_frame_equal(copy.qualities(), finished.qualities())
    for folder in (copy.folder, finished.folder):
        assert list(folder.glob("results/smoke/plots/*.svg"))
    assert copy.made() == ordinary
