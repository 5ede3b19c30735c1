"""README's picture of a page: the top of the page of the study `quick` as it is on record. Needs Chromium."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from edgemin.cli.documents import studies

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PICTURE = "docs/images/page.png"
WIDTH, HEIGHT = 1200, 1340
"""Pixels: both ladders in ONNX Runtime."""


def main(root: Path) -> None:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"none of {', '.join(BROWSERS)} is on this machine; apt-get install chromium")
    with studies(root) as on_record, TemporaryDirectory() as folder:
        page = Path(folder, "index.html")
        on_record["quick"].page(page)
        options = ["--headless=new", "--no-sandbox", "--hide-scrollbars", f"--window-size={WIDTH},{HEIGHT}"]
        command = [browser, *options, f"--screenshot={root.resolve() / PICTURE}", page.as_uri()]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 (arguments of our own)
    print(f"drawn: {PICTURE}")


if __name__ == "__main__":
    main(Path())
