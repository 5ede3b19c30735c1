"""Imports point down: a module imports from its own layer and those below it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgemin.study.registry import GROUPS, settings_halves

PACKAGE = Path(__file__).resolve().parents[2] / "workflow/edgemin"
LAYERS = (
    "core",
    "study",
    "plan",
    "data",
    "encoders",
    "runtimes",
    "training",
    "methods",
    "measure",
    "report",
    "deploy",
    "compressing",
    "cli",
)
"""From the bottom up."""
HEAVY = (
    "torch",
    "transformers",
    "datasets",
    "onnx",
    "onnxruntime",
    "openvino",
    "nncf",
    "pandas",
    "matplotlib",
    "sklearn",
    "scipy",
)
HALVES = settings_halves()


def name_of(file: Path) -> str:
    return ".".join(["edgemin", *file.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__")


def imports(tree: ast.AST, module: str, package: bool, late: bool = False) -> Iterator[tuple[str, bool]]:
    """What a module imports, and whether late: inside a function. What only a type checker sees does not count."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for other in node.orelse:
                yield from imports(other, module, package, late)
        elif isinstance(node, ast.Import):
            yield from ((one.name, late) for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = module.split(".")
            base = parts[: len(parts) - node.level + package] if node.level else []
            where = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((f"{where}.{one.name}", late) for one in node.names)
        else:
            yield from imports(node, module, package, late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def layer_of(name: str) -> int:
    """The things that people add are settings in their first half: those belong to the study."""
    parts = name.split(".")
    if any(".".join(parts[:length]) in HALVES and not _deeper(parts, length) for length in range(2, len(parts) + 1)):
        return LAYERS.index("study")
    return LAYERS.index(parts[1])


def _deeper(parts: list[str], length: int) -> bool:
    """Whether the rest of a name is a module, rather than what one defines."""
    return len(parts) > length and PACKAGE.joinpath(*parts[1 : length + 1]).with_suffix(".py").is_file()


MODULES = sorted(file for file in PACKAGE.rglob("*.py") if file != PACKAGE / "__init__.py")


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_imports_point_down(file: Path) -> None:
    name, package = name_of(file), file.name == "__init__.py"
    half = name in HALVES
    for imported, late in imports(ast.parse(file.read_text(encoding="utf-8")), name, package):
        if imported.partition(".")[0] != "edgemin" or imported.count(".") < 2:
            continue
        top = LAYERS.index(name.split(".")[1]) if half and late else layer_of(name)
        assert layer_of(imported) <= top, f"{name} imports {imported}"


def test_planning_loads_nothing_heavy() -> None:
    """What Snakemake reads in every process: a study, its jobs, and the settings of all that people added."""
    program = (
        "import sys\nfrom edgemin.plan.jobs import Jobs\nfrom edgemin.study.read import read_study\n"
        "from edgemin.plan.plan import Plan\njobs = Jobs(Plan(read_study('config/smoke.yaml')))\n"
        f"print(sorted(set({HEAVY}) & set(sys.modules)))"
    )
    root = PACKAGE.parents[1]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_layer_is_there_and_no_other() -> None:
    assert {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()} == set(LAYERS)
    assert {path.name for path in PACKAGE.iterdir() if path.suffix == ".py"} == {"__init__.py"}


def test_an_upward_import_is_found() -> None:
    """The test above can fail: a bad import of each form is seen as what it is."""
    text = "import edgemin.methods.teacher\nfrom ....report import page\nfrom . import loss\n"
    found = [imported for imported, _ in imports(ast.parse(text), "edgemin.methods.objectives.labels", package=True)]
    assert found == ["edgemin.methods.teacher", "edgemin.report.page", "edgemin.methods.objectives.labels.loss"]
    assert [layer_of(one) for one in found] == [LAYERS.index("methods"), LAYERS.index("report"), LAYERS.index("methods")]
    assert layer_of("edgemin.methods.objectives.labels.Labels") == layer_of("edgemin.study.term.Term") == 1


def test_names_are_built_in_one_place_alone() -> None:
    """The registry finds what people add; nothing else imports by a name that it made, but the process that loads everything for jobs."""
    users = {name_of(file) for file in MODULES if "import_module(" in file.read_text(encoding="utf-8")}
    assert users == {"edgemin.study.registry", "edgemin.cli.preloaded.server"}


def test_every_group_has_its_folder() -> None:
    for group in GROUPS:
        assert group.names(), group.folder
