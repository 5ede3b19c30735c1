"""Which tokenizer and which family of architectures a chain's model has."""

from __future__ import annotations

import pytest

from edgemin.core.files import write_json
from edgemin.plan.jobs import Jobs
from edgemin.plan.plan import Plan, family_name
from edgemin.study import registry
from edgemin.study.chains import Chain
from edgemin.study.read import parse_study
from edgemin.study.sources import ModelSource
from planning import AUGMENT, KD, ROOT, at, reads

CUT = {"prune.small": {"structure": "vocabulary"}, "prune.smaller": {"structure": "vocabulary"}}
OWN = {"distill.own": {"student": {"source": {"random": {"layers": 2}}}, "phases": [{"terms": [{"objective": "logits"}]}]}}
HUB = {"hub": {"repo": "owner/name", "revision": "a" * 40}}
FILES = ("tokenizer.json", "tokenizer_config.json", "config.json", "provenance.json")


@pytest.fixture
def plan(changed):
    def make(changes: dict | None = None) -> Plan:
        return Plan(parse_study(changed(changes)))

    return make


@pytest.mark.parametrize(
    ("chain", "tokenizer"),
    [
        ("teacher", "{teacher}"),
        (f"{KD}/prune-heads25/quantize-int8_dynamic_ort", "{teacher}"),
        ("teacher/prune-small", "{teacher}--small"),
        (f"{KD}/prune-small/distill-minilmv2/quantize-int8_dynamic_ort", "{teacher}--small"),
        ("teacher/prune-small/prune-smaller", "{teacher}--small--smaller"),
        ("teacher/distill-own", "{own}"),
        ("teacher/prune-small/distill-own", "{own}"),
        ("teacher/distill-own/prune-small", "{own}--small"),
    ],
)
def test_a_model_has_the_tokenizer_of_its_source_with_every_cut_of_it(plan, chain, tokenizer):
    study = plan({**CUT, **OWN})
    teacher, own = study.encoders
    assert study.tokenizer_of(Chain.parse(chain)) == tokenizer.format(teacher=teacher, own=own)
    assert study.tokens("snippets", Chain.parse(chain), "test") == (
        f"{ROOT}/tokens/snippets/{study.tokenizer_of(Chain.parse(chain))}/test.arrow"
    )


def test_the_tokenizers_of_a_study_are_those_of_its_chains(plan):
    study = plan({**CUT, "cells.small": "teacher/prune-small/prune-smaller"})
    [teacher] = study.encoders
    assert study.tokenizers == [teacher, f"{teacher}--small", f"{teacher}--small--smaller"]


def test_a_tokenizer_is_cut_from_the_one_before_by_the_texts_that_it_must_know(plan):
    study = plan({**AUGMENT, **CUT, "prune.smaller": {"structure": "vocabulary", "transfer": "wide"}})
    [teacher] = study.encoders
    job = Jobs(study).cut_tokenizer
    assert job.inputs(at(tokenizer=teacher, variant="small")) == {
        "tokenizer": [f"{ROOT}/encoders/snippets/{teacher}/{name}" for name in FILES],
        "tokens": [f"{ROOT}/tokens/snippets/{teacher}/train.arrow"],
    }
    assert job.inputs(at(tokenizer=f"{teacher}--small", variant="smaller")) == {
        "tokenizer": [f"{ROOT}/tokenizers/snippets/{teacher}--small/{name}" for name in FILES],
        "tokens": [f"{ROOT}/tokens/snippets/{teacher}--small/{texts}.arrow" for texts in ("train", "transfer-wide")],
    }


def test_a_cut_of_pieces_reads_which_are_kept_and_its_sentences_by_the_old_ones(plan):
    study = plan(CUT)
    [teacher] = study.encoders
    inputs = reads(study, f"{KD}/prune-small")
    folder = f"{ROOT}/tokenizers/snippets/{teacher}--small"
    assert inputs["tokenizer"] == [f"{folder}/{name}" for name in (*FILES, "kept.json")]
    assert inputs["tokens"] == f"{ROOT}/tokens/snippets/{teacher}--small/train.arrow"
    assert inputs["sentences"] == inputs["teacher_tokens"] == f"{ROOT}/tokens/snippets/{teacher}/train.arrow"
    assert not any(file.endswith("kept.json") for file in reads(study, f"{KD}/prune-heads25")["tokenizer"])


def test_tokens_are_made_with_the_tokenizer_that_they_are_named_after(plan):
    """And again if the code of its family changes: that says whether there are type ids."""
    study = plan(CUT)
    [teacher] = study.encoders
    job = Jobs(study).tokenize_texts
    for tokenizer, folder in ((teacher, "encoders"), (f"{teacher}--small", "tokenizers")):
        where = at(tokenizer=tokenizer, texts="train")
        assert job.inputs(where)["tokenizer"] == [f"{ROOT}/{folder}/snippets/{tokenizer}/{name}" for name in FILES]
        assert job.settings(where) == ("edgemin.encoders.families.bert",)


@pytest.mark.parametrize(
    ("content", "family"),
    [
        (None, None),
        ({"model_type": "electra"}, "electra"),
        ({"model_type": "gpt2"}, None),
        ({"model_type": ["bert"]}, None),
        ([], None),
        ("{", None),
    ],
)
def test_the_family_of_a_local_model_is_what_its_config_says(tmp_path, content, family):
    """None where it says nothing: its job will refuse it, if it is none."""
    if content == "{":
        (tmp_path / "config.json").write_text("{")
    elif content is not None:
        write_json(tmp_path / "config.json", content)
    assert family_name(ModelSource(path=str(tmp_path))) == family
    assert family_name(ModelSource(path=str(tmp_path), family="mpnet")) == "mpnet"


def test_a_path_that_cannot_be_is_of_no_family():
    assert family_name(ModelSource(path="x" * 5000)) is None


@pytest.mark.parametrize(
    ("source", "families"),
    [
        ({"random": {}}, ("bert",)),
        ({**HUB, "family": "roberta"}, ("roberta",)),
        (HUB, registry.FAMILIES.names()),  # not known before it is fetched
    ],
)
def test_a_job_hangs_on_the_code_of_the_families_at_hand(plan, source, families):
    study = plan({"teacher.source": source, **OWN})
    modules = tuple(registry.FAMILIES.module(name) for name in families)
    assert study.families_of(Chain()) == modules
    assert study.families_of(Chain.parse("teacher/distill-own")) == ("edgemin.encoders.families.bert",)
    assert set(modules) <= set(Jobs(study).train_teacher.roots(at()))
