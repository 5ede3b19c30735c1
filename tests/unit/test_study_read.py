"""Studies as they are read and handed on; and what is written of their keys."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from edgemin.core.errors import EdgeminError
from edgemin.study.base import spec_of
from edgemin.study.read import parse_study, read_study
from edgemin.study.reference import schema_text
from edgemin.study.variants import prune_variant, quantize_variant

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "config").glob("*.yaml"))


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.name)
def test_every_committed_study_parses_and_survives_a_round_trip(file):
    """As its settings are dumped, and as jobs are handed them."""
    study = parse_study(yaml.safe_load(file.read_text(encoding="utf-8")), file=file.name)
    assert parse_study(study.model_dump(mode="json")) == study
    assert parse_study(spec_of(study)) == study
    assert read_study(str(file)) == study


def test_the_committed_schema_is_that_of_the_models():
    assert (ROOT / "workflow/schemas/study.schema.json").read_text(encoding="utf-8") == schema_text()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read as YAML ("),
        (b"study: [", "cannot be read as YAML ("),
        (b"\xff\xfe", "cannot be read as YAML ("),
        (b"- study", "holds no study; name a study file"),
        (b"", "holds no study; name a study file"),
        (b"study: x", "tasks: missing; add this key"),
    ],
)
def test_a_file_that_is_no_study_is_refused_by_name(tmp_path, content, message):
    file = tmp_path / "x.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(EdgeminError) as error:
        read_study(str(file))
    first = str(error.value).splitlines()[0]
    assert first.startswith(f"{file}: {message}")
    assert "(" not in message or first.endswith("; name a study file")


def test_jobs_are_handed_all_defaults_but_no_key_that_changes_nothing(changed):
    """Keys that came later are left out while everything is as before them: they run no job again."""
    study = parse_study(changed())
    told = spec_of(study)
    assert told["teacher"]["training"][0]["weight_decay"] == 0.01
    assert told["seeds"] == [0]
    assert "kind" not in told["tasks"]["snippets"]
    assert "family" not in told["teacher"]["source"]
    named = spec_of(parse_study(changed({"tasks.snippets.kind": "classification", "teacher.source.family": "bert"})))
    assert (named["tasks"]["snippets"].pop("kind"), named["teacher"]["source"].pop("family")) == ("classification", "bert")
    assert named == told


def test_jobs_make_again_the_variants_that_they_are_told_of():
    """Of all structures and schemes that the smoke study has, whichever keys they leave out."""
    study = read_study(str(ROOT / "config/smoke.yaml"))
    for made, variants in ((prune_variant, study.prune), (quantize_variant, study.quantize)):
        for variant in variants.values():
            assert made(json.loads(json.dumps(spec_of(variant)))) == variant
