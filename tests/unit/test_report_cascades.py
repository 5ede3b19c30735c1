"""The table of cascades, of predictions and times by hand; and what a study may say of them."""

from __future__ import annotations

from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pages import study_of

from edgemin.cli.partial import present
from edgemin.core.errors import EdgeminError
from edgemin.core.files import write_json
from edgemin.plan.jobs import Jobs
from edgemin.plan.plan import Plan
from edgemin.report.cascades.measured import measured_times
from edgemin.report.page.tables import read_table
from edgemin.study import registry
from edgemin.study.cascade_rows import timed_cascades
from edgemin.study.read import parse_study

TABLE = registry.TABLES["cascades"]
RIGHT = {"tfidf": 20, "kd": 30, "edgemin": 30, "teacher": 40}
"""Of 40 texts, the first ones: a member is sure of these, and wrong and unsure of all others."""
MS = {"tfidf": 0.1, "kd": 2.0, "edgemin": 1.0, "teacher": 10.0}
"""From text, always."""


def a_study(**cascades: Any) -> dict[str, Any]:
    return study_of(question="", runtimes=["onnxruntime"], baselines={"tfidf": {}}, cascades=cascades)


def measure(folder: Path, cell: str) -> None:
    gold, sure = np.arange(40) % 2, np.arange(40) < RIGHT[cell]
    side = np.where(np.where(sure, gold, 1 - gold) == 1, 1, -1) * np.where(sure, 3.0, 0.5)
    table = {"label": gold, "logits": list(np.stack([-side, side], 1))}
    folder.mkdir(parents=True)
    pd.concat([pd.DataFrame({**table, "split": split}) for split in ("validation", "test")]).to_parquet(
        folder / "predictions.parquet"
    )
    write_json(folder / "quality.json", {})
    write_json(folder / "size.json", {"bytes": 1_000_000})
    stream = {
        "min_ms": MS[cell] / 2,
        "own_p50_ms": MS[cell] / 2,
        **{f"p{share}_ms": {"value": MS[cell] / 2} for share in (50, 90, 99)},
    }
    told = {"single_stream": stream, "end_to_end_p50_ms": {"value": MS[cell]}, "rounds": 1, "threads": 1}
    write_json(folder / "latency.json", {**told, "host": {"cpu": "CPU", "flags": []}})


def write(folder: Path, study: dict[str, Any], **more: Any) -> pd.DataFrame:
    with chdir(folder):
        spec = TABLE.spec(Plan(parse_study(study)))
        for place, cell in {
            seed["folder"]: seed["cell"] for block in spec["blocks"] for row in block["rows"] for seed in row["seeds"]
        }.items():
            measure(Path(place), cell)
        TABLE.write({**spec, **more}, Path("tables"))
    return pd.read_csv(folder / "tables/cascades.csv").set_index("name")


def test_who_answers_and_how_long_that_takes(tmp_path: Path) -> None:
    """Without a loss TF-IDF answers half of the texts, kd a quarter, the teacher the rest: 0.1 + 2 / 2 + 10 / 4 = 3.6 ms against 10."""
    table = write(tmp_path, a_study(fast={"members": ["tfidf", "kd", "teacher"], "max_drop": 0, "bound": "point"}))
    assert table.index.tolist() == ["teacher", "fast"]
    found = table.loc["fast"]
    assert found["answered"] == "0.5 0.25 0.25"
    assert found[["quality", "change_to_last", "validation_drop", "bytes"]].tolist() == [1, 0, 0, 3e6]
    assert found[["mean_ms", "p90_ms", "p99_ms", "faster"]].tolist() == pytest.approx([3.6, 12.1, 12.1, 10 / 3.6])
    assert table.loc["teacher", ["mean_ms", "faster"]].tolist() == pytest.approx([10, 1])


def test_a_loss_buys_time(tmp_path: Path) -> None:
    """A quarter of the texts may be wrong, so the teacher is not asked: 0.1 + 2 / 2. Against edgemin, right on the same 30, nothing is lost."""
    cascades = {
        "fast": {"members": ["tfidf", "kd", "teacher"], "max_drop": 0.25, "bound": "point"},
        "int8": {"members": ["tfidf", "edgemin"], "bound": "point"},
    }
    table = write(tmp_path, a_study(**cascades))
    assert table.loc["fast", ["quality", "change_to_last", "mean_ms"]].tolist() == pytest.approx([0.75, -0.25, 1.1])
    assert table.loc["int8", ["change_to_last", "change_to_teacher", "mean_ms", "faster"]].tolist() == pytest.approx(
        [0, -0.25, 0.6, 10 / 0.6]
    )
    assert table.index.tolist() == ["teacher", "fast", "edgemin", "int8"]
    shown = read_table(tmp_path / "tables", "cascades")
    headings = [column["heading"] for column in shown["columns"]]
    texts = [[cell["text"] for cell in row["cells"]] for row in shown["rows"]]
    assert texts[1][headings.index("times")] == "composed"
    assert "faster, composed" not in headings
    assert texts[1][headings.index("answered by, %")] == "tfidf 50.0, kd 50.0, teacher 0.0"
    assert texts[1][headings.index("allowed on validation")] == "25 points, by the drop itself"
    assert texts[3][headings.index("change to teacher")].startswith("−25.00 [")


def test_an_interval_ends_at_all_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """39 of 40: Student's t would reach 102.5 %."""
    monkeypatch.setitem(RIGHT, "teacher", 39)
    table = write(tmp_path, a_study(fast={"members": ["kd", "teacher"], "max_drop": 0, "bound": "point"}))
    assert table["quality"].tolist() == [39 / 40, 39 / 40]
    assert table["quality_high"].tolist() == [1, 1]


def test_a_member_that_is_not_accepted_is_marked(tmp_path: Path) -> None:
    """Where it answers, and where it stands alone; the row of the cascade is of no cell that could be accepted."""
    measure = {"accepted": False, "value": 0.3, "limit": 0.01, "seed": 0}
    verdict = {"task": "snippets", "cell": "edgemin", "accepted": False, "measures": {"drop": measure}}
    write_json(tmp_path / "edgemin.json", verdict)
    cascades = {
        "fast": {"members": ["edgemin", "teacher"], "bound": "point"},
        "int8": {"members": ["tfidf", "edgemin"], "bound": "point"},
    }
    table = write(tmp_path, a_study(**cascades), acceptance=[str(tmp_path / "edgemin.json")])
    assert table["accepted"].astype(object).where(table["accepted"].notna(), None).to_dict() == {
        "teacher": True,
        "fast": None,
        "edgemin": False,
        "int8": None,
    }
    shown = read_table(tmp_path / "tables", "cascades")
    headings = [column["heading"] for column in shown["columns"]]
    texts = [[cell["text"] for cell in row["cells"]] for row in shown["rows"]]
    assert [row[0] for row in texts] == ["teacher", "fast", "edgemin†", "int8"]
    answered = [row[headings.index("answered by, %")] for row in texts]
    assert answered[1].startswith("edgemin† ")
    assert ", edgemin† " in answered[3]
    assert "`edgemin`, task snippets: drop 0.3 (limit 0.01, seed 0)" in shown["note"]


def pooled(folder: Path, faster: float, spread: float | None, cpu: str = "CPU") -> None:
    """What `deploy.cascade.pool` writes: the ends of each interval are `spread` times as much, and as little."""
    times = {"mean_ms": 10 / faster, "p90_ms": 20.0, "p99_ms": 30.0, "faster": faster}
    ends = {name: {"value": one, "low": spread and one / spread, "high": spread and one * spread} for name, one in times.items()}
    folder.mkdir(parents=True)
    write_json(folder / "latency.json", {**ends, "host": {"cpu": cpu, "flags": []}})


def test_a_measured_time_stands_before_the_composed_one(tmp_path: Path) -> None:
    """Of two cascades one is measured: 4 times as fast in turn with the teacher, where its members' times make 10 / 3.6."""
    fast = {"members": ["tfidf", "kd", "teacher"], "max_drop": 0, "bound": "point"}
    study = a_study(fast=fast, other={**fast, "members": ["tfidf", "teacher"]})
    job = Jobs(Plan(parse_study(study))).tables["cascades"]
    folders = {one["cascade"]: one["folder"] for one in job.beside()}
    assert folders["fast"] == "results/smoke/measurements/snippets/seed0/cascade-fast/onnxruntime"
    assert job.inputs(None)["extras"] == [f"{folder}/latency.json" for folder in folders.values()]
    pooled(tmp_path / folders["fast"], 4.0, 2.0)
    table = write(tmp_path, study, extras=job.beside())
    assert table["times"].tolist() == ["its own", "measured", "composed"]
    ends = ["faster", "faster_low", "faster_high", "mean_ms", "p90_ms", "p99_ms"]
    assert table.loc["fast", ends].tolist() == pytest.approx([4, 2, 8, 2.5, 20, 30])
    assert table.loc["fast", "faster_composed"] == pytest.approx(10 / 3.6)
    assert table.loc["other", "faster"] == table.loc["other", "faster_composed"]
    shown = read_table(tmp_path / "tables", "cascades")
    headings = [column["heading"] for column in shown["columns"]]
    texts = [[cell["text"] for cell in row["cells"]] for row in shown["rows"]]
    assert texts[1][headings.index("faster than teacher")] == "4.00× [2.00, 8.00]"
    assert [row[headings.index("faster, composed")] for row in texts] == [
        "–",
        "2.78×",
        texts[2][headings.index("faster than teacher")],
    ]


def test_seeds_are_averaged_on_one_machine(tmp_path: Path) -> None:
    """Ratios of 2 and 8 are 4; a seed of another CPU does not count, nor one that is not measured yet. One round has no interval."""
    entries = [
        {"seed": seed, "folder": str(tmp_path / str(seed)), "file": str(tmp_path / f"{seed}/latency.json")} for seed in range(4)
    ]
    assert measured_times(entries) is None
    pooled(tmp_path / "0", 2.0, 2.0)
    pooled(tmp_path / "1", 8.0, 2.0)
    pooled(tmp_path / "2", 100.0, 2.0, cpu="another")
    found = measured_times(entries)
    assert [found[name] for name in ("faster", "faster_low", "faster_high", "seeds_measured")] == pytest.approx([4, 2, 8, 2])
    pooled(tmp_path / "3", 4.0, None)
    assert "faster_low" not in measured_times([entries[3]])


def test_what_no_bundle_runs_has_no_time_of_its_own() -> None:
    """The table compares in the first runtime, and PyTorch is no bundle's; of the seeds those are timed that cells are."""
    study = a_study(fast=["tfidf", "kd"]) | {"seeds": [0, 1, 2], "latency": {"seeds": 2}}
    assert [one["seed"] for one in timed_cascades(Plan(parse_study(study)))] == [0, 1]
    assert timed_cascades(Plan(parse_study(study | {"runtimes": ["torch", "onnxruntime"]}))) == []


def test_it_joins_the_page_and_needs_what_its_members_have() -> None:
    """Without cascades nothing is otherwise; with them the table is on the page, and no file is needed but those of cells and baselines: of the
    cascade's own time it can do without."""
    plain, study = a_study(), a_study(fast=["tfidf", "kd", "teacher"])
    without, found = Plan(parse_study(plain)), Plan(parse_study(study))
    assert "cascades" not in without.study.page_tables()
    assert found.study.page_tables() == [*without.study.page_tables(), "cascades"]
    records = [Jobs(plan).tables["cells"].records for plan in (without, found)]
    assert set(records[0].needed[0]) == set(records[1].needed[0])
    own = "results/smoke/measurements/snippets/seed0/cascade-fast/onnxruntime/latency.json"
    assert set(records[1].files[0]) == {*records[0].files[0], own}


def test_a_cascade_without_a_member_is_none(tmp_path: Path) -> None:
    study = a_study(fast=["tfidf", "kd", "teacher"], int8=["tfidf", "edgemin"])
    with chdir(tmp_path):
        spec = TABLE.spec(Plan(parse_study(study)))
        for row in (row for block in spec["blocks"] for row in block["rows"] if row["cell"] != "kd"):
            if not Path(row["seeds"][0]["folder"]).exists():
                measure(Path(row["seeds"][0]["folder"]), row["cell"])
        left, missing = present(TABLE, spec)
    assert [block["cascade"] for block in left["blocks"]] == ["int8"]
    assert len(missing) == 1
    assert missing[0].startswith("kd: 4 files")


REGRESSION = {"label_names": None, "metric": "pearson"}


@pytest.mark.parametrize(
    ("cascades", "more", "message"),
    [
        ({"fast": ["tfidf", "tacher"]}, {}, "cascades.fast.members: 'tacher' is neither a cell nor a baseline; nearest: teacher"),
        ({"fast": ["teacher"]}, {}, "cascades.fast: List should have at least 2 items"),
        ({"fast": ["kd", "kd"]}, {}, "cascades.fast.members: kd twice"),
        (
            {"fast": ["kd", "teacher"], "slow": ["fast", "teacher"]},
            {},
            "cascades.slow.members: 'fast' is a cascade; name its members",
        ),
        ({"kd": ["edgemin", "teacher"]}, {}, "cascades.kd: is the name of a cell too; rename one"),
        ({"tfidf": ["kd", "teacher"]}, {}, "cascades.tfidf: is the name of a baseline too; rename one"),
        ({"fast": {"members": ["kd", "teacher"], "max_drop": 1}}, {}, "cascades.fast.max_drop"),
        ({"fast": {"members": ["kd", "teacher"], "bound": "lower"}}, {}, "cascades.fast.bound"),
        (
            {"fast": ["kd", "teacher"]},
            {"deploy": ["fast"], "runtimes": ["torch"]},
            "deploy: member 'kd' of the cascade 'fast' is not measured in onnxruntime, which bundles run in",
        ),
        (
            {"fast": ["majority", "teacher"]},
            {"baselines": {"majority": {}}},
            "cascades.fast.members: 'majority' answers every text the same, so it is never surer of one than of another; name another",
        ),
    ],
)
def test_mistakes_are_told(cascades: dict[str, Any], more: dict[str, Any], message: str) -> None:
    with pytest.raises(EdgeminError) as caught:
        parse_study({**a_study(**cascades), **more})
    assert message in str(caught.value)


def test_values_have_no_classes() -> None:
    study = a_study(fast=["kd", "teacher"])
    study["tasks"]["snippets"] |= REGRESSION
    with pytest.raises(
        EdgeminError, match=r"cascades\.fast: goes by how sure an answer is of its class, and task snippets is of kind regression"
    ):
        parse_study(study)


def test_a_speed_is_compared_with_the_teacher() -> None:
    study = a_study(fast=["tfidf", "kd"])
    study["cells"] = {"kd": study["cells"]["kd"], "edgemin": study["cells"]["edgemin"]}
    study |= {"tables": {"combinations": {"kd": ["edgemin"]}}, "page": ["combinations"], "recommend": None}
    with pytest.raises(
        EdgeminError, match="cascades: their speed is compared with the teacher, and no cell has the chain 'teacher'; add one"
    ):
        parse_study(study)
