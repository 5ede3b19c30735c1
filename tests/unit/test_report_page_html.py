"""The page: what must be escaped, and what a browser would be asked to load."""

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

import pytest
from pages import FOUND, HOSTILE, SHA, written

import edgemin
from edgemin.core.errors import EdgeminError
from edgemin.report.page import render


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
    with written(tmp_path_factory.mktemp("page")) as found:
        yield found


@pytest.fixture(scope="module")
def html(spec):
    return render.render(spec)


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
    html = render._recommendation(tmp_path)
    assert {tag for tag, _ in Elements(html).found} == {"h3", "p", "div", "table", "thead", "tbody", "tr", "th", "td", "code"}
    assert "&lt;b onclick=x&gt;" in html


def test_the_same_input_gives_the_same_bytes(spec, html):
    render._vega.cache_clear()
    assert render.render(spec) == html


def test_a_bundle_that_would_end_its_script_is_refused(monkeypatch):
    render._vega.cache_clear()
    monkeypatch.setattr("vl_convert.javascript_bundle", lambda snippet: "text = '</SCRIPT>';")
    with pytest.raises(EdgeminError, match="its bundle would end the script that holds it; install the pinned version"):
        render._vega()


def test_the_page_is_written_whole(spec, html, tmp_path):
    render.write_page(spec, tmp_path / "new" / "index.html")
    assert (tmp_path / "new" / "index.html").read_text(encoding="utf-8") == html


def test_rendering_imports_neither_torch_nor_transformers():
    code = "import sys, edgemin.report.page.render as p; p._vega(); print(sorted({'torch', 'transformers'} & {*sys.modules}))"
    environment = {**os.environ, "PYTHONPATH": str(Path(edgemin.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_a_table_is_what_its_json_says(html):
    """36 of 40 sentences are 90 %, the best of both ladders; 27 are 67.5 %."""
    table = html[html.index('<table id="table-stagewise">') :].split("</table>")[0]
    headings = re.findall(r"<th scope=\"col\" aria-sort=\"none\"( class=\"number\")?><button type=\"button\">([^<]*)<", table)
    assert [bool(number) for number, heading in headings if heading in ("cell", "accuracy %", "p50 ms")] == [False, True, True]
    cells = re.findall(r'<td class="number" data-number="([^"]*)">(<strong>)?(\d\d\.\d\d) \[', table)
    quality = [cell for cell in cells if cell[2] in ("90.00", "67.50")]
    assert quality == [("90.0", "<strong>", "90.00"), ("67.5", "", "67.50")] * 2
    note = html[html.index('<table id="table-stagewise">') :].split("</div>")[1]
    assert note.index('<p class="note">One seed: with others,') < note.index('<p class="note">Quality and its change:')


def test_every_text_is_there_for_people(html):
    """What a reader without JavaScript has: commands, digests, notes, the recommendation."""
    assert "snakemake --cores all cell_edgemin<" in html
    assert SHA in html
    assert "<h3>Recommendation: smoke</h3>" in html
    assert "&lt;/script&gt;&lt;script&gt;" in html
    assert HOSTILE not in html


def test_every_figure_says_what_it_shows_and_what_to_look_for(html):
    """The first from the plot's own file, in which it is escaped; the second from its settings."""
    for name in render.PLOTS:
        assert f"<strong>{FOUND} &lt; {name}</strong> {render.registry.PLOTS[name].caption[:40]}" in html
        assert f'alt="{render.registry.PLOTS[name].label.capitalize()}: {FOUND} &lt; {name}"' in html
