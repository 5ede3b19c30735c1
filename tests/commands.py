"""Every command that the project prints: in documents, comments, docstrings and messages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORDS = r"(?:make|snakemake|edgemin|python3?|pip|find|git|sh|sha256sum|\.venv[\w-]*/bin/\S+|\. \.venv\S*)"
COMMAND = re.compile(rf"{WORDS}(?: +\S.*|$)", re.DOTALL)
BARE = {"make", "snakemake", "edgemin", "python", "find", "git", "sh", "pip", "sha256sum"}
"""Names of programs, which documents speak of."""
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "config/README.md", "results/README.md", "benchmarks/README.md", "docs/*.md")
COMMENTS = ("Snakefile", "Makefile", ".pre-commit-config.yaml", "mkdocs.yml", "config/*.yaml", "profiles/*/*.yaml", "envs/*.yaml")
COMMENTS += ("workflow/rules/*.smk",)
SOURCES = ("workflow/edgemin/**/*.py", "workflow/scripts/*.py", "benchmarks/*.py", "envs/*.py")


def printed() -> dict[str, set[str]]:
    """Command, as it is printed -> the files that print it."""
    found: dict[str, set[str]] = {}
    for patterns, commands in ((DOCUMENTS, of_document), (COMMENTS, of_comments), (SOURCES, of_source)):
        for file in (file for pattern in patterns for file in sorted(ROOT.glob(pattern))):
            for command in commands(file.read_text(encoding="utf-8")):
                found.setdefault(command, set()).add(str(file.relative_to(ROOT)))
    return found


def of_document(text: str) -> Iterator[str]:
    """Of Markdown: blocks of a shell, indented lines, inline code."""
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        if language in ("sh", "bash", "shell", "console"):
            yield from (line for line in map(bare, block.splitlines()) if line)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for line in re.findall(r"^(?: {4}|\t)(\S.*)$", prose, re.MULTILINE):
        if COMMAND.fullmatch(line):
            yield bare(line)
    yield from inline(prose)


def of_comments(text: str) -> Iterator[str]:
    """Of comments, and of a Snakefile's docstring: inline code, lines that begin with a command, and what follows a colon."""
    lines = [line for line in text.splitlines() if not line.startswith("\t")]
    yield from inline("\n".join(lines))
    yield from _of_lines(lines)
    yield from re.findall(r"^# .*: (make .+)$", text, re.MULTILINE)


def of_source(text: str) -> Iterator[str]:
    """Of the strings of a Python module: docstrings and messages. What is put into a message is {} here."""
    tree = ast.parse(text)
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if id(node) in parts:
            continue
        if isinstance(node, ast.JoinedStr):
            value = "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            value = node.value
        else:
            continue
        yield from inline(value)
        yield from _of_lines(value.splitlines())
        yield from re.findall(r"run: (?:make, or )?(pip .+)$", value, re.MULTILINE)


def inline(text: str) -> Iterator[str]:
    """Code in backticks that is a command; one may go over the end of a line."""
    for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", text):
        if COMMAND.fullmatch(code) and code not in BARE:
            yield " ".join(code.split())


def _of_lines(lines: list[str]) -> Iterator[str]:
    """`snakemake ...`, `edgemin ...` and scripts at the head of a line, up to two spaces."""
    for line in lines:
        if found := re.match(r"\s*(?:# ?)?((?:snakemake -|edgemin |\.venv/bin/python )\S.*?)(?: {2,}.*)?$", line):
            yield found.group(1)


def bare(line: str) -> str:
    """Without its comment."""
    return re.sub(r"\s+# .*$", "", line).strip()
