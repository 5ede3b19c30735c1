from __future__ import annotations

import hashlib
import json
import logging
import os
import random
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from edgemin.core.errors import EdgeminError
from edgemin.data.sources import download
from edgemin.study.pins import Pin
from edgemin.study.sources import HubRepo, PipFile

CONTENT = random.Random(0).randbytes(1_200_000)  # the client reads and writes 2^18 bytes at once
SHA = hashlib.sha256(CONTENT).hexdigest()
FILE = PipFile(package="Some_Package", version="1.0", sha256=SHA)
OFFLINE = "offline options: point PIP_INDEX_URL"


class Index(BaseHTTPRequestHandler):
    """A package index of one file. `cuts`: after how many bytes to hang up, request by request."""

    files: dict
    cuts: list
    ranges: bool
    asked: list

    def do_GET(self):
        asked = self.headers.get("Range")
        self.asked.append((self.path, asked))
        body = self.files.get(self.path)
        if isinstance(body, int) or body is None:
            return self.send_error(body or 404)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.ranges else 0
        if start >= len(body):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        end = self.cuts.pop(0) if self.cuts and self.path.endswith(".whl") else len(body)
        self.wfile.write(body[start:end])

    def log_message(self, *args):
        pass


@pytest.fixture
def index(monkeypatch):
    """The server, as the package index; `index.files` maps paths to bodies or status codes."""
    handler = type("Handler", (Index,), {"files": {}, "cuts": [], "ranges": True, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    publish(handler, f"{base}/files/some.whl")
    monkeypatch.setenv("PIP_INDEX_URL", f"{base}/simple/")
    monkeypatch.setattr(download.time, "sleep", lambda seconds: None)
    yield handler
    server.shutdown()
    server.server_close()


def publish(index, url: str) -> None:
    digests = {"other.whl": "0" * 64, "some.whl": SHA}
    files = [{"filename": name, "url": url, "hashes": {"sha256": digest}} for name, digest in digests.items()]
    index.files.update({"/simple/some-package/": json.dumps({"files": files}).encode(), "/files/some.whl": CONTENT})


@pytest.fixture
def fetch(tmp_path):
    """Fetch into one folder, with another for the unfinished; returns (files, unfinished files)."""
    folder, partial = tmp_path / "download", tmp_path / "partial"
    folder.mkdir()

    def run():
        try:
            download.fetch(Pin("pip", file=FILE), folder, partial)
        finally:
            run.arrived = {path.name: path.read_bytes() for path in folder.iterdir()}
            run.unfinished = {path.name: path.read_bytes() for path in partial.iterdir()} if partial.exists() else {}

    run.partial = partial
    return run


def ranges(index):
    return [asked for path, asked in index.asked if path.endswith(".whl")]


def test_the_file_with_the_right_digest_arrives(index, fetch):
    fetch()
    assert fetch.arrived == {"some.whl": CONTENT}
    assert fetch.unfinished == {}
    assert [path for path, _ in index.asked] == ["/simple/some-package/", "/files/some.whl"]


def test_an_index_may_give_relative_addresses(index, fetch):
    """PEP 691 leaves the addresses to PEP 503, which allows relative ones; mirrors use them."""
    publish(index, "../../files/some.whl")
    fetch()
    assert fetch.arrived == {"some.whl": CONTENT}


def test_another_digest_is_refused_and_nothing_is_left(index, fetch):
    index.files["/files/some.whl"] = CONTENT[:-1] + b"!"
    with pytest.raises(EdgeminError, match=f"sha256 is [0-9a-f]{{64}}, the study says {SHA}"):
        fetch()
    assert (fetch.arrived, fetch.unfinished) == ({}, {})


def test_a_cut_connection_goes_on_where_it_stopped(index, fetch):
    """At 300,000 bytes one full read has been written, at 900,000 three."""
    index.cuts = [300_000, 900_000]
    fetch()
    assert fetch.arrived == {"some.whl": CONTENT}
    assert ranges(index) == [None, f"bytes={2**18}-", f"bytes={3 * 2**18}-"]


def test_a_server_without_ranges_starts_again(index, fetch):
    index.cuts, index.ranges = [300_000], False
    fetch()
    assert fetch.arrived == {"some.whl": CONTENT}
    assert len(ranges(index)) == 2


def test_a_later_run_goes_on_too(index, fetch):
    index.cuts = [300_000] * download.TRIES
    with pytest.raises(EdgeminError, match=f"broke off {download.TRIES} times.*{OFFLINE}"):
        fetch()
    assert (fetch.arrived, fetch.unfinished) == ({}, {f"{SHA}.part": CONTENT[: 2**18]})
    fetch()
    assert fetch.arrived == {"some.whl": CONTENT}
    assert ranges(index)[-1] == f"bytes={2**18}-"


def test_a_complete_file_that_was_not_moved_yet_is_taken(index, fetch):
    fetch.partial.mkdir()
    (fetch.partial / f"{SHA}.part").write_bytes(CONTENT)
    fetch()
    assert fetch.arrived == {"some.whl": CONTENT}


@pytest.mark.parametrize(
    ("status", "asked", "message"),
    [
        (401, 1, "HTTP 401"),
        (404, 1, "HTTP 404"),
        (429, download.TRIES, "unreachable after 4 tries .HTTP 429"),
        (503, download.TRIES, "unreachable after 4 tries .HTTP 503"),
    ],
)
def test_http_errors_name_the_offline_options(index, fetch, status, asked, message):
    """A 5xx may pass, so it is tried again; a 404 is not."""
    index.files["/files/some.whl"] = status
    with pytest.raises(EdgeminError, match=f"/files/some.whl: {message}.*{OFFLINE}"):
        fetch()
    assert len(ranges(index)) == asked


def test_an_unreachable_server_names_the_offline_options(index, fetch, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/simple"  # of a server that is gone
    monkeypatch.setenv("PIP_INDEX_URL", address)
    with pytest.raises(
        EdgeminError, match=f"^{address}/some-package/: unreachable after 4 tries.*{OFFLINE}.*`path:` or `files:`"
    ):
        fetch()


def test_an_unreachable_hub_names_the_offline_options(tmp_path):
    """The tests are offline for huggingface_hub: see conftest."""
    pin = Pin("hub_model", repo=HubRepo(repo="owner/name", revision="a" * 40), names=("config.json",))
    with pytest.raises(EdgeminError, match=f"^hub repository owner/name@aaaaaaaaaaaa: .*{OFFLINE}.*HF_ENDPOINT"):
        download.fetch(pin, tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (b"<html>", "not a JSON package index"),
        (b"{}", "not a JSON package index"),
        (b"[]", "not a JSON package index"),
        (b'{"files": [{"hashes": []}]}', "not a JSON package index"),
        (b'{"files": []}', f"no file with sha256 {SHA}"),
    ],
)
def test_an_index_without_the_file_is_told(index, fetch, page, message):
    index.files["/simple/some-package/"] = page
    with pytest.raises(EdgeminError, match=message):
        fetch()


@pytest.mark.parametrize("name", ["..", "x/..", ".hidden", ""])
def test_an_index_cannot_write_elsewhere(index, fetch, name):
    files = [{"filename": name, "url": "/files/some.whl", "hashes": {"sha256": SHA}}]
    index.files["/simple/some-package/"] = json.dumps({"files": files}).encode()
    with pytest.raises(EdgeminError, match="is no name of a package file"):
        fetch()
    assert (fetch.arrived, fetch.unfinished) == ({}, {})


@pytest.mark.parametrize("status", [404, 503])
@pytest.mark.parametrize("path", ["/simple/some-package/", "/files/some.whl"])
def test_a_password_in_the_address_is_never_told(index, fetch, monkeypatch, caplog, status, path):
    caplog.set_level(logging.DEBUG)
    index.files[path] = status
    monkeypatch.setenv("PIP_INDEX_URL", os.environ["PIP_INDEX_URL"].replace("http://", "http://me:hunter2@"))
    with pytest.raises(EdgeminError, match=path) as error:
        fetch()
    assert "hunter2" not in str(error.value) + caplog.text
