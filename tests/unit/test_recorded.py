"""The digests of what jobs have made: where they stand, what is in them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from edgemin.core.recorded import digest_file, record, recorded

PLACE = "results/movies/tables/a.csv"


@pytest.fixture
def file(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    made = Path(PLACE)
    made.parent.mkdir(parents=True)
    made.write_bytes(b"abc")
    return made


@pytest.mark.parametrize(
    ("file", "place"),
    [
        (PLACE, "results/movies/digests/tables/a.csv.sha256"),
        ("results/movies/study.yaml", "results/movies/digests/study.yaml.sha256"),
        ("results/downloads/pin/some.whl", None),  # which are pinned
        ("results/movies", None),
        ("elsewhere/movies/a.csv", None),
        ("/results/movies/a.csv", None),
    ],
)
def test_a_digest_stands_under_the_path_of_its_file(file, place):
    assert digest_file(file) == (place and Path(place))


def test_a_digest_names_its_file_and_is_read_back(file):
    record([PLACE, "results/movies/tables/never_made.csv", "results/downloads/pin/some.whl"])
    told = digest_file(file)
    assert told.read_text() == f"{hashlib.sha256(b'abc').hexdigest()}  {PLACE}\n"
    assert recorded(told) == (file, hashlib.sha256(b"abc").hexdigest())
    assert sorted(path for path in Path("results").rglob("*.sha256")) == [told]


def test_the_signal_of_a_cache_is_recorded_with_its_manifest(file):
    """Of caches alone: elsewhere two files of one name are two outputs."""
    for folder in ("caches", "tables"):
        for name in ("x.json", "x.safetensors"):
            Path(f"results/movies/{folder}").mkdir(exist_ok=True)
            Path(f"results/movies/{folder}/{name}").write_bytes(name.encode())
        record([f"results/movies/{folder}/x.json"])
    found = sorted(path.relative_to("results/movies/digests").as_posix() for path in Path("results").rglob("*.sha256"))
    assert found == ["caches/x.json.sha256", "caches/x.safetensors.sha256", "tables/x.json.sha256"]


@pytest.mark.parametrize(
    "content", ["", "abc  results/movies/tables/a.csv\n", f"{'0' * 64} {PLACE}\n", f"{'0' * 64}  {PLACE}", f"{'0' * 64}  other\n"]
)
def test_what_is_no_digest_of_this_file_is_none(file, content):
    told = digest_file(file)
    told.parent.mkdir(parents=True)
    told.write_text(content)
    assert recorded(told) is None
    told.write_bytes(b"\xff")
    assert recorded(told) is None
    told.unlink()
    assert recorded(told) is None
    told.write_text(f"{'0' * 64}  {PLACE}\n")
    assert recorded(told) == (file, "0" * 64)
