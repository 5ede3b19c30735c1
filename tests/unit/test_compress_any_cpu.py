"""`edgemin compress --any-cpu`: weights of seven bits in every variant that can have them, and what is said of bundles without."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from compress_by_hand import SPEEDS
from compressing import classes_csv

import edgemin
from edgemin.cli.main import main
from edgemin.compressing import running, speeds, timing
from edgemin.compressing.any_cpu import note, seven_bits
from edgemin.compressing.folder import STUDY, Folder
from edgemin.compressing.request import Request
from edgemin.core.files import write_json
from edgemin.plan.plan import Plan
from edgemin.study.read import parse_study

CELL = "half_int8"
BUNDLE = f"results/out/deploy/{CELL}/seed0"
QUANTIZED = "results/out/models/texts/seed0/teacher/quantize-int8/model.onnx"


@pytest.fixture
def options(tmp_path, monkeypatch):
    """Of a call that ends with `half_int8`, whose bundle saturates. Every shape takes a second by hand."""

    def snakemake(root, folder, cores, seconds, *targets):
        tables = folder / "results/out/tables"
        tables.mkdir(parents=True, exist_ok=True)
        row = f"texts,{CELL},teacher,True,True,True\n"
        (tables / "recommendation.csv").write_text(f"task,cell,chain,accepted,recommended,shipped\n{row}", encoding="utf-8")
        (tables / "recommendation.md").write_text(f"# R\n\n## Ship `{CELL}`\n\nWords.\n", encoding="utf-8")
        bits = yaml.safe_load((folder / STUDY).read_text(encoding="utf-8"))["quantize"]["int8"]
        write_json(folder / BUNDLE / "bundle.json", {"saturates": not bits.get("reduce_range", False)})

    def measure(branches, length, threads):
        return timing.Paces(1.0, {branch.sizes: timing.Pace(0.1, 0.1, 0.01) for branch in branches})

    monkeypatch.setattr(timing, "measure", measure)
    monkeypatch.setattr(speeds, "measure", lambda *_: SPEEDS)
    monkeypatch.setattr(running, "snakemake", snakemake)
    return {"data": classes_csv(tmp_path), "text": "text", "label": "label", "max_drop": 3, "out": tmp_path / "out"}


def command(options: dict, *more: str) -> int:
    words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    return main(["compress", *words, *more])


def study(options: dict) -> dict:
    return yaml.safe_load((options["out"] / STUDY).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("variant", "taken"),
    [
        ({"scheme": "int8_fused", "backend": "onnxruntime"}, True),
        ({"scheme": "int8_fused", "backend": "onnxruntime", "embeddings": 4}, True),
        ({"scheme": "int4", "backend": "onnxruntime", "linear": 8}, True),
        ({"scheme": "int4", "backend": "onnxruntime", "linear": 32}, False),  # floats have no range
        ({"scheme": "few_bits", "backend": "onnxruntime"}, False),  # has no such key
        ({"backend": "torch"}, False),  # torch.ao does it by itself
    ],
)
def test_a_variant_has_seven_bits_where_its_scheme_takes_them(variant, taken):
    assert seven_bits(variant) == {**variant, **({"reduce_range": True} if taken else {})}


def test_every_int8_of_the_study_has_seven_bits_and_a_bundle_without_says_so(options, capsys):
    assert command(options) == 0
    assert not any("reduce_range" in one for one in study(options)["quantize"].values())
    (said,) = [line for line in capsys.readouterr().out.splitlines() if "VNNI" in line]
    assert said.startswith("Its INT8 weights have 8 bits: on x86 CPUs without VNNI ")
    assert said.endswith("With --any-cpu they have 7, and saturate on none.")
    assert command(options, "--any-cpu") == 0
    quantize = study(options)["quantize"]
    assert {name: one.get("reduce_range") for name, one in quantize.items()} == {"int8": True, "int4": True, "vectors": None}
    plan = Plan(parse_study(study(options)))
    assert all(plan.study.quantize[name].reduce_range for name in ("int8", "int4"))
    assert "VNNI" not in capsys.readouterr().out


def test_another_number_of_bits_quantizes_again_and_trains_nothing_again(options):
    """The study is written anew; its estimate has the quantized model as work, and not the teacher."""
    command(options)
    model = QUANTIZED.replace("quantize-int8/model.onnx", "model.safetensors")
    finish(options, QUANTIZED, model)
    command({**options, "max_mb": 20})
    assert {QUANTIZED, model}.isdisjoint(Folder.of(asked(options, max_mb=20.0)).seconds())
    command({**options, "max_mb": 20}, "--any-cpu")
    seconds = Folder.of(asked(options, max_mb=20.0, any_cpu=True)).seconds()
    assert QUANTIZED in seconds
    assert model not in seconds


def test_what_an_older_version_made_otherwise_is_work_again(options):
    """`_int4` and `_smallest` had weights in INT8; students, and all that is made from them, were trained in another way."""
    command(options)
    newer = study(options)
    smallest = QUANTIZED.replace("quantize-int8", "prune-vocabulary/quantize-int4")
    half = QUANTIZED.replace("quantize-int8", "distill-half/quantize-int8")
    finish(options, QUANTIZED, smallest, half)
    assert kept(options, newer, QUANTIZED, smallest, half) == [True, True, True]
    older = study(options)
    older["quantize"]["int4"] = {"scheme": "int8_fused", "backend": "onnxruntime", "embeddings": 4}
    (options["out"] / STUDY).write_text(yaml.safe_dump(older), encoding="utf-8")
    assert kept(options, newer, QUANTIZED, smallest, half) == [True, False, True]
    older["distill"]["half"]["phases"][0]["epochs"] += 1
    (options["out"] / STUDY).write_text(yaml.safe_dump(older), encoding="utf-8")
    assert kept(options, newer, QUANTIZED, smallest, half) == [True, False, False]


def finish(options: dict, *files: str) -> None:
    """Put empty files where jobs leave theirs."""
    for file in files:
        (options["out"] / file).parent.mkdir(parents=True, exist_ok=True)
        (options["out"] / file).touch()


def kept(options: dict, wanted: dict, *files: str) -> list[bool]:
    """Whether a study that is wanted would leave each as it is."""
    folder = Folder.of(asked(options))
    return [folder.keeps(file, folder.changed(wanted)) for file in files]


def asked(options: dict, **more) -> Request:
    return Request(**{**options, "text": (options["text"],), "out": str(options["out"]), **more})


def test_it_is_in_the_head_and_the_same_again_goes_on(options, tmp_path):
    command(options, "--any-cpu")
    head = (options["out"] / STUDY).read_text(encoding="utf-8").splitlines()[2]
    assert head.endswith("--prefer latency --any-cpu --out " + str(options["out"]))
    assert Folder.of(asked(options, any_cpu=True)).goes_on(asked(options, any_cpu=True))
    assert not Folder.of(asked(options)).goes_on(asked(options))


def test_a_folder_of_a_version_without_it_goes_on(options):
    """Its request.json has no such key."""
    command(options)
    folder = Folder.of(asked(options))
    before = {name: value for name, value in folder.before["request"].items() if name not in ("any_cpu", "quoting")}
    write_json(options["out"] / "request.json", {**folder.before, "request": before})
    assert Folder.of(asked(options)).goes_on(asked(options))


def test_the_function_has_it_too(options):
    data, text, label = Path(options["data"]), options["text"], options["label"]
    found = edgemin.compress(data, text, label, max_drop=3, out=options["out"], any_cpu=True)
    assert (found.cell, found.note) == (CELL, "")
    assert study(options)["quantize"]["int8"]["reduce_range"] is True


def test_nothing_is_said_without_a_bundle_or_of_floats(tmp_path):
    assert note(tmp_path) == ""
    write_json(tmp_path / "bundle.json", {"labels": []})
    assert note(tmp_path) == "", "of an older version, which did not say"
