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
    made_by = {name: f"digest of {name}" for name in named(files)}
    record.pack({"machine": MACHINE, "files": named(files), "rows": rows, "made_by": made_by}, to)
    return to


def named(files: list[Path]) -> dict[str, str]:
    """Name in the record -> file."""
    return {file.relative_to(ROOT).as_posix(): str(file) for file in files}


def unpack(packed: dict[str, Path], names: list[str], **others: str) -> None:
    """Into the folder `back`. others: digests that are asked for instead."""
    made_by = {name: f"digest of {name}" for name in names} | others
    files = {name: f"back/{name}" for name in names}
    record.unpack({"record": str(packed["json"]), "predictions": str(packed["parquet"]), "files": files, "made_by": made_by})


def test_what_comes_back_is_what_was_packed(files, packed):
    """To the bit of every number, with the columns and types of each table."""
    names = [file.relative_to(ROOT).as_posix() for file in files]
    unpack(packed, names)
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
    unpack(packed, [wanted])
    assert [file for file in Path("back").rglob("*") if file.is_file()] == [Path("back", wanted)]


def test_a_record_says_by_what_and_on_what_it_was_made(packed):
    told = read_json(packed["json"])
    assert told["host"] == HOST
    assert (
        told["made_by"]["models/movies/seed0/teacher/provenance.json"] == "digest of models/movies/seed0/teacher/provenance.json"
    )
    numbers = pd.read_csv(packed["csv"])
    assert numbers.query("metric == 'bytes'")["value"].tolist() == [44, 44]
    assert numbers.query("metric == 'accuracy'")["value"].tolist() == [0.1 + 0.2]


def test_what_was_not_timed_is_recorded_without_times(files):
    """A study without a page measures what its tables read, and no more."""
    held = [file for file in files if file.name in ("quality.json", "predictions.parquet") and "movies" in str(file)]
    row = {"study": "some", "task": "movies", "seed": 0, "cell": "teacher", "chain": "teacher", "runtime": "torch"}
    write_json(held[0].with_name("quality.json"), {"splits": {"test": {"accuracy": 0.5, "examples": 3}}, "host": HOST})
    to = {form: Path(f"kept/seed0.{form}") for form in FORMS}
    record.pack({"machine": MACHINE, "files": named(held), "rows": [{**row, "folder": CLASSES}], "made_by": {}}, to)
    assert read_json(to["json"])["host"] == HOST
    assert pd.read_csv(to["csv"])["metric"].tolist() == ["accuracy", "examples"]


@pytest.mark.parametrize("damage", [lambda content: content[: len(content) // 2], lambda _: b"", lambda _: None])
def test_predictions_that_cannot_be_read_are_told(packed, damage):
    file = Path(packed["parquet"])
    content = damage(file.read_bytes())
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(EdgeminError, match=r"kept/seed0\.parquet: cannot be read \(.*\); restore it from version control"):
        record.predictions_of(file, read_json(packed["json"]))


def test_what_is_not_in_the_record_is_told(packed):
    told = read_json(packed["json"])
    write_json(packed["json"], {**told, "made_by": {**told["made_by"], "models/x.json": "digest of models/x.json"}})
    with pytest.raises(EdgeminError, match=r"kept/seed0\.json: holds no models/x\.json; restore it"):
        unpack(packed, ["models/x.json"])


def test_what_was_made_otherwise_by_now_is_told(files, packed):
    """Somebody has added to the record while a run was on."""
    wanted = files[0].relative_to(ROOT).as_posix()
    with pytest.raises(EdgeminError, match="was made otherwise by now; run snakemake again"):
        unpack(packed, [wanted], **{wanted: "another"})
    assert not Path("back").exists()


@pytest.mark.parametrize(
    "other", ["measurements/movies/seed0/teacher/torch/latency.json", "models/movies/seed0/teacher/provenance.json"]
)
def test_a_seed_of_two_machines_is_refused(files, other):
    content = read_json(f"{ROOT}/{other}")
    write_json(f"{ROOT}/{other}", {**content, "host": {"cpu": "Another CPU", "flags": ["avx2", "amx_int8"]}})
    to = {form: Path(f"kept/seed0.{form}") for form in FORMS}
    with pytest.raises(EdgeminError, match=rf"{other}: made on Another CPU \(another-\w+\), and this machine is some-"):
        record.pack({"machine": MACHINE, "files": named(files), "rows": [], "made_by": {}}, to)
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
