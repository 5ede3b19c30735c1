"""The page of a tiny study in Chromium, opened from a file."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pages import written
from playwright.sync_api import Browser, Page

from edgemin.report.page.render import write_page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")
POINT = "#chart path[aria-roledescription=point]"
CELLS = ".table[data-table=cells]"


def page_in(folder: Path, *runtimes: str, **changes: Any) -> Path:
    """Write it. changes: keys of the study."""
    with written(folder, runtimes=runtimes, **changes) as spec:
        write_page(spec, "index.html")
    return folder / "index.html"


@contextmanager
def opened(browser: Browser, file: Path) -> Iterator[Page]:
    """The page, drawn; at the end it must have logged nothing and asked for nothing but itself."""
    page = browser.new_page(viewport={"width": 1280, "height": 1000}, color_scheme="light")
    logged: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: logged.append(message.text))
    page.on("pageerror", lambda error: logged.append(str(error)))
    network = page.context.new_cdp_session(page)
    network.on("Network.requestWillBeSent", lambda event: asked.append(event["request"]["url"]))
    network.send("Network.enable")
    page.goto(file.as_uri())
    drawn(page)
    yield page
    assert page.evaluate("window.hurt") is None
    page.close()
    assert logged == []
    assert [address for address in asked if not address.startswith("data:")] == [file.as_uri()]


def until(page: Page, expression: str) -> None:
    """Playwright's own wait_for_function needs eval, which the page forbids."""
    deadline = time.monotonic() + 15
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        time.sleep(0.05)


def drawn(page: Page, times: int = 1) -> None:
    until(page, f"Number(document.getElementById('chart').dataset.drawn) >= {times}")


def labels(page: Page) -> list[str]:
    """What a screen reader is told of each point of the plot."""
    return [point.get_attribute("aria-label") or "" for point in page.locator(POINT).all()]
