"""What documents say of results is what is on record."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from edgemin.cli import badges, documents, on_record
from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json

ROOT = Path(__file__).resolve().parents[2]
RECORDS = ROOT / "docs/reference/choice"
CHOSEN = RECORDS / "amd-epyc-a67401"


@pytest.fixture(scope="module")
def choice(tmp_path_factory):
    return on_record.Study(ROOT / "config/choice.yaml", RECORDS, tmp_path_factory.mktemp("choice"))


def recorded(cell: str, split: str, metric: str = "accuracy") -> float:
    """Mean over the seeds on record, by their CSV files."""
    found = pd.concat(pd.read_csv(file) for file in CHOSEN.glob("seed*.csv"))
    return found.query("cell == @cell and split == @split and metric == @metric")["value"].mean()


def test_documents_say_what_is_on_record():
    """`make docs-results` would change nothing."""
    with documents.studies(ROOT) as recorded:
        found = documents.written(ROOT, recorded) | badges.badges(ROOT, len(recorded))
    stale = {name for name, text in found.items() if (ROOT / name).read_text(encoding="utf-8") != text}
    assert stale == set()


def test_a_sentence_has_the_numbers_of_the_record(choice):
    row = choice.row("distillation", "objectives_labels")
    assert row.value("quality") == pytest.approx(recorded("objectives_labels", "test"))
    assert row.text("quality", interval=False) == f"{100 * recorded('objectives_labels', 'test'):.2f}"
    change = recorded("objectives_logits", "test") - recorded("objectives_labels", "test")
    said = choice.row("distillation", "objectives_logits").text("quality_change")
    assert said.startswith(f"{100 * change:+.2f} [".replace("-", "−"))
    both = ["objectives_labels", "objectives_logits"]
    least, most = sorted(100 * recorded(cell, "test") for cell in both)
    assert (choice.least("distillation", "quality", both), choice.most("distillation", "quality", both)) == (
        f"{least:.2f}",
        f"{most:.2f}",
    )
    assert choice.percent("choice", both[1], "validation", 2) == f"{100 * recorded('objectives_logits', 'validation'):.2f}"
    assert choice.count == "3 seeds"
    assert (choice.seeds, choice.machine, choice.versions("torch")) == ([1, 2, 3], "AMD EPYC", "2.13.0+cpu")


def test_epochs_by_two_rules(choice):
    """Against the histories in the record, by hand."""
    records = {file.stem: read_json(file)["files"] for file in CHOSEN.glob("seed*.json")}
    runs = [files[f"models/movies/{seed}/teacher/distill-labels/history.json"] for seed, files in records.items()]
    epochs = [run["phases"][-1]["validation"] for run in runs]
    lowest = [one["metric"][one["loss"].index(min(one["loss"]))] for one in epochs]
    last = [one["metric"][-1] for one in epochs]
    assert choice.by_epoch(["objectives_labels"], "loss") == f"{100 * sum(lowest) / 3:.2f}"
    assert choice.by_epoch(["objectives_labels"], "last") == f"{100 * sum(last) / 3:.2f}"
    assert lowest != last
    assert [run["phases"][-1]["selected_epoch"] for run in runs] == [4, 4, 4]


def test_what_was_trained_on_the_way_to_a_cell(tmp_path):
    """A distillation, a cut without recovery, one with, and rounding: against the histories in the record, by hand."""
    records = ROOT / "docs/reference/frontier"
    files = [file for record in records.glob("*/seed*.json") for file in read_json(record)["files"].items()]
    ends = tuple(
        f"/teacher/{way}/history.json" for way in ("distill-tinybert", "distill-tinybert/prune-ffn50_bare/prune-heads50_long")
    )
    phases = [phase for name, history in files if name.endswith(ends) for phase in history["phases"]]
    study = on_record.Study(ROOT / "config/frontier.yaml", records, tmp_path)
    found = study.trained("best")
    assert found["updates"] == sum(phase["updates"] for phase in phases) / 3
    assert found["seconds"] == pytest.approx(sum(phase["seconds"] for phase in phases) / 3)
    assert found["updates"] > study.trained("best_kd")["updates"] > 0 == study.trained("teacher")["updates"]


QUICK = ROOT / "docs/reference/quick/amd-epyc-a67401"


def older(folder: Path, seeds: list[int]) -> None:
    """A record of quick.yaml by other settings."""
    folder.mkdir(parents=True)
    content = read_json(QUICK / "seed0.json")
    content["made_by"] |= {next(iter(content["made_by"])): "another"}
    for seed in seeds:
        (folder / f"seed{seed}.json").write_text(json.dumps(content), encoding="utf-8")
        shutil.copy(QUICK / "seed0.parquet", folder / f"seed{seed}.parquet")


def test_a_record_of_other_settings_is_told(tmp_path):
    older(tmp_path / "record/other", [0])
    assert on_record.Study(ROOT / "config/quick.yaml", QUICK.parent, tmp_path / "now").current
    assert not on_record.Study(ROOT / "config/quick.yaml", tmp_path / "record", tmp_path / "then").current


@pytest.mark.parametrize("other", ["a_machine", "z_machine"])  # before and after the other by name
@pytest.mark.parametrize(("others", "current"), [([0], True), ([1], True), ([0, 1], False), ([1, 2], False)])
def test_seeds_of_two_settings_are_not_mixed(other, others, current, tmp_path):
    """Seed 0 is on record as now, some by other settings: those of more seeds count, or of as many the one as now."""
    older(tmp_path / "record" / other, others)
    shutil.copytree(QUICK, tmp_path / "record" / QUICK.name)
    study = on_record.Study(ROOT / "config/quick.yaml", tmp_path / "record", tmp_path / "quick")
    assert (study.seeds, study.machines, study.current) == (([0], [QUICK.name], True) if current else (others, [other], False))


def test_a_table_says_once_what_a_block_has_in_common(choice):
    cells = ["cut_heads25", "cut_heads50", "best_int8_qat"]
    lines = choice.table("choice", ["stage", "cell", "taken"], cells).splitlines()
    head, rule, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert head == ["stage", "cell", "taken"]
    assert {*"".join(rule)} == {"-"}
    assert [row[0] for row in rows] == ["Stage 2: what to cut, and how long to recover", "", "Stage 3: which scheme"]
    assert [row[1] for row in rows] == cells


def test_seeds_of_two_machines_one_of_which_measured_times(tmp_path):
    study = on_record.Study(ROOT / "config/evidence.yaml", ROOT / "docs/reference/evidence", tmp_path)
    assert (study.seeds, study.timed_on) == (list(range(8)), "AMD EPYC")
    assert study.machine == "AMD EPYC and Intel(R) Xeon(R) Processor"
    lines = study.table("statements", ["statement", "measured"]).splitlines()
    said = [line.split("|")[1].strip() for line in lines[2:4]]
    assert said == ["The teacher's signals teach more than labels", ""], "the first statement has two lines"


def test_what_is_not_there_is_an_error(choice, tmp_path):
    with pytest.raises(EdgeminError, match="table distillation of study choice: no row of nothing"):
        choice.row("distillation", "nothing")
    row = choice.row("distillation", "objectives_labels")
    with pytest.raises(EdgeminError, match="no column nothing; the table has task, "):
        row.text("nothing")
    with pytest.raises(EdgeminError, match="column updates has no form in words; these have one: quality, "):
        row.text("updates")
    with pytest.raises(EdgeminError, match=r"holds no seed; run: make evidence STUDY=.*choice\.yaml"):
        on_record.Study(ROOT / "config/choice.yaml", tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (None, r"docs/measured/it\.md: 'it\.md' not found"),
        ("{{ unknown.row('a', 'b') }}", r"docs/measured/it\.md: 'unknown' is undefined"),
    ],
)
def test_a_place_needs_its_template(tmp_path, monkeypatch, template, message):
    """And nothing is written."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    shutil.copytree(RECORDS, tmp_path / "docs/reference/choice")
    (tmp_path / "docs/images").mkdir()
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    place = tmp_path / "README.md"
    place.write_text("before\n<!-- measured: it -->\nold\n<!-- end -->\n", encoding="utf-8")
    monkeypatch.setattr(documents, "DOCUMENTS", ("README.md",))
    (tmp_path / "docs/measured").mkdir()
    if template:
        (tmp_path / "docs/measured/it.md").write_text(template, encoding="utf-8")
    with pytest.raises(EdgeminError, match=message):
        documents.run(tmp_path)
    (tmp_path / "docs/measured/it.md").write_text("{{ choice.seeds | length }} seeds", encoding="utf-8")
    assert place.read_text(encoding="utf-8").splitlines()[2] == "old"
    assert documents.run(tmp_path) == 0
    assert place.read_text(encoding="utf-8") == "before\n<!-- measured: it -->\n3 seeds\n<!-- end -->\n"


def test_a_page_is_made_of_the_record_alone(tmp_path):
    study = on_record.Study(ROOT / "config/quick.yaml", ROOT / "docs/reference/quick", tmp_path / "quick")
    study.page(tmp_path / "index.html")
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert study.row("cells", "best", runtime="onnxruntime").text("quality_change", interval=False) in text
    assert text.count('data-table="cells"') == 1


def test_a_model_that_fails_its_acceptance_is_marked(tmp_path):
    """A record has answers, no verdicts: those are made of them."""
    study = on_record.Study(ROOT / "config/full.yaml", ROOT / "docs/reference/full", tmp_path)
    lines = study.table("quantization", ["cell"], ["q_int4", "q_three_bits"]).splitlines()
    assert [line.strip("| ") for line in lines[2:]] == ["q_int4", "q_three_bits†"]
