"""The table of objectives and its plot, from made-up measurements."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd
import pytest
from reading import texts
from scipy.special import softmax
from scipy.stats import entropy, t

from edgemin.core.files import read_json, write_json
from edgemin.report.tables import distillation
from edgemin.report.tables.distillation import NOTE, frame
from edgemin.study import registry

GOLD = [0, 1, 1, 0, 1]
LOGITS = {  # by seed: four and three, three and two, five and four of the five examples right
    "labels": ([[2, 0], [0, 1], [0, 3], [1, 0], [1, 0]], [[2, 0], [1, 0], [0, 3], [1, 0], [1, 0]]),
    "kd": ([[2, 1], [0, 1], [1, 0], [1, 0], [1, 0]], [[0, 1], [0, 1], [1, 0], [1, 0], [2, 0]]),
    "tiny": ([[3, 0], [0, 3], [0, 1], [2, 0], [0, 2]], [[3, 0], [0, 3], [0, 1], [2, 0], [2, 0]]),
    "teacher": ([[4, 0], [0, 3], [0, 1], [2, 0], [0, 2]], [[3, 0], [0, 3], [1, 0], [2, 0], [2, 1]]),
}
PHASES = {  # updates, seconds, examples, parameters of projections
    "labels": [(30, 120.0, 960, 0)],
    "kd": [(10, 30.0, 320, 0), (20, 90.0, 640, 0)],
    "tiny": [(10, 60.0, 320, 256), (20, 40.0, 640, 0)],
}
CACHES = {"labels": [], "kd": [6.0], "tiny": [6.0, 4.0]}
TWEETS = {"labels": (0.5, 0.75), "kd": (0.25, 0.5), "tiny": (1.0, 0.5)}


@pytest.fixture
def measured(tmp_path):
    """measured(cell, seed): folders and files of one student, written out, with seconds that differ by seed."""

    def predictions(name, seed):
        folder = tmp_path / name / str(seed)
        folder.mkdir(parents=True, exist_ok=True)
        test = [np.asarray(row, dtype=np.float32) for row in LOGITS[name][seed]]
        answers = [test[0], *test]
        pd.DataFrame({"split": ["validation", *["test"] * 5], "label": [1, *GOLD], "logits": answers}).to_parquet(
            folder / "predictions.parquet"
        )
        return folder

    def make(cell, seed):
        folder = predictions(cell, seed)
        score = {"accuracy": TWEETS[cell][seed], "examples": 4}
        write_json(folder / "out_of_domain.json", {"metric": "accuracy", "splits": {"tweets": score}})
        phases = [
            {"updates": u, "seconds": s * (seed + 1), "examples": 320, "examples_seen": n, "projection_parameters": p}
            for u, s, n, p in PHASES[cell]
        ]
        write_json(folder / "history.json", {"phases": phases})
        caches = [folder / f"{number}.json" for number in range(len(CACHES[cell]))]
        for file, seconds in zip(caches, CACHES[cell], strict=True):
            write_json(file, {"seconds": seconds + seed, "live": cell == "tiny" and file == caches[-1]})
        return {
            "measured": str(folder),
            "teacher": str(predictions("teacher", seed)),
            "history": str(folder / "history.json"),
            "caches": list(map(str, caches)),
        }

    return make


@pytest.fixture
def spec(measured):
    """Two blocks of two cells over two seeds; the second compares `kd` as a control."""
    rows = {
        cell: {
            "cell": cell,
            "chain": f"teacher/distill-{cell}",
            "seeds": [measured(cell, 0), measured(cell, 1)],
        }
        for cell in PHASES
    }
    blocks = [
        {"task": "t", "metric": "accuracy", "rows": [rows[cell] for cell in cells]}
        for cells in (("labels", "tiny"), ("kd", "tiny"))
    ]
    return {"study": "s", "runtime": "torch", "out_of_domain": {"t": ["tweets"]}, "blocks": blocks}


def columns_of(table):
    """What a person reads of it."""
    return texts(distillation.columns_of(table))


@pytest.fixture
def table(spec):
    return frame(spec)


def test_a_change_is_paired_with_the_control_of_its_block(table):
    """Means over seeds are 7/10, 9/10; 5/10, 9/10: `tiny` gains 2/10 on `labels`, and 4/10 on `kd`."""
    assert table[["control", "cell"]].to_numpy().tolist() == [
        ["labels", "labels"],
        ["labels", "tiny"],
        ["kd", "kd"],
        ["kd", "tiny"],
    ]
    assert table["quality"].tolist() == pytest.approx([0.7, 0.9, 0.5, 0.9])
    assert table["quality_change"][[1, 3]].tolist() == pytest.approx([0.2, 0.4])
    assert table["quality_change"][[0, 2]].isna().all()
    assert table["quality_sd"].tolist() == pytest.approx([0.1 * math.sqrt(2)] * 4)
    assert (table["seeds"] == 2).all()


def test_the_interval_of_a_change_is_that_of_its_pairs(table):
    """Seed 0 gains the last example, seed 1 the second: over seeds 0, 1/2, 0, 0, 1/2, of SD 0.2739. Two seeds: over examples alone."""
    low, high = (table[f"quality_change_{end}"][1] for end in ("low", "high"))
    half = t.ppf(0.975, 4) * np.std([0, 0.5, 0, 0, 0.5], ddof=1) / np.sqrt(5)
    assert (low, high) == pytest.approx((0.2 - half, 0.2 + half))
    assert table["change_over"][1] == "examples"


def test_agreement_is_the_share_of_equal_decisions(table):
    """With the teacher of the same seed: `labels` 4 and 3 of 5; `kd` 3 and 4; `tiny` 5 and 4."""
    assert table["agreement"].tolist() == pytest.approx([0.7, 0.9, 0.7, 0.9])


def test_kl_is_scipys(table):
    for row, cell in enumerate(("labels", "tiny", "kd", "tiny")):
        pairs = zip(
            *(np.concatenate([np.asarray(seed, float) for seed in LOGITS[name]]) for name in ("teacher", cell)), strict=True
        )
        expected = np.mean([entropy(softmax(theirs), softmax(ours)) for theirs, ours in pairs])
        assert table["kl_to_teacher"][row] == pytest.approx(expected, rel=1e-12)


def test_what_training_took_is_a_mean_over_seeds(table):
    """Seed 1 took twice the seconds, and each of its caches one more: `kd` 120 and 240; 6 and 7; `tiny` 6 + 4 and 7 + 5."""
    of = table.drop_duplicates("cell").set_index("cell")
    assert of["updates"].to_dict() == {"labels": 30, "kd": 30, "tiny": 30}
    assert of["training_seconds"].to_dict() == {"labels": 180, "kd": 180, "tiny": 150}
    assert of["examples_per_second"].to_dict() == pytest.approx({"labels": 6.0, "kd": 6.0, "tiny": 7.2})
    assert of["teacher_seconds"].to_dict() == {"labels": 0, "kd": 6.5, "tiny": 11}
    # 320 texts once for a signal that is kept; for one that is not, all 960 examples that were seen.
    assert of["teacher_texts"].to_dict() == {"labels": 0, "kd": 320, "tiny": 320 + 960}
    assert of["projection_parameters"].to_dict() == {"labels": 0, "kd": 0, "tiny": 256}  # of the phase with most


def test_quality_elsewhere_is_a_mean_over_seeds(table):
    assert table["out_of_domain_tweets"].tolist() == [0.625, 0.75, 0.375, 0.75]


def test_a_regression_has_no_decisions_to_agree_on(measured, spec, monkeypatch):
    values = [0.1, 0.5, 0.2, 0.4, 0.9]
    monkeypatch.setattr("test_report_distillation.GOLD", values)
    monkeypatch.setattr(
        "test_report_distillation.LOGITS", {name: [[[v * k] for v in values]] * 2 for k, name in enumerate(LOGITS, 1)}
    )
    for cell in ("labels", "tiny"):
        measured(cell, 0), measured(cell, 1)
    block = {**spec["blocks"][0], "metric": "pearson"}
    table = frame({**spec, "out_of_domain": {"t": []}, "blocks": [block]})
    assert table["quality"].tolist() == pytest.approx([1, 1])
    assert table[["agreement", "kl_to_teacher"]].isna().all(axis=None)
    text = columns_of(table)
    assert text["pearson"].tolist() == ["1.000 [1.000, 1.000]"] * 2
    assert text["agreement %"].tolist() == text["KL"].tolist() == ["–", "–"]


def test_numbers_as_people_read_them(table):
    text = columns_of(table)
    assert text["control"].tolist() == ["labels", "", "kd", ""]
    assert [cell.split(" ")[0] for cell in text["accuracy %"]] == ["70.00", "90.00", "50.00", "90.00"]
    assert [cell.split(" ")[0] for cell in text["change"]] == ["–", "+20.00", "–", "+40.00"]
    assert text["agreement %"].tolist() == ["70.0", "90.0", "70.0", "90.0"]
    assert text["tweets %"].tolist() == ["62.50", "75.00", "37.50", "75.00"]
    assert text["updates"].tolist() == ["30"] * 4
    assert text["teacher s"].tolist() == ["0", "11", "6", "11"]  # ties go to the even digit
    assert text["projection"].tolist() == ["", "yes", "", "yes"]


def test_two_tasks_with_test_sets_of_their_own(table):
    other = table.assign(task="u", metric="pearson").rename(columns={"out_of_domain_tweets": "out_of_domain_news"})
    text = columns_of(pd.concat([table, other], ignore_index=True))
    assert text["task"].tolist() == ["t"] * 4 + ["u"] * 4
    assert text["control"].tolist() == ["labels", "", "kd", ""] * 2
    assert text["tweets"].tolist() == ["0.625", "0.750", "0.375", "0.750", *["–"] * 4]
    assert text["news"].tolist() == [*["–"] * 4, "0.625", "0.750", "0.375", "0.750"]
    assert text["quality"][0].startswith("0.700 [")


def cells_of(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_four_files_say_the_same(spec, tmp_path):
    registry.TABLES["distillation"].write(spec, tmp_path)
    table = pd.read_csv(tmp_path / "distillation.csv")
    assert table["kl_to_teacher"].tolist() == frame(spec)["kl_to_teacher"].tolist()
    markdown, tex = ((tmp_path / f"distillation.{form}").read_text(encoding="utf-8") for form in ("md", "tex"))
    assert markdown.startswith("# Distillation: s\n\n2 seeds: with others,")
    assert (
        f"\n\n{NOTE} Runtime of the predictions: torch. 2 seeds. With fewer than 4 seeds there is no interval and no p over methods. "
        in markdown
    )
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    text = columns_of(table)
    assert [cells_of(line) for line in lines] == [
        list(text.columns),
        [cell for cell in cells_of(lines[1]) if set(cell) == {"-"}],
        *text.to_numpy().tolist(),
    ]
    assert len({len(line) for line in lines}) == 1
    rows = [line for line in tex.splitlines() if line.endswith(r" \\")]
    assert len(rows) == 1 + 4
    assert {row.count(" & ") for row in rows} == {len(text.columns) - 1}


def test_unequal_compute_is_said(spec, tmp_path):
    for seed in spec["blocks"][1]["rows"][0]["seeds"]:
        write_json(seed["history"], {"phases": read_json(seed["history"])["phases"][1:]})
    registry.TABLES["distillation"].write(spec, tmp_path)
    said = "Not at equal compute: the numbers of updates differ in the block of kd."
    for form in ("md", "tex"):
        assert said in (tmp_path / f"distillation.{form}").read_text(encoding="utf-8")


def test_the_plot_is_the_same_bytes_each_time_and_names_every_cell(table, tmp_path):
    """And says which panel is not at equal compute."""
    table.loc[3, "updates"] = 31
    table.to_csv(tmp_path / "distillation.csv", index=False)
    files = [tmp_path / f"{number}.{form}" for number in range(2) for form in ("png", "svg")]
    for pair in (files[:2], files[2:]):
        registry.PLOTS["distillation"].draw({}, [str(tmp_path / "distillation.csv")], list(map(str, pair)))
    assert files[0].read_bytes() == files[2].read_bytes()
    assert files[1].read_bytes() == files[3].read_bytes()
    words = re.findall(r"<text[^>]*>([^<]+)</text>", files[1].read_text(encoding="utf-8"))
    titles = {"t: as many updates as labels", "t: against kd"}
    assert {"labels", "kd", "tiny", "test accuracy %", "change against labels, points", *titles} < set(words)
