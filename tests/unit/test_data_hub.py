"""Hub sources against a hub on this machine that speaks its protocol; each fetch in a process of its own, as jobs are."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from hubs import COMMIT, DATA, MODEL, TOKEN, WEIGHTS, Hub

from edgemin.core.errors import EdgeminError
from edgemin.data.reading import read_source
from edgemin.encoders.normalise import normalise
from edgemin.study.sources import DataSource, ModelSource

ROOT = Path(__file__).parents[2]


@pytest.fixture
def hub():
    handler = type("Handler", (Hub,), {"fails": {}, "cuts": [], "flips": {}, "private": False, "asked": [], "model": MODEL})
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
from edgemin.study.sources import DataSource, ModelSource
from edgemin.study.pins import pins_of
from edgemin.core.errors import EdgeminError
from edgemin.data.sources.download import fetch
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


SHARDS = {f"model-0000{n}-of-00002.safetensors": bytes([n]) * 1000 for n in (1, 2)} | {"model.safetensors.index.json": b"{}"}


@pytest.mark.parametrize(
    ("gone", "more", "message"),
    [
        ({"model.safetensors"}, {}, "has no model.safetensors, only pytorch_model.bin, which is not read; .*save_pretrained"),
        ({"model.safetensors", "pytorch_model.bin"}, {}, "has no model.safetensors; name a later revision"),
        ({"config.json"}, {}, "has no config.json"),
        ({"tokenizer.json"}, {}, "has no tokenizer.json"),
        (set(), {"adapter_config.json": b"{}"}, "has adapter_config.json: an adapter is not read; merge it"),
    ],
)
def test_what_cannot_be_read_is_told_from_the_list_before_any_weights(hub, fetch, gone, more, message):
    hub.model = {name: content for name, content in MODEL.items() if name not in gone} | more
    code, told, arrived = fetch()
    assert (code, arrived, len(hub.asked)) == (1, {}, 1)
    assert re.search(f"^refused: hub repository owner/model@0123456789ab: {message}", told, re.MULTILINE), told


def test_shards_arrive_with_their_index_and_from_the_cache_too(hub, fetch):
    hub.model = {name: content for name, content in MODEL.items() if name != "model.safetensors"} | SHARDS
    wanted = {name: content for name, content in hub.model.items() if name != "pytorch_model.bin"}
    assert fetch()[::2] == (0, wanted)
    hub.asked.clear()
    code, told, arrived = fetch(out="again", HF_HUB_OFFLINE="1")
    assert (code, arrived, hub.asked) == (0, wanted, []), told


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
