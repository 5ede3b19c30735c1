from __future__ import annotations

import pytest

from edgemin.measure import out_of_domain, quality
from edgemin.tasks import store

SPEC = {"metric": "accuracy", "max_length": 16, "threads": 1}


@pytest.mark.parametrize("runtime", ["torch", "onnxruntime"])
def test_a_test_set_from_elsewhere_is_measured_as_the_tasks_own(exported, data, tmp_path, runtime):
    """The task's splits under other names; labels turned round in the second make right answers wrong."""
    rows = store.read_split(data, "test")
    rows.to_parquet(tmp_path / "tweets.parquet")
    rows.assign(label=1 - rows["label"])[:8].to_parquet(tmp_path / "turned.parquet")
    found = out_of_domain.measure_folder(exported, runtime, [tmp_path / "tweets.parquet", tmp_path / "turned.parquet"], SPEC)
    own, predictions = quality.measure_folder(exported, runtime, data, {**SPEC, "batch_size": 32})
    assert found["splits"]["tweets"] == own["splits"]["test"]
    test = predictions[predictions["split"] == "test"][:8]
    wrong = float((test["prediction"] != test["label"]).mean())
    assert found["splits"]["turned"] == {"accuracy": wrong, "examples": 8}
