"""A seed's record: packed, unpacked, and refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json, write_json
from edgemin.core.machine import machine_class
from edgemin.report import record

ROOT = "results/some"
HOST = {"cpu": "Some CPU", "flags": ["avx2"], "versions": {"torch": "2.0"}}
MACHINE = machine_class(HOST["cpu"], HOST["flags"])
CLASSES = f"{ROOT}/measurements/movies/seed0/teacher/torch"
VALUES = f"{ROOT}/measurements/prices/seed0/teacher/torch"
FORMS = ("json", "csv", "parquet")


def predictions(labels: list, classes: int) -> pd.DataFrame:
    rng = np.random.default_rng(len(labels))
    logits = list(rng.normal(size=(len(labels), classes)).astype(np.float32))
    return pd.DataFrame({"split": ["test"] * len(labels), "label": labels, "logits": logits})


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Measurements of two tasks, of classes and of values, and of a model."""
    monkeypatch.chdir(tmp_path)
    for folder, metric, answers in (
        (CLASSES, "accuracy", predictions([1, 0, 1], 2)),
        (VALUES, "pearson", predictions([0.5, 2.25], 1)),
    ):
        write_json(f"{folder}/quality.json", {"splits": {"test": {metric: 0.1 + 0.2, "examples": len(answers)}}})
        write_json(
            f"{folder}/size.json", {"naive": None, "logical": 10, "nonzero": 10, "components": {}, "bytes": 44, "compressed": 40}
        )
        write_json(
            f"{folder}/latency.json", {"single_stream": {}, "tokenisation_p50_ms": 0.25, "rounds": 2, "threads": 1, "host": HOST}
        )
        answers.to_parquet(f"{folder}/predictions.parquet", index=False)
    write_json(f"{ROOT}/models/movies/seed0/teacher/provenance.json", {"host": HOST, "spec": {"lr": 5e-5}})
    return sorted(Path(ROOT).rglob("*.*"))


@pytest.fixture
def packed(files):
    """Form -> file of the record."""
    rows = [
        {"study": "some", "task": task, "seed": 0, "cell": "teacher", "chain": "teacher", "runtime": "torch", "folder": folder}
        for task, folder in (("movies", CLASSES), ("prices", VALUES))
    ]
    to = {form: Path(f"kept/seed0.{form}") for form in FORMS}
    record.pack({"root": ROOT, "machine": MACHINE, "rows": rows, "made_by": {"a": "digest"}}, files, to)
    return to


def test_what_comes_back_is_what_was_packed(files, packed):
    """To the bit of every number, with the columns and types of each table."""
    names = [file.relative_to(ROOT).as_posix() for file in files]
    record.unpack({"files": {name: f"back/{name}" for name in names}}, packed["json"], packed["parquet"])
    assert sorted(Path("back").rglob("*.*")) == [Path("back", name) for name in names]
    for file, name in zip(files, names, strict=True):
        if file.suffix == ".json":
            assert read_json(f"back/{name}") == read_json(file)
        else:
            pd.testing.assert_frame_equal(pd.read_parquet(f"back/{name}"), pd.read_parquet(file), check_exact=True)
            logits = pd.read_parquet(f"back/{name}")["logits"]
            assert {one.dtype for one in logits} == {np.dtype("float32")}


def test_a_part_of_a_record_will_do(files, packed):
    wanted = files[0].relative_to(ROOT).as_posix()
    record.unpack({"files": {wanted: "back/one"}}, packed["json"], packed["parquet"])
    assert [file.name for file in Path("back").iterdir()] == ["one"]


def test_a_record_says_by_what_and_on_what_it_was_made(packed):
    told = read_json(packed["json"])
    assert (told["host"], told["made_by"]) == (HOST, {"a": "digest"})
    numbers = pd.read_csv(packed["csv"])
    assert numbers.query("metric == 'bytes'")["value"].tolist() == [44, 44]
    assert numbers.query("metric == 'accuracy'")["value"].tolist() == [0.1 + 0.2]


def test_what_is_not_in_the_record_is_told(packed):
    with pytest.raises(EdgeminError, match=r"kept/seed0\.json: holds no models/x\.json; restore it"):
        record.unpack({"files": {"models/x.json": "back/x.json"}}, packed["json"], packed["parquet"])


@pytest.mark.parametrize(
    "other", ["measurements/movies/seed0/teacher/torch/latency.json", "models/movies/seed0/teacher/provenance.json"]
)
def test_a_seed_of_two_machines_is_refused(files, other):
    content = read_json(f"{ROOT}/{other}")
    write_json(f"{ROOT}/{other}", {**content, "host": {"cpu": "Another CPU", "flags": ["avx2", "amx_int8"]}})
    to = {form: Path(f"kept/seed0.{form}") for form in FORMS}
    with pytest.raises(EdgeminError, match=rf"{other}: made on Another CPU \(another-\w+\), and this machine is some-"):
        record.pack({"root": ROOT, "machine": MACHINE, "rows": [], "made_by": {}}, files, to)
    assert not Path("kept").exists()


@pytest.mark.parametrize(
    ("cpu", "flags", "name"),
    [
        ("AMD EPYC", ["avx2"], "amd-epyc-"),
        ("Intel(R) Xeon(R) Processor @ 2.10GHz", [], "intel-xeon-2-10ghz-"),
        ("", [], "machine-"),
    ],
)
def test_machines_are_of_a_class_by_cpu_and_flags(cpu, flags, name):
    found = machine_class(cpu, flags)
    assert found.startswith(name)
    assert len(found) == len(name) + 6
    assert found == machine_class(cpu, flags) != machine_class(cpu, [*flags, "amx_int8"])
