"""A hub on this machine that speaks the protocol of Hugging Face's: two repositories at one commit."""

from __future__ import annotations

import hashlib
import json
import random
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote, urlsplit

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
    """`fails`: part of a path -> statuses to answer with first (0: hang up); `cuts`: after how
    many bytes of a file to hang up, request by request; `flips`: whose content goes wrong on the way, so many times;
    `model`: the files of the repository of a model."""

    protocol_version = "HTTP/1.1"
    fails: dict
    cuts: list
    flips: dict
    private: bool
    asked: list
    model: dict

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
            ("models/owner/model", "/owner/model", self.model),
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
