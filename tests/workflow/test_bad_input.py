"""What a user can get wrong: one line that names file, key and remedy, a non-zero exit, nothing half-written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from copies import ROOT, Copy

from edgemin.core.errors import EdgeminError
from edgemin.plan import checks
from edgemin.plan.plan import Plan
from edgemin.study.read import read_study

Change = Callable[[dict], object]


def _source(study: dict) -> dict:
    return study["tasks"]["snippets"]["source"]["files"]


# (how the study is spoilt, what the message has to name); all are found before any job runs
BAD_STUDIES: dict[str, tuple[Change, list[str]]] = {
    "unknown key": (lambda s: s.update(sedes=[1]), ["sedes", "unknown key", "config/README.md"]),
    "unknown nested key": (
        lambda s: s["distill"]["minilmv2"]["phases"][0].update(epoch=2),
        ["distill.minilmv2.phases.0.epoch", "unknown key"],
    ),
    "unknown objective": (
        lambda s: s["distill"]["minilmv2"]["phases"][0]["terms"][0].update(objective="minilmv3"),
        ["distill.minilmv2.phases.0.terms.0", "minilmv3", "minilmv2"],
    ),
    "unknown stage": (
        lambda s: s["cells"].update(kd="teacher/destill-minilmv2"),
        ["cells.kd", "destill", "distill, prune, quantize"],
    ),
    "unknown variant": (
        lambda s: s["cells"].update(kd="teacher/distill-minilm"),
        ["cells.kd", "'minilm'", "known: everything, labels, minilmv2"],
    ),
    "illegal order": (
        lambda s: s["cells"].update(kd="teacher/quantize-int8_dynamic_ort/prune-heads25"),
        ["cells.kd", "quantize-int8_dynamic_ort", "not last"],
    ),
    "no seeds": (lambda s: s.update(seeds=[]), ["seeds"]),
    "seeds missing": (lambda s: s.pop("seeds"), ["seeds", "missing"]),
    "no cells": (lambda s: s.update(cells={}), ["cells"]),
    "cell of a table": (
        lambda s: s["tables"]["stagewise"].update(torch=["teacher", "kdd"]),
        ["tables.stagewise.torch", "'kdd'", "known: teacher"],
    ),
    "two sources": (lambda s: s["teacher"]["source"].update(path="model"), ["teacher.source", "path and random"]),
    "no such file": (
        lambda s: _source(s).update(train="tests/data/none.csv"),
        ["tasks.snippets.source.files.train", "tests/data/none.csv"],
    ),
    "no such model": (lambda s: s["teacher"].update(source={"path": "nowhere"}), ["nowhere", "config.json"]),
    "ratio of one": (lambda s: s["prune"]["heads25"].update(ratio=1.0), ["prune.heads25.ratio", "less than 1"]),
    "wildcard in a path": (
        lambda s: _source(s).update(train="{x}.csv"),
        ["tasks.snippets.source.files.train", "'{x}.csv'", "rename"],
    ),
    "branch as revision": (
        lambda s: s["teacher"].update(source={"hub": {"repo": "a/b", "revision": "main"}}),
        ["teacher.source.hub.revision", "'main'"],
    ),
}


def _check(file: Path) -> None:
    """What the Snakefile asks of a study before any job, in its order."""
    plan = Plan(read_study(str(file)))
    checks.check_machine(plan)
    for task in plan.study.tasks:
        checks.check_chains(plan, task)


@pytest.mark.parametrize("name", BAD_STUDIES)
def test_a_bad_study_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the start of Snakemake, which the next test has."""
    change, expected = BAD_STUDIES[name]
    study = yaml.safe_load((ROOT / "config/smoke.yaml").read_text(encoding="utf-8"))
    change(study)
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
    monkeypatch.chdir(ROOT)
    with pytest.raises(EdgeminError) as refusal:
        _check(tmp_path / "bad.yaml")
    line = next(line for line in str(refusal.value).splitlines() if expected[0] in line)
    assert all(word in line for word in expected), line


@pytest.mark.parametrize("name", ["unknown key", "no such model"])
def test_snakemake_says_so_before_any_job(copy: Copy, name: str) -> None:
    """Of a study that cannot be read, and of one whose sources will not do: with the file's name, and nothing else."""
    change, expected = BAD_STUDIES[name]
    copy.edit(change)
    run = copy.dry()
    assert run.code != 0
    line = next(line for line in run.output.splitlines() if expected[0] in line)
    assert all(word in line for word in ["config/smoke.yaml: ", *expected]), run.output[-2000:]
    assert "Traceback" not in run.output
    assert not (copy.folder / "results").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("study: [a\nb: }\n", "not valid JSON or YAML"),
        ("study: a\n\tseeds: [0]\n", "not mix whitespace and tab"),
        ("- a\n", "keys at top level"),
        ("", "keys at top level"),
        ("study: !!python/object/apply:os.system ['touch ran']\n", "not valid JSON or YAML"),
        ("study: &a [*a]\n", "config/bad.yaml: study: Input should be a valid string"),
    ],
    ids=["brackets", "tab", "list", "empty", "code", "cycle"],
)
def test_what_is_no_study_is_refused(copy: Copy, text: str, message: str) -> None:
    (copy.folder / "config/bad.yaml").write_text(text)
    run = copy.dry(study="config/bad.yaml")
    assert run.code != 0
    assert message in run.output
    assert "Traceback" not in run.output
    assert not (copy.folder / "ran").exists()


def _rows(text: str) -> Callable[[Copy], None]:
    def write(copy: Copy) -> None:
        (copy.folder / "bad.csv").write_text(text)
        copy.edit(lambda study: _source(study).update(train="bad.csv"))

    return write


def _many(label: str, count: int) -> str:
    return "".join(f"a sentence that is number {number} of class {label},{label}\n" for number in range(count))


def _edited(change: Change) -> Callable[[Copy], None]:
    return lambda copy: str(copy.edit(change)) and None


DATA = "results/smoke/data/snippets/train.arrow"
TEACHER = "results/smoke/models/snippets/seed0/teacher/model.safetensors"
# (preparation, target, what the message has to name)
BAD_INPUTS: dict[str, tuple[Callable[[Copy], None], str, list[str]]] = {
    "missing column": (_rows("sentence,label\n" + _many("0", 40)), DATA, ["train split", "no column 'text'", "sentence, label"]),
    "empty text": (_rows("text,label\n" + _many("0", 40) + ",1\n"), DATA, ["column 'text'", "data row 41", "remove"]),
    "label out of names": (
        _rows("text,label\n" + _many("0", 40) + _many("7", 40)),
        DATA,
        ["label '7'", "label_names", "negative, positive"],
    ),
    "class absent": (_rows("text,label\n" + _many("0", 90)), DATA, ["train split", "no row of class 'positive'"]),
    "too long for the positions": (
        _edited(lambda s: s["tasks"]["snippets"].update(max_length=65)),
        TEACHER,
        ["max_length", "65", "64"],
    ),
    "layer that does not exist": (
        _edited(lambda s: s["distill"]["minilmv2"].update(student={"layers": [1, 4]})),
        TEACHER,
        ["distill.minilmv2.student.layers", "layer 4", "0 to 3"],
    ),
    "relation heads that do not divide": (
        _edited(lambda s: s["distill"]["minilmv2"]["phases"][0]["terms"][0].update(relation_heads=3)),
        TEACHER,
        ["distill.minilmv2", "relation_heads 3", "auto"],
    ),
    "no head left": (
        _edited(lambda s: s["prune"]["heads25"].update(ratio=0.9, scope="per_layer")),
        TEACHER,
        ["prune.heads25", "ratio 0.9", "lower the ratio"],
    ),
}


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_bad_input_is_refused_before_training(copy: Copy, name: str) -> None:
    prepare, target, expected = BAD_INPUTS[name]
    prepare(copy)
    run = copy.run("--", target)
    assert run.code != 0
    assert len(run.errors) == 1, run.output[-3000:]
    assert all(word in run.errors[0] for word in expected), run.errors
    assert "Traceback" not in run.output
    assert not (copy.folder / target).exists()
    assert not list(copy.folder.glob("results/**/*partial*"))
