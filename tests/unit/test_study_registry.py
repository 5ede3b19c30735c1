"""Things are found by walking folders; one that is not whole is refused with what is missing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgemin.core.errors import EdgeminError
from edgemin.study import registry
from edgemin.study.registry import Group

CRITERION = "from edgemin.study.criterion import Criterion\n\n\nclass Mine(Criterion):\n    name = 'mine'\n"
TERM = "from typing import Literal\nfrom edgemin.study.term import Term\n\n\nclass Mine(Term):\n    objective: Literal['mine']\n"
STRUCTURE = TERM.replace("study.term", "study.pruning").replace("Term", "Pruning").replace("objective", "structure")
RUNTIME = "from edgemin.study.runtime import Runtime\n\n\nclass Mine(Runtime):\n    name = 'mine'\n"
TABLE = "from edgemin.study.table import Table\n\n\nclass Mine(Table):\n    name = 'mine'\n"
GROUPS = {group.what: group for group in registry.GROUPS}


@pytest.fixture
def found(tmp_path, monkeypatch, request):
    """found({file: text}, what): a group whose folder has these files."""
    name = f"things_{abs(hash(request.node.name))}"  # a module is imported once

    def make(files: dict[str, str], what: str = "criterion") -> Group:
        for file, text in {"__init__.py": "", **files}.items():
            (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / file).write_text(text, encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        return replace(GROUPS[what], folder=name)

    return make


def test_a_thing_is_found_by_its_folder(found):
    """A file beside the folders is shared by them; it is no thing."""
    group = found({"mine/__init__.py": CRITERION, "mine/score.py": "", "shared.py": "", "shared_too.py": CRITERION})
    assert group.names() == ("mine",)
    assert (group["mine"].name, type(group["mine"]).__name__) == ("mine", "Mine")
    assert group.module("mine") == f"{group.folder}.mine"
    assert group.file("mine", "score").is_file()


def test_a_name_may_have_dashes_where_its_folder_cannot(found):
    """As model types do: xlm-roberta."""
    group = found({"of_mine/__init__.py": CRITERION.replace("'mine'", "'of-mine'"), "of_mine/score.py": ""})
    assert group.names() == ("of-mine",)
    assert group.module("of-mine") == f"{group.folder}.of_mine"
    assert group.file("of-mine", "score").name == "score.py"


def test_of_settings_the_class_is_found(found):
    group = found({"mine/__init__.py": TERM, "mine/loss.py": ""}, "objective")
    assert group["mine"].model_fields["objective"].is_required()


def test_a_table_is_a_file(found):
    assert found({"mine.py": TABLE, "folder/__init__.py": ""}, "table").names() == ("mine",)


@pytest.mark.parametrize(
    ("files", "what", "message"),
    [
        (
            {"mine/__init__.py": "", "mine/score.py": ""},
            "criterion",
            "has no settings half: write one class below edgemin.study.criterion.Criterion in its __init__.py, or delete it",
        ),
        (
            {"mine/__init__.py": f"{CRITERION}class Other(Mine):\n    pass\n", "mine/score.py": ""},
            "criterion",
            "has 2 settings classes: write one class below edgemin.study.criterion.Criterion in its __init__.py, or delete it",
        ),
        (
            {"mine.py": ""},
            "table",
            "has no settings half: write one class below edgemin.study.table.Table in its file, or delete it",
        ),
        (
            {"mine/__init__.py": CRITERION},
            "criterion",
            "has a settings half alone; write score.py beside its __init__.py, or delete it",
        ),
        (
            {"mine/__init__.py": RUNTIME, "mine/run.py": ""},
            "runtime",
            "has a settings half alone; write stored.py beside its __init__.py, or delete it",
        ),
        (
            {"mine/__init__.py": STRUCTURE},
            "structure",
            "has a settings half alone; write the module that computes beside its __init__.py, or delete it",
        ),
        (
            {"other/__init__.py": CRITERION, "other/score.py": ""},
            "criterion",
            "calls itself 'mine'; a criterion has the name of its folder, so rename one",
        ),
        ({"other.py": TABLE}, "table", "calls itself 'mine'; a table has the name of its file, so rename one"),
    ],
)
def test_a_thing_that_is_not_whole_is_refused(found, files, what, message):
    group = found(files, what)
    [name] = {file.split("/")[0].removesuffix(".py") for file in files}
    with pytest.raises(EdgeminError) as error:
        group.all()
    assert str(error.value) == f"{group.path}/{name}: {message}"


@pytest.mark.parametrize("group", registry.GROUPS, ids=lambda group: group.what)
def test_a_name_that_is_not_there_is_told_with_those_that_are(group):
    assert group.names() == tuple(sorted(group.names()))
    with pytest.raises(EdgeminError) as error:
        group["nothing"]
    assert str(error.value) == f"{group.what} 'nothing' is unknown; known: {', '.join(group.names())}"


def test_the_modules_of_settings_are_those_of_the_things_and_what_they_share():
    found = registry.settings_halves()
    assert {group.module(name) for group in registry.GROUPS for name in group.all()} <= found
    assert "edgemin.methods.structures.selection" in found
    assert "edgemin.methods.structures.heads.cut" not in found
