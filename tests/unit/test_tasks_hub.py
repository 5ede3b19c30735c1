"""Hub sources against a hub on this machine that speaks its protocol; each fetch in a process of its own, as jobs are."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from edgemin.config.sources import DataSource, ModelSource
from edgemin.encoders.normalise import normalise
from edgemin.errors import EdgeminError
from edgemin.tasks.rows import read_source

ROOT = Path(__file__).parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
WEIGHTS = random.Random(1).randbytes(3_000_000)  # as an LFS file: named by its sha256
MODEL = {
    "config.json": b'{"model_type": "bert"}',
    "model.safetensors": WEIGHTS,
    "tokenizer.json": b"{}",
    "pytorch_model.bin": b"no",
}
DATA = {"sst2/train.csv": b"text,label\ngood,1\n", "sst2/test.csv": b"text,label\nbad,0\n", "script.py": b"no"}
TOKEN = "hf_aVerySecretTokenThatNobodyMayRead0"


def _etag(name: str, content: bytes) -> str:
    """As the hub names content: by sha256 in LFS, else as git does."""
    if name.endswith(".safetensors"):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Hub(BaseHTTPRequestHandler):
    """Two repositories at one commit. `fails`: part of a path -> statuses to answer with first (0: hang up); `cuts`: after how
    many bytes of a file to hang up, request by request; `flips`: whose content goes wrong on the way, so many times."""

    protocol_version = "HTTP/1.1"
    fails: dict
    cuts: list
    flips: dict
    private: bool
    asked: list

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path, start = unquote(urlsplit(self.path).path), self.headers.get("Range", "bytes=0-")
        if path.startswith("/api/agent"):  # the client's own affairs
            return self._status(404)
        self.asked.append((self.command, path, self.headers.get("Range")))
        for part, statuses in self.fails.items():
            if part in path and statuses:
                return self._status(statuses.pop(0))
        if self.private and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._status(401, "RepoNotFound")
        for repo, base, files in (
            ("models/owner/model", "/owner/model", MODEL),
            ("datasets/owner/data", "/datasets/owner/data", DATA),
        ):
            if path == f"/api/{repo}/tree/{COMMIT}":
                return self._send(json.dumps([_entry(name, content) for name, content in files.items()]).encode())
            if path.startswith(f"/api/{repo}/tree/"):
                return self._status(404, "RevisionNotFound")
            name = path.removeprefix(f"{base}/resolve/{COMMIT}/")
            if name in files:
                return self._file(name, files[name], int(start.removeprefix("bytes=").split("-")[0]))
        return self._status(404, "RepoNotFound")

    def _file(self, name, content, start):
        etag = _etag(name, content)
        if self.command == "GET" and self.flips.get(name):
            self.flips[name] -= 1
            content = content[:-1] + bytes([content[-1] ^ 1])
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        big = self.command == "GET" and name == "model.safetensors"
        self._send(content[start:], headers, 206 if start else 200, self.cuts.pop(0) if big and self.cuts else None)

    def _send(self, body, headers=None, status=200, cut=None):
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body[:cut])
        self.close_connection = cut is not None

    def _status(self, status, code=""):
        if status == 0:
            self.close_connection = True
            return
        self._send(b"{}", {"X-Error-Code": code, "X-Error-Message": "as told"} if code else {"Retry-After": "1"}, status)

    def log_message(self, *args):
        pass


def _entry(name: str, content: bytes) -> dict:
    lfs = (
        {"lfs": {"oid": _etag(name, content), "size": len(content), "pointerSize": 130}} if name.endswith(".safetensors") else {}
    )
    return {"type": "file", "oid": "0" * 40 if lfs else _etag(name, content), "size": len(content), "path": name, **lfs}


@pytest.fixture
def hub():
    handler = type("Handler", (Hub,), {"fails": {}, "cuts": [], "flips": {}, "private": False, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    handler.address = f"http://127.0.0.1:{server.server_port}"
    yield handler
    server.shutdown()
    server.server_close()


FETCH = """
import sys, time
time.sleep = lambda seconds: None
import logging
from pathlib import Path
from edgemin.config.sources import DataSource, ModelSource
from edgemin.config.pins import pins_of
from edgemin.errors import EdgeminError
from edgemin.tasks.download import fetch
logging.basicConfig(level=logging.DEBUG)
kind, repo, revision, out = sys.argv[1:]
hub = {"repo": repo, "revision": revision}
if kind == "model":
    source = ModelSource.model_validate({"hub": hub})
else:
    source = DataSource.model_validate({"hub": {**hub, "files": {"train": "sst2/train.csv", "test": "sst2/test.csv"}}})
try:
    fetch(pins_of(source)[0], Path(out), Path(out + ".partial"))
except EdgeminError as error:
    sys.exit(f"refused: {error}")
"""


@pytest.fixture
def fetch(hub, tmp_path):
    """fetch("model"): (exit code, all that was printed, files that arrived)."""

    def run(kind="model", repo=None, revision=COMMIT, out="out", **environment):
        (tmp_path / out).mkdir(exist_ok=True)
        base = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                FETCH,
                kind,
                repo or {"model": "owner/model", "data": "owner/data"}[kind],
                revision,
                str(tmp_path / out),
            ],
            env={
                **base,
                "PYTHONPATH": str(ROOT / "workflow"),
                "HF_HOME": str(tmp_path / "home"),
                "HF_ENDPOINT": hub.address,
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        folder = tmp_path / out
        arrived = {file.relative_to(folder).as_posix(): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}
        if provenance := arrived.pop("provenance.json", None):
            digests = {name: hashlib.sha256(content).hexdigest() for name, content in arrived.items()}
            assert json.loads(provenance) == {"repo": repo or f"owner/{kind}", "revision": revision, "sha256": digests}
        return done.returncode, done.stdout + done.stderr, arrived

    return run


WANTED = {name: content for name, content in MODEL.items() if name != "pytorch_model.bin"}


def test_a_model_arrives_at_its_commit_without_pickles(hub, fetch):
    code, told, arrived = fetch()
    assert (code, arrived) == (0, WANTED), told
    assert all(COMMIT in path for _, path, _ in hub.asked)


def test_a_data_set_arrives_without_its_script(fetch):
    code, told, arrived = fetch("data")
    assert (code, arrived) == (0, {name: content for name, content in DATA.items() if name != "script.py"}), told


def test_what_was_fetched_once_is_there_offline(hub, fetch):
    assert fetch()[0] == 0
    hub.asked.clear()
    code, told, arrived = fetch(out="again", HF_HUB_OFFLINE="1")
    assert (code, arrived, hub.asked) == (0, WANTED, []), told


@pytest.mark.parametrize(
    ("repo", "revision", "message"),
    [
        ("owner/none", COMMIT, "hub repository owner/none@0123456789ab: .*404"),
        (None, "f" * 40, "hub repository owner/model@ffffffffffff: .*404"),
    ],
)
def test_what_is_not_there_is_named_at_once(hub, fetch, repo, revision, message):
    code, told, arrived = fetch(repo=repo, revision=revision)
    assert (code, arrived, len(hub.asked)) == (1, {}, 1)
    assert re.search(f"^refused: {message}.*correct repo and revision", told, re.MULTILINE), told


def test_a_private_repository_asks_for_a_token(hub, fetch):
    hub.private = True
    code, told, arrived = fetch()
    assert (code, arrived, len(hub.asked)) == (1, {}, 1)
    assert re.search("^refused: hub repository owner/model@0123456789ab: .*401.*HF_TOKEN", told, re.MULTILINE), told


def test_a_token_opens_it_and_is_never_told(hub, fetch, tmp_path):
    """Logging at its finest; a name that fails as well, whose error could tell what was sent."""
    hub.private = True
    code, told, arrived = fetch(HF_TOKEN=TOKEN)
    assert (code, arrived) == (0, WANTED), told
    refused, more, _ = fetch(repo="owner/none", out="none", HF_TOKEN=TOKEN)
    assert refused == 1
    hub.fails["tree"] = [500] * 50
    unreachable, most, _ = fetch(out="other", HF_HOME=str(tmp_path / "new"), HF_TOKEN=TOKEN)
    assert unreachable == 1
    assert TOKEN not in told + more + most
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and TOKEN.encode() in file.read_bytes()]


@pytest.mark.parametrize("where", ["tree", "resolve", "model.safetensors"])
@pytest.mark.parametrize("status", [429, 503, 0])
def test_a_hub_that_is_busy_is_asked_again(hub, fetch, where, status):
    hub.fails[where] = [status]
    code, told, arrived = fetch()
    assert (code, arrived) == (0, WANTED), told


@pytest.mark.parametrize("status", [429, 503, 0])
def test_a_hub_that_stays_busy_is_told(hub, fetch, status):
    hub.fails["model.safetensors"] = [status] * 500
    code, told, arrived = fetch()
    assert (code, arrived) == (1, {})
    assert re.search("^refused: hub repository owner/model@0123456789ab: .*offline options: ", told, re.MULTILINE), told
    assert "Traceback" not in told


def test_an_unreachable_hub_is_told(fetch):
    code, told, arrived = fetch(HF_ENDPOINT="http://127.0.0.1:9")
    assert (code, arrived) == (1, {})
    assert re.search("^refused: hub repository owner/model@0123456789ab: .*offline options: ", told, re.MULTILINE), told


def test_a_cut_connection_is_made_good(hub, fetch):
    hub.cuts = [1_000_000, 500_000]
    code, told, arrived = fetch()
    assert (code, arrived) == (0, WANTED), told
    assert [command for command, path, _ in hub.asked if path.endswith("model.safetensors")].count("GET") == 3


def test_what_broke_off_arrives_in_the_next_run(hub, fetch):
    hub.cuts = [1_000_000] + [0] * 100
    code, told, arrived = fetch()
    assert (code, arrived) == (1, {}), told
    hub.cuts.clear()
    code, told, arrived = fetch()
    assert (code, arrived) == (0, WANTED), told


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_content_that_is_not_what_the_commit_says_is_thrown_away(hub, fetch, name):
    """The right size, one bit changed: the client itself compares sizes alone."""
    hub.flips[name] = 100
    code, told, arrived = fetch()
    assert (code, arrived) == (1, {}), told
    assert re.search(f"^refused: hub repository owner/model@0123456789ab: {name} .*digest", told, re.MULTILINE), told
    hub.flips.clear()
    code, told, arrived = fetch()
    assert (code, arrived) == (0, WANTED), told


def test_one_bad_transfer_is_repeated(hub, fetch):
    hub.flips["model.safetensors"] = 1
    code, told, arrived = fetch()
    assert (code, arrived) == (0, WANTED), told


def test_only_what_was_asked_for_is_taken_from_the_cache(fetch, tmp_path):
    """Other programs fetch pickles of the same commit into the same cache."""
    assert fetch()[0] == 0
    (snapshot,) = (tmp_path / "home/hub").glob("models--owner--model/snapshots/*")
    (snapshot / "pytorch_model.bin").write_bytes(b"no")
    code, told, arrived = fetch(out="again")
    assert (code, arrived) == (0, WANTED), told


def test_a_flipped_bit_in_a_download_is_found_by_its_readers(fetch, tmp_path):
    for kind in ("model", "data"):
        assert fetch(kind, out=kind)[0] == 0
    (tmp_path / "model/model.safetensors").write_bytes(WEIGHTS[:-1] + b"!")
    (tmp_path / "data/sst2/test.csv").write_bytes(b"text,label\nbad,1\n")
    hub = {"repo": "owner/x", "revision": COMMIT}
    with pytest.raises(EdgeminError, match=r"model/model\.safetensors: its sha256 differs"):
        normalise(ModelSource.model_validate({"hub": hub}), [tmp_path / "model"], None, tmp_path)
    with pytest.raises(EdgeminError, match=r"data/sst2/test\.csv: its sha256 differs"):
        read_source(DataSource.model_validate({"hub": {**hub, "files": {"train": "sst2/train.csv"}}}), tmp_path / "data")
