"""What YAML does not say: keys that are written twice, and words and numbers that it reads as others; drawn from a fixed seed."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

import pytest
import yaml
from hostile import cases, outcome
from hypothesis import example, given
from hypothesis import strategies as st

from edgemin.study.read import parse_study, read_study
from edgemin.study.written import Written

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "config").glob("*.yaml"))
SMOKE = yaml.safe_load((ROOT / "config/smoke.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("yaml")


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.name)
def test_committed_studies_are_as_they_look(file):
    Written([file])
    Written([file, ROOT / "config/smoke.yaml"])  # an overlay may say a key again


# -- keys that are written twice -------------------------------------------------------------------------------------

KEYS = ("a", "b", "größe", "no way", "<<<")
SPELLINGS = ("{}", "'{}'", '"{}"')


@st.composite
def _mappings(draw: st.DrawFn, depth: int = 0) -> list[tuple[str, object]]:
    """A mapping as a list of (key as it is written, value): keys may come twice."""
    names = draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=4, unique=draw(st.sampled_from([True, True, False]))))
    deeper = (
        st.integers(0, 9) if depth > 3 else st.integers(0, 9) | _mappings(depth + 1) | st.lists(_mappings(depth + 1), max_size=2)
    )
    spelt = st.sampled_from(SPELLINGS) | st.builds(lambda: '"\\u0061"')
    return [(draw(spelt).format(name), draw(deeper)) for name in names]


def _block(value: object, indent: int = 0) -> str:
    if isinstance(value, int):
        return f" {value}\n"
    if value == []:
        return " []\n"
    pad = "\n" + " " * indent
    if isinstance(value[0], tuple):
        return "".join(f"{pad}{key}:{_block(item, indent + 2)}" for key, item in value)
    return "".join(f"{pad}-{_block(item, indent + 2)}" for item in value)


def _flow(value: object) -> str:
    if isinstance(value, int):
        return str(value)
    if value == [] or not isinstance(value[0], tuple):
        return f"[{', '.join(map(_flow, value))}]"
    return "{" + ",\n".join(f"{key}: {_flow(item)}" for key, item in value) + "}"


def _twice(text: str) -> set[tuple[str, int, int]]:
    """(key, first line, line) of each key that repeats one of its mapping, from the parser's events alone."""
    found, stack = set(), []
    for event in yaml.parse(text):
        if isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            stack.pop()
        if isinstance(event, yaml.ScalarEvent | yaml.MappingStartEvent | yaml.SequenceStartEvent | yaml.AliasEvent) and stack:
            names, key = stack[-1]["names"], stack[-1]["key"]
            if names is not None:
                line = event.start_mark.line + 1
                if key and event.value in names:
                    found.add((event.value, names[event.value], line))
                elif key:
                    names[event.value] = line
                stack[-1]["key"] = not key
        if isinstance(event, yaml.MappingStartEvent):
            stack.append({"names": {}, "key": True})
        if isinstance(event, yaml.SequenceStartEvent):
            stack.append({"names": None, "key": False})
    return found


@cases(300)
@given(_mappings(), st.sampled_from(["block", "flow", "under a study"]))
def test_a_key_that_is_written_twice_is_told_with_both_lines(folder, mapping, form):
    text = (_flow(mapping) if form == "flow" else _block(mapping).lstrip("\n")) + "\n"
    if form == "under a study":
        text = "tasks:\n" + "".join(f"  {line}\n" for line in text.splitlines())
    (folder / "x.yaml").write_text(text, encoding="utf-8")
    wanted = _twice(text)
    _, told = outcome(lambda: Written([folder / "x.yaml"]))
    found = re.findall(r"x\.yaml: (?:.*\.)?([^.]+): written twice, in lines (\d+) and (\d+); keep one", told)
    assert {(key, int(first), int(line)) for key, first, line in found} == wanted or len(found) == 20 < len(wanted)
    assert len(told.splitlines()) == len(found)
    if wanted:
        assert "written twice" in outcome(lambda: read_study(str(folder / "x.yaml")))[1]


SAME = ("1", "01", "0x1", "0b1", "+1", "1.0", "1e+0", "0o1", "'1'", "true", "yes", "On", "~", "null", "", "2026-01-01")


@cases(100)
@given(st.sampled_from(SAME), st.sampled_from(SAME), st.booleans())
def test_keys_that_are_one_when_they_are_read_are_told(folder, one, other, block):
    text = f"cells:\n  ? {one}\n  : a\n  ? {other}\n  : b\n" if block else f"cells: {{? {one} : a,\n  ? {other} : b}}\n"
    (folder / "x.yaml").write_text(text, encoding="utf-8")
    _, told = outcome(lambda: Written([folder / "x.yaml"]))
    read = yaml.safe_load(text)["cells"]
    lines = told.splitlines()
    assert any("written twice" in line for line in lines) == (len(read) == 1)
    words = sum(isinstance(name, str) for name in read)
    assert sum("a key is a word, and YAML reads" in line for line in lines) == len(read) - words


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: &x {b: 1}\nc: {<<: *x, b: 2}", ""),  # one's own key goes before a merged one
        ("a: &x {b: 1}\nc: *x\nd: *x", ""),
        ("a: &x {b: 1}\nc:\n  <<: *x\n  <<: {d: 1}\n", "c.<<: written twice, in lines 3 and 4"),
        ("a: &x {b: 1, b: 2}\nc: *x\nd: {<<: *x}", "a.b: written twice, in lines 1 and 1"),
        ("a: &x\n  b: *x\n  c: 1\n  c: 2\n", "a.c: written twice, in lines 3 and 4"),
        ("? [a]\n: 1\n? {b: 1, b: 2}\n: 2\n", ""),  # YAML cannot make a mapping of it
        ("seeds: [010]", "seeds.0: YAML reads 010 as the number 8: write '010' (line 1), or the number that is meant"),
        ("seeds: [-0_17, 0, 00, 07, 8, 1_000, 0x10, 019]", "seeds.0: YAML reads -0_17 as the number -15"),
        ("at: 12:30", "at: YAML reads 12:30 as the number 750"),
        ("at: 1:30.5\na: '12:30'", "at: YAML reads 1:30.5 as the number 90.5"),
        ("off: 1", "a key is a word, and YAML reads off as false: write 'off' (line 1)"),
    ],
)
def test_anchors_merges_and_numbers(tmp_path, text, told):
    (tmp_path / "x.yaml").write_text(text, encoding="utf-8")
    found = outcome(lambda: Written([tmp_path / "x.yaml"]))[1]
    assert found.startswith(f"{tmp_path}/x.yaml: {told}") if told else not found
    assert "\n" not in found or "off" in text or "01" in text


@pytest.mark.parametrize("indent", [None, 1, "\t"])
def test_json_is_looked_at_too(tmp_path, indent):
    text = json.dumps({"tasks": {"one": 1, "other": 2}}, indent=indent).replace("other", "o\\u006ee")
    (tmp_path / "x.json").write_text(text, encoding="utf-8")
    lines = {None: (1, 1), 1: (3, 4), "\t": (3, 4)}[indent]
    told = outcome(lambda: Written([tmp_path / "x.json"]))[1]
    assert told == f"{tmp_path}/x.json: tasks.one: written twice, in lines {lines[0]} and {lines[1]}; keep one"


@pytest.mark.parametrize(
    "raw", [b"a: [", b"\xff", b"a: " + b"[" * 5000, b"\t{", b"0x" + b"f" * 6000, b"0" + b"7" * 6000, b"at: 2026-13-40"]
)
def test_what_yaml_cannot_read_is_told_by_who_asks_for_it(tmp_path, raw):
    (tmp_path / "x.yaml").write_bytes(raw)
    Written([tmp_path / "x.yaml", tmp_path / "nowhere.yaml"])
    assert outcome(lambda: read_study(str(tmp_path / "x.yaml")))[1].startswith(f"{tmp_path}/x.yaml: ")


# -- words and numbers that YAML reads as others ---------------------------------------------------------------------

READ = {
    **{
        word: value
        for one, value in (("yes", "true"), ("no", "false"), ("on", "true"), ("off", "false"))
        for word in (one, one.title(), one.upper())
    },
    **{"true": "true", "False": "false", "~": "null", "null": "null", "NULL": "null", "2026-01-01": "a date"},
    **{
        "12": "the number 12",
        "1_000": "the number 1000",
        "010": "the number 8",
        "12:30:45": "the number 45045",
        "0x1F": "the number 31",
    },
    **{"1.50": "the number 1.5", ".inf": "the number inf", "1.0e+3": "the number 1000.0", "-0b11": "the number -3"},
}
TEXTS = ("study", "tasks.snippets.text", "tasks.snippets.label", "tasks.snippets.source.files.train")
MARK = "marked_place"


def _file(folder, name: str, place: str, spelling: str, study: dict) -> int:
    """Write a study in which a place has this spelling; the line."""
    content = copy.deepcopy(study)
    *parents, last = (int(part) if part.isdigit() else part for part in place.split("."))
    node = content
    for part in parents:
        node = node[part]
    node[last] = MARK
    text = yaml.safe_dump(content, sort_keys=False)
    (folder / name).write_text(text.replace(MARK, spelling), encoding="utf-8")
    return next(number for number, line in enumerate(text.splitlines(), 1) if MARK in line)


@cases(120)
@given(st.sampled_from(sorted(READ)), st.sampled_from(TEXTS), st.booleans())
@example("no", "tasks.snippets.label", True)
def test_a_text_that_yaml_reads_as_something_else_is_told_as_it_is_written(folder, spelling, place, commands):
    line = _file(folder, "x.yaml", place, spelling, SMOKE)
    file = str(folder / "x.yaml")
    if commands:
        _, told = outcome(lambda: read_study(file))
    else:  # as Snakemake hands it over
        config = yaml.full_load((folder / "x.yaml").read_text(encoding="utf-8"))
        _, told = outcome(lambda: parse_study(config, file, Written([file])))
    assert told.startswith(f"{file}: {place}: YAML reads {spelling} as {READ[spelling]}: write '{spelling}' (line {line})")
    assert "\n" not in told
    _file(folder, "x.yaml", place, f"'{spelling}'", SMOKE)
    assert "YAML reads" not in outcome(lambda: read_study(file))[1]


@cases(60)
@given(
    st.sampled_from([word for word, value in READ.items() if value in ("true", "false")]),
    st.sampled_from(["seeds.0", "latency.calls", "tasks.snippets.max_length"]),
)
def test_a_word_is_no_number(folder, spelling, place):
    """Python counts true as 1."""
    line = _file(folder, "x.yaml", place, spelling, SMOKE)
    _, told = outcome(lambda: read_study(str(folder / "x.yaml")))
    word = spelling.lower() in ("yes", "no", "on", "off")
    said = f"YAML reads {spelling} as {READ[spelling]}: write '{spelling}' (line {line})" if word else "found "
    assert told.startswith(f"{folder}/x.yaml: {place}: {said if word else ''}"), told
    assert said in told


@pytest.mark.parametrize("names", ["[no, yes]", "[maybe, Off]", "\n      - no\n      - yes"])
def test_names_of_classes_are_told(folder, names):
    _file(folder, "x.yaml", "tasks.snippets.label_names", names, SMOKE)
    told = outcome(lambda: read_study(str(folder / "x.yaml")))[1].splitlines()
    assert told
    assert all(
        re.search(r"label_names\.\d: YAML reads (no|yes|Off) as (true|false): write '(no|yes|Off)' \(line \d+\)", line)
        for line in told
    )


def test_of_several_files_the_one_that_counts_is_quoted(folder):
    _file(folder, "x.yaml", "tasks.snippets.label", "no", SMOKE)
    (folder / "y.yaml").write_text("tasks:\n  snippets: {label: off}\n", encoding="utf-8")
    files = [folder / "x.yaml", folder / "y.yaml"]
    config = yaml.safe_load(files[0].read_text(encoding="utf-8"))
    assert (
        "YAML reads off as false: write 'off' (line 2)"
        not in outcome(lambda: parse_study({**config, "seeds": 1}, "x", Written(files[:1])))[1]
    )
    assert "YAML reads off as false: write 'off' (line 2)" in outcome(lambda: parse_study(config, "x", Written(files)))[1]
