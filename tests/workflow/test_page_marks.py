"""What stands out in the page's plot, the figures of its points by keyboard, and what a narrow window shows, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import POINT, drawn, labels, needs_chromium, opened, page_in, until
from pages import WIDE
from playwright.sync_api import Browser, Locator, Page

pytestmark = needs_chromium
MARKS = "#chart .mark-symbol.role-mark path:not([aria-roledescription])"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a study without limits: `edgemin` wins where edgemin_torch, the other ladder's end, has no latency or is larger."""
    return page_in(tmp_path_factory.mktemp("page"), "onnxruntime", "torch", recommend=None, page=["stagewise"])


@pytest.fixture
def page(browser: Browser, file: Path) -> Iterator[Page]:
    with opened(browser, file) as page:
        yield page


def _centre(element: Locator) -> tuple[float, float]:
    box = element.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def _marked(page: Page) -> dict[str, list[str]]:
    """Shape of a mark -> cells of the points around whose centres such marks are."""
    found: dict[str, list[str]] = {}
    points = [(_centre(point), point.get_attribute("aria-label") or "") for point in page.locator(POINT).all()]
    for mark in page.locator(MARKS).all():
        x, y = _centre(mark)
        over = {text.split("cell: ")[1].split(";")[0] for (left, down), text in points if abs(left - x) < 2 and abs(down - y) < 2}
        found.setdefault(mark.get_attribute("d") or "", []).append(*over)
    return found


def _legend(page: Page) -> list[str]:
    return page.locator("#chart .role-legend-label text").all_text_contents()


def test_the_winner_the_teachers_and_the_ends_are_marked(page: Page) -> None:
    assert sorted(_marked(page).values()) == [["edgemin"], ["teacher", "teacher"]]
    assert _legend(page)[-4:] == ["winner: no ladder ends better", "teacher", "ONNX Runtime", "PyTorch"]
    bold = page.locator("#chart .mark-text.role-mark text[font-weight=bold]").all_text_contents()
    assert {name for name in bold if name} == {"edgemin", "teacher"}
    told = {text.split("cell: ")[1].split(";")[0]: text.split("mark: ")[1].split(";")[0] for text in labels(page)}
    assert told == {"edgemin": "winner: no ladder ends better", "teacher": "teacher", "kd": "–", "kd_prune": "–"}


def _told(page: Page) -> str:
    """What the sentence below the plot says of marks."""
    return page.locator("#finding").inner_text().partition("Marked: ")[2]


def test_the_text_names_what_is_marked(page: Page) -> None:
    """In a narrow plot not every name fits beside its point. As for the points, what is not shown is not told."""
    assert _told(page) == "winner: no ladder ends better (edgemin); teacher."
    page.select_option("#axis-x", "mb")
    drawn(page, 2)
    assert _told(page) == "winner: no ladder ends better (edgemin); end of another ladder (edgemin_torch); teacher."
    page.uncheck("input[name=runtime][value=onnxruntime]")
    until(page, f"document.querySelectorAll('{POINT}').length === 4")
    assert _told(page) == "end of another ladder (edgemin_torch); teacher."


def test_marks_follow_the_axes_but_not_the_filters(page: Page) -> None:
    """By size edgemin_torch is there, and larger than edgemin. It ends another ladder though edgemin is not shown."""
    page.select_option("#axis-x", "mb")
    drawn(page, 2)
    assert sorted(_marked(page).values()) == [["edgemin"], ["edgemin_torch"], ["teacher", "teacher"]]
    assert "end of another ladder" in _legend(page)
    page.uncheck("input[name=runtime][value=onnxruntime]")
    until(page, f"document.querySelectorAll('{POINT}').length === 4")
    assert sorted(_marked(page).values()) == [["edgemin_torch"], ["teacher"]]


def test_a_mark_fades_with_its_point(page: Page) -> None:
    page.locator(f"{POINT}[aria-label*='cell: edgemin;']").click()
    until(page, f"document.querySelectorAll('{POINT}[stroke-width=\"2.5\"]').length === 1")
    assert sorted(mark.get_attribute("opacity") or "1" for mark in page.locator(MARKS).all()) == ["0.15", "0.15", "1"]


def test_marks_are_seen_on_dark_paper(page: Page) -> None:
    assert {mark.get_attribute("fill") for mark in page.locator(MARKS).all()} == {"#1c2127"}
    page.emulate_media(color_scheme="dark")
    drawn(page, 2)
    assert {mark.get_attribute("fill") for mark in page.locator(MARKS).all()} == {"#e4e8ec"}


def test_the_keyboard_tells_every_point_with_its_intervals(page: Page) -> None:
    """In their order across; what is shown is what a pointer would be shown."""
    page.locator("#controls [type=reset]").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "chart"
    said, tip = page.locator("#spoken"), page.locator("#vg-tooltip-element.visible")
    assert "cell: edgemin;" in said.inner_text()  # 1 ms
    found = []
    for _ in range(7):
        found.append(said.inner_text())
        shown = zip(tip.locator(".key").all_inner_texts(), tip.locator(".value").all_inner_texts(), strict=True)
        assert "; ".join(f"{key}: {value}" for key, value in shown) == found[-1]
        page.keyboard.press("ArrowRight")
    assert sorted(found) == sorted(labels(page))
    assert said.inner_text() == found[-1]  # there is no further one
    last = "cell: teacher; mark: teacher; recipe: the teacher itself; runtime: torch; p50, ms: 16.00 [14.40, 17.60]; "
    assert found[-1].startswith(last)
    assert "test accuracy %: 90.00 [80.28, 99.72]" in found[-1]
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    until(page, "document.querySelectorAll('#chart path.current[stroke-width=\"2.5\"]').length === 1")
    assert page.locator("#chosen").inner_text() == "1 point chosen"
    page.keyboard.press("Escape")
    assert tip.count() == 0
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    assert (tip.count(), said.inner_text()) == (0, "")


def test_a_narrow_window_shows_plots_at_their_own_size_and_whole_figures(page: Page) -> None:
    page.set_viewport_size({"width": 400, "height": 800})
    page.wait_for_timeout(200)  # the plot follows the window
    image = page.locator(".paper img").first
    assert image.evaluate("image => image.clientWidth") == WIDE
    assert page.locator(".paper").first.evaluate("box => box.scrollWidth > box.clientWidth")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 400
    assert page.locator(".sideways").first.is_visible()
    assert page.locator(MARKS).count() == 3
    for point in (page.locator(POINT).first, page.locator(POINT).last):
        point.hover()
        box = page.locator("#vg-tooltip-element.visible table").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 400


def test_a_wide_window_needs_no_scrolling(page: Page) -> None:
    box = page.locator(".paper").first.evaluate("box => [box.scrollWidth, box.clientWidth]")
    assert box[0] == box[1]
    assert not page.locator(".sideways").first.is_visible()
