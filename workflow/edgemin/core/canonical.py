"""A syntax tree as text, without prose: the same under every supported Python, and for every layout of the same program.

Comments, docstrings, annotations, texts of exceptions, log lines, keys and checks of settings, and attributes that only refuse are left
out, and imports that only these use.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class _LeftOut:
    """settings: classes whose keys and checks are left out. imports: names that nothing else uses."""

    settings: frozenset[str]
    imports: frozenset[str] = frozenset()


def canonical(tree: ast.AST, settings: Iterable[str] = ()) -> str:
    """settings: names of the classes whose keys are left out.

    This is our own format, because `ast.dump` differs between versions of Python. Empty fields are left out: a field that a later
    version adds changes nothing. Adjacent parts of an f-string are joined.
    """
    left = _LeftOut(frozenset(settings))
    used: set[str] = set()
    _names(tree, left, used)
    in_prose = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - used
    text: list[str] = []
    _write(tree, _LeftOut(left.settings, frozenset(in_prose)), text)
    return "".join(text)


def running(tree: ast.Module) -> ast.Module:
    """A tree without what only type checkers read."""
    return _Running().visit(tree)


def code(body: list[Any]) -> list[Any]:
    """Statements that do something: no bare strings, no log lines, no `from __future__`."""
    return [statement for statement in body if not _is_prose(statement)]


def statements(node: Any, late: bool = True) -> Iterator[ast.stmt]:
    """All statements below a node. late: those inside functions too."""
    for name in _BLOCKS:
        for child in getattr(node, name, ()):
            if isinstance(child, ast.stmt):
                yield child
            if late or not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from statements(child, late)


_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


class _Running(ast.NodeTransformer):
    def visit(self, node: ast.AST) -> Any:
        return node if isinstance(node, ast.expr) else super().visit(node)

    def visit_If(self, node: ast.If) -> Any:
        self.generic_visit(node)
        return node.orelse if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING" else node


def _names(node: Any, left: _LeftOut, used: set[str]) -> None:
    """Add what the program itself calls by a plain name."""
    if isinstance(node, ast.Name):
        used.add(node.id)
    elif isinstance(node, list):
        for child in node:
            _names(child, left, used)
    elif isinstance(node, ast.AST):
        for _, value in _fields(node, left):
            _names(value, left, used)


def _write(node: Any, left: _LeftOut, text: list[str]) -> None:
    if isinstance(node, ast.Constant):
        text.append(f"{type(node.value).__name__}:{node.value!r} ")
    elif isinstance(node, ast.AST):
        text.append(f"({type(node).__name__} ")
        for name, value in _fields(node, left):
            if value is not None and value != []:
                text.append(f"{name}=")
                _write(value, left, text)
        text.append(")")
    elif isinstance(node, list):
        text.append("[")
        for item in node:
            _write(item, left, text)
        text.append("]")
    else:
        text.append(f"{node!r} ")


_PROSE = frozenset({"annotation", "ctx", "kind", "lineno", "returns", "type_comment", "type_ignores"})


def _fields(node: ast.AST, left: _LeftOut) -> Iterator[tuple[str, Any]]:
    for name, value in ast.iter_fields(node):
        if name in _PROSE:
            continue
        if name in ("body", "orelse", "finalbody") and isinstance(value, list):
            value = [statement for statement in code(value) if not _is_left_out(statement, left)]
            if isinstance(node, ast.ClassDef) and node.name in left.settings:
                value = [statement for statement in value if not _is_key(statement) and not _is_check(statement)]
        elif isinstance(node, ast.Raise):
            value = value.func if name == "exc" and isinstance(value, ast.Call) else value
        elif isinstance(node, ast.Assert) and name == "msg":
            continue
        elif isinstance(node, ast.Import | ast.ImportFrom) and name == "names":
            value = [one for one in value if _bound(one) not in left.imports]
        elif isinstance(node, ast.JoinedStr):
            value = list(_joined(value))
        yield name, value


def _is_left_out(statement: ast.stmt, left: _LeftOut) -> bool:
    """Whether it imports nothing but what prose uses, or is an attribute that only refuses."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return all(_bound(one) in left.imports for one in statement.names)
    return _only_refuses(statement)


def _only_refuses(statement: ast.stmt) -> bool:
    """Whether it is an attribute of the type `ClassVar[Annotated[..., refuses]]`."""
    return isinstance(statement, ast.AnnAssign) and any(
        isinstance(node, ast.Name) and node.id == "refuses" for node in ast.walk(statement.annotation)
    )


def _bound(alias: ast.alias) -> str:
    """The name that an import makes known."""
    return alias.asname or alias.name.partition(".")[0]


def _is_prose(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.ImportFrom):
        return statement.module == "__future__"
    if not isinstance(statement, ast.Expr):
        return False
    value = statement.value
    if isinstance(value, ast.Constant):
        return isinstance(value.value, str)
    called = value.func if isinstance(value, ast.Call) else None
    return isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) and called.value.id == "log"


def _is_key(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.AnnAssign) and "ClassVar" not in ast.unparse(statement.annotation)


def _is_check(statement: ast.stmt) -> bool:
    """Whether a method of settings only refuses: it has the decorator `refuses`, or is an "after" validator."""
    decorators = [ast.unparse(one) for one in statement.decorator_list] if isinstance(statement, ast.FunctionDef) else []
    return any(one == "refuses" or (one.startswith("model_validator") and "after" in one) for one in decorators)


def _joined(parts: list[Any]) -> Iterator[Any]:
    text = ""
    for part in parts:
        if isinstance(part, ast.Constant):
            text += str(part.value)
            continue
        if text:
            yield ast.Constant(text)
            text = ""
        yield part
    if text:
        yield ast.Constant(text)
