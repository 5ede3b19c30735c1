"""What the result of a job depends on, besides its input files: what is in its spec, and what is not."""

from __future__ import annotations

from typing import Any

import pytest

from edgemin.plan.jobs import Jobs
from edgemin.plan.plan import Plan
from edgemin.study.read import parse_study
from planning import AUGMENT, KD, ORT, PRUNED, TORCH, at, job_of

RUNTIMES = ("torch", "onnxruntime")
QAT = f"{PRUNED}/quantize-qat"


@pytest.fixture
def jobs(changed):
    def make(changes: dict | None = None) -> Jobs:
        return Jobs(Plan(parse_study(changed(changes))))

    return make


def asked(jobs: Jobs) -> dict[str, list[tuple[Any, Any]]]:
    """Name -> jobs with their wildcards."""
    [encoder] = jobs.train_teacher.plan.encoders
    measured = [at(chain=KD, runtime=runtime) for runtime in RUNTIMES]
    return {
        **{chain: [job_of(jobs, chain)] for chain in ("teacher", KD, PRUNED, ORT, TORCH, QAT)},
        "data": [(jobs.prepare_data, at())],
        "encoder": [(jobs.prepare_encoder, at(encoder=encoder))],
        "tokens": [(jobs.tokenize_texts, at(tokenizer=encoder, texts="train"))],
        "transfer": [(jobs.prepare_transfer, at(transfer="wide"))],
        "tweets": [(jobs.prepare_out_of_domain, at(elsewhere="tweets"))],
        "measured_tweets": [(jobs.measure_out_of_domain, where) for where in measured],
        "cache": [(jobs.cache_teacher, at(parent="teacher", texts="train", need="logits"))],
        "export": [(jobs.export_onnx, at(parent=KD))],
        "quality": [(jobs.measure_quality, where) for where in measured],
        "size": [(jobs.measure_size, where) for where in measured],
        "round": [(jobs.measure_round, where) for where in measured],
        "latency": [(jobs.measure_latency, where) for where in measured],
        "sweep": [(jobs.sweep_pruning, at(parent=KD, structure="heads", criterion="michel"))],
        "blind_sweep": [(jobs.sweep_pruning, at(parent=KD, structure="heads", criterion="magnitude"))],
        "scan": [(jobs.scan_quantization, at(parent=KD))],
    }


def specs(jobs: Jobs) -> dict[str, list]:
    return {name: [job.spec(where) for job, where in found] for name, found in asked(jobs).items()}


TRAINED = {"teacher", KD, PRUNED, QAT}
SWEPT = {"sweep", "blind_sweep"}
PREPARED = {"data", "transfer", "tweets"}
JUDGED = {"quality", "measured_tweets", "scan"}
MORE = {
    **AUGMENT,
    "tasks.snippets.out_of_domain": {"tweets": {"source": {"files": {"train": "t.csv"}}}},
    "quantize.qat": {"scheme": "int8_qat", "backend": "onnxruntime", "learn": {"terms": [{"objective": "logits"}]}},
}


@pytest.mark.parametrize(
    ("change", "value", "again"),
    [
        ("prune.heads25.ratio", 0.5, {PRUNED}),
        ("distill.minilmv2.phases.0.epochs", 9, {KD}),
        ("distill.minilmv2.phases.1.terms.0.temperature", 2, {KD}),
        ("quantize.int8_dynamic_ort.per_channel", False, {ORT}),
        ("quantize.int8_dynamic_torch.per_channel", False, {TORCH}),
        ("quantize.qat.momentum", 0.5, {QAT}),
        ("teacher.training.0.epochs", 9, {"teacher"}),
        ("teacher.source.random.seed", 1, {"encoder", "teacher"}),
        ("teacher.source.family", "bert", set()),
        ("latency.calls", 31, {"round"}),
        ("latency.rounds", 5, {"round"}),
        ("threads", {"training": 1, "inference": 2}, {"quality", "round", "measured_tweets", "scan"}),
        ("threads", {"training": 2, "inference": 1}, TRAINED | SWEPT | {"cache"}),
        ("precision", "fp32", TRAINED | SWEPT | {"cache"}),
        ("tasks.snippets.metric", "macro_f1", TRAINED | SWEPT | PREPARED | JUDGED),
        ("tasks.snippets.max_length", 31, PREPARED | {"tokens", "round"}),
        ("tasks.snippets.splits.seed", 8, PREPARED),
        ("tasks.snippets.out_of_domain.tweets.label", "other", {"tweets"}),
        ("tasks.snippets.out_of_domain.more", {"source": {"files": {"train": "m.csv"}}}, set()),
        ("transfer.wide.augment", {"mask": 0.2}, {"transfer"}),
        ("transfer.wide.seed", 1, {"transfer"}),
        ("transfer.other", {"augment": {}, "rows": 9}, set()),
        ("distill.minilmv2.transfer", "wide", {KD}),
        ("distill.minilmv2.phases.0.dropout", 0, {KD}),
        ("teacher_cache", {"limit_gb": 1}, {"cache"}),
        ("sensitivity.ratios", [0, 0.5], SWEPT),
        ("sensitivity.sentences", 9, {"sweep"}),
        ("sensitivity.heads", ["random"], set()),
        ("layer_sensitivity.sentences", 9, {"scan"}),
        ("cells.extra", "teacher/prune-heads25", set()),
        ("prune.other", {"ratio": 0.5}, set()),
        ("seeds", [0, 1], set()),
        ("tables", {}, set()),
    ],
)  # fmt: skip
def test_a_change_touches_the_specs_that_depend_on_it_and_no_other(jobs, change, value, again):
    """What follows from a job runs again because its input files are new, not because of its spec."""
    before, after = specs(jobs(MORE)), specs(jobs({**MORE, change: value}))
    assert {name for name in before if before[name] != after[name]} == again


TRAINING = ("teacher", KD, PRUNED, QAT, "cache")


@pytest.mark.parametrize("name", TRAINING)
def test_an_edit_of_how_data_are_made_trains_nothing_again(jobs, name):
    """Not by the code's digest, that is: new data do."""
    [(job, where)] = asked(jobs(MORE))[name]
    used = set(job.covered(where))
    assert "edgemin.data.tokens" in used
    made = ("rows", "splits", "augment", "transfer", "out_of_domain", "reading", "store", "keys", "tokenizing")
    making = {f"edgemin.data.{name}" for name in made} | {"edgemin.data.sources", "edgemin.data.sources.download"}
    making |= {
        "edgemin.study.formats",
        *(f"edgemin.data.formats.{name}" for name in ("columnar", "decoding", "delimited", "records")),
    }
    assert not used & making
    assert not {module for module in used if module.startswith("edgemin.data.kinds.") and module.endswith(".labels")}


@pytest.mark.parametrize(("chain", "ours", "theirs"), [(ORT, "onnxruntime", "torch"), (TORCH, "torch", "onnxruntime")])
def test_an_edit_of_a_scheme_in_another_runtime_quantizes_nothing_again(jobs, chain, ours, theirs):
    job, where = job_of(jobs(), chain)
    scheme = "edgemin.methods.schemes.int8_dynamic"
    assert f"{scheme}.in_{ours}" in job.covered(where)
    assert f"{scheme}.in_{theirs}" not in job.covered(where)


def test_a_job_hangs_on_the_methods_that_it_runs_and_on_no_other(jobs):
    """Objectives of its phases, its structure and its criterion; the kind of task of its data."""
    michel = jobs({"prune.heads25.criterion": "michel"})
    [distilled, pruned] = ({*job.covered(where)} for job, where in (job_of(michel, KD), job_of(michel, PRUNED)))
    methods = "edgemin.methods"
    assert {f"{methods}.objectives.minilmv2.loss", f"{methods}.objectives.logits.loss"} <= distilled
    assert f"{methods}.objectives.tinybert.loss" not in distilled | pruned
    assert {f"{methods}.structures.heads.cut", f"{methods}.criteria.michel.score"} <= pruned
    assert not {f"{methods}.structures.layers.cut", f"{methods}.criteria.taylor.score"} & pruned
    assert not {name for name in distilled if name.startswith((f"{methods}.structures", f"{methods}.schemes"))}
    assert not {name for name in distilled | pruned if "kinds.regression" in name}


def test_seeds_differ_in_their_seed_alone(jobs):
    job, where = job_of(jobs(), KD)
    one, other = (job.spec(at(seed=seed, parent=where.parent, variant=where.variant)) for seed in (0, "1"))
    assert {name for name in one if one[name] != other[name]} == {"seed"}
    assert other["seed"] == 1


def test_a_quantized_answer_does_not_hang_on_its_neighbours(jobs):
    """Dynamic activation ranges span a batch."""
    job = jobs().measure_quality
    wanted = ((ORT, "onnxruntime"), (TORCH, "torch"), (KD, "torch"))
    assert [job.spec(at(chain=chain, runtime=runtime))["batch_size"] for chain, runtime in wanted] == [1, 1, 32]


def test_answers_that_do_not_depend_on_neighbours_are_measured_in_batches(jobs):
    """Static INT8 and 4-bit weights; not dynamic INT8, also not beside 4-bit embeddings, nor bfloat16, of which nobody says so."""
    schemes = {
        "static": {"scheme": "int8_static", "backend": "onnxruntime"},
        "four": {"scheme": "int4", "backend": "onnxruntime"},
        "eight": {"scheme": "int4", "backend": "onnxruntime", "linear": 8},
        "half": {"scheme": "bf16", "backend": "torch"},
    }
    changes = {f"quantize.{name}": scheme for name, scheme in schemes.items()}
    plan = jobs({**changes, **{f"cells.{name}": f"{KD}/quantize-{name}" for name in schemes}})
    found = {
        name: plan.measure_quality.spec(at(chain=f"{KD}/quantize-{name}", runtime=scheme["backend"]))["batch_size"]
        for name, scheme in schemes.items()
    }
    assert found == {"static": 32, "four": 32, "eight": 1, "half": 1}


def test_what_pytorch_answers_does_not_depend_on_how_onnx_runtime_quantizes(jobs):
    plan = jobs()
    covered = plan.measure_quality.covered(at(chain=TORCH, runtime="torch"))
    assert "edgemin.methods.schemes.int8_dynamic.in_torch" in covered
    assert not [name for name in covered if name.endswith("in_onnxruntime") or name == "edgemin.methods.quantize.dynamic"]


def test_a_kind_of_task_is_told_where_it_does_not_follow_from_the_metric(jobs):
    """What a cache holds depends on the kind alone."""
    said, left_out = specs(jobs({**MORE, "tasks.snippets.kind": "classification"})), specs(jobs(MORE))
    assert [("kind" in spec) for spec in (said[KD][0], left_out[KD][0])] == [True, False]
    assert said["cache"] == left_out["cache"]
    assert left_out["cache"][0]["kind"] == "classification"


def test_a_quantization_without_training_has_a_seed_only_for_the_sentences_that_it_draws(jobs):
    static = {"quantize.static": {"scheme": "int8_static", "backend": "onnxruntime"}}
    found = jobs(static)
    for chain, seeded in ((ORT, False), (TORCH, False), (f"{PRUNED}/quantize-static", True)):
        job, where = job_of(found, chain)
        assert ("seed" in job.spec(where)) is seeded


def test_a_bundle_says_whether_answers_depend_on_their_batch(jobs):
    """Floats and static INT8 do not; the ranges of dynamic INT8 span a batch."""
    changes = {"quantize.static": {"scheme": "int8_static", "backend": "onnxruntime"}, "cells.static": f"{KD}/quantize-static"}
    bundles = jobs(changes).make_bundle
    found = {cell: bundles.about(at(cell=cell))["batch_invariant"] for cell in ("kd", "edgemin", "static")}
    assert found == {"kd": True, "edgemin": False, "static": True}
