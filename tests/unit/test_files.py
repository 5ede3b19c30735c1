from __future__ import annotations

import gzip
import os
import random

import pytest

from edgemin.core.errors import EdgeminError
from edgemin.core.files import gzip_bytes, read_json, sha256, whole_file, whole_folder, write_json


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def cut_off(file):
    """Half a file, and then something goes wrong."""
    file.write_text("half")
    (file.parent / "not there").read_text()


def test_a_file_is_whole_or_as_it_was(tmp_path):
    file = tmp_path / "new" / "a.txt"
    with whole_file(file) as partial:
        partial.write_text("one")
        assert not file.exists()
        place = partial.stat().st_ino
    assert file.stat().st_ino == place  # renamed, not copied
    with pytest.raises(FileNotFoundError), whole_file(file) as partial:
        cut_off(partial)
    assert file.read_text() == "one"
    assert names(file.parent) == ["a.txt"]


def test_a_folder_receives_all_files_or_none_and_keeps_what_it_had(tmp_path):
    (tmp_path / "child").mkdir()
    with whole_folder(tmp_path) as partial:
        (partial / "a").write_text("1")
        (partial / "b").write_text("2")
        assert not (tmp_path / "a").exists()
    with pytest.raises(FileNotFoundError), whole_folder(tmp_path) as partial:
        cut_off(partial / "c")
    assert names(tmp_path) == ["a", "b", "child"]


def test_files_are_readable_by_whom_the_user_lets_read(tmp_path):
    """Even those that a library made for the user alone."""
    before = os.umask(0o027)
    try:
        with whole_file(tmp_path / "a") as file, whole_folder(tmp_path) as folder:
            for partial in (file, folder / "b"):
                partial.touch(mode=0o600)
    finally:
        os.umask(before)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in "ab"] == [0o640, 0o640]


def test_json_round_trip(tmp_path):
    value = {"ä": [1, 2.5, None], "b": {"c": True}}
    write_json(tmp_path / "x.json", value)
    assert read_json(tmp_path / "x.json") == value


@pytest.mark.parametrize(("content", "message"), [(None, "no such file"), (b"{", "not valid JSON"), (b"\xff", "not valid JSON")])
def test_unreadable_json_names_its_file(tmp_path, content, message):
    file = tmp_path / "x.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(EdgeminError, match=message) as error:
        read_json(file)
    assert str(error.value).startswith(f"{file}: ")


def test_sha256_of_the_standard_vectors(tmp_path):
    """FIPS 180-2, appendices B.1 and B.3 (a million times `a`)."""
    (tmp_path / "abc").write_text("abc")
    (tmp_path / "million").write_text("a" * 1_000_000)
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256(tmp_path / "million") == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"


@pytest.mark.parametrize("size", [0, 10, 3_000_000])  # the last: several chunks
def test_gzip_bytes_is_the_length_of_what_gzip_gives(tmp_path, size):
    content = bytes(random.Random(0).choices(b"abcdefgh", k=size))
    (tmp_path / "x").write_bytes(content)
    assert gzip_bytes(tmp_path / "x") == len(gzip.compress(content, 6, mtime=0))
