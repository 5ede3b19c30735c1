"""Mistakes in a study: each is told with the file and the key."""

from __future__ import annotations

import re

import pytest

from edgemin.core.errors import EdgeminError
from edgemin.study.read import parse_study

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


@pytest.mark.parametrize(
    ("change", "value", "key", "message"),
    [
        ("distil", {}, "distil", "unknown key"),
        ("Seeds", [0], "Seeds", "unknown key"),
        ("tasks.snippets.split", {}, "tasks.snippets.split", "unknown key"),
        ("teacher.training.0.epoch", 3, "teacher.training.0.epoch", "unknown key"),
        ("distill.minilmv2.phases.0.learning_rate", 0, "distill.minilmv2.phases.0.learning_rate", "greater than 0; found '0'"),
        ("seeds", [], "seeds", "at least 1 item"),
        ("study", "downloads", "study", "study: results/downloads is the folder of what is fetched; give another name"),
        ("seeds", [0, 1, 0], "study", "seeds: [0] stand twice"),
        ("seeds", [-1], "seeds.0", "greater than or equal to 0"),
        ("runtimes", ["torch", "torch"], "study", "runtimes: ['torch'] stand twice"),
        ("runtimes", ["tensorrt"], "runtimes.0", "found 'tensorrt'"),
        ("cells", {}, "cells", "at least 1 item"),
        ("baselines", {"forest": {}}, "baselines.forest", "baseline is not one of majority, tfidf"),
        ("baselines", {"kd": {"baseline": "tfidf"}}, "study", "baselines.kd: is the name of a cell too; rename one"),
        ("baselines", {"tfidf": {"words": 0}}, "baselines.tfidf.words", "greater than or equal to 1"),
        ("cells.KD", "teacher", r"cells(\.KD)?", "'KD' does not match ^[a-z]"),
        ("cells.kd", "teacher/tune-x", "study", "cells.kd: chain 'teacher/tune-x': unknown stage 'tune'"),
        ("cells.kd", "teacher/distill-x", "study", "cells.kd: chain 'teacher/distill-x' names the unknown distill variant 'x'; known: minilmv2"),
        ("prune.x", {"ratio": 0.5, "criterion": "random", "iterations": 2}, "prune.x", "random draws the same numbers in each step"),
        ("cells.kd", "teacher/quantize-int8_dynamic_ort/prune-heads25", "study", "cells.kd: chain 'teacher/quantize-int8_dynamic_ort/prune-heads25'"),
        ("tables.stagewise.torch", ["teacher", "x"], "study", "tables.stagewise.torch: 'x' is not a cell"),
        ("tables.stagewise.torch", ["teacher", "edgemin"], "study", "tables.stagewise.torch: cell 'edgemin' is not measured in torch"),
        ("tables.stagewise.torch", ["kd"], "study", "tables.stagewise.torch: lists no cell with the chain 'teacher'"),
        ("tables.stagewise.tensorrt", ["kd"], "tables.stagewise.tensorrt", "found 'tensorrt'"),
        ("tables.stagewise.openvino", ["kd"], "study", "tables.stagewise.openvino: cell 'kd' is not measured in openvino"),
        ("tasks.snippets.source.hub", {**HUB, "files": {"train": "a.csv"}}, "tasks.snippets.source", "names hub and files; give exactly one"),
        ("tasks.snippets.source", {"hub": {**HUB, "files": {"test": "a.csv"}}}, "tasks.snippets.source.hub", "train"),
        ("teacher.source", {}, "teacher.source", "names no source"),
        ("teacher.source", {"hub": {**HUB, "revision": "main"}}, "teacher.source.hub.revision", "'main' does not match"),
        ("teacher.source.family", "gpt2", "teacher.source", "family: 'gpt2' is not supported; known: bert, distilbert, electra, mpnet, roberta"),
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
        ("tasks.snippets.kind", "ranking", "tasks.snippets.kind", "found 'ranking'"),
        ("tasks.snippets.kind", "regression", "tasks.snippets", "metric: 'accuracy' is none of a regression; known: pearson, spearman"),
        ("tasks.snippets.label_names", ["a", "a"], "tasks.snippets", "label_names: a name appears twice"),
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
        ("prune.heads25", {"structure": "neurons", "ratio": 0.5}, "prune.heads25", "structure is not one of budget, cofi, ffn, heads, layers, rare_pieces, vocabulary, weights, width"),
        ("prune.heads25", {"structure": ["ffn"], "ratio": 0.5}, "prune.heads25", "structure is not one of budget, cofi, ffn, heads, layers, rare_pieces, vocabulary, weights, width"),
        ("prune.heads25", "heads", "prune.heads25", "found 'heads'"),
        ("prune.heads25", {"structure": "ffn"}, "prune.heads25.ratio", "missing"),
        ("prune.heads25", {"structure": "layers", "drop": 1, "ratio": 0.5}, "prune.heads25.ratio", "unknown key"),
        ("prune.small", {"structure": "vocabulary", "teacher": "parent"}, "prune.small", "teacher: parent says whom the recovery follows, but there are no recovery phases"),
        ("prune.heads25.criterion", "michl", "prune.heads25.criterion", "found 'michl'"),
        ("prune.zeros", {"structure": "weights", "ratio": 0.5, "criterion": "michel"}, "prune.zeros.criterion", "found 'michel'"),
        ("sensitivity.ffn", ["oracle", "michl"], "sensitivity.ffn.1", "found 'michl'"),
        ("sensitivity.cell", "edgemin", "study", "sensitivity.cell: 'edgemin' is quantized; name a float one"),
        ("layer_sensitivity.cell", "x", "study", "layer_sensitivity.cell: 'x' is not a cell"),
        ("deploy", ["edgemin_torch"], "study", "deploy: cell 'edgemin_torch' is not measured in onnxruntime, which bundles run in; name another"),
        ("deploy", ["x"], "study", "deploy: 'x' is not a cell"),
        ("tables.parameters", ["x"], "study", "tables.parameters: 'x' is not a cell"),
        ("recommend", {"runtime": "openvino"}, "study", "recommend.runtime: no cell is measured in openvino"),
        ("prune.heads25", {"ratio": 0.25, "teacher": "parent"}, "prune.heads25", "there are no recovery phases"),
        ("quantize.int8_dynamic_torch.embeddings", True, "quantize.int8_dynamic_torch", "embeddings: torch.ao"),
        ("quantize.int8_dynamic_torch.skip", ["layer.0"], "quantize.int8_dynamic_torch", "skip: only for backend: onnxruntime; drop the key"),
        ("quantize.int8_dynamic_ort.scheme", "int3", "quantize.int8_dynamic_ort", "scheme is not one of bf16, few_bits, few_bits_qat, int4, int4_static, int8_compact, int8_dynamic, int8_fused, int8_nncf, int8_packed, int8_packed_qat, int8_qat, int8_static"),
        ("quantize.int4", {"scheme": "int4", "backend": "onnxruntime", "linear": 8, "embeddings": 32}, "quantize.int4", "neither linear nor embeddings has 4 bits"),
        ("quantize.nncf", {"scheme": "int8_nncf", "backend": "onnxruntime"}, "quantize.nncf.backend", "found 'onnxruntime'"),
        ("quantize.nncf", {"scheme": "int8_nncf", "sentences": 7}, "quantize.nncf.sentences", "greater than or equal to 8"),
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


@pytest.mark.parametrize(("second", "refused"), [("heads", True), ("ffn", False)])
def test_units_are_cut_at_random_once(changed, second, refused):
    """Of other units a seed draws other numbers."""
    cuts = {"a": {"ratio": 0.25, "criterion": "random"}, "b": {"structure": second, "ratio": 0.25, "criterion": "random"}}
    study = changed({"prune": {**changed()["prune"], **cuts}, "cells.twice": "teacher/prune-a/prune-b"})
    if not refused:
        assert parse_study(study).cells["twice"]
        return
    with pytest.raises(
        EdgeminError, match=r"cells\.twice: cuts heads by the criterion random twice, by the same numbers; make it one cut"
    ):
        parse_study(study)


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
