"""The files of a cascade's bundle: graphs of all members, one tokenizer for all that share it, and of a member without a transformer its program."""

from __future__ import annotations

from typing import Any

from edgemin.plan.plan import Plan

COMMON = ("bundle.json", "predict.py", "bench.py", "README.md")


def member_files(plan: Plan, cascade: str) -> dict[str, dict[str, str]]:
    """Member -> what its files are -> their names: `graph` and `tokenizer`, or `program`, `terms` and `numbers`."""
    first: dict[str, str] = {}
    files = {}
    for name in plan.study.cascades[cascade].members:
        if name in plan.study.baselines:
            files[name] = {
                "program": f"{name}.answer.py",
                "terms": f"{name}.terms.json",
                "numbers": f"{name}.numbers.safetensors",
            }
        else:
            owner = first.setdefault(plan.tokenizer_of(plan.study.chain(name)), name)
            files[name] = {"graph": f"{name}.onnx", "tokenizer": f"{owner}.tokenizer.json"}
    return files


def bundle_files(plan: Plan, cascade: str) -> tuple[str, ...]:
    """Names of all of its files."""
    return tuple(dict.fromkeys([*COMMON, *(file for files in member_files(plan, cascade).values() for file in files.values())]))


def cascade_files(plan: Plan, task: str, cascade: str) -> list[str]:
    """Of the bundles of all seeds."""
    folders: list[Any] = [plan.bundle(task, cascade, seed) for seed in plan.study.seeds]
    return [f"{folder}/{name}" for folder in folders for name in bundle_files(plan, cascade)]
