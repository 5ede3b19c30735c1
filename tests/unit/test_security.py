"""What the product's own code may not do: read pickles, run text, build a shell command. By its syntax trees, so that nothing hides in a string."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from edgemin.core.errors import EdgeminError
from edgemin.study.read import parse_study

ROOT = Path(__file__).parents[2]
FILES = sorted([*(ROOT / "workflow").rglob("*.py"), *(ROOT / "benchmarks").glob("*.py")])
MODULES = {"pickle", "cPickle", "dill", "joblib", "cloudpickle", "shelve", "marshal", "pty", "commands"}
CALLS = {
    *("eval", "exec", "compile", "__import__", "input"),
    *("torch.load", "torch.jit.load", "torch.hub.load", "torch.save", "np.save", "np.savez"),
    *("pd.read_pickle", "pd.eval", "yaml.load", "yaml.unsafe_load", "yaml.full_load"),
    *("load_dataset", "datasets.load_dataset", "load_from_disk", "datasets.load_from_disk"),
    *("os.system", "os.popen", "os.execv", "os.execvp", "os.spawnv", "shutil.unpack_archive"),
}
METHODS = {"extractall", "extract", "to_pickle", "read_pickle", "allow_pickle", "add_extension", "register_custom_ops_library"}
"""Whatever object they are called on. `extract` writes members under their own names; the last two load native code into a runtime."""


def forbidden(source: str) -> list[str]:
    """What a piece of code does that it may not."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in MODULES]
        elif isinstance(node, ast.ImportFrom):
            found += [node.module] if (node.module or "").split(".")[0] in MODULES else []
        elif isinstance(node, ast.Call):
            name, given = ast.unparse(node.func), {keyword.arg: keyword.value for keyword in node.keywords}
            method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            if name in CALLS or method in METHODS or name.endswith("unpickle"):
                found.append(name)
            for key in ("shell", "trust_remote_code", "allow_pickle"):
                if key in given and ast.unparse(given[key]) != "False":
                    found.append(f"{name}({key}={ast.unparse(given[key])})")
            if name in ("np.load", "numpy.load") or "resume_from_checkpoint" in given:
                found.append(name)
            if "weights_only" in given and ast.unparse(given["weights_only"]) != "True":
                found.append(f"{name}(weights_only)")
    return found


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from dill import load",
        "torch.load(f)",
        "np.load(f)",
        "x = eval(y)",
        "exec(t)",
        "subprocess.run(c, shell=True)",
        "AutoModel.from_pretrained(f, trust_remote_code=study.trust)",
        "tar.extractall(p)",
        "yaml.load(t)",
        "frame.to_pickle(p)",
        "os.system(c)",
        "trainer.train(resume_from_checkpoint=p)",
        "load_dataset(name)",
        "core.add_extension(p)",
    ],
)
def test_the_search_finds_what_it_looks_for(source):
    assert len(forbidden(source)) == 1
    assert forbidden("subprocess.run(c, shell=False); yaml.safe_load(t); model.eval(); load(f, trust_remote_code=False)") == []


def test_no_code_reads_a_pickle_or_runs_text():
    """The one exception: Trainer's own state of an interrupted run, in scratch, which transformers loads by weights_only."""
    found = {file.relative_to(ROOT).as_posix(): forbidden(file.read_text(encoding="utf-8")) for file in FILES}
    assert len(found) > 100
    assert {file: names for file, names in found.items() if names} == {"workflow/edgemin/training/phase.py": ["trainer.train"]}


def test_the_trainer_loads_its_state_without_unpickling_objects():
    """Of transformers as pinned: every torch.load of the Trainer says weights_only=True, but that of the random state, which asks for it
    as torch allows."""
    import transformers.trainer as module

    calls = [
        node
        for node in ast.walk(ast.parse(Path(module.__file__).read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load"
    ]
    told = [{keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}.get("weights_only") for call in calls]
    assert told
    assert set(told) == {"True"}


def test_rules_run_scripts_and_nothing_else():
    """A `shell:` would put names of a study into a command line; a `run:` would run where Snakemake does."""
    rules = {
        file.name: file.read_text(encoding="utf-8") for file in [ROOT / "Snakefile", *(ROOT / "workflow/rules").glob("*.smk")]
    }
    names = ("study", "data", "baselines", "cascades", "train", "quantize", "measure", "report", "record")
    assert set(rules) == {"Snakefile", *(f"{name}.smk" for name in names)}
    for name, text in rules.items():
        assert not re.search(r"^\s*(shell|run|wrapper|notebook|cwl)\s*:|shell\(|subprocess|os\.system", text, re.MULTILINE), name
    called = re.findall(r"^\s*script:\s*\n?\s*(.+)$", "\n".join(rules.values()), re.MULTILINE)
    assert len(called) == sum(text.count("script:") for text in rules.values()) >= 20
    ours = {f'"../scripts/{file.name}"' for file in (ROOT / "workflow/scripts").glob("*.py")}
    assert set(called) == ours - {'"../scripts/job.py"'}


HOSTILE = [
    "$(touch x)",
    "`touch x`",
    "a; touch x",
    "a b",
    "a'b",
    'a"b',
    "a\nb",
    "../up",
    "/etc",
    "-rf",
    "a{b}",
    "A",
    "é",
    ".",
    "",
    "a" * 101,
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("place", ["study", "tasks", "distill", "prune", "quantize", "cells", "transfer", "out_of_domain"])
def test_names_that_become_paths_are_plain(changed, place, name):
    study = changed()
    if place == "study":
        study["study"] = name
    elif place == "out_of_domain":
        study["tasks"]["snippets"][place] = {name: {"source": {"files": {"train": "a.csv"}}}}
    elif place == "transfer":
        study[place] = {name: {"dead_zone": True}}
    else:
        study[place] = {**study[place], name: next(iter(study[place].values()))}
    with pytest.raises(EdgeminError):
        parse_study(study)


@pytest.mark.parametrize("revision", ["main", "v1.0", "refs/pr/1", "a" * 39, "A" * 40, "a" * 41, "", "a" * 40 + "\n", "0123456"])
@pytest.mark.parametrize("kind", ["model", "data"])
def test_a_revision_is_a_commit(changed, kind, revision):
    hub = {"repo": "owner/name", "revision": revision}
    place = "teacher.source" if kind == "model" else "tasks.snippets.source"
    with pytest.raises(EdgeminError, match=rf"^study: {place}\.hub\.revision: .*\[0-9a-f\]\{{40\}}"):
        parse_study(changed({place: {"hub": hub if kind == "model" else {**hub, "files": {"train": "a.csv"}}}}))
    parse_study(changed({"teacher.source": {"hub": {**hub, "revision": "a" * 40}}}))
