from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from edgemin.chains import Chain
from edgemin.config import parse_study
from edgemin.config.pins import encoder_name, encoders_of, pins_of
from edgemin.config.schema import schema_text
from edgemin.config.sources import DataSource, ModelSource
from edgemin.config.variants import Distill, needs_of
from edgemin.errors import EdgeminError

CONFIGS = sorted((Path(__file__).parents[2] / "config").glob("*.yaml"))
PIP = {"package": "some.Package", "version": "1.0+x", "sha256": "0" * 64}
HUB = {"repo": "owner/name", "revision": "a" * 40}
RATING = {"sign_of": "rating"}
STUDENT = "distill.minilmv2.student"
TERM = "distill.minilmv2.phases.0.terms"
FILES = {"files": {"train": "a.csv"}}
OTHER_FILES = {"files": {"train": "other.csv"}}
ZONE = {"dead_zone": True}
PAIRS = {"unlabelled": [{"source": FILES}, {"source": FILES, "text": ["a", "b"]}]}
ELSEWHERE = {"source": FILES, "text": ["a", "b"]}


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.name)
def test_every_committed_study_parses_and_survives_a_round_trip(file):
    study = parse_study(yaml.safe_load(file.read_text(encoding="utf-8")), file=file.name)
    assert parse_study(study.model_dump(mode="json")) == study


def test_the_committed_schema_is_that_of_the_models():
    assert (CONFIGS[0].parents[1] / "workflow/schemas/study.schema.json").read_text(encoding="utf-8") == schema_text()


@pytest.mark.parametrize(
    ("change", "value", "key", "message"),
    [
        ("distil", {}, "distil", "unknown key"),
        ("Seeds", [0], "Seeds", "unknown key"),
        ("tasks.snippets.split", {}, "tasks.snippets.split", "unknown key"),
        ("teacher.training.0.epoch", 3, "teacher.training.0.epoch", "unknown key"),
        ("distill.minilmv2.phases.0.learning_rate", 0, "distill.minilmv2.phases.0.learning_rate", "greater than 0; found '0'"),
        ("seeds", [], "seeds", "at least 1 item"),
        ("seeds", [0, 1, 0], "study", "seeds: [0] stand twice"),
        ("seeds", [-1], "seeds.0", "greater than or equal to 0"),
        ("runtimes", ["torch", "torch"], "study", "runtimes: ['torch'] stand twice"),
        ("runtimes", ["openvino"], "runtimes.0", "found 'openvino'"),
        ("cells", {}, "cells", "at least 1 item"),
        ("cells.KD", "teacher", r"cells(\.KD)?", "'KD' does not match ^[a-z]"),
        ("cells.kd", "teacher/tune-x", "study", "cells.kd: chain 'teacher/tune-x': unknown stage 'tune'"),
        ("cells.kd", "teacher/distill-x", "study", "cells.kd: chain 'teacher/distill-x' names the unknown distill variant 'x'; known: minilmv2"),
        ("cells.kd", "teacher/quantize-int8_dynamic_ort/prune-heads25", "study", "cells.kd: chain 'teacher/quantize-int8_dynamic_ort/prune-heads25'"),
        ("tables.stagewise.torch", ["teacher", "x"], "study", "tables.stagewise.torch: 'x' is not a cell"),
        ("tables.stagewise.torch", ["teacher", "edgemin"], "study", "tables.stagewise.torch: cell 'edgemin' is not measured in torch"),
        ("tables.stagewise.torch", ["kd"], "study", "tables.stagewise.torch: lists no cell with the chain 'teacher'"),
        ("tables.stagewise.openvino", ["kd"], "tables.stagewise.openvino", "found 'openvino'"),
        ("tasks.snippets.source.hub", {**HUB, "files": {"train": "a.csv"}}, "tasks.snippets.source", "names hub and files; give exactly one"),
        ("tasks.snippets.source", {"hub": {**HUB, "files": {"test": "a.csv"}}}, "tasks.snippets.source.hub", "train"),
        ("teacher.source", {}, "teacher.source", "names no source"),
        ("teacher.source", {"hub": {**HUB, "revision": "main"}}, "teacher.source.hub.revision", "'main' does not match"),
        ("teacher.source", {"path": "a{b}"}, "teacher.source.path", "'a{b}' has '{' in it"),
        ("teacher.source", {"pip": {"packages": [PIP], "part_pattern": "("}}, "teacher.source.pip.part_pattern", "'(' is no regular expression"),
        ("tasks.snippets.source", {"hub": {**HUB, "files": {"train": "../a.csv"}}}, "tasks.snippets.source.hub.files.train", "is no path inside the repository"),
        ("tasks.snippets.source", {"hub": {**HUB, "files": {"train": "/a.csv"}}}, "tasks.snippets.source.hub.files.train", "is no path inside the repository"),
        ("tasks.snippets.splits.seed", -1, "tasks.snippets.splits.seed", "greater than or equal to 0"),
        ("latency.seconds", float("inf"), "latency.seconds", "finite number"),
        ("latency.calls", "4294967296", "latency.calls", "beyond 2^31"),
        ("cells.kd", "teacher" + 17 * "/distill-minilmv2", "study", "cells.kd: chain has 17 links; make it 16 at most"),
        ("teacher.source", {"pip": {"packages": [{**PIP, "sha256": "abc"}]}}, "teacher.source.pip.packages.0.sha256", "'abc' does not match"),
        ("teacher.source.random.heads", 5, "teacher.source.random", "hidden_size 32 is not a multiple of heads 5"),
        ("teacher.training", "none", "study", "teacher.training: none, but a random source is not fine-tuned"),
        ("tasks.snippets.metric", "pearson", "tasks.snippets", "label_names given for the regression metric 'pearson'"),
        ("tasks.snippets.label_names", ["a", "a"], "tasks.snippets", "label_names: a name stands twice"),
        ("tasks.snippets.text", ["a", "b", "c"], "tasks.snippets.text", "at most 2 items"),
        (f"{STUDENT}.layers", [3, 1], f"{STUDENT}.layers", "[3, 1] must rise without repeats"),
        (f"{STUDENT}.layers", [1, 1], f"{STUDENT}.layers", "[1, 1] must rise without repeats"),
        (f"{TERM}.0.objective", "cosine", f"{TERM}.0", "'cosine'"),
        (f"{STUDENT}", {"source": {"path": "m"}, "layers": [2, 0]}, f"{STUDENT}.layers", "[2, 0] must rise without repeats"),
        (f"{TERM}.0.weight", 0, f"{TERM}.0.weight", "greater than 0"),
        (f"{TERM}.0", {"objective": "tinybert"}, f"{TERM}.0.layers", "missing"),
        (f"{TERM}.0", {"objective": "tinybert", "layers": 2, "embeddings": 0, "hidden": 0, "attention": 0}, f"{TERM}.0", "embeddings, hidden and attention are all 0"),
        (f"{TERM}.0", {"objective": "preference", "between": "tokens"}, f"{TERM}.0.between", "found 'tokens'"),
        ("distill.minilmv2.phases.0.dropout", 1, "distill.minilmv2.phases.0.dropout", "less than 1"),
        ("distill.minilmv2.transfer", "wide", "study", "distill.minilmv2.transfer: 'wide' is unknown; known: none, add it under transfer"),
        ("prune.heads25.transfer", "wide", "study", "prune.heads25.transfer: 'wide' is unknown; known: none, add it under transfer"),
        ("prune.heads25", {"ratio": 0.25, "transfer": "wide"}, "prune.heads25", "transfer: says what the recovery trains on, but there are no recovery phases"),
        ("transfer", {"test": PAIRS}, "study", "transfer.test: is the name of a split; choose another"),
        ("transfer", {"wide": {}}, "transfer.wide", "adds nothing to the training rows; give unlabelled, dead_zone or augment"),
        ("transfer", {"wide": {"rows": 9}}, "transfer.wide", "adds nothing to the training rows"),
        ("transfer", {"wide": {"augment": {}}}, "transfer.wide", "augment: say with rows how large the set is to become"),
        ("transfer", {"wide": {"augment": {"mask": 0.6, "replace": 0.5}, "rows": 9}}, "transfer.wide.augment", "mask 0.6 and replace 0.5 are chances of one word; make their sum 1 at most"),
        ("transfer", {"wide": {"augment": {"ngram": 1.5}, "rows": 9}}, "transfer.wide.augment.ngram", "less than or equal to 1"),
        ("transfer", {"wide": ZONE}, "study", "transfer.wide.dead_zone: task snippets has no rating with a dead zone; drop the key"),
        ("transfer", {"wide": PAIRS}, "study", "transfer.wide.unlabelled.1.text: 2 text columns, but task snippets has 1"),
        ("tasks.snippets.out_of_domain", {"tweets": ELSEWHERE}, "tasks.snippets", "out_of_domain.tweets.text: give as many columns as the task has (1)"),
        ("tables.distillation", {"kd": ["x"]}, "study", "tables.distillation.kd: 'x' is not a cell; known: teacher, kd, kd_prune"),
        ("tables.distillation", {"x": ["kd"]}, "study", "tables.distillation.x: 'x' is not a cell"),
        ("tables.distillation", {"kd": ["kd_prune"]}, "study", "tables.distillation.kd: the chain of cell 'kd_prune' does not end in a distill stage"),
        ("tables.distillation", {"teacher": ["kd"]}, "study", "tables.distillation.teacher: the chain of cell 'teacher' does not end in a distill stage"),
        ("tables.distillation", {"kd": []}, "tables.distillation.kd", "at least 1 item"),
        ("prune.heads25.ratio", 1, "prune.heads25.ratio", "less than 1"),
        ("prune.heads25.ratio", -0.1, "prune.heads25.ratio", "greater than or equal to 0"),
        ("prune.heads25", {"ratio": 0}, "prune.heads25", "ratio: 0 cuts nothing and there are no recovery phases"),
        ("prune.heads25", {"structure": "neurons", "ratio": 0.5}, "prune.heads25", "structure is not one of heads, ffn, layers, weights, vocabulary, width"),
        ("prune.heads25", {"structure": ["ffn"], "ratio": 0.5}, "prune.heads25", "structure is not one of heads, ffn, layers, weights, vocabulary, width"),
        ("prune.heads25", "heads", "prune.heads25", "found 'heads'"),
        ("prune.heads25", {"structure": "ffn"}, "prune.heads25.ratio", "missing"),
        ("prune.heads25", {"structure": "layers", "drop": 1, "ratio": 0.5}, "prune.heads25.ratio", "unknown key"),
        ("prune.heads25.criterion", "michl", "prune.heads25.criterion", "found 'michl'"),
        ("prune.heads25", {"ratio": 0.25, "teacher": "parent"}, "prune.heads25", "there are no recovery phases"),
        ("quantize.int8_dynamic_torch.embeddings", True, "quantize.int8_dynamic_torch", "embeddings: torch.ao"),
        ("latency.blocks", 3, "latency.blocks", "greater than or equal to 4"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_file_and_key(changed, change, value, key, message):
    with pytest.raises(EdgeminError) as error:
        parse_study(changed({change: value}), file="my.yaml")
    lines = str(error.value).splitlines()
    assert any(re.match(f"my.yaml: {key}: ", line) and message in line for line in lines), lines


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"label": RATING, "metric": "spearman", "label_names": None}, "sign_of makes classes"),
        ({"label": RATING, "label_names": ["a", "b", "c"]}, "sign_of makes two classes"),
    ],
)
def test_a_rating_makes_two_classes(changed, task, message):
    study = changed()
    study["tasks"]["snippets"].update(task)
    with pytest.raises(EdgeminError, match=f"^study: tasks.snippets: label: {message}"):
        parse_study(study)


def test_a_missing_key_is_named(changed):
    study = changed()
    del study["teacher"]
    with pytest.raises(EdgeminError, match=r"^study: teacher: missing; add this key$"):
        parse_study(study)


def test_every_problem_has_a_line(changed):
    with pytest.raises(EdgeminError) as error:
        parse_study(changed({"seeds": [], "precision": "fp8", "cells.kd": {"chain": 3}}))
    assert [line.split(": ")[1] for line in str(error.value).splitlines()] == ["cells.kd.chain", "seeds", "precision"]


def test_cells_share_prefixes(changed):
    study = parse_study(changed())
    stem = "teacher/distill-minilmv2"
    assert list(map(str, study.chains())) == [
        "teacher",
        stem,
        f"{stem}/prune-heads25",
        f"{stem}/prune-heads25/quantize-int8_dynamic_ort",
        f"{stem}/prune-heads25/quantize-int8_dynamic_torch",
    ]
    assert study.runtimes_of(Chain.parse(stem)) == ["onnxruntime", "torch"]
    assert study.runtimes_of(study.chain("edgemin_torch")) == ["torch"]


def test_without_tables_every_cell_stands_in_the_runtimes_that_it_is_measured_in(changed):
    study = parse_study(changed({"tables": {}}))
    assert study.table("stagewise") == {
        "onnxruntime": ["teacher", "kd", "kd_prune", "edgemin"],
        "torch": ["teacher", "kd", "kd_prune", "edgemin_torch"],
    }
    assert study.table("subsets") == {}
    assert study.default_cells() == ["teacher", "kd", "kd_prune", "edgemin", "edgemin_torch"]


def test_cells_of_an_optional_table_alone_are_not_built_by_default(changed):
    tables = {"stagewise": {"torch": ["teacher", "kd"]}, "subsets": {"torch": ["teacher", "kd_prune"]}}
    study = parse_study(changed({"tables": tables}))
    assert study.default_cells() == ["teacher", "kd", "edgemin", "edgemin_torch"]
    with pytest.raises(EdgeminError, match=r"tables.subsets.torch: lists no cell with the chain 'teacher'"):
        parse_study(changed({"tables": {"subsets": {"torch": ["kd"]}}}))


def test_cells_of_the_distillation_table_alone_are_not_built_by_default(changed):
    """`extra` and its control `more` stand nowhere else; `kd` is a row of the stage-wise table too."""
    cells = {"cells.extra": "teacher/distill-minilmv2/distill-minilmv2", "cells.more": "teacher/prune-heads25/distill-minilmv2"}
    tables = {"stagewise": {"torch": ["teacher", "kd"]}, "distillation": {"more": ["kd", "extra"]}}
    study = parse_study(changed({**cells, "tables": tables}))
    assert study.default_cells() == ["teacher", "kd", "kd_prune", "edgemin", "edgemin_torch"]
    without = parse_study(changed({**cells, "tables": {"stagewise": tables["stagewise"]}}))
    assert without.default_cells() == [*study.default_cells(), "extra", "more"]


def test_a_pair_of_texts_asks_for_pairs_elsewhere(changed):
    changes = {"tasks.snippets.text": ["a", "b"], "tasks.snippets.out_of_domain": {"tweets": {"source": OTHER_FILES}}}
    study = parse_study(changed({**changes, "transfer": {"wide": PAIRS}}))
    assert study.transfer["wide"].unlabelled[1].columns == study.tasks["snippets"].text_columns == ["a", "b"]
    with pytest.raises(EdgeminError, match=r"out_of_domain.tweets.text: give as many columns as the task has \(2\)"):
        parse_study(changed({**changes, "tasks.snippets.out_of_domain": {"tweets": {"source": OTHER_FILES, "text": "a"}}}))
    with pytest.raises(EdgeminError, match=r"transfer.wide.unlabelled.0.text: 1 text columns, but task snippets has 2"):
        parse_study(changed({**changes, "transfer": {"wide": {"unlabelled": [{"source": FILES, "text": "a"}]}}}))


def test_a_test_set_of_another_domain_is_no_transfer_text(changed):
    sets = {
        "tasks.snippets.out_of_domain": {"tweets": {"source": FILES}},
        "transfer": {"wide": {"unlabelled": [{"source": FILES}]}},
    }
    with pytest.raises(EdgeminError, match=r"wide.unlabelled.0.source: is the test set out_of_domain.tweets .* name another"):
        parse_study(changed(sets))


def test_a_dead_zone_needs_a_rating():
    task = {"source": FILES, "text": "text", "label": RATING}
    study = {
        "study": "s",
        "tasks": {"rated": task, "named": {**task, "label": "label"}},
        "teacher": {"source": {"path": "m"}, "training": "none"},
        "transfer": {"wide": ZONE},
        "cells": {"teacher": "teacher"},
        "seeds": [0],
    }
    with pytest.raises(EdgeminError, match=r"^study: study: transfer.wide.dead_zone: task named has no rating with a dead zone"):
        parse_study(study)
    assert parse_study({**study, "tasks": {"rated": task}}).transfer["wide"].dead_zone


@pytest.mark.parametrize(
    ("terms", "needs"),
    [
        ([{"objective": "labels"}], []),
        ([{"objective": "logits"}, {"objective": "labels"}], ["logits"]),
        ([{"objective": "preference"}], ["logits"]),
        ([{"objective": "minilmv2", "teacher_layer": 2}, {"objective": "minilmv2"}], ["qkv_2", "qkv_last"]),
        ([{"objective": "minilmv2"}, {"objective": "logits"}], ["qkv_last"]),  # which holds the logits as well
        ([{"objective": "minilm"}], ["qkv_last", "scores_last"]),
        ([{"objective": "distilbert"}], ["hidden_last"]),
        ([{"objective": "feature_relation"}], ["hidden_last", "qkv_last"]),
        ([{"objective": "cofi_layers"}], ["hidden_map4"]),
        ([{"objective": "cofi_layers", "layers": 2}, {"objective": "tinybert", "layers": 2}], ["hidden_map2", "scores_map2"]),
        ([{"objective": "tinybert", "layers": 6, "attention": 0}], ["hidden_map6"]),
        ([{"objective": "tinybert", "layers": 6, "embeddings": 0}], ["hidden_map6", "scores_map6"]),
        ([{"objective": "tinybert", "layers": 6, "embeddings": 0, "hidden": 0}], ["scores_map6"]),
    ],
)
@pytest.mark.parametrize("phases", [1, 2])
def test_needs_are_what_the_terms_read(terms, needs, phases):
    split = [{"terms": terms}] if phases == 1 else [{"terms": [term]} for term in terms]
    variant = Distill.model_validate({"student": "parent", "phases": split})
    assert needs_of(variant.phases) == needs


@pytest.mark.parametrize(
    ("objective", "predicts"),
    [
        ("labels", True),
        ("logits", True),
        ("distilbert", True),
        ("tinybert", False),
        ("minilm", False),
        ("minilmv2", False),
        ("feature_relation", False),
        ("preference", True),
        ("cofi_layers", False),
    ],
)
def test_a_term_says_whether_it_trains_the_predictions(objective, predicts):
    """If so, validation chooses among the epochs."""
    term = {"objective": objective, **({"layers": 2} if objective == "tinybert" else {})}
    [phase] = Distill.model_validate({"student": "parent", "phases": [{"terms": [term]}]}).phases
    assert phase.terms[0].predicts == predicts


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
