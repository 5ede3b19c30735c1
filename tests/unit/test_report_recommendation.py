"""Which cell is chosen, by hand, and what the page says."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json, write_json
from edgemin.report.readings import READINGS
from edgemin.report.recommendation import candidates, choose
from edgemin.report.recommendation_text import text
from edgemin.report.tables import combinations
from edgemin.study import registry
from edgemin.study.base import spec_of
from edgemin.study.recommend import Recommend

# cell: chain, right of 40 on validation, right of 40 on test, bytes, p90
CELLS = {
    "teacher": ("teacher", 38, 36, 80_000_000, 8.0),
    "kd": ("teacher/distill-k", 36, 34, 20_000_000, 4.0),
    "small": ("teacher/distill-k/prune-x", 34, 35, 5_000_000, 3.0),
    "slow": ("teacher/prune-x", 34, 35, 20_000_000, 5.0),
}


@pytest.fixture
def block(tmp_path):
    rows = []
    for name, (chain, validation, test, size, p90) in CELLS.items():
        folder = tmp_path / name
        folder.mkdir()
        answers = np.eye(2)[np.concatenate([np.arange(40) >= right for right in (validation, test)]).astype(int)]
        splits = np.repeat(["validation", "test"], 40)
        pd.DataFrame({"split": splits, "label": 0, "logits": list(answers)}).to_parquet(folder / "predictions.parquet")
        shares = {"validation": {"accuracy": validation / 40}, "test": {"accuracy": test / 40}}
        write_json(folder / "quality.json", {"splits": shares})
        write_json(
            folder / "size.json", {"naive": 1, "logical": 1, "nonzero": 1, "components": {}, "bytes": size, "compressed": 1}
        )
        p50 = {"value": p90 / 2, "low": p90 / 4, "high": p90}
        single = {"p50_ms": p50, "p90_ms": p90, "speedup_over_reference": {"value": 2, "low": 1.5, "high": 2.5}}
        text = {"end_to_end_p50_ms": p50, "cold_start_ms": {"value": 1.0, "low": 1.0, "high": 1.0}, "peak_memory_mb": 1}
        times = {"single_stream": single, **text, "tokenisation_p50_ms": 0.1, "host": {"cpu": "c"}, "threads": 1, "rounds": 5}
        write_json(folder / "latency.json", times)
        names = {"study": "s", "task": "t", "seed": 0, "cell": name, "chain": chain, "runtime": "onnxruntime"}
        rows.append({"cell": name, "about": {}, "seeds": [{**names, "folder": str(folder)}]})
    return {"task": "t", "metric": "accuracy", "rows": rows, "bundles": {name: f"deploy/{name}/model.onnx" for name in CELLS}}


def limits(drop=None, size=None, p90=None, prefer="latency", bound="upper"):
    told = {"max_accuracy_drop": drop, "max_bytes": size, "max_p90_ms": p90, "runtime": "onnxruntime", "prefer": prefer}
    return told | ({"bound": bound} if bound != "point" else {})  # as a spec has it: left out where all is as before the key


def upper(drop):
    """80 % bound of a drop by so many of 40 examples that the teacher alone gets right, one seed."""
    return drop + max(t.ppf(0.8, 39) * np.sqrt(drop * (1 - drop) / 39), np.log(5) / 40)


@pytest.mark.parametrize(
    ("wanted", "cell"),
    [
        (limits(), "small"),
        (limits(prefer="quality"), "teacher"),
        (limits(prefer="bytes"), "small"),
        (limits(drop=0.05, bound="point"), "kd"),  # 2 of 40 on validation is 0.05: a limit may be met exactly
        (limits(drop=0.04, bound="point"), "teacher"),
        (limits(drop=0.05), "teacher"),  # but 3 points more are likely enough
        (limits(drop=0.0903), "kd"),
        (limits(drop=0.0902), "teacher"),
        (limits(drop=0), "teacher"),  # which drops by nothing for sure
        (limits(size=20_000_000, prefer="quality"), "kd"),
        (limits(p90=3), "small"),
        (limits(drop=0.01, size=10_000_000), None),
    ],
)
def test_the_choice_is_made_on_validation(block, wanted, cell):
    chosen = choose(candidates(block, wanted), wanted)
    assert (None if chosen is None else chosen["cell"]) == cell


def test_the_pareto_set_by_hand(block):
    """`slow` is as good as `small` on validation, larger and slower."""
    table = candidates(block, limits())
    assert table.set_index("cell")["pareto"].to_dict() == {"teacher": True, "kd": True, "small": True, "slow": False}
    assert table["drop"].tolist() == pytest.approx([0, 0.05, 0.1, 0.1])


def rewrite(block, cell, change):
    """Another latency.json of a cell."""
    [row] = [row for row in block["rows"] if row["cell"] == cell]
    file = Path(row["seeds"][0]["folder"]) / "latency.json"
    write_json(file, {**read_json(file), **change})


def test_times_are_from_text(block):
    """Tokenising takes `small` as long as its answer: 3 ms of the model are 6 from text, and `kd` with 4 is the faster one."""
    rewrite(block, "small", {"end_to_end_p50_ms": {"value": 3.0, "low": 2.9, "high": 3.1}})
    table = candidates(block, limits())
    assert table.set_index("cell")["p90_from_text"].to_dict() == {"teacher": 8, "kd": 4, "small": 6, "slow": 5}
    assert choose(table, limits())["cell"] == "kd"
    assert choose(candidates(block, limits(p90=3)), limits(p90=3)) is None


def test_what_another_cpu_timed_is_within_no_limit_of_time_and_is_not_the_fastest(block):
    rewrite(block, "small", {"host": {"cpu": "another"}})
    assert choose(candidates(block, limits(p90=4)), limits(p90=4))["cell"] == "kd"
    assert choose(candidates(block, limits()), limits())["cell"] == "kd"
    page = text(block, candidates(block, limits(prefer="bytes")), limits(prefer="bytes"), {})
    assert "## Ship `small`" in page
    assert "p90 from text – ms" in page


def test_where_no_time_compares_the_smallest_is_named_and_not_called_the_fastest(block):
    for cell in ("kd", "small", "slow"):
        rewrite(block, cell, {"host": {"cpu": "another"}})
    wanted = limits(size=25_000_000)
    table = candidates(block, wanted)
    assert choose(table, wanted)["cell"] == "small"
    page = text(block, table, wanted, {})
    assert "of these it is the smallest: no time of theirs compares with the teacher's, which another CPU timed" in page
    assert "it is the fastest" not in page


def test_a_limit_of_bytes_is_for_the_largest_of_the_seeds(block, tmp_path):
    """`kd` has 20 and 22 MB: 21 on average."""
    for row in block["rows"]:
        other = tmp_path / f"{row['cell']}1"
        shutil.copytree(row["seeds"][0]["folder"], other)
        row["seeds"].append({**row["seeds"][0], "seed": 1, "folder": str(other)})
    size = read_json(tmp_path / "kd1/size.json")
    write_json(tmp_path / "kd1/size.json", {**size, "bytes": 22_000_000})
    table = candidates(block, limits(size=21_500_000)).set_index("cell")
    assert table.loc["kd", ["bytes", "bytes_most", "meets_max_bytes"]].tolist() == [21_000_000, 22_000_000, False]
    none = limits(size=4_000_000)
    assert "21.00 (at most 22.00) MB" in text(block, candidates(block, none), none, {})


def test_a_cell_that_is_not_accepted_is_not_in_the_pareto_set_and_beats_nobody(block):
    """Only `kd` and `small` beat `slow`."""
    table = candidates(block, limits(), {("t", name): ["agreement 0.5"] for name in ("kd", "small")})
    assert table.set_index("cell")["pareto"].to_dict() == {"teacher": True, "kd": False, "small": False, "slow": True}


def test_the_bound_by_hand(block):
    """0.1 + 0.851 sqrt(0.1 0.9 / 39) = 0.1409; 0.05 + ln 5 / 40 = 0.0902, Student's t would say 0.0797. With `point` the drop itself."""
    assert (upper(0.05), upper(0.1)) == pytest.approx((0.0902, 0.1409), abs=1e-4)
    table = candidates(block, limits(drop=0.1))
    assert table["drop_bound"].tolist() == pytest.approx([0, upper(0.05), upper(0.1), upper(0.1)])
    assert table["meets_max_accuracy_drop"].tolist() == [True, True, False, False]
    point = candidates(block, limits(drop=0.1, bound="point"))
    assert point["drop_bound"].tolist() == point["drop"].tolist()
    assert point["meets_max_accuracy_drop"].all()


def test_the_interval_by_hand(block):
    """0.1 + t sqrt(0.1 0.9 / 39) with t of 97.5 % and 39 degrees of freedom; 0.05 + ln 40 / 40, where Student's t says 0.1206."""
    by_t = [drop + t.ppf(0.975, 39) * np.sqrt(drop * (1 - drop) / 39) for drop in (0.05, 0.1)]
    assert by_t == pytest.approx([0.1206, 0.1972], abs=1e-4)
    table = candidates(block, limits(drop=0.15, bound="interval"))
    assert table["drop_bound"].tolist() == pytest.approx([0, 0.05 + np.log(40) / 40, by_t[1], by_t[1]])
    assert table["meets_max_accuracy_drop"].tolist() == [True, True, False, False]
    for name in ("point", "upper", "interval"):
        one = candidates(block, limits(drop=0.1, bound=name))
        assert one["drop_bound"].tolist() == one[f"drop_by_{name}"].tolist() == table[f"drop_by_{name}"].tolist()


def test_what_each_reading_would_choose(block):
    """A limit of 0.1: `small` drops by 0.1 itself, `kd` by at most 0.0902, at 97.5 % by 0.1422."""
    wanted = limits(drop=0.1, bound="interval")
    page = text(block, candidates(block, wanted), wanted, {})
    told = page.split("## What each reading of the limit on drops would choose")[1].split("##")[0].strip().splitlines()
    starts = [
        "- By the drop itself: `small`, ",
        "- By the upper 80 % bound: `kd`, ",
        "- By the 95 % interval (this recommendation): `teacher`, ",
    ]
    assert [line.startswith(start) for line, start in zip(told, starts, strict=True)] == [True] * 3
    assert "the upper end of the 95 % interval of the drop on validation" in page
    wanted = limits(drop=0.1, size=30_000_000, bound="interval")
    assert "- By the 95 % interval (this recommendation): none." in text(block, candidates(block, wanted), wanted, {})
    assert "each reading" not in text(block, candidates(block, limits()), limits(), {})


def test_no_cell_can_pass_a_limit_below_the_least_bound():
    """ln 5 / 40 and ln 40 / 40, as above, where no answer differs."""
    assert READINGS["upper"].least(40) == pytest.approx(np.log(5) / 40)
    assert READINGS["interval"].least(40) == pytest.approx(np.log(40) / 40)
    assert READINGS["point"].least(40) == 0


def test_what_the_limit_is_compared_with_is_said(block):
    bound, point = (limits(drop=0.1, bound=one) for one in ("upper", "point"))
    page = text(block, candidates(block, bound), bound, {})
    assert "compared with an upper 80 % bound of the drop on validation" in page
    assert "In four of five studies the drop of these checkpoints on other texts is below such a bound." in page
    assert "- Its drop on validation: 5.00, at most 9.02 by that bound." in page
    assert "| 5.00 (≤ 9.02) " in page
    page = text(block, candidates(block, point), point, {})
    assert "compared with the drop on validation itself (`bound: point`)" in page
    assert "≤" not in page
    assert "bound" not in text(block, candidates(block, limits()), limits(), {})


def test_the_bound_is_the_default_and_the_drop_itself_is_as_before():
    assert spec_of(Recommend())["bound"] == "upper"
    assert "bound" not in spec_of(Recommend(bound="point"))


def test_what_the_page_says_of_a_choice(block):
    wanted = limits(drop=0.1, size=30_000_000)
    page = text(block, candidates(block, wanted), wanted, {"kd": "What does it cost?"})
    assert "at most 10 points of accuracy below the teacher; at most 30 MB" in page
    assert "## Ship `kd`" in page
    assert "1 of 4 measured cells is within all limits" in page
    assert "90.00 on validation and 85.00 on test" in page
    assert "snakemake --cores all deploy/kd/model.onnx" in page
    assert "What does it cost?" in page
    assert "loss against the teacher on test: 5.00 [" in page
    assert "does not show that the limit holds" in page  # 2 of 40 examples: the interval is wide
    assert "With fewer than 4 seeds there is no interval and no p over methods." in page
    assert "- Without the limit of at most 10 points of accuracy below the teacher: `small`" in page
    assert "- Without the limit of at most 30 MB: the same cell." in page
    assert "`slow`" not in page.split("The Pareto set")[1]


def test_no_loss_is_no_loss_below_nothing(block):
    """`kd` answers as the teacher does."""
    folders = {row["cell"]: Path(row["seeds"][0]["folder"]) for row in block["rows"]}
    shutil.copy(folders["teacher"] / "predictions.parquet", folders["kd"])
    wanted = limits(drop=0.1, size=30_000_000)
    page = text(block, candidates(block, wanted), wanted, {})
    assert "- Its loss against the teacher on test: 0.00 [0.00, 0.00]; the whole interval is within the limit." in page


def test_what_has_no_bundle_has_no_command_for_one(block):
    block["bundles"] = {}
    page = text(block, candidates(block, limits()), limits(), {})
    assert "## Ship `small`" in page
    assert "bundle" not in page


def test_where_no_cell_fits_what_binds_and_what_is_nearest(block):
    """Within 10 MB only `small` is, at a drop of 0.1: the limit of 0.01 on drops binds, and so does that on bytes."""
    wanted = limits(drop=0.01, size=10_000_000)
    page = text(block, candidates(block, wanted), wanted, {})
    assert "## No cell is within all limits" in page
    assert (
        "What binds: at most 1 point of accuracy below the teacher and at most 10 MB; without one of them some cell would do."
        in page
    )
    nearest = [line.split("`")[1] for line in page.splitlines() if line.startswith("- `")]
    assert nearest == ["teacher", "kd", "small"]  # excesses 7, 7.0 + 1 and 13.1
    assert "- Without the limit of at most 10 MB: `teacher`" in page
    hopeless = limits(drop=0.01, size=1_000_000, p90=0.1)
    assert "No single limit is to blame" in text(block, candidates(block, hopeless), hopeless, {})


def test_the_files(block, tmp_path):
    spec = {"study": "s", "limits": limits(size=10_000_000), "questions": {}, "blocks": [block]}
    registry.TABLES["recommendation"].write(spec, tmp_path)
    assert (tmp_path / "recommendation.md").read_text(encoding="utf-8").startswith("# Recommendation: s\n\nLimits (onnxruntime)")
    table = pd.read_csv(tmp_path / "recommendation.csv")
    assert table.set_index("cell")["qualifies"].to_dict() == {"teacher": False, "kd": False, "small": True, "slow": False}
    tex = (tmp_path / "recommendation.tex").read_text(encoding="utf-8").splitlines()
    assert tex[3].startswith(r"cell & recipe & validation accuracy \% & test accuracy \% & drop on validation & ")
    assert [line.split(" & ")[0] for line in tex[5:8]] == ["teacher", "kd", "small"]
    assert tex[6].startswith(r"kd & distill-k & 90.00 & 85.00 [")


def test_of_several_tasks_each_has_its_page_and_its_rows(block, tmp_path):
    spec = {"study": "s", "limits": limits(), "questions": {}, "blocks": [block, block | {"task": "u"}]}
    registry.TABLES["recommendation"].write(spec, tmp_path)
    markdown = (tmp_path / "recommendation.md").read_text(encoding="utf-8")
    assert [line for line in markdown.splitlines() if line.startswith("# ")] == [
        f"# Recommendation: s, task {task}" for task in ("t", "u")
    ]
    assert "| task " not in markdown
    tex = (tmp_path / "recommendation.tex").read_text(encoding="utf-8").splitlines()
    assert [line.split(" & ")[:2] for line in tex[3:4] + tex[5:11]] == [
        ["task", "cell"],
        *([task, cell] for task in ("t", "u") for cell in ("teacher", "kd", "small")),
    ]


def test_without_a_teacher_there_is_nothing_to_drop_below(block, tmp_path):
    spec = {"study": "s", "limits": limits(), "questions": {}, "blocks": [block | {"rows": block["rows"][1:]}]}
    said = r"^recommend: no cell with the chain 'teacher' is measured in onnxruntime, and drops are below it; add one$"
    with pytest.raises(EdgeminError, match=said):
        registry.TABLES["recommendation"].write(spec, tmp_path)


def test_combinations_by_hand(block, tmp_path):
    """Against the first row: bytes, p50 and quality."""
    spec = {"study": "s", "table": "combinations", "runtime": "onnxruntime", "threads": 1, "blocks": [block]}
    table = combinations.frame(spec).set_index("cell")
    assert table["bytes_ratio"].to_dict() == {"teacher": 1, "kd": 0.25, "small": 0.0625, "slow": 0.25}
    assert table["p50_ratio"]["small"] == 3 / 8
    assert table["quality_change"]["kd"] == pytest.approx(-0.05)
    assert table["recipe"].tolist()[:2] == ["the teacher itself", "distill-k"]
    registry.TABLES["combinations"].write(spec, tmp_path)
    assert "| small   | distill-k → prune-x |" in (tmp_path / "combinations.md").read_text(encoding="utf-8")


def test_published_figures_stand_apart(block, tmp_path):
    block["rows"] = [row | {"about": {"runtime": "onnxruntime"}} for row in block["rows"]]
    registry.TABLES["literature"].write({"study": "s", "blocks": [block]}, tmp_path)
    table = pd.read_csv(tmp_path / "literature.csv")
    ours = table["metric"].notna()
    assert ours.sum() == 4
    assert table.loc[ours, "work"].str.startswith("this study: ").all()
    assert table.loc[ours, ["sst2", "mnli"]].isna().all(axis=None)
    assert table.loc[~ours, "source"].notna().all()
    lines = (tmp_path / "literature.md").read_text(encoding="utf-8").splitlines()
    assert next(line for line in lines if "this study: kd" in line).count("85.00 [") == 1
    unsaid = next(line for line in lines if "re-implemented" in line)  # its source claims no speed-up
    assert [cell.strip() for cell in unsaid.split("|")][2:4] == ["29.8", "–"]
    told = {row["cells"][0]["text"]: row["cells"] for row in read_json(tmp_path / "literature.json")["rows"]}
    faster = {
        work: (told[work][2]["text"], told[work][2]["number"])
        for work in ("TinyBERT-6, without augmentation", "MiniLM v1 L12-H384")
    }
    assert list(faster.values()) == [("2×", 2.0), ("2.7×", 2.7)], "as many decimals as were published"
    assert told["this study: kd"][2] == {"text": "2.00× [1.50, 2.50]", "number": 2, "low": 1.5, "high": 2.5, "best": False}
    assert told["this study: kd"][5]["text"].endswith("] (accuracy, t)")
    assert told["this study: kd"][5]["number"] == pytest.approx(85)
