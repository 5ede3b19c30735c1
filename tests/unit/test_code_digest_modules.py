"""Which modules a digest covers, and what of settings counts."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgemin.core import code_digest
from edgemin.core.code_digest import EXEMPT, exempt, modules_of
from edgemin.core.errors import EdgeminError
from edgemin.study.registry import settings_halves


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """package(files): a small edgemin package; modules_of and code_digest speak of it."""

    def make(files: dict[str, str]) -> Path:
        for name, text in {"__init__.py": "", **files}.items():
            file = tmp_path / "edgemin" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        monkeypatch.setattr(code_digest, "PACKAGE", tmp_path / "edgemin")
        forget()
        return tmp_path / "edgemin"

    yield make
    monkeypatch.undo()
    forget()


def forget() -> None:
    for name in (
        "code_digest",
        "modules_of",
        "_script",
        "_script_digest",
        "_tree",
        "_imports",
        "_has_code",
        "_source_digest",
        "_is_settings",
    ):
        getattr(code_digest, name).cache_clear()


FILES = {
    "a/__init__.py": '"""Of a."""',
    "a/one.py": "from edgemin.b import two\n\ndef f():\n    from edgemin.b.three import g\n    return g",
    "b/__init__.py": '"""Of b."""',
    "b/two.py": "from . import four",
    "b/three.py": "import edgemin.b.five",
    "b/four.py": "x = 1",
    "b/five.py": "x = 1",
    "b/six.py": "x = 1",
    "core/__init__.py": "",
    "core/files.py": "x = 1",
    "things/__init__.py": "",
    "things/cube/__init__.py": "from edgemin.b import six\n\ndef f():\n    from . import compute\n    return compute",
    "things/cube/compute.py": "from edgemin.core import files",
    "c.py": "from edgemin.things.cube import f",
}


def test_imports_are_followed_late_and_relative_ones_too(package) -> None:
    package(FILES)
    assert modules_of("edgemin.a.one") == tuple(f"edgemin.{name}" for name in ("a.one", "b.five", "b.four", "b.three", "b.two"))


def test_of_settings_only_the_head_counts(package) -> None:
    package(FILES)
    assert modules_of("edgemin.things.cube") == ("edgemin.b.six", "edgemin.things.cube", "edgemin.things.cube.compute")
    assert modules_of(settings=("edgemin.things.cube",)) == ("edgemin.b.six", "edgemin.things.cube")
    # Whoever merely imports a thing's settings on the way does not compute with it.
    assert modules_of("edgemin.c") == ("edgemin.b.six", "edgemin.c", "edgemin.things.cube")
    assert "edgemin.things.cube.compute" in modules_of("edgemin.c", "edgemin.things.cube")


def test_a_root_may_be_taken_without_what_it_does_for_others(package) -> None:
    package(FILES)
    assert modules_of("edgemin.a.one", without=("edgemin.b.three",)) == ("edgemin.a.one", "edgemin.b.four", "edgemin.b.two")


def test_a_package_around_counts_if_it_has_code(package) -> None:
    package(FILES | {"b/__init__.py": "LIMIT = 3"})
    assert "edgemin.b" in modules_of("edgemin.b.two")


def test_an_adapter_counts_with_what_it_imports(package) -> None:
    scripts = package(FILES).parent / "scripts"
    scripts.mkdir()
    (scripts / "make.py").write_text(
        "from job import job\n\nwith job(snakemake):\n    from edgemin.b.six import x\n", encoding="utf-8"
    )
    assert modules_of(script="make") == ("edgemin.b.six",)
    before = code_digest.code_digest(script="make")
    (scripts / "make.py").write_text(
        "from job import job\n\nwith job(snakemake):\n    from edgemin.b.six import x as y\n", encoding="utf-8"
    )
    forget()
    assert code_digest.code_digest(script="make") != before


def test_a_digest_is_of_contents_not_of_places(package, tmp_path: Path) -> None:
    package(FILES)
    before = code_digest.code_digest("edgemin.a.one")
    shutil.copytree(tmp_path / "edgemin", tmp_path / "elsewhere/edgemin")
    code_digest.PACKAGE = tmp_path / "elsewhere/edgemin"
    forget()
    assert code_digest.code_digest("edgemin.a.one") == before
    file = tmp_path / "elsewhere/edgemin/b/five.py"
    file.write_text("x = 2", encoding="utf-8")
    forget()
    assert code_digest.code_digest("edgemin.a.one") != before


def test_a_module_that_is_not_there_is_told(package) -> None:
    package({"a.py": "from . import missing"})
    with pytest.raises(EdgeminError, match=r"edgemin\.nothing: there is no such module"):
        modules_of("edgemin.nothing")
    with pytest.raises(EdgeminError, match=r"edgemin\.missing: there is no such module, but edgemin\.a imports it"):
        modules_of("edgemin.a")


# -- settings ----------------------------------------------------------------------------------------------------------

MODEL = """
from edgemin.study.base import Strict, refuses
from pydantic import model_validator

class Half(Strict):
    kind: ClassVar[int] = 1
    size: int = 3

    @model_validator(mode="after")
    def _whole(self):
        if self.size < 0:
            raise ValueError("no")
        return self

    @refuses
    def problems(self):
        yield "none"

    @model_validator(mode="before")
    def _read(cls, values):
        return values

    def area(self):
        return self.size**2
"""


def _digest_of(package, text: str) -> str:
    package({"study/__init__.py": "", "study/base.py": "class Strict: ...\ndef refuses(f): return f", "half.py": text})
    return code_digest.code_digest("edgemin.half")


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        ("    size: int = 3\n", "    size: int = 3\n    more: int = 4\n", False),
        ("size: int = 3", "size: int = 4", False),  # its value is in the spec
        ("self.size < 0", "self.size < 1", False),
        ('yield "none"', 'yield "some"', False),
        ("kind: ClassVar[int] = 1", "kind: ClassVar[int] = 2", True),
        ("self.size**2", "self.size**3", True),
        ("return values", "return dict(values)", True),  # what comes before validation changes values
    ],
)
def test_keys_and_checks_do_not_count_what_settings_answer_does(package, old: str, new: str, counts: bool) -> None:
    before = _digest_of(package, MODEL)
    assert (_digest_of(package, MODEL.replace(old, new)) != before) is counts


# -- exemptions --------------------------------------------------------------------------------------------------------


def test_every_exemption_is_of_something_and_has_its_reason() -> None:
    for name, why in EXEMPT.items():
        assert code_digest.file_of(name), name
        assert len(why) > 30
    assert exempt("edgemin.core.files")
    assert exempt("edgemin.study.base")
    assert exempt("edgemin.study.kind") is None
    assert exempt("edgemin") == EXEMPT["edgemin"]


def test_no_method_is_exempt() -> None:
    assert not [name for name in settings_halves() if exempt(name)]
