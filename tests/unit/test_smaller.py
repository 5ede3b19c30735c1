"""A study made small: what is kept, what becomes of rows and models."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from edgemin.cli import smoke
from edgemin.cli.main import main
from edgemin.cli.smaller import numbers
from edgemin.cli.smaller.cells import GONE, reduced
from edgemin.cli.smaller.study import Small, write_small
from edgemin.cli.smaller.texts import Rows, _labels, sizes
from edgemin.core.errors import EdgeminError
from edgemin.data.splits import prepare
from edgemin.plan import checks
from edgemin.plan.plan import Plan
from edgemin.study import registry
from edgemin.study.read import parse_study, read_study
from edgemin.study.study import Study
from edgemin.study.task import Task

ROOT = Path(__file__).parents[2]
CONFIGS = sorted(path.name for path in (ROOT / "config").glob("*.yaml"))


@pytest.fixture(scope="module")
def smalls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Study, Small]]:
    """Study file -> the study and its small copy; written in a folder of their own, which is not left."""
    folder, made = tmp_path_factory.mktemp("smalls"), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        (folder / "tests").symlink_to(ROOT / "tests")
        for name in CONFIGS:
            study = read_study(str(ROOT / "config" / name))
            made[name] = study, write_small(study, name)
            checks.check_machine(Plan(made[name][1].study))
    return made


def _values(value: Any, name: str) -> list[Any]:
    """Of a key, wherever it is."""
    if isinstance(value, dict):
        found = [one for key, part in value.items() if key != name for one in _values(part, name)]
        return found + ([value[name]] if name in value else [])
    return [one for part in value for one in _values(part, name)] if isinstance(value, list) else []


@pytest.mark.parametrize("name", CONFIGS)
def test_every_thing_of_a_study_has_a_cell(smalls: dict, name: str) -> None:
    study, small = smalls[name]
    alike = numbers.alike(study)
    things = [{alike[link] for cell in one.cells for link in study.chain(cell).links} for one in (study, small.study)]
    assert things[0] == things[1]
    assert set(small.study.cells) | set(small.left_out) == set(study.cells)
    assert {cell: told.chain for cell, told in small.study.cells.items()}.items() <= {
        c: t.chain for c, t in study.cells.items()
    }.items()


@pytest.mark.parametrize("name", CONFIGS)
def test_every_table_and_whatever_else_a_study_says_is_kept(smalls: dict, name: str) -> None:
    study, small = smalls[name]
    listed = [{one for one, table in registry.TABLES.all().items() if table.declared(each)} for each in (study, small.study)]
    assert listed[0] == listed[1]
    assert (small.study.teacher_cache, small.study.baselines) == (study.teacher_cache, study.baselines)
    for key in ("sensitivity", "layer_sensitivity", "recommend"):
        assert (getattr(study, key) is None) == (getattr(small.study, key) is None)
    assert small.study.page == study.page
    assert bool(small.study.deploy) == bool(study.deploy)


@pytest.mark.parametrize("name", CONFIGS)
def test_it_is_short_and_needs_no_network(smalls: dict, name: str) -> None:
    _, small = smalls[name]
    told = small.study.model_dump(mode="json")
    assert set(_values(told, "epochs")) == {1}
    assert max(_values(told, "batch_size")) <= 16
    assert small.study.latency.calls == 30
    assert len(small.study.seeds) == 1
    assert Plan(small.study).pins == {}
    assert all(source.path for source in Plan(small.study).encoders.values())


def test_variants_that_differ_in_a_fraction_alone_are_one(smalls: dict) -> None:
    study, small = smalls["study.yaml"]
    alike = {str(link): what for link, what in numbers.alike(study).items()}
    assert alike["distill-minilmv2"] == alike["distill-minilmv2_fast"]  # another rate
    assert alike["prune-cofi60"] == alike["prune-cofi95"]  # another sparsity
    assert alike["prune-heads25"] != alike["prune-uncut"]  # nothing is cut
    assert alike["prune-heads50_michel"] != alike["prune-heads50_magnitude"]
    assert alike["distill-logits_wide"] == alike["distill-logits_widest"]  # the same texts, more of them
    assert alike["distill-logits_wide"] != alike["distill-logits_long"]
    assert {"cofi60", "cofi95"} & set(small.study.prune) == {"cofi60"}


def test_models_are_of_their_families_and_as_deep_as_chains_need(smalls: dict, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The default study compares 6 layers of a student with those of the teacher: 12 is the first number that fits its other terms too."""
    folder = tmp_path_factory.getbasetemp() / "smalls0"
    for kind, family, layers in (("teacher", "mpnet", 12), ("student", "bert", 6)):
        (model,) = (folder / "results/smoke_of_movies/inputs/models").glob(f"{kind}-*")
        config = json.loads((model / "config.json").read_text())
        assert (config["model_type"], config["num_hidden_layers"]) == (family, layers)


def test_written_again_nothing_is_touched(
    smalls: dict, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file with a new time would run its jobs again."""
    folder = tmp_path_factory.getbasetemp() / "smalls0"
    monkeypatch.chdir(folder)
    before = {file: file.stat().st_mtime_ns for file in (folder / "results/smoke_of_smoke").rglob("*") if file.is_file()}
    assert len(before) >= 6
    write_small(smalls["smoke.yaml"][0], "smoke.yaml")
    assert {file: file.stat().st_mtime_ns for file in (folder / "results/smoke_of_smoke").rglob("*") if file.is_file()} == before
    text = (folder / "results/smoke_of_smoke/smoke.yaml").read_text(encoding="utf-8")
    assert text.startswith("# smoke.yaml, made small by")
    assert "\ncells:\n  teacher: teacher\n  kd: teacher/distill-minilmv2\n" in text
    assert parse_study(yaml.safe_load(text)) == smalls["smoke.yaml"][1].study


def task(**changes: Any) -> Task:
    """Of a hub's data set that is not here."""
    files = {"train": "a.parquet", "test": "b.parquet"}
    source = {"hub": {"repo": "a/b", "revision": "0" * 40, "files": files}}
    return Task.model_validate({"source": source, "text": "text", "label": "label", **changes})


def prepared(folder: Path, one: Task) -> Any:
    """The task's data as a job would prepare them, of made-up rows."""
    wanted = sizes(len(one.label_names or ()))
    splits = {"validation": wanted["validation"], "test": wanted["test"]}
    source = Rows(folder).of_task("made", one)
    return prepare(Task.model_validate({**one.model_dump(exclude_unset=True), "source": source, "splits": splits}))


def test_rows_of_a_regression_on_pairs_are_made_up(tmp_path: Path) -> None:
    found = prepared(tmp_path, task(text=["left", "right"], label="score", metric="spearman"))
    assert found.report["rows"]["test"] == 24
    labels = found.splits["train"]["label"]
    assert all(0 <= label <= 5 for label in labels)
    assert len(set(labels)) > 50


def test_rows_of_many_classes_have_each_of_them(tmp_path: Path) -> None:
    names = [f"class, {number}" for number in range(77)]
    found = prepared(tmp_path, task(label_names=names))
    assert found.label_names == names
    assert found.report["rows"] == {"train": 4 * 77, "validation": 77, "test": 77}
    assert {split: set(counts.values()) for split, counts in found.report["classes"].items()} == {
        "train": {4},
        "validation": {1},
        "test": {1},
    }


def test_rows_of_a_rating_have_both_signs_and_a_dead_zone(tmp_path: Path) -> None:
    found = prepared(tmp_path, task(label={"sign_of": "rating", "dead_zone": 0.5}))
    assert found.report["in_dead_zone"] > 0
    assert found.label_names == ["negative", "positive"]


def test_of_a_local_file_some_rows_are_taken(tmp_path: Path) -> None:
    """A rare class too, and no column is lost."""
    rows = [
        {"text": f"text number {number}", "label": "rare" if number % 100 == 0 else "common", "id": number}
        for number in range(1000)
    ]
    (tmp_path / "all.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    one = task(source={"files": {"train": str(tmp_path / "all.jsonl")}})
    made = Rows(tmp_path / "made").of_task("made", one)
    taken = [json.loads(line) for line in Path(made["files"]["train"]).read_text().splitlines()]
    assert Counter(row["label"] for row in taken) == {"rare": 10, "common": 126}  # 96 + 16 + 24 in all
    assert all(row in rows for row in taken)


def test_a_local_file_of_a_header_alone_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("text,label\n", encoding="utf-8")
    one = Task.model_validate({"source": {"files": {"train": str(file)}}, "text": "text", "label": "label", "metric": "accuracy"})
    with pytest.raises(EdgeminError, match=re.escape(f"{file}: no rows; add some")):
        Rows(tmp_path / "made").of_task("own", one)


def test_labels_of_a_kind_of_ones_own_cannot_be_made_up() -> None:
    tagged: Any = SimpleNamespace(label="tags", label_names=None, asks=SimpleNamespace(name="tagging", classes=False))
    with pytest.raises(EdgeminError, match=r"tasks\.mine: labels of a tagging cannot be made up; put some dozen rows"):
        _labels("mine", tagged, {})


def test_settings_lose_cells_that_are_not_kept() -> None:
    every, kept = {"a", "b", "c"}, {"a", "b"}
    assert reduced({"a": ["b", "c"], "c": ["a"], "b": ["c"]}, kept, every) == {"a": ["b"]}
    assert reduced({"onnxruntime": ["a", "c"]}, kept, every) == {"onnxruntime": ["a"]}
    assert reduced(["c"], kept, every) is GONE
    assert reduced("text of no cell", kept, every) == "text of no cell"


def test_what_fits_no_number_of_layers_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study = yaml.safe_load((ROOT / "config/smoke.yaml").read_text(encoding="utf-8"))
    study["tasks"]["snippets"]["source"]["files"]["train"] = str(ROOT / "tests/data/snippets.csv")
    study["tasks"]["snippets"].pop("out_of_domain")
    study["distill"]["minilmv2"]["student"]["layers"] = [1, 99]
    with pytest.raises(EdgeminError, match=r"smoke\.yaml: with .* layers: .*layer 99 does not exist"):
        write_small(parse_study(study), "x.yaml")
    assert not (tmp_path / "results/smoke_of_smoke/smoke.yaml").exists()


def test_its_last_lines_say_what_was_covered(smalls: dict, tmp_path: Path) -> None:
    """Each variant of the small study by its name; jobs by logs that were written since, but for Snakemake's own."""
    said = list(smoke.variants(smalls["smoke.yaml"][1].study))
    assert said[0] == "distill       4: minilmv2, labels, static, everything"
    assert said[-1] == "runtimes      2: onnxruntime, torch"
    logs = tmp_path / "logs"
    (logs / "data").mkdir(parents=True)
    for name in ("data/old.log", "data/new.log", "report.log", "study.log"):
        (logs / name).touch()
    os.utime(logs / "data/old.log", (1000, 1000))
    assert smoke.jobs_since(2000, tmp_path) == 2


def test_it_runs_from_any_folder_and_makes_every_cell_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no Snakefile, that of the clone is named. The tables of `controls` read neither the teacher nor a size: cells are targets too."""
    asked: list[list[str]] = []
    monkeypatch.setattr(smoke, "snakemake", lambda arguments, shared: asked.append([*arguments, str(shared)]) or 0)
    monkeypatch.chdir(tmp_path)
    file = str(ROOT / "config/controls.yaml")
    assert main(["smoke", file, "-n", "--cores", "2"]) == 0
    small = "results/smoke_of_controls/smoke.yaml"
    cells = [f"cell_{cell}" for cell in read_study(small).cells]
    assert "cell_teacher" in cells
    made = ["--configfile", small, "--keep-going", "-n", "--", "everything", *cells, "False"]
    assert asked == [["--cores", "2", "--snakefile", str(ROOT / "Snakefile"), *made]]
    (tmp_path / "Snakefile").touch()
    assert main(["smoke", file, "-n", "--cores", "2"]) == 0
    assert asked[1] == ["--cores", "2", *made]
