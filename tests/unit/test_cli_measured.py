"""`edgemin measured add`: what bundles measured elsewhere, on the page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from pages import HOSTILE, study_of, written

from edgemin.cli.main import main
from edgemin.core.files import read_json, sha256, write_json
from edgemin.plan import page
from edgemin.plan.plan import Plan
from edgemin.report.page.render import render
from edgemin.study.read import parse_study

MODEL = Path("results/smoke/models/snippets/seed0/teacher/distill-minilmv2/model.onnx")


@pytest.fixture
def spec(tmp_path):
    """In the folder of a finished study with a file study.yaml, and a graph for the cell kd."""
    with written(tmp_path) as found:
        Path("study.yaml").write_text(yaml.safe_dump(study_of(), sort_keys=False), encoding="utf-8")
        MODEL.write_bytes(b"graph")
        yield found


def bench(file: str = "bench.json", **changes) -> str:
    found = {
        **{
            "study": "smoke",
            "cell": "kd",
            "chain": "teacher/distill-minilmv2",
            "seed": 0,
            "sha256": {"model.onnx": sha256(MODEL)},
        },
        **{
            "what": "test lengths",
            "calls": 40,
            "threads": 1,
            "p50_ms": 3.125,
            "p90_ms": 4.5,
            "p99_ms": 9.0,
            "cold_start_ms": 312.0,
            "peak_mb": 88.4,
        },
        **{"host": {"cpu": f"Other {HOSTILE}"}, "onnxruntime": "1.0", "measured_at": "2026-01-02T03:04:05Z"},
    }
    write_json(file, {**found, **changes})
    return file


def test_it_is_on_the_page_beside_the_studys_own(spec, capsys):
    assert "Measured elsewhere" not in render(spec)
    assert main(["measured", "add", "study.yaml", bench()]) == 0
    (copy,) = Path("results/smoke/elsewhere").iterdir()
    assert capsys.readouterr().out == f"{copy}: added; the next run of the study puts it on its page\n"
    assert read_json(copy) == read_json("bench.json")
    assert Path("results/smoke/digests/elsewhere", f"{copy.name}.sha256").is_file()
    plan = Plan(parse_study(study_of()))
    assert page.files(plan)["elsewhere"] == [str(copy)]
    text = render(page.spec(plan))
    shown = text[text.index("<h3>Measured elsewhere</h3>") :]
    assert re.findall(r'data-number="[\d.]+">([^<]+)</td>', shown.partition("</tbody>")[0]) == [
        "1",
        "3.12",
        "4.50",
        "9.00",
        "312",
        "88",
    ]
    assert "<img src=x" not in text
    assert main(["measured", "add", "study.yaml", bench()]) == 0
    assert len(list(Path("results/smoke/elsewhere").iterdir())) == 1, "the same file is there once"


def test_a_page_without_any_is_as_before(spec):
    """The key comes with the first file: pages of finished studies are not made again for it."""
    assert "elsewhere" not in spec


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"study": "other"}, "bench.json: is of the study other, not of smoke; name that study's file"),
        ({"cell": "none"}, "bench.json: cell: 'none' is not a cell; known: teacher, kd, "),
        ({"sha256": {"model.onnx": "0" * 64}}, "bench.json: its model is none that is here for cell kd"),
        (
            {"against": {"cell": "teacher", "mean_ms": 9.0}, "faster": 3.0},
            "bench.json: its model took turns with another, and the page shows times of a model by itself; run bench.py without --against",
        ),
        ({"p50_ms": None}, "bench.json: is not what bench.py writes; run bench.py of the bundle again"),
        ({"p50_ms": -1}, "bench.json: is not what bench.py writes"),
        ({"host": {}}, "bench.json: names no model or no machine"),
    ],
)
def test_what_is_none_of_the_studys_is_refused(spec, capsys, changes, said):
    assert main(["measured", "add", "study.yaml", bench(**changes)]) == 2
    assert capsys.readouterr().err.startswith(f"error: {said}")
    assert not Path("results/smoke/elsewhere").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [("{", "not valid JSON"), ("[]", "is not what bench.py writes"), (None, "no such file; name the bench.json")],
)
def test_a_file_that_is_none(spec, capsys, content, said):
    if content is not None:
        Path("bench.json").write_text(content, encoding="utf-8")
    assert main(["measured", "add", "study.yaml", "bench.json"]) == 2
    assert said in capsys.readouterr().err
