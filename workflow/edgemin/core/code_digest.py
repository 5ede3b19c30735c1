"""Digests of source code: the modules that a job runs, without prose, the same under every supported Python.

Snakemake does not track imported modules. With this digest in a job's spec, an edit of code re-runs only the jobs that use it.

A digest covers the root modules and every edgemin module that they import, anywhere in their text. Of settings that a job only reads, and
of packages on the import path, it follows only the imports at the head of the module. The imports inside their methods count only for jobs
that have the thing itself as a root. It does not cover
- comments, docstrings, annotations, texts of exceptions, log lines, and imports for these alone: they change no result (`core.canonical`);
- keys of settings (fields of `Strict` models): their values are in the spec of the job, which Snakemake compares;
- checks of settings (`model_validator(mode="after")`, `@refuses`): they raise or change nothing;
- attributes that only checks read (`ClassVar[Annotated[bool, refuses]]`): likewise;
- the modules of `EXEMPT`, each with its reason.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from edgemin.core.canonical import canonical, code, running, statements
from edgemin.core.errors import EdgeminError

PACKAGE = Path(__file__).parents[1]
SETTINGS = ("edgemin.study.base", "Strict")
"""The class below which every settings model is."""
EXEMPT = {
    "edgemin": "the package itself holds a version and a late import",
    "edgemin.core": "errors, files, provenance and limits of machines: they decide whether a job ends well; what they compute (the bytes after gzip, arrays as they were read) tests hold to known numbers",
    "edgemin.study.base": "what settings models share: it refuses values, the spec has those that pass",
    "edgemin.study.registry": "finds classes by name: the class that is found is a root of its own",
    "edgemin.study.expected": "names and shapes that a source is compared with: it refuses models, those that pass are input files",
    "edgemin.study.foreign": "refuses models whose files disagree: those that pass are input files",
    "edgemin.study.header": "reads of models what is compared: those that pass are input files",
    "edgemin.study.tokenizer_file": "reads of tokenizers what is compared: those that pass are input files",
    "edgemin.study.static": "keys of static students and nothing else: their values are in the spec of the job that reads them",
    "edgemin.study.revert": "keys of quantize variants and nothing else: their values are in the spec of the job that reads them",
    "edgemin.study.sources": "names of downloads: their content is pinned, or an input file",
}
"""Module, with all below it -> why no digest covers it."""


@cache
def code_digest(*roots: str, settings: tuple[str, ...] = (), script: str | None = None, without: tuple[str, ...] = ()) -> str:
    """Digest of these modules and of all that they import: 16 hex digits. settings: modules of which only the settings are read.
    script: name of the adapter in `workflow/scripts` that calls them. without: modules that a root imports for other jobs.

    Raises EdgeminError for a module that is not there.
    """
    covered = modules_of(*roots, settings=settings, script=script, without=without)
    lines = [f"{module} {_source_digest(module)}" for module in covered]
    if script:
        lines.append(_script_digest(script))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


@cache
def modules_of(
    *roots: str, settings: tuple[str, ...] = (), script: str | None = None, without: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """What a digest covers, sorted: roots, what the script imports, and what these import."""
    called = _imported(_script(script), "script", late=True) if script else ()
    return tuple(sorted(_reached([*roots, *called], late=True, without=without) | _reached(settings, late=False)))


@cache
def _script(name: str) -> ast.Module:
    """The syntax tree of an adapter."""
    return ast.parse((PACKAGE.parent / "scripts" / f"{name}.py").read_text(encoding="utf-8"))


@cache
def _script_digest(name: str) -> str:
    return hashlib.sha256(canonical(_script(name)).encode()).hexdigest()


def _reached(roots: Iterable[str], late: bool, without: tuple[str, ...] = ()) -> set[str]:
    """late: what is imported inside functions counts too, but not in packages, unless they are roots."""
    seen: set[tuple[str, bool]] = set()
    todo = [(root, late) for root in roots]
    while todo:
        module, inside = todo.pop()
        if (module, inside) not in seen and exempt(module) is None and module not in without:
            seen.add((module, inside))
            todo += [(name, inside and not _is_package(name)) for name in _imports(module, inside)]
            todo += [(package, False) for package in _packages(module)]
    return {module for module, _ in seen}


def _is_package(module: str) -> bool:
    file = file_of(module)
    return file is not None and file.name == "__init__.py"


def exempt(module: str) -> str | None:
    """Why no digest covers a module; None if they do."""
    if module == "edgemin":
        return EXEMPT[module]
    return next((why for name, why in EXEMPT.items() if name != "edgemin" and f"{module}.".startswith(f"{name}.")), None)


def file_of(module: str) -> Path | None:
    """The file of an edgemin module; None if there is none."""
    path = PACKAGE.joinpath(*module.split(".")[1:])
    for file in (path / "__init__.py", path.with_suffix(".py")):
        if module.split(".")[0] == "edgemin" and file.is_file():
            return file
    return None


@cache
def _tree(module: str) -> ast.Module:
    file = file_of(module)
    if file is None:
        raise EdgeminError(f"{module}: there is no such module; write it, or drop the import")
    return running(ast.parse(file.read_text(encoding="utf-8")))


@cache
def _imports(module: str, late: bool) -> tuple[str, ...]:
    """The edgemin modules that `module` imports, inside functions too if `late`."""
    return _imported(_tree(module), module, late)


def _imported(tree: ast.Module, module: str, late: bool) -> tuple[str, ...]:
    names: set[str] = set()
    for node in statements(tree, late):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = absolute(module, node)
            names.add(source)
            for alias in node.names:
                named = f"{source}.{alias.name}"
                if file_of(named):
                    names.add(named)
                elif node.level and not node.module:
                    raise EdgeminError(f"{named}: there is no such module, but {module} imports it; write it, or drop the import")
    return tuple(sorted(name for name in names if _has_code(name)))


def absolute(module: str, node: ast.ImportFrom) -> str:
    """The module that `from … import` in `module` names."""
    if not node.level:
        return node.module or ""
    file = file_of(module)
    assert file is not None
    parts = module.split(".") if file.name == "__init__.py" else module.split(".")[:-1]
    base = parts[: len(parts) - (node.level - 1)]
    return ".".join([*base, *([node.module] if node.module else [])])


def _packages(module: str) -> Iterator[str]:
    """The packages around a module that have code of their own: importing it runs them."""
    parts = module.split(".")
    for count in range(2, len(parts)):
        package = ".".join(parts[:count])
        if _has_code(package):
            yield package


@cache
def _has_code(module: str) -> bool:
    """Whether it is one of ours, and more than a docstring."""
    return module.split(".")[0] == "edgemin" and file_of(module) is not None and bool(code(_tree(module).body))


@cache
def _source_digest(module: str) -> str:
    keys = frozenset(
        node.name for node in statements(_tree(module)) if isinstance(node, ast.ClassDef) and _is_settings(module, node.name)
    )
    return hashlib.sha256(canonical(_tree(module), keys).encode()).hexdigest()


@cache
def _is_settings(module: str, name: str) -> bool:
    """Whether a class of a module, or imported there, is below `SETTINGS`."""
    if (module, name) == SETTINGS:
        return True
    for node in _tree(module).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return any(_is_settings(module, base.id) for base in node.bases if isinstance(base, ast.Name))
        if isinstance(node, ast.ImportFrom):
            source = absolute(module, node)
            for alias in node.names:
                if (alias.asname or alias.name) == name and file_of(source):
                    return _is_settings(source, alias.name)
    return False
