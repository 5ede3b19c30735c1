"""Bundles of cascades: what they hold, who answers, and the same numbers as scikit-learn's and the table's."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pages import study_of

from edgemin.core.files import read_json, sha256, write_json
from edgemin.data import store
from edgemin.data.tokens import Tokens
from edgemin.deploy.cascade import opened
from edgemin.deploy.cascade import round as cascade_round
from edgemin.deploy.cascade.bundle import bundle_cascade
from edgemin.deploy.cascade.model import Model
from edgemin.deploy.cascade.opened import labelling
from edgemin.measure import baseline, quality
from edgemin.measure import host as hosts
from edgemin.measure.host import host
from edgemin.methods.baselines.tfidf import Tfidf
from edgemin.methods.baselines.tfidf.fit import features, fitted_vectorizer, linear
from edgemin.methods.floor import Rows, fit_folder
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.stage import quantize
from edgemin.plan.cascade_files import bundle_files
from edgemin.plan.jobs import Jobs
from edgemin.plan.plan import Plan
from edgemin.report.cascades.chosen import Selection
from edgemin.report.cascades.confidence import confidence
from edgemin.report.cascades.thresholds import Chosen, route
from edgemin.study import registry
from edgemin.study.base import spec_of
from edgemin.study.measuring import Latency
from edgemin.study.read import parse_study
from edgemin.study.runtime import open_model

MS = {"words": 0.1, "tiny": 10.0}
WORDS = {"baseline": "tfidf", "min_rows": 1, "inverse_strengths": [1.0]}
GRAPH, TOKENIZER = "tiny.onnx", "tiny.tokenizer.json"
FILES = {
    "words": {"program": "words.answer.py", "terms": "words.terms.json", "numbers": "words.numbers.safetensors"},
    "tiny": {"graph": GRAPH, "tokenizer": TOKENIZER},
}


def module(folder: Path) -> Any:
    loaded = importlib.util.spec_from_file_location("predict_of_a_cascade", folder / "predict.py")
    found = importlib.util.module_from_spec(loaded)
    loaded.loader.exec_module(found)
    return found


def measure(folder: Path, cell: str, table: pd.DataFrame) -> None:
    folder.mkdir(parents=True)
    table.to_parquet(folder / "predictions.parquet")
    write_json(folder / "quality.json", {})
    write_json(folder / "size.json", {"bytes": 1_000_000})
    ms = {"value": MS[cell]}
    stream = {"min_ms": MS[cell], "own_p50_ms": MS[cell], "p50_ms": ms, "p90_ms": ms, "p99_ms": ms}
    told = {"single_stream": stream, "end_to_end_p50_ms": ms, "rounds": 1, "threads": 1}
    write_json(folder / "latency.json", {**told, "host": host(1)})


@pytest.fixture(scope="module")
def specified(exported, data, tokens, tmp_path_factory) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    """The spec of a cascade of TF-IDF and a random BERT, and what each answers."""
    return cascade_of(exported, data, tokens, tmp_path_factory.mktemp("cascade"))


def cascade_of(model: Path, data: Path, tokens: Path, folder: Path) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    """model: folder of the last member."""
    splits = {split: data / f"{split}.arrow" for split in ("train", "validation", "test")}
    labels = store.label_names(data)
    fitted = {split: splits[split] for split in ("train", "validation")}
    fit_folder(fitted, labels, folder / "words", {"baseline": WORDS, "metric": "accuracy"})
    held = {split: splits[split] for split in ("validation", "test")}
    judged = {"metric": "accuracy", "batch_size": 32, "threads": 1}
    found = {"words": baseline.measure_folder(folder / "words", held, judged)[1]}
    run, kind = open_model(model, "onnxruntime", 1), registry.KINDS["classification"]
    read = {split: Tokens.read(tokens / f"{split}.arrow", model) for split in held}
    found["tiny"] = quality.measure(run, read, 1, kind, "accuracy")[1]
    rows = []
    for cell, table in found.items():
        measure(folder / "measured" / cell, cell, table)
        seed = {"seed": 3, "cell": cell, "chain": cell, "runtime": "onnxruntime", "folder": str(folder / "measured" / cell)}
        rows.append({"cell": cell, "seeds": [seed]})
    members = ["words", "tiny"]
    about = {"task": "words", "metric": "accuracy", "cascade": "fast", "members": members, "teacher": "tiny"}
    spec = {
        "study": "small",
        "seed": 3,
        "block": {**about, "max_drop": 0.5, "bound": "point", "rows": rows},
        "members": [
            {"name": "words", "folder": str(folder / "words"), "files": FILES["words"], "baseline": "tfidf"},
            {"name": "tiny", "folder": str(model), "files": FILES["tiny"], "chain": "teacher"},
        ],
        "max_length": 16,
        "batch_invariant": True,
        "sources": ["data of task words: local files of whoever ran the study"],
        "command": "snakemake --cores all results/small/deploy/fast/seed3/bundle.json",
    }
    return spec, found


@pytest.fixture(scope="module")
def made(specified, data, tmp_path_factory) -> tuple[Path, dict[str, pd.DataFrame]]:
    """Its bundle, and what each member answers."""
    spec, found = specified
    bundle = tmp_path_factory.mktemp("bundles") / "bundle"
    bundle_cascade(data, bundle, spec)
    return bundle, found


@pytest.fixture
def split_bundle(made) -> Any:
    """With the median confidence of the first member on test as its threshold, so that both answer."""
    bundle, found = made
    facts = read_json(bundle / "bundle.json")
    sure = confidence(logits(found["words"]), facts["members"][0]["temperature"])
    facts["members"][0] |= {"threshold": float(np.median(sure)), "asked": True}
    write_json(bundle / "bundle.json", facts)
    return bundle, found, facts


def logits(table: pd.DataFrame) -> np.ndarray:
    return np.stack(table.query("split == 'test'")["logits"].to_list()).astype(float)


def test_a_bundle_holds_its_files_and_their_digests(made) -> None:
    bundle, _ = made
    facts = read_json(bundle / "bundle.json")
    own = {*FILES["words"].values(), *FILES["tiny"].values()}
    assert {path.name for path in bundle.iterdir()} == own | {"bundle.json", "predict.py", "bench.py", "README.md"}
    assert facts["sha256"] == {name: sha256(bundle / name) for name in own}
    assert [one["name"] for one in facts["members"]] == ["words", "tiny"]
    for script in ("predict.py", "words.answer.py"):
        text = (bundle / script).read_text(encoding="utf-8")
        assert "edgemin" not in text
        assert "NotImplementedError" not in text


def test_it_says_whether_integers_saturate_elsewhere(made, exported, data, tokens, tmp_path, monkeypatch) -> None:
    """Of a member in INT8 of eight bits, and not of floats. Its program says it on such a processor."""
    quantize(QuantizeInputs(exported, tmp_path / "int8", {"variant": {"backend": "onnxruntime"}}))
    both = [made[0], tmp_path / "bundle"]
    bundle_cascade(data, both[1], cascade_of(tmp_path / "int8", data, tokens, tmp_path)[0])
    facts = [read_json(bundle / "bundle.json") for bundle in both]
    assert [one["saturates"] for one in facts] == [False, True]
    assert all(one["measured_with"] == host(1)["flags"] for one in facts)
    cards = [(bundle / "README.md").read_text(encoding="utf-8") for bundle in both]
    assert ["on x86 CPUs without VNNI" in card for card in cards] == [False, True]
    program = module(both[1])
    monkeypatch.setattr(program, "_flags", lambda: ["avx2"])
    said = [program.another_cpu({**one, "measured_with": ["avx2", "avx_vnni"]}) for one in facts]
    assert not said[0]
    assert said[1].startswith("this CPU has no VNNI, and the one that measured this INT8 model has")


def test_answers_and_members_are_those_of_the_table(split_bundle, data) -> None:
    bundle, found, facts = split_bundle
    both = np.stack([logits(found["words"]), logits(found["tiny"])])
    scales = [one["temperature"] for one in facts["members"]]
    who = route(confidence(both[0], scales[0])[None], (facts["members"][0]["threshold"],))
    assert set(who) == {0, 1}, "both members answer some"
    texts = store.read_split(data, "test")["text"]
    model = module(bundle).Model(bundle)
    answers = [model.predict(text) for text in texts]
    assert [answer["answered_by"] for answer in answers] == [("words", "tiny")[member] for member in who]
    labels = facts["labels"]
    chosen = both[who, np.arange(len(who))]
    assert [labels.index(answer["label"]) for answer in answers] == chosen.argmax(-1).tolist()
    ours = np.stack([model.logits(text) for text in texts])
    assert ours == pytest.approx(chosen / np.array(scales)[who][:, None], abs=1e-5)  # float32 of another batch
    many = model.predict_of([(text, None) for text in texts])
    assert [(one["label"], one["answered_by"]) for one in many] == [(one["label"], one["answered_by"]) for one in answers]


def test_a_round_runs_what_the_bundle_runs(split_bundle, specified, exported, data, monkeypatch) -> None:
    """Of each text the same member, and the same label, from the models' own folders: nothing of them is copied. 4 blocks of 3 texts."""
    bundle, _, facts = split_bundle
    spec, _ = specified
    chosen = Selection(
        [Chosen((facts["members"][0]["threshold"],), 1.0, 0.0)], [[one["temperature"] for one in facts["members"]]]
    )
    monkeypatch.setattr(opened, "select", lambda block: chosen)
    monkeypatch.setattr(hosts, "pin", lambda threads: [0])
    linked, said = [], []
    monkeypatch.setattr(opened, "_link", lambda source, to: (linked.append(to.name), to.symlink_to(source.resolve())))
    monkeypatch.setattr(cascade_round, "labelling", lambda model: lambda row: said.append((model, row, labelling(model)(row))))
    protocol = spec_of(Latency(calls=10, minimum_calls=2, blocks=4, warmup=0, seed=5))
    asked = {**spec, "protocol": protocol, "threads": 1, "runtime": "onnxruntime"}
    told, table = cascade_round.time_round(data, exported, asked, 2)
    assert sorted(linked) == sorted(
        {GRAPH, TOKENIZER, "words.terms.json", "words.numbers.safetensors", "model.onnx", "tokenizer.json"}
    )
    texts, model = list(store.read_split(data, "test")["text"]), module(bundle).Model(bundle)
    places = np.random.default_rng(5).permutation(24)[12:].tolist()
    assert table["text"].tolist() == places, "the second half of the split, in the seeded order"
    expected = [model.predict(texts[place]) for place in places]
    assert table["answered_by"].tolist() == [one["answered_by"] for one in expected]
    assert told["answered"] == {name: table["answered_by"].tolist().count(name) / 12 for name in ("words", "tiny")}
    answers = {text: label for opened_as, (text, _), label in said if isinstance(opened_as, Model)}
    assert [answers[texts[place]] for place in places] == [one["label"] for one in expected]
    assert (told["texts"], len(told["faster_by_block"]), told["runtime"]) == (12, 4, "onnxruntime")
    assert told["faster"] == pytest.approx(table["teacher"].mean() / table["cascade"].mean())


def test_words_are_weighed_as_scikit_learn_does(split_bundle, data) -> None:
    """By its program and numbers in the bundle alone, to float32 of the weights."""
    bundle, _, facts = split_bundle
    splits = {split: store.read_split(data, split) for split in ("train", "validation", "test")}
    rows = Rows(splits, registry.KINDS["classification"], 2)
    settings = Tfidf.model_validate(WORDS)
    vectorizer = fitted_vectorizer(settings, rows)
    theirs = linear(rows, 1.0).fit(features(vectorizer, rows, "train"), rows.labels("train"))
    expected = theirs.decision_function(features(vectorizer, rows, "test"))
    predict = module(bundle)
    answer = predict.open_baseline(bundle, facts["members"][0])
    texts = [(text, None) for text in splits["test"]["text"]]
    ours, cut = answer(texts, [{} for _ in texts])
    assert ours[:, 1] - ours[:, 0] == pytest.approx(expected, abs=1e-6)
    assert not any(cut)


def test_baselines_alone_make_a_bundle(specified, data, tmp_path) -> None:
    """Whose versions and machine are those of the last one. Both members are the same, so whoever answers, it is what the table has."""
    spec, found = specified
    words, tiny = spec["block"]["rows"]
    files = {part: name.replace("words", "again") for part, name in FILES["words"].items()}
    members = [spec["members"][0], {**spec["members"][0], "name": "again", "files": files}]
    block = {**spec["block"], "members": ["words", "again"], "rows": [words, {**words, "cell": "again"}, tiny]}
    bundle_cascade(data, tmp_path / "bundle", {**spec, "block": block, "members": members})
    facts = read_json(tmp_path / "bundle/bundle.json")
    assert facts["versions"] == read_json(Path(members[1]["folder"], "provenance.json"))["versions"]
    model = module(tmp_path / "bundle").Model(tmp_path / "bundle")
    answers = [model.predict(text)["label"] for text in store.read_split(data, "test")["text"]]
    assert [facts["labels"].index(one) for one in answers] == logits(found["words"]).argmax(-1).tolist()
    assert "`words`" in (tmp_path / "bundle/README.md").read_text(encoding="utf-8")


def test_it_is_measured_on_texts_and_beside_another_bundle(split_bundle, tmp_path) -> None:
    bundle, *_ = split_bundle
    run = [sys.executable, "-I", bundle / "bench.py", "--calls", "6", "--out", tmp_path / "bench.json"]
    refused = subprocess.run(run, capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stderr) == (
        1,
        "error: how fast a cascade is depends on its texts: give some with --file, one a line\n",
    )
    (tmp_path / "texts.txt").write_text("the film is good\nbad\na plot was really dull\n", encoding="utf-8")
    told = ["--file", tmp_path / "texts.txt", "--against"]
    ran = subprocess.run([*run, *told, bundle], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    found = read_json(tmp_path / "bench.json")
    assert found["p50_ms"] <= found["p90_ms"] <= found["p99_ms"]
    assert set(found["answered"]) == {"words", "tiny"}
    assert sum(found["answered"].values()) == pytest.approx(1, abs=1e-5)
    assert found["faster"] == pytest.approx(found["against"]["mean_ms"] / found["mean_ms"], rel=1e-2)
    refused = subprocess.run([*run, *told, tmp_path], capture_output=True, text=True, check=False)
    assert refused.stderr == f"error: --against: {tmp_path} is no bundle; name the folder of one\n"


def test_its_command_says_who_answers(split_bundle) -> None:
    bundle, *_ = split_bundle
    ran = subprocess.run([sys.executable, "-I", bundle / "predict.py", "good"], capture_output=True, check=True)
    assert set(json.loads(ran.stdout)) == {"label", "probabilities", "answered_by"}


def test_the_plan_names_its_files(tmp_path) -> None:
    """Members that share a tokenizer have one copy. Any seed's bundle reads what is measured of all members, and of other seeds their times."""
    study = study_of(
        question="",
        runtimes=["onnxruntime"],
        baselines={"tfidf": {}},
        cascades={"fast": ["tfidf", "kd", "teacher"]},
        deploy=["fast"],
        seeds=[0, 1],
    )
    plan = Plan(parse_study(study))
    names = bundle_files(plan, "fast")
    assert [name for name in names if name.endswith("tokenizer.json")] == ["kd.tokenizer.json"]
    jobs = Jobs(plan)
    files = jobs.make_bundle.files()
    assert len(files) == 2 * len(names)
    assert {Path(file).parent.name for file in files} == {"seed0", "seed1"}
    assert [job.rule for job in jobs.cascades.values()] == ["bundle_cascade_fast"]
