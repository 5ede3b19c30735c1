"""Studies and model configs that nobody would write: each is taken, or refused in words that name the place.

Every case is drawn by hypothesis from what went in whole, spoilt in one or two places; the draws are the same on every machine.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from hostile import CYCLE, cases, outcome, spoilt
from hypothesis import example, given
from hypothesis import strategies as st

from edgemin.core.errors import EdgeminError
from edgemin.plan import checks
from edgemin.plan.jobs import Jobs
from edgemin.plan.plan import Plan
from edgemin.study.base import spec_of
from edgemin.study.family import usable_positions
from edgemin.study.foreign import check_config
from edgemin.study.read import parse_study
from edgemin.study.structure import Structure
from edgemin.study.study import Study
from planning import every_job, made_by, read_by

ROOT = Path(__file__).parents[2]
SMOKE = yaml.safe_load((ROOT / "config/smoke.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where Snakemake runs: the study's data are there, and no results."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "tests").mkdir()
    (folder / "tests/data").symlink_to(ROOT / "tests/data")
    return folder


def _plan(study: Study) -> None:
    """All that a dry run asks for."""
    plan = Plan(study)
    checks.check_machine(plan)
    for task in study.tasks:
        checks.check_chains(plan, task)
    jobs = list(every_job(plan))
    json.dumps([job.spec(where) for job, where in jobs])
    made = [file for job, where in jobs for file in (*made_by(job, where), job.log.format(**vars(where)))]
    wanted = [file for cell in study.cells for file in plan.cell_files(cell)] + Jobs(plan).make_bundle.files()
    assert all(re.fullmatch(r"results/[a-z][a-zA-Z0-9_./-]*", file) and ".." not in file for file in made + wanted)
    assert {file for job, where in jobs for file in read_by(job, where) if file.startswith("results/")} <= set(made)
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+", pin) for pin in plan.pins)


@cases(1500)
@given(spoilt(SMOKE))
def test_a_spoilt_study_is_planned_or_refused_by_key(monkeypatch, folder, case):
    monkeypatch.chdir(folder)
    content, places = case
    study, refusal = outcome(lambda: parse_study(content, file="x.yaml"))
    if study is None:
        lines = refusal.split("\n")
        assert all(re.match(r"x\.yaml: .+: .{5,}", line) and line.isprintable() for line in lines), lines
        # Without `cross`, its grid is missed by name where a table lists it.
        parts = [part for place in places for part in place if not (isinstance(part, int) and abs(part) > 2**31)]
        named = {*map(str, parts), *(["'grid'"] if ("cross",) in places else [])}
        assert any(part in line for line in lines for part in named) or re.search(
            "unknown key|Keys should be strings|beyond 2|nested more|surrogate", refusal
        ), (places, lines)
        return
    assert parse_study(study.model_dump(mode="json")) == parse_study(spec_of(study)) == study  # what jobs are handed
    _, refusal = outcome(lambda: _plan(study))
    keys = (*Study.model_fields, *study.distill, *study.prune, *study.quantize)
    assert all(line.isprintable() and any(key in line for key in keys) for line in refusal.split("\n") if refusal), refusal


@cases(150)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text() | st.integers(), x),
    )
)
@example(CYCLE)
@example({"study": 16**6000})
@example({16**6000: 1})
def test_what_is_no_study_at_all_is_refused(content):
    with pytest.raises(EdgeminError, match=r"^x\.yaml: "):
        parse_study(content, file="x.yaml")


# -- model configs ---------------------------------------------------------------------------------------------------

CONFIG = {
    "model_type": "bert",
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "hidden_size": 16,
    "intermediate_size": 24,
    "max_position_embeddings": 32,
    "edgemin": {"heads": [[0, 1], [0]], "head_dim": 4, "intermediate": [24, 16]},
}


@cases(300)
@given(spoilt(CONFIG))
def test_a_spoilt_model_config_is_taken_or_refused(case):
    content, _ = case
    _, refusal = outcome(lambda: check_config(content, Path("models/mine/config.json")))
    if refusal:
        assert re.match(r"(models/mine/config\.json: (not the config|model_type )|config\.json: ')", refusal), refusal
    else:
        shape = Structure.of(content)
        assert len(shape.heads) == len(shape.intermediate) == int(content["num_hidden_layers"])
        assert min(shape.head_dim, usable_positions(content)) >= 1
