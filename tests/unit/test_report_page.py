"""The page: facts by hand, what must be escaped, and what a browser would be asked to load."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from pages import HOSTILE, SHA, tree

import edgemin
from edgemin.config import parse_study
from edgemin.errors import EdgeminError
from edgemin.plan import Plan
from edgemin.report import page
from edgemin.report.page_links import chains_of, machines_of
from edgemin.report.page_points import points_of, shown
from edgemin.report.page_summary import summaries
from edgemin.report.page_tables import parse_markdown, point_estimate, read_table
from edgemin.reports import Reports


class Elements(HTMLParser):
    """All elements with their attributes, and the text of each script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.inside = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        self.inside = tag == "script"
        if self.inside:
            self.scripts.append("")

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.scripts[-1] += data


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    before = Path.cwd()
    os.chdir(folder)
    yield tree(folder)
    os.chdir(before)


@pytest.fixture(scope="module")
def html(spec):
    return page.render(spec)


@pytest.fixture(scope="module")
def tables(spec):
    return Path(spec["root"]) / "tables"


def test_points_by_hand(spec, tables):
    """28 of 40 sentences are 70 %, 20 points below the teacher's 36; 32 are answered alike."""
    points = {point["id"]: point for point in points_of(spec, tables)}
    assert len(points) == 4 + 4
    kd = points["snippets/kd/onnxruntime"]
    figures = {"quality": 70.0, "change": -20.0, "validation": 50.0, "agreement": 80.0, "mb": 2.0, "smaller": 2.0, "logical": 1.0}
    figures |= {"p50": 2.0, "p50_low": 1.8, "p90": 3.0, "speedup": 4.0, "speedup_high": 4.4}
    assert {name: kd["values"][name] for name in figures} == pytest.approx(figures)
    assert kd["values"]["quality_low"] < 70 < kd["values"]["quality_high"]
    assert (kd["texts"]["p50"], kd["texts"]["change"], kd["texts"]["smaller"]) == ("2.00 [1.80, 2.20]", "−20.00", "2.0×")
    assert (kd["last"], kd["stages"], kd["variants"]) == ("distill", ["distill"], ["distill-minilmv2"])
    assert points["snippets/kd/torch"]["values"]["p50"] == 4.0


def test_what_is_missing_is_a_dash_and_null(spec, tables):
    points = points_of(spec, tables)
    silent = next(point for point in points if point["cell"] == "edgemin_torch")
    assert silent["values"]["p50"] is None
    assert silent["texts"]["p50"] == "–"
    assert silent["values"]["quality"] == 67.5
    row = next(row for row in shown(points).rows if row.cell == "edgemin_torch")
    assert [cell.number for cell in row.cells if cell.text == "–"] == [None] * 3  # p50, p90, speed-up


def test_the_ladder_in_words(spec, tables):
    onnx, torch = summaries(spec, tables)
    assert [tile["figure"] for tile in onnx["tiles"]] == ["−22.50 points", "8.0×", "8.00×"]
    assert onnx["tiles"][0]["more"] == "90.0 → 67.5 %: a loss"
    kd, pruned, quantized = (" ".join(step["sentences"]) for step in onnx["steps"])
    assert re.search(
        r"costs <strong><span class=\"whole\">20\.00 points \[\d+\.\d\d, \d+\.\d\d\]</span></strong> of accuracy", kd
    )
    assert "It is 2.00× smaller (4 → 2 MB)." in kd.replace(".00 →", " →").replace(".00 MB", " MB")
    assert '<span class="whole">4.00× [3.60, 4.40]</span> as fast.' in kd
    assert "not shown beyond the interval, which contains 0" in pruned
    assert "A change of speed is <em>not shown beyond the interval</em>, which contains 1" in pruned
    assert "not shown beyond the interval, which contains 0" in quantized
    told = (
        "A loss of quality is shown for <code>kd</code>. For <code>kd_prune</code> and <code>edgemin</code> no change of quality"
    )
    assert onnx["verdict"].startswith(told)
    assert [tile["words"] for tile in torch["tiles"]][1:] == ["smaller"]  # its last cell has no latency


def test_a_gain_is_called_one(spec, tables, tmp_path):
    table = pd.read_csv(tables / "stagewise.csv")
    table.loc[table["cell"] == "kd", ["quality_change", "quality_change_low", "quality_change_high"]] = [0.02, 0.01, 0.03]
    table.to_csv(tmp_path / "stagewise.csv", index=False)
    step = summaries(spec, tmp_path)[0]["steps"][0]
    assert 'It gains <strong><span class="whole">2.00 points [1.00, 3.00]</span></strong> of accuracy.' in step["sentences"]


def test_links_and_machines(spec):
    chains = {chain["cell"]: chain for chain in chains_of(spec)}
    edgemin_ = chains["edgemin"]
    assert edgemin_["command"] == "snakemake --cores all cell_edgemin"
    assert [link["title"] for link in edgemin_["links"]] == [
        "teacher",
        "distill-minilmv2",
        "prune-heads25",
        "quantize-int8_dynamic_ort",
    ]
    assert "ratio: 0.25" in edgemin_["links"][2]["settings"]
    (model,) = edgemin_["links"][2]["models"]
    assert model["files"] == {"model.safetensors": SHA, "model.onnx": SHA[::-1]}
    assert (model["seconds"], model["updates"], model["code"]) == (pytest.approx(42.6), 30, "c0de")
    assert edgemin_["links"][3]["models"][0]["seconds"] is None
    machines = machines_of(spec)
    assert [machine["facts"]["cpu"] for machine in machines["made"]] == ["CPU of the trainer"]
    (measured,) = machines["measured"]
    assert measured["ranges"]["load_1min"] == (0.5, 0.5)


def test_a_table_reads_as_its_two_forms_say(tables):
    table = read_table(tables, "stagewise")
    found = pd.read_csv(tables / "stagewise.csv")
    assert [row.cell for row in table.rows] == list(found["cell"])
    assert [row.starts for row in table.rows] == [False] * 4 + [True] + [False] * 3
    at = table.columns.index("accuracy %")
    assert [row.cells[at].number for row in table.rows] == [90, 70, 70, 67.5, 90, 70, 70, 67.5]
    assert table.rows[0].cells[at].strong  # above all others by more than the interval
    assert not table.rows[0].cells[at].text.startswith("*")
    assert table.numeric[table.columns.index("p50 ms")]
    assert not table.numeric[table.columns.index("cell")]
    assert table.note.startswith("Quality and its change: test split")


def test_names_that_stand_once_are_repeated(tmp_path):
    pd.DataFrame({"control": ["a", "a", "b"], "cell": ["x", "y", "z"]}).to_csv(tmp_path / "t.csv", index=False)
    markdown = (
        "# T: s\n\n| control | cell |\n|---------|------|\n| a       | x    |\n|         | y    |\n| b       | z    |\n\nN\n"
    )
    (tmp_path / "t.md").write_text(markdown, encoding="utf-8")
    table = read_table(tmp_path, "t", "torch")
    assert [row.cells[0].text for row in table.rows] == ["a", "a", "b"]
    assert [row.starts for row in table.rows] == [False, False, True]
    assert {row.runtime for row in table.rows} == {"torch"}
    (tmp_path / "t.md").write_text(markdown.replace("| b       | z    |\n", ""), encoding="utf-8")
    with pytest.raises(EdgeminError, match=r"2 rows, but t\.csv has 3"):
        read_table(tmp_path, "t")


def test_a_table_without_a_markdown_form(tmp_path):
    pd.DataFrame({"criterion": ["oracle", "random"], "value": [0.123456, None]}).to_csv(tmp_path / "sensitivity.csv", index=False)
    table = read_table(tmp_path, "sensitivity")
    assert [[cell.text for cell in row.cells] for row in table.rows] == [["oracle", "0.1235"], ["random", "–"]]
    assert table.rows[0].cell is None


def test_a_bar_in_a_cell_does_no_harm():
    title, columns, rows, note = parse_markdown("# A: b\n\n| x   | y |\n|-----|---|\n| a|b | 1 |\n\nTwo\nlines.\n")
    assert (title, columns, rows, note) == ("A: b", ["x", "y"], [["a|b", "1"]], "Two\nlines.")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("−0.65 [−1.95, +0.60]", -0.65),
        ("+0.05 [−0.35, +0.45]", 0.05),
        ("2.63× [2.56, 2.70]", 2.63),
        ("25 %", 25),
        ("20423", 20423),
        ("0.031 (0.062)", 0.031),
        ("–", None),
        ("", None),
        ("kd2", None),
    ],
)
def test_the_point_estimate_of_a_cell(text, number):
    assert point_estimate(text) == number


def test_a_bound_sorts_below_what_it_bounds():
    assert 0.000999 < point_estimate("<0.001 (0.001)") < 0.001


def test_nothing_hostile_becomes_an_element(html):
    """It is in questions, in the recommendation's Markdown and in the name of a CPU."""
    elements = Elements(html)
    assert [tag for tag, _ in elements.found].count("script") == 3
    images = [attributes for tag, attributes in elements.found if tag == "img"]
    assert len(images) == 3
    assert not [name for _, attributes in elements.found for name in attributes if name.startswith("on")]
    assert "window.hurt" not in "".join(elements.scripts)
    assert html.count("window.hurt") >= 2 * 5
    data = json.loads(elements.scripts[0])
    assert len(data["points"]) == 8


def test_nothing_is_loaded(html):
    elements = Elements(html)
    addresses = [
        value for _, found in elements.found for name, value in found.items() if name in ("src", "href", "srcset", "data")
    ]
    assert addresses
    assert all(address.startswith(("#", "data:")) for address in addresses)
    assert {tag for tag, _ in elements.found}.isdisjoint({"iframe", "object", "embed", "base", "audio", "video"})
    style = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_the_policy_names_the_scripts_that_stand_there(html):
    elements = Elements(html)
    policy = next(found["content"] for tag, found in elements.found if found.get("http-equiv") == "Content-Security-Policy")
    hashes = {base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in elements.scripts[1:]}
    assert set(re.findall(r"'sha256-([^']+)'", policy)) == hashes
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe-eval" not in policy
    assert "script-src 'unsafe-inline'" not in policy


def test_markdown_of_a_recommendation_makes_no_link_and_no_image(tmp_path):
    text = "# Title\n\n<b onclick=x>no</b> ![i](http://a/b.png) [l](javascript:x) <http://a>\n\n| a |\n|---|\n| `b` |\n"
    (tmp_path / "recommendation.md").write_text(text, encoding="utf-8")
    html = page._recommendation(tmp_path)
    assert {tag for tag, _ in Elements(html).found} == {"h3", "p", "div", "table", "thead", "tbody", "tr", "th", "td", "code"}
    assert "&lt;b onclick=x&gt;" in html


def test_the_same_input_gives_the_same_bytes(spec, html):
    page._vega.cache_clear()
    assert page.render(spec) == html


def test_the_page_is_written_whole(spec, html, tmp_path):
    page.write_page(spec, tmp_path / "new" / "index.html")
    assert (tmp_path / "new" / "index.html").read_text(encoding="utf-8") == html


def test_rendering_imports_neither_torch_nor_transformers():
    code = "import sys, edgemin.report.page as p; p._vega(); print(sorted({'torch', 'transformers'} & {*sys.modules}))"
    environment = {**os.environ, "PYTHONPATH": str(Path(edgemin.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_every_text_is_there_for_people(html):
    """What a reader without JavaScript has: commands, digests, notes, the recommendation."""
    assert "snakemake --cores all cell_edgemin<" in html
    assert SHA in html
    assert "<h3>Recommendation: smoke</h3>" in html
    assert "&lt;/script&gt;&lt;script&gt;" in html
    assert HOSTILE not in html


def test_a_table_on_the_page_makes_its_cells_default_ones(changed):
    links = {"cells.ffn": "teacher/distill-minilmv2/prune-ffn50", "tables.pruning": {"kd": ["ffn"]}}
    assert "ffn" not in parse_study(changed(links)).default_cells()
    study = parse_study(changed(links | {"page": ["stagewise", "pruning"]}))
    assert "ffn" in study.default_cells()
    reports = Reports(Plan(study))
    assert reports.page()["tables"] == {"stagewise": None, "pruning": "onnxruntime"}
    files = reports.page_files()
    assert "results/smoke/tables/pruning.md" in files["tables"]
    model = "results/smoke/models/snippets/seed0/teacher/distill-minilmv2/prune-ffn50"
    assert {f"{model}/{name}.json" for name in ("provenance", "history", "onnx_provenance")} <= set(files["models"])
    quantized = "results/smoke/models/snippets/seed0/teacher/distill-minilmv2/prune-heads25/quantize-int8_dynamic_ort"
    assert [file for file in files["models"] if file.startswith(quantized)] == [f"{quantized}/provenance.json"]


def test_a_sweep_has_no_markdown_form(changed):
    study = parse_study(changed({"page": ["sensitivity"], "sensitivity": {"cell": "kd"}}))
    files = Reports(Plan(study)).page_files()["tables"]
    assert files == ["results/smoke/tables/results.csv", "results/smoke/tables/sensitivity.csv"]


@pytest.mark.parametrize(
    ("named", "said"),
    [(["subsets"], "page: the study has no table 'subsets'"), (["stagewise", "stagewise"], "page: ['stagewise'] stand twice")],
)
def test_a_page_of_nothing_is_refused(changed, named, said):
    with pytest.raises(EdgeminError, match=re.escape(said)):
        parse_study(changed({"page": named}))
