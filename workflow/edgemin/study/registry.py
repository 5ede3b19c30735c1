"""The registry of extensions. It walks the folders of each group, and is the only code that imports by a computed name.

Every group has a folder. An extension is a folder in it with two halves. `__init__.py` holds the settings (names, keys, fit rules, file
lists); planning reads it, without torch. The computing modules are beside it; the settings import them locally (`from . import loss`).
A table is one file. A file in a group's folder is shared by several extensions.
The name of an extension is the name of its folder or file, with `_` for `-`.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Union

from edgemin.core.errors import EdgeminError


@dataclass(frozen=True)
class Group:
    """One kind of thing."""

    what: str
    """What one of them is called."""
    plural: str
    folder: str
    """The package whose parts they are."""
    base: str
    """The class that all of them are below, with its module. A name: its module imports this one."""
    tag: str | None = None
    """For settings models of a study: the key that names the thing. Else a thing is an object, with an attribute `name`."""
    files: bool = False
    """One file each, not a folder."""
    halves: tuple[str, ...] = ()
    """The computing modules that each has; empty if they differ."""
    unlisted: tuple[str, ...] = ()
    """Those that a study does not choose by name: they are found, and `names` leaves them out."""

    def all(self) -> dict[str, Any]:
        """Name -> class of settings, or object; by name. Raises EdgeminError for a thing that is not whole."""
        return _all(self)

    def names(self) -> tuple[str, ...]:
        return tuple(name for name in self.all() if name not in self.unlisted)

    def union(self, tag: Callable[[str], Any] | None = None) -> Any:
        """The type of a key that holds settings of any of them. tag: what annotates each, given its name."""
        members = tuple(Annotated[settings, tag(name)] if tag else settings for name, settings in self.all().items())
        return Union[members]  # noqa: UP007 (made of a tuple)

    def __getitem__(self, name: str) -> Any:
        """Raises EdgeminError for a name that is not there, with those that are."""
        if name not in self.all():
            raise EdgeminError(f"{self.what} '{name}' is unknown; known: {', '.join(self.names())}")
        return self.all()[name]

    def module(self, name: str) -> str:
        """The module of a thing's settings: the root of what a digest covers."""
        return f"{self.folder}.{name.replace('-', '_')}"

    def file(self, name: str, half: str) -> Path:
        """The file of one of a thing's computing modules."""
        (folder,) = import_module(self.module(name)).__path__
        return Path(folder, f"{half}.py")

    def has(self, name: str, half: str) -> bool:
        """Whether a thing has a computing module of this name: some can do more than their kind must."""
        return self.file(name, half).is_file()

    def half(self, name: str, half: str) -> Any:
        """One of a thing's computing modules."""
        return import_module(f"{self.module(name)}.{half}")

    @property
    def path(self) -> str:
        """Its folder, as people see it."""
        return "workflow/" + self.folder.replace(".", "/")


OBJECTIVES = Group(
    "objective", "objectives", "edgemin.methods.objectives", "edgemin.study.term.Term", tag="objective", halves=("loss",)
)
STRUCTURES = Group("structure", "structures", "edgemin.methods.structures", "edgemin.study.pruning.Pruning", tag="structure")
CRITERIA = Group("criterion", "criteria", "edgemin.methods.criteria", "edgemin.study.criterion.Criterion", halves=("score",))
SCHEMES = Group("scheme", "schemes", "edgemin.methods.schemes", "edgemin.study.quantizing.Quantizing", tag="scheme")
RUNTIMES = Group("runtime", "runtimes", "edgemin.runtimes", "edgemin.study.runtime.Runtime", halves=("run", "stored"))
FAMILIES = Group(
    "family", "families", "edgemin.encoders.families", "edgemin.study.family.Family", halves=("blocks",), unlisted=("static",)
)
KINDS = Group(
    "kind of task",
    "kinds of task",
    "edgemin.data.kinds",
    "edgemin.study.kind.Kind",
    halves=("labels", "scores", "losses", "answer"),
)
BASELINES = Group(
    "baseline",
    "baselines",
    "edgemin.methods.baselines",
    "edgemin.study.baseline.Baseline",
    tag="baseline",
    halves=("fit", "answer"),
)
TABLES = Group("table", "tables", "edgemin.report.tables", "edgemin.study.table.Table", files=True)
PLOTS = Group("plot", "plots", "edgemin.report.plots", "edgemin.study.table.Plot", halves=("draw",))
GROUPS = (OBJECTIVES, STRUCTURES, CRITERIA, SCHEMES, RUNTIMES, FAMILIES, KINDS, BASELINES, TABLES, PLOTS)


def settings_halves() -> set[str]:
    """The modules of the settings of all things, and of what several share."""
    return {
        f"{group.folder}.{info.name}" for group in GROUPS for info in pkgutil.iter_modules(import_module(group.folder).__path__)
    }


@cache
def _all(group: Group) -> dict[str, Any]:
    things = {}
    for info in sorted(pkgutil.iter_modules(import_module(group.folder).__path__), key=lambda info: info.name):
        if info.ispkg == group.files:
            continue
        module = import_module(group.module(info.name))
        classes = [
            one
            for one in vars(module).values()
            if isinstance(one, type) and one.__module__ == module.__name__ and _is_below(one, group.base)
        ]
        where = f"{group.path}/{info.name}"
        if len(classes) != 1:
            raise EdgeminError(
                f"{where}: has {len(classes) or 'no'} settings {'classes' if classes else 'half'}: write one class below "
                f"{group.base} in its {'file' if group.files else '__init__.py'}, or delete it"
            )
        if info.ispkg and (missing := _missing(group, module)):
            raise EdgeminError(f"{where}: has a settings half alone; write {missing} beside its __init__.py, or delete it")
        thing = classes[0] if group.tag else classes[0]()
        if (name := _name(thing, group)).replace("-", "_") != info.name:
            raise EdgeminError(
                f"{where}: calls itself '{name}'; a {group.what} has the name of its {'file' if group.files else 'folder'}, so rename one"
            )
        things[name] = thing
    return things


def _is_below(one: type, base: str) -> bool:
    """Whether a class derives from the class with this name."""
    return any(f"{parent.__module__}.{parent.__qualname__}" == base for parent in one.__mro__)


def _missing(group: Group, module: Any) -> str:
    """The missing computing modules, in words; empty if none is missing."""
    there = {one.name for one in pkgutil.iter_modules(module.__path__)}
    if group.halves:
        return " and ".join(f"{half}.py" for half in group.halves if half not in there)
    return "" if there else "the module that computes"


def _name(thing: Any, group: Group) -> str:
    if group.tag is None:
        return str(thing.name)
    (name,) = thing.model_fields[group.tag].annotation.__args__
    return str(name)
