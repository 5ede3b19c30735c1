"""The reference of keys, as it is written from the settings."""

from __future__ import annotations

import pytest

from edgemin.core.errors import EdgeminError
from edgemin.study import reference, registry
from edgemin.study.pruning import Pruning
from edgemin.study.reference import filled
from edgemin.study.term import Term

HEAD = "| key | type | default | meaning |\n|---|---|---|---|\n"


def written(place: str) -> str:
    """What stands at a place."""
    text = filled(f"<!-- {place} -->\n<!-- end -->\n", "x.md")
    return text.removeprefix(f"<!-- {place} -->\n").removesuffix("\n<!-- end -->\n")


def rows(text: str) -> dict[str, list[str]]:
    """Key -> type, default and meaning."""
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line.startswith("| `")]
    return {key.strip("`"): rest for key, *rest in cells}


def test_a_table_of_keys():
    assert written("keys: Augment") == HEAD + (
        "| `mask` | number in [0, 1] | `0.1` | Chance of a word to be masked |\n"
        "| `replace` | number in [0, 1] | `0.1` | Chance of a word to be replaced by one drawn from the training words |\n"
        "| `ngram` | number in [0, 1] | `0.25` | Chance of a sentence to be cut to some of its words in a row |\n"
        "| `longest` | integer ≥ 1 | `5` | Most words that such a cut leaves |"
    )


@pytest.mark.parametrize(
    ("model", "key", "told"),
    [
        ("Study", "study", ["name", "required", "Name of the study and of its folder under `results/`"]),
        ("Study", "teacher", ["[teacher](#teacher)", "required", "The root of every chain"]),
        ("Study", "cells", ["name → [cell](#cells)", "required", "The rows of the tables"]),
        ("Study", "threads", ["[threads](#threads)", "see there", "CPU threads of jobs"]),
        ("Study", "transfer", ["name → [transfer set](#transfer)", "none", "Sets of texts to distil on"]),
        ("Task", "max_length", ["integer ≥ 4", "`128`", "Longest input in tokens, special tokens included; longer texts are truncated"]),
        ("Task", "kind", ["`classification`, `regression`", "–", "Kind of task, where several have this metric; empty: the kind that the metric belongs to"]),
        ("Cell", "question", ["text", "–", "The question that this cell answers; printed on the page"]),
        ("Latency", "seconds", ["number > 0", "`10.0`", "Timing stops after `calls` calls or `seconds` seconds, whichever comes first"]),
        ("Phase", "learning_rate", ["number in (0, 1)", "`5e-05`", "Peak; write `5.0e-5`, since YAML reads `5e-5` as text (which is accepted too)"]),
        ("Transfer", "dead_zone", ["`true` or `false`", "`false`", "Add the task's rows whose rating lies in its dead zone"]),
    ],
)  # fmt: skip
def test_types_and_defaults_in_words(model, key, told):
    assert rows(written(f"keys: {model}"))[key] == told


@pytest.mark.parametrize("name", sorted(reference._models()))
def test_every_key_of_a_model_is_told_with_its_meaning(name):
    found = rows(written(f"keys: {name}"))
    model = reference._models()[name]
    tagged = {"objective"} & set(model.model_fields)  # the name itself
    assert set(found) == set(model.model_fields)
    assert {key for key, (*_, meaning) in found.items() if not meaning} <= tagged


@pytest.mark.parametrize(
    ("place", "group", "shared"),
    [
        ("objectives", registry.OBJECTIVES, {*Term.model_fields, "objective"}),
        ("structures", registry.STRUCTURES, {*Pruning.model_fields}),
        ("schemes", registry.SCHEMES, {"scheme"}),
    ],
)
def test_each_thing_has_a_section_with_its_own_keys(place, group, shared):
    sections = f"\n\n{written(place)}".split(f"\n\n`{group.tag}: ")[1:]
    for (name, settings), section in zip(group.all().items(), sections, strict=True):
        assert section.startswith(f"{name}`: ")
        assert set(rows(section)) == set(settings.model_fields) - shared
        assert ("No further keys." in section) == (not rows(section))


def test_criteria_runtimes_families_and_kinds_are_named():
    """One row each; what a runtime needs besides is named by the target that installs it."""
    for place, group in (("criteria", registry.CRITERIA), ("runtimes", registry.RUNTIMES), ("kinds", registry.KINDS)):
        assert tuple(rows(written(place))) == group.names()
    assert rows(written("criteria"))["magnitude"][:2] == ["heads, ffn, weights, width", ""]
    assert [row[-1] for row in rows(written("runtimes")).values()] == [
        "comes with `make`",
        "`make openvino`",
        "comes with `make`",
    ]
    assert written("families") == "`bert`, `distilbert`, `electra`, `mpnet`, `roberta`."


def test_only_what_is_between_the_marks_is_written():
    document = "# Keys\n\n<!-- keys: Cell -->\nold\n<!-- end -->\n\nBy hand.\n\n<!-- families -->\n<!-- end -->\nThe end.\n"
    found = filled(document, "x.md")
    assert found.startswith("# Keys\n\n<!-- keys: Cell -->\n| key |")
    assert "\n<!-- end -->\n\nBy hand.\n\n<!-- families -->\n`bert`, " in found
    assert found.endswith("\n<!-- end -->\nThe end.\n")
    assert "old" not in found
    assert filled(found, "x.md") == found


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("kys: Task", "x.md: nothing is known to write at <!-- kys: Task -->; known: keys, objectives, "),
        ("keys: Task, Tsk", "x.md: Tsk at <!-- keys: Task, Tsk --> is no model of settings"),
    ],
)
def test_a_place_of_which_nothing_is_known_is_refused(place, message):
    with pytest.raises(EdgeminError) as error:
        written(place)
    assert str(error.value).startswith(message)
