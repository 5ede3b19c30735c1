from __future__ import annotations

import hashlib
import io
import shutil
import zipfile

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from edgemin.core.errors import EdgeminError
from edgemin.data.tokenizer import load_tokenizer, tokenize
from edgemin.encoders.normalise import normalise
from edgemin.study.sources import ModelSource

FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.fixture
def plain(source, tmp_path):
    """The four files of a model, in a folder that a user could have."""
    folder = tmp_path / "plain"
    folder.mkdir()
    for name in FILES:
        shutil.copyfile(source / name, folder / name)
    return folder


def wheel(folder, name: str, files: dict[str, bytes]) -> tuple:
    """A download folder with one wheel, and the wheel's pin."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    (folder / name).mkdir()
    (folder / name / f"{name}.whl").write_bytes(stream.getvalue())
    return folder / name, {"package": name, "version": "1", "sha256": hashlib.sha256(stream.getvalue()).hexdigest()}


def test_every_kind_of_source_gives_the_same_four_files(plain, out, tmp_path):
    files = {f"model/{name}": (plain / name).read_bytes() for name in FILES}
    one, pin = wheel(tmp_path, "one", {**files, "model/README.md": b"x", "setup.py": b"x"})
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    whole = stream.getvalue()
    parts = [wheel(tmp_path, f"part{n}", {f"x/model.zip.{n:03}": whole[n * 9000 :][: 9000 if n == 0 else None]}) for n in (0, 1)]
    sources = {
        "path": ({"path": str(plain)}, []),
        "pip": ({"pip": {"packages": [pin], "folder": "model"}}, [one]),
        "split": (
            {"pip": {"packages": [pin for _, pin in parts], "folder": "model", "join": "zip"}},
            [folder for folder, _ in parts],
        ),
    }
    for kind, (source, downloads) in sources.items():
        (out / kind).mkdir()
        normalise(ModelSource.model_validate(source), downloads, None, out / kind)
        assert sorted(path.name for path in (out / kind).iterdir()) == sorted(FILES)
        for name in FILES[:3]:
            assert (out / kind / name).read_bytes() == (plain / name).read_bytes(), (kind, name)


def test_a_random_model_is_a_function_of_its_spec(out):
    """WordPiece of 5 special pieces, the letters a b c d, alone and continued, and the two words: 15 in all."""
    train = pd.DataFrame({"text": ["abc d", "ab abc"]})
    weights = []
    for number, seed in enumerate((0, 0, 1)):
        folder = out / str(number)
        folder.mkdir()
        spec = {"hidden_size": 8, "heads": 2, "layers": 1, "vocabulary": 50, "seed": seed}
        normalise(ModelSource.model_validate({"random": spec}), [], train, folder)
        weights.append(load_file(folder / "model.safetensors"))
    assert weights[0]["bert.embeddings.word_embeddings.weight"].shape == (15, 8)
    assert not any(name.startswith("classifier") for name in weights[0])
    equal = [all(torch.equal(weights[0][name], other[name]) for name in weights[0]) for other in weights]
    assert equal == [True, True, False]
    tokenizer = load_tokenizer(out / "0")
    [example] = tokenize(tokenizer, ["abc cab"], None, 16)
    assert tokenizer.pieces(example["input_ids"]) == ["[CLS]", "abc", "c", "##a", "##b", "[SEP]"]


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_missing_file_is_named(plain, out, name):
    (plain / name).unlink()
    with pytest.raises(EdgeminError, match=f"{plain}: .*{name}"):
        normalise(ModelSource(path=str(plain)), [], None, out)


def test_pickled_weights_are_not_read(plain, out):
    (plain / "model.safetensors").rename(plain / "pytorch_model.bin")
    with pytest.raises(EdgeminError, match=f"^{plain}: has no model.safetensors; pickled weights are not read"):
        normalise(ModelSource(path=str(plain)), [], None, out)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", "{", "config.json: not valid JSON"),
        ("config.json", '{"model_type": "gpt2"}', "model_type 'gpt2' is not supported"),
        ("model.safetensors", "{", "model.safetensors: not a readable safetensors file"),
        ("tokenizer.json", "{", "plain/tokenizer.json: not valid JSON .*; save the tokenizer anew"),
        ("tokenizer.json", "{}", "plain/tokenizer.json: no tokenizer"),
        ("tokenizer_config.json", "{", "plain/tokenizer_config.json: not valid JSON .*; copy it again"),
        (
            "tokenizer.json",
            '{"model": {"type": "none", "vocab": {"a": 0}}}',
            "its tokenizer cannot be loaded .*, out of tokenizer.json, tokenizer_config.json",
        ),
    ],
)
def test_a_damaged_source_is_told(plain, out, name, content, message):
    (plain / name).write_text(content)
    with pytest.raises(EdgeminError, match=message):
        normalise(ModelSource(path=str(plain)), [], None, out)


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_the_family_that_a_study_names_is_compared_with_the_config(plain, out, family):
    source = ModelSource(path=str(plain), family=family)
    if family == "bert":
        normalise(source, [], None, out)
        assert sorted(path.name for path in out.iterdir()) == sorted(FILES)
    else:
        with pytest.raises(
            EdgeminError, match=r"source.family: roberta, but the config of this model says bert; correct the study"
        ):
            normalise(source, [], None, out)


def test_a_folder_that_is_not_there_is_named(tmp_path, out):
    with pytest.raises(EdgeminError, match=f"^{tmp_path}/nowhere: no such folder"):
        normalise(ModelSource(path=str(tmp_path / "nowhere")), [], None, out)
