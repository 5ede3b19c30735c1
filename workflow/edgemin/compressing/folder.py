"""The folder of a request: its study, what was asked for, and who is at work there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from edgemin.compressing.request import Request, differing
from edgemin.core.environment import PACKAGE
from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json, whole_file, write_json

STUDY, REQUEST, LOCK = "study.yaml", "request.json", ".compress.lock"
TASK = "texts"
"""Name of the one task of its study."""
LINKS = ("distill", "prune", "quantize")
"""Keys of a study whose variants are links of chains."""
SAME = ("data", "text", "label", "model", "labels", "metric", "separator", "quoting", "encoding", "out")
"""Options that cannot change within a folder. With others the study is written anew, and what is finished stays."""


@dataclass(frozen=True)
class Folder:
    """Its state when it was read."""

    path: Path
    before: Mapping[str, Any] | None
    """What request.json holds."""

    @classmethod
    def of(cls, request: Request) -> Folder:
        """Raises EdgeminError for a folder that is something else, or of another request."""
        path = request.folder
        if _there(path) and not path.is_dir():
            raise EdgeminError(f"--out: {path} is a file; name a folder")
        _check_writable(path)
        if not path.is_dir() or not any(one.name != LOCK for one in path.iterdir()):
            return cls(path, None)
        if not (path / REQUEST).is_file() or not (path / STUDY).is_file():
            raise EdgeminError(f"--out: {path} is in use: it holds other files; name a new folder")
        before = read_json(path / REQUEST, "name another folder with --out")
        folder = cls(path, before)
        folder._check(request)
        return folder

    def _check(self, request: Request) -> None:
        assert self.before is not None
        changed = differing(self.before["request"], request.kept())
        if fixed := [name for name in changed if name in SAME]:
            raise EdgeminError(
                f"--out: {self.path} is in use: it is of another --{fixed[0].replace('_', '-')}; name another folder"
            )
        if changed and self.edited:
            raise EdgeminError(
                f"{self.path / STUDY}: was edited, and another --{changed[0].replace('_', '-')} would write it anew; edit it further and run the "
                "command as before, or name another folder with --out"
            )

    def goes_on(self, request: Request) -> bool:
        """Whether its study is the one of this request."""
        return self.before is not None and not differing(self.before["request"], request.kept())

    def changed(self, study: Mapping[str, Any]) -> set[str]:
        """Links of chains, such as `quantize-int8`, that the study there makes otherwise than this one."""
        before = {} if self.before is None else self.study()
        return {
            f"{stage}-{name}"
            for stage in LINKS
            for name, one in before.get(stage, {}).items()
            if study.get(stage, {}).get(name, one) != one
        }

    def keeps(self, file: str, changed: Collection[str]) -> bool:
        """Whether a file of an earlier run is there, and stays: not that of a model with a link that is made otherwise."""
        there = self.before is not None and (self.path / file).exists()
        return there and not any(f"/{link}/" in file for link in changed)

    @property
    def edited(self) -> bool:
        """Whether somebody wrote into the study since."""
        return self.before is not None and self.before["study_sha256"] != _digest((self.path / STUDY).read_text(encoding="utf-8"))

    @property
    def study_name(self) -> str:
        return str(self.study()["study"])

    @property
    def threads(self) -> int | None:
        """Of a training, in the study that is there: with another number every model would be trained again. None where there is no study yet."""
        return None if self.before is None else int(self.study()["threads"]["training"])

    def study(self) -> Any:
        """As it is there now."""
        return yaml.safe_load((self.path / STUDY).read_text(encoding="utf-8"))

    @property
    def speeds(self) -> Mapping[str, float] | None:
        """Of the teacher and its smallest cut, as they were when the first study was written: anew they would be a little other, and so would be what is
        cut. None where there are none."""
        return None if self.before is None else self.before.get("speeds")

    def write(self, request: Request, text: str, seconds: Mapping[str, float], speeds: Mapping[str, float] | None = None) -> None:
        """The study, and then what it was made for. seconds: of each job, by a file that it makes."""
        with whole_file(self.path / STUDY) as partial:
            partial.write_text(text, encoding="utf-8")
        kept = {"request": request.kept(), "study_sha256": _digest(text), "seconds": dict(seconds), "speeds": speeds}
        write_json(self.path / REQUEST, kept)

    def seconds(self) -> dict[str, float]:
        """Estimated seconds of each job, by a file that it makes."""
        estimated: dict[str, float] = read_json(self.path / REQUEST)["seconds"]
        return estimated

    @contextmanager
    def held(self) -> Iterator[None]:
        """Raises EdgeminError while another command is at work there. The folder is made if it is not there."""
        lock = FileLock(self.path / LOCK, timeout=0)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout:
            raise EdgeminError(
                f"--out: {self.path} is in use: edgemin compress runs there; wait, or name another folder"
            ) from None
        except OSError as error:
            raise EdgeminError(f"--out: {self.path} cannot be written ({error.strerror}); name another folder") from None
        try:
            yield
        finally:
            lock.release()


def _check_writable(path: Path) -> None:
    """Raises EdgeminError for a folder, or a place of one, into which nothing can be written."""
    there = next(one for one in (path, *path.absolute().parents) if _there(one))
    if not there.is_dir():
        raise EdgeminError(f"--out: {path} cannot be made, since {there} is a file; name another folder")
    if not os.access(there, os.R_OK | os.W_OK | os.X_OK):
        raise EdgeminError(f"--out: {path} cannot be written, since {there} may not be; name another folder")


def _there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # below a folder that may not be looked into
        return False


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def clone() -> Path:
    """The folder with the Snakefile. Raises EdgeminError where the package is installed without it."""
    root = PACKAGE.parents[1]
    if not (root / "Snakefile").is_file():
        raise EdgeminError(f"{root}: has no Snakefile; compress needs a clone of the repository: run make there, and its edgemin")
    return root
