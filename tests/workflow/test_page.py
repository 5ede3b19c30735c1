"""The page in a real browser, from a file: it loads nothing, its plot and tables answer to mouse and keyboard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import CELLS, POINT, drawn, labels, needs_chromium, opened, page_in, until
from playwright.sync_api import Browser, Page

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return page_in(tmp_path_factory.mktemp("page"), "onnxruntime", "torch")


@pytest.fixture(scope="module")
def of_three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a study that is measured in every runtime."""
    return page_in(tmp_path_factory.mktemp("three"), "onnxruntime", "torch", "openvino")


@pytest.fixture
def page(browser: Browser, file: Path) -> Iterator[Page]:
    with opened(browser, file) as page:
        yield page


def _column(page: Page, at: int, table: str = CELLS) -> list[str]:
    """Texts of a column's visible cells."""
    rows = page.locator(f"{table} tbody tr:visible")
    return [rows.nth(number).locator("th, td").nth(at).inner_text() for number in range(rows.count())]


def _strong(page: Page) -> list[str]:
    """Cell and runtime of the points that the plot marks as chosen."""
    points = page.locator(POINT).all()
    texts = [point.get_attribute("aria-label") or "" for point in points if point.get_attribute("stroke-width") == "2.5"]
    found = [dict(part.split(": ", 1) for part in text.split("; ") if ": " in part) for text in texts]
    return sorted(f"{one['cell']}/{one['runtime']}" for one in found)


def _marked(page: Page, table: str = CELLS) -> list[str]:
    return page.evaluate(
        "table => [...document.querySelectorAll(`${table} tr.chosen`)].map(row => `${row.dataset.cell}/${row.dataset.runtime}`).sort()",
        table,
    )


def test_a_point_for_everything_that_was_measured(page: Page) -> None:
    """edgemin_torch has no latency: no point, but a row."""
    assert len(labels(page)) == 7
    assert len(_column(page, 0)) == 8
    kd = next(text for text in labels(page) if "cell: kd;" in text and "runtime: onnxruntime" in text)
    assert "p50, ms: 2.00 [1.80, 2.20]" in kd
    assert "change to the teacher, accuracy %: −20.00" in kd


def _names(page: Page) -> list[str]:
    """The names beside points, each drawn twice: its halo and itself."""
    found = page.locator("#chart .mark-text.role-mark text")
    return sorted(text for text in found.all_text_contents() if text)[::2]


def test_a_line_for_each_runtime_says_how_many_are_on_it(page: Page) -> None:
    """kd_prune costs as much as kd and is as good: it beats nothing. kd in PyTorch costs 4 ms, in ONNX Runtime 2, and is on its line."""
    lines = page.locator("#chart path[aria-roledescription='line mark']")
    assert lines.count() == 2
    assert len({line.get_attribute("stroke-dasharray") for line in lines.all()}) == 2
    assert page.locator("#finding").inner_text().startswith("On the line: 3 of 4 in ONNX Runtime; 2 of 3 in PyTorch.")
    page.uncheck("input[name=runtime][value=torch]")
    until(page, f"document.querySelectorAll('{POINT}').length === 4")
    assert lines.count() == 1
    assert page.locator("#finding").inner_text().startswith("On the line: 3 of 4 in ONNX Runtime. ")


def test_names_cover_no_other_name(page: Page) -> None:
    """On the lines; what is chosen instead, if anything is; all axes, also where runtimes coincide."""
    for across in ("p50", "mb"):
        page.select_option("#axis-x", across)
        page.wait_for_timeout(300)
        boxes = (
            page.locator("#chart .mark-text.role-mark")
            .last.locator("text")
            .evaluate_all(
                "texts => texts.filter(text => text.textContent).map(text => text.getBoundingClientRect()).map(box => [box.left, box.top, box.right, box.bottom])"
            )
        )
        assert len(boxes) >= 3
        pairs = [(a, b) for at, a in enumerate(boxes) for b in boxes[at + 1 :]]
        assert not [(a, b) for a, b in pairs if a[0] < b[2] and b[0] < a[2] and a[1] + 2 < b[3] and b[1] + 2 < a[3]]
    page.locator(".table[data-table=stagewise] tr[data-cell=kd_prune][data-runtime=torch] .pick").click()
    page.wait_for_timeout(300)
    assert _names(page) == ["kd_prune"]


def test_every_pair_of_axes_is_drawn(page: Page) -> None:
    for across in page.locator("#axis-x option:enabled").evaluate_all("found => found.map(one => one.value)"):
        for up in page.locator("#axis-y option:enabled").evaluate_all("found => found.map(one => one.value)"):
            page.select_option("#axis-x", across)
            page.select_option("#axis-y", up)
    page.select_option("#axis-x", "mb")
    page.select_option("#axis-y", "agreement")
    until(page, f"document.querySelectorAll('{POINT}').length === 8")
    page.uncheck("#log")
    until(page, "!document.getElementById('chart').textContent.includes('logarithmic')")
    assert len(labels(page)) == 8


def test_filters_reach_plot_and_table(page: Page) -> None:
    page.uncheck("input[name=runtime][value=torch]")
    until(page, f"document.querySelectorAll('{POINT}').length === 4")
    assert set(_column(page, 1)) == {"onnxruntime"}
    page.check("input[name=stage][value=prune]")
    until(page, f"document.querySelectorAll('{POINT}').length === 2")
    assert _column(page, 0) == ["kd_prune", "edgemin"]
    page.select_option("#variant", "quantize-int8_dynamic_ort")
    until(page, f"document.querySelectorAll('{POINT}').length === 1")
    assert _column(page, 0) == ["edgemin"]
    page.get_by_role("button", name="Reset all").click()
    until(page, f"document.querySelectorAll('{POINT}').length === 7")
    assert len(_column(page, 0)) == 8


def test_words_filter_a_table_alone(page: Page) -> None:
    table = ".table[data-table=stagewise]"
    page.locator(f"{table} input[type=search]").fill("torch kd_")
    assert _column(page, 1, table) == ["kd_prune"]
    assert page.locator(f"{table} .count").inner_text() == "1 of 8 rows"
    assert len(_column(page, 0)) == 8


def test_a_click_on_a_point_marks_its_rows(page: Page) -> None:
    page.locator(f"{POINT}[aria-label*='cell: edgemin;']").click()
    assert _marked(page) == _marked(page, ".table[data-table=stagewise]") == ["edgemin/onnxruntime"]
    pressed = page.locator(f"{CELLS} .pick[aria-pressed=true]")
    assert pressed.all_inner_texts() == ["edgemin"]
    page.locator(f"{POINT}[aria-label*='cell: teacher;'][aria-label*='torch']").click(modifiers=["Shift"])
    assert _marked(page) == ["edgemin/onnxruntime", "teacher/torch"]
    assert page.locator("#chosen").inner_text() == "2 points chosen"
    page.check("#only")
    assert sorted(_column(page, 0)) == ["edgemin", "teacher"]
    page.get_by_role("button", name="Clear").click()
    assert len(_column(page, 0)) == 8
    assert _marked(page) == []


def test_a_box_chooses_what_is_inside(page: Page) -> None:
    page.locator("#controls").evaluate("controls => controls.scrollIntoView()")
    box = page.locator("#chart svg.marks").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 70, box["y"] + 12)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 40, box["y"] + 380, steps=8)
    page.mouse.up()
    until(page, "document.getElementById('chosen').textContent === '7 points chosen'")
    until(page, f"document.querySelectorAll('{POINT}[stroke-width=\"2.5\"]').length === 7")
    page.mouse.click(box["x"] + 70, box["y"] + 12)  # beside all points: nothing is chosen any more
    until(page, "document.getElementById('chosen').textContent === 'nothing chosen'")


def test_a_name_in_a_table_marks_its_point(page: Page) -> None:
    page.locator(".table[data-table=stagewise] tr[data-cell=kd][data-runtime=torch] .pick").click()
    until(page, f"document.querySelectorAll('{POINT}[stroke-width=\"2.5\"]').length === 1")
    assert _strong(page) == ["kd/torch"]
    assert page.locator(f"{POINT}[opacity='0.15']").count() == 6
    assert _marked(page) == ["kd/torch"]


def test_sorting_by_keyboard_alone(page: Page) -> None:
    """By numbers, not by text: 16.00 comes after 2.00; what is missing stays last; a third press brings the order back."""
    before = _column(page, 0)
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate(
            "document.activeElement.textContent === 'p50 ms' && !!document.activeElement.closest('[data-table=cells]')"
        ):
            break
    header = page.locator(f"{CELLS} th", has_text="p50 ms")
    at = header.evaluate("header => header.cellIndex")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert header.get_attribute("aria-sort") == "ascending"
    assert [text.split(" ")[0] for text in _column(page, at)] == ["1.00", "2.00", "2.00", "4.00", "4.00", "8.00", "16.00", "–"]
    page.keyboard.press("Space")
    assert header.get_attribute("aria-sort") == "descending"
    assert [text.split(" ")[0] for text in _column(page, at)] == ["16.00", "8.00", "4.00", "4.00", "2.00", "2.00", "1.00", "–"]
    page.keyboard.press("Enter")
    assert header.get_attribute("aria-sort") == "none"
    assert _column(page, 0) == before


def test_rows_by_keyboard_alone(page: Page) -> None:
    page.locator(f"{CELLS} .pick").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert _marked(page) == ["kd_prune/onnxruntime"]
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.closest('tr').dataset.cell") == "kd"


def test_the_first_stop_skips_to_the_content(page: Page) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    box = page.locator(".skip").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_a_link_opens_its_chain(page: Page) -> None:
    page.evaluate("location.hash = 'cell-edgemin'")
    chain = page.locator("#cell-edgemin")
    chain.locator(".command").wait_for(state="visible")
    assert chain.locator("h4").all_inner_texts() == ["teacher", "distill-minilmv2", "prune-heads25", "quantize-int8_dynamic_ort"]


def test_dark_mode_reaches_page_and_plot(page: Page) -> None:
    ink = "getComputedStyle(document.body).color"
    light = page.evaluate(f"[getComputedStyle(document.body).backgroundColor, {ink}]")
    times = page.evaluate("Number(document.getElementById('chart').dataset.drawn)")
    page.emulate_media(color_scheme="dark")
    drawn(page, times + 1)
    assert light == ["rgb(255, 255, 255)", "rgb(28, 33, 39)"]
    dark = page.evaluate(f"[getComputedStyle(document.body).backgroundColor, {ink}]")
    assert dark == ["rgb(20, 24, 29)", "rgb(228, 232, 236)"]
    fills = page.evaluate(
        "[...document.querySelectorAll('#chart .mark-text.role-axis-title text')].map(text => text.getAttribute('fill'))"
    )
    assert set(fills) == {"#e4e8ec"}


@pytest.mark.parametrize("width", [400, 320])
def test_a_narrow_window_never_scrolls_sideways(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    page.wait_for_timeout(200)  # the plot follows the window
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    scrolls = page.locator(f"{CELLS} .scroll").evaluate("box => box.scrollWidth > box.clientWidth")
    assert scrolls  # the table does, inside its box


def test_a_third_runtime_has_a_shape_and_a_filter_of_its_own(browser: Browser, of_three: Path) -> None:
    """The colour of a point is that of its last stage in every runtime."""
    with opened(browser, of_three) as page:
        assert len(labels(page)) == 11
        teachers = page.locator(f"{POINT}[aria-label*='cell: teacher;']").all()
        assert len(teachers) == 3
        assert len({point.get_attribute("d") for point in teachers}) == 3
        assert len({point.get_attribute("fill") for point in teachers}) == 1
        texts = page.locator("#chart .role-legend-label text").all_text_contents()
        assert texts[-3:] == ["ONNX Runtime", "PyTorch", "OpenVINO"]
        assert page.locator(".ladder h3").last.inner_text().startswith("In OpenVINO: from teacher to edgemin_nncf")
        page.get_by_role("checkbox", name="OpenVINO").uncheck()
        until(page, f"document.querySelectorAll('{POINT}').length === 7")
        assert set(_column(page, 1)) == {"onnxruntime", "torch"}


def test_without_javascript_the_texts_are_there(browser: Browser, file: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    assert page.locator(f"{CELLS} tbody tr").count() == 8
    assert "Without JavaScript" in page.locator("noscript").inner_text()
    context.close()


def test_the_data_is_what_the_page_shows(page: Page) -> None:
    data = json.loads(page.locator("#data").text_content() or "")
    assert [point["cell"] for point in data["points"]] == _column(page, 0)
