"""Digests of code: what counts, what does not, and the same under every supported Python."""

from __future__ import annotations

import ast
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edgemin.core import code_digest
from edgemin.core.canonical import canonical, running

PACKAGE = Path(code_digest.__file__).parents[1]
PROGRAM = '''
"""A module."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)
type_names = {"a": 1, "b": [2.5, None, True, b"x", ...]}


class Thing(dict, metaclass=type):
    """What it is."""

    size: int = 3

    @property
    def area(self) -> int:
        """In units."""
        return self.size**2


async def run(first, /, second: int = 1, *rest, key=lambda x: x + 1, **more):
    # a comment
    assert first, f"no {first!r:>{second}}"
    try:
        with open("x") as file, file:
            async for line in file:
                yield line
    except* (OSError, ValueError) as error:
        log.info("failed: %s", error)
        raise KeyError("it failed") from error
    else:
        match first:
            case {"a": [1, *tail], **others} if tail:
                global log
                print(f"{second}" f" and {first:.2f}" "!")
            case Thing(size=3) | None:
                del rest[0]
    finally:
        values = [(y := x) for x in range(3) if x not in rest]
        values[1:2] += [*values, not -second]
        return
'''
GOLDEN = "ec783c7cbb1bfd07aa9492a4bdd27311d3d3a11f7e4233f1b63b1c5b5d4e3673"


def written(text: str) -> str:
    return canonical(running(ast.parse(text)))


# -- what counts -------------------------------------------------------------------------------------------------------

SAME = {
    "a comment": ("    # a comment\n", ""),
    "a docstring": ('"""In units."""', '"""In square units."""'),
    "no docstring": ('    """What it is."""\n', ""),
    "an annotation": ("second: int = 1", "second: float = 1"),
    "what it returns": ("-> int", "-> float"),
    "the text of an assertion": ('f"no {first!r:>{second}}"', '"nothing"'),
    "a log line": ('"failed: %s"', '"it did not work: %s"'),
    "no log line": ('        log.info("failed: %s", error)\n        raise', "        raise"),
    "the text of an error": ('KeyError("it failed")', 'KeyError("it did not work")'),
    "what a type checker sees": ("    import torch\n", "    import numpy\n"),
    "layout": ('{"a": 1, "b"', '{\n    "a": 1,\n    "b"'),
    "quotes": ('open("x")', "open('x')"),
    "parts of a text": ('f"{second}" f" and {first:.2f}" "!"', 'f"{second} and {first:.2f}!"'),
}
OTHER = {
    "a number": ("2.5", "2.25"),
    "a whole number in place of a float": ("[2.5, None", "[2, None"),
    "a default": ("second: int = 1", "second: int = 2"),
    "a value of a class": ("size: int = 3", "size: int = 4"),
    "an operator": ("self.size**2", "self.size*2"),
    "a name": ("key=lambda", "other=lambda"),
    "a base": ("(dict,", "(list,"),
    "the kind of an error": ("KeyError(", "IndexError("),
    "a condition": ("if tail", "if others"),
    "an assertion": ("assert first", "assert second"),
    "the end of a text": ('"!"', '"?"'),
    "a decorator": ("@property", "@staticmethod"),
    "a format": ("{first:.2f}", "{first:.3f}"),
}


@pytest.mark.parametrize("name", SAME)
def test_prose_does_not_count(name: str) -> None:
    old, new = SAME[name]
    assert PROGRAM.count(old) == 1
    assert written(PROGRAM.replace(old, new)) == written(PROGRAM)


@pytest.mark.parametrize("name", OTHER)
def test_what_computes_does(name: str) -> None:
    old, new = OTHER[name]
    assert PROGRAM.count(old) == 1
    assert written(PROGRAM.replace(old, new)) != written(PROGRAM)


def test_a_text_that_is_no_docstring_counts() -> None:
    assert written('x = "a"') != written('x = "b"')
    assert written('def f():\n    """a"""\n    return "a"') != written('def f():\n    """a"""\n    return "b"')


def test_an_import_counts_if_the_program_uses_it() -> None:
    """Or nothing does: then it is there for what it does by itself."""
    plain = "def f(x: A) -> B:\n    return x"
    assert written(f"from m import A, B\n{plain}") == written(f"from n import A\nimport B\n{plain}") == written(plain)
    assert written(f"from m import x\n{plain}") != written(f"from n import x\n{plain}")
    assert written(f"import m\n{plain}") != written(plain)


def test_an_attribute_that_only_refuses_does_not_count() -> None:
    """Nor does what is imported for it; one like it without the mark does."""
    plain = "class A:\n    size = 1\n"
    marked = f"from typing import Annotated, ClassVar\nfrom edgemin.study.base import refuses\n{plain}"
    assert written(f"{marked}    fits: ClassVar[Annotated[bool, refuses]] = True\n") == written(plain)
    assert written(f"{marked}    fits: ClassVar[Annotated[bool, other]] = True\n") != written(plain)


def test_1_and_true_and_1_0_are_three_values() -> None:
    assert len({written(f"x = {value}") for value in ("1", "True", "1.0", "'1'", "b'1'")}) == 5


# -- the same everywhere -----------------------------------------------------------------------------------------------


def test_the_text_of_a_program_is_what_it_was() -> None:
    """With the interpreter that runs this test: CI has others at hand at times, and this value is the same on all of them."""
    assert hashlib.sha256(written(PROGRAM).encode()).hexdigest() == GOLDEN


def _interpreters() -> list[str]:
    """Other Pythons that can be called here."""
    found = []
    for minor in (11, 12, 13):
        for path in (shutil.which(f"python3.{minor}"), *map(str, Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python"))):
            if path and not subprocess.run([path, "-c", "pass"], check=False, capture_output=True).returncode:
                found.append(path)
                break
    return found


def test_all_pythons_at_hand_digest_the_whole_package_alike() -> None:
    """One at least: that of this test. The digests need nothing but the standard library."""
    program = (
        f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r})\n"
        "from edgemin.core import code_digest as c\n"
        "from pathlib import Path\n"
        "for file in sorted(c.PACKAGE.rglob('*.py')):\n"
        "    name = '.'.join(['edgemin', *file.relative_to(c.PACKAGE).with_suffix('').parts]).removesuffix('.__init__')\n"
        "    print(name, c._source_digest(name))\n"
    )
    told = {
        subprocess.run([path, "-I", "-c", program], check=True, capture_output=True, text=True).stdout
        for path in (sys.executable, *_interpreters())
    }
    assert len(told) == 1
    assert len(told.pop().splitlines()) > 200
