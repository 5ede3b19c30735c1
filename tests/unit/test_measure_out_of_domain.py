from __future__ import annotations

import pytest

from edgemin.data import store
from edgemin.data.tokenizing import write_tokens
from edgemin.measure import out_of_domain, quality
from edgemin.study.kind import kind_of

SPEC = {"metric": "accuracy", "threads": 1}


@pytest.mark.parametrize("runtime", ["torch", "onnxruntime"])
def test_a_test_set_from_elsewhere_is_measured_as_the_tasks_own(exported, data, tokens, tmp_path, runtime):
    """The task's splits under other names; labels turned round in the second make right answers wrong."""
    rows, names = store.read_split(data, "test"), store.label_names(data)
    turned = store.to_dataset(rows.assign(label=1 - rows["label"])[:8], kind_of(SPEC), names)
    store.write_dataset(turned, tmp_path / "rows.arrow", label_names=names)
    write_tokens(tmp_path / "rows.arrow", exported, 16, tmp_path / "turned.arrow")
    tests = {"tweets": tokens / "test.arrow", "turned": tmp_path / "turned.arrow"}
    found = out_of_domain.measure_folder(exported, runtime, tests, SPEC)
    own, predictions = quality.measure_folder(exported, runtime, {"test": tokens / "test.arrow"}, {**SPEC, "batch_size": 32})
    assert found["splits"]["tweets"] == own["splits"]["test"]
    test = predictions[:8]
    wrong = float((test["prediction"] != test["label"]).mean())
    assert found["splits"]["turned"] == {"accuracy": wrong, "examples": 8}
