"""Which copy of the package runs, and what jobs inherit: the import path and the environment variables listed here.

A notebook sets a plot backend, a launcher ranks and ports, a cluster thread counts, a container a HOME that does not exist. Libraries
read such variables, some only once. So each job first drops all variables that are not in `KEPT`, before any library is imported.
"""

from __future__ import annotations

import getpass
import logging
import os
import shlex
import sys
import warnings
from collections.abc import Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from io import TextIOWrapper
from pathlib import Path
from tempfile import TemporaryFile

from edgemin.core.errors import EdgeminError
from edgemin.core.machine import crowded

PACKAGE = Path(__file__).resolve().parents[1]
KEPT = {
    "where programs and libraries are": (
        *("PATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_*", "VIRTUAL_ENV", "CONDA_*", "SYSTEMROOT"),
        *("PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONNOUSERSITE", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"),
    ),
    "the user, and folders for files": ("HOME", "USER", "LOGNAME", "TMPDIR", "TEMP", "TMP", "XDG_CACHE_HOME", "TZ"),
    "what a scheduler has allotted": (
        *("SLURM_*", "SLURMD_*", "PBS_*", "LSB_*", "SGE_*", "FLUX_*", "COBALT_*"),
        *("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "CUDA_MPS_*", "NVIDIA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"),
        *("ROCR_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL", "HSA_OVERRIDE_GFX_VERSION", "ZE_AFFINITY_MASK", "ONEAPI_DEVICE_SELECTOR"),
    ),
    "how a network is reached": (
        *("*_PROXY", "SSL_CERT_*", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC", "KRB5*", "PIP_INDEX_URL", "PIP_CERT"),
        *("HF_TOKEN", "HF_TOKEN_PATH", "HUGGING_FACE_HUB_TOKEN", "HF_ENDPOINT", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"),
        *("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_*_TIMEOUT", "HF_HUB_DISABLE_XET"),
    ),
    "what looks into a job and changes nothing": (
        *("EDGEMIN_*", "PYTEST_*", "COVERAGE_*", "PYTHONPROFILEIMPORTTIME", "PYTHONFAULTHANDLER", "PYTHONUNBUFFERED"),
    ),
}
"""Reason -> variables that a job inherits. `*` matches anything. `EDGEMIN_KEEP` lists more."""
KEEP = "EDGEMIN_KEEP"
"""Environment variable: names of further variables that jobs are to see, for whoever looks for a fault: `PYTORCH_CUDA_ALLOC_CONF NCCL_DEBUG`."""
_INTERPRETER = ("PYTHON*", "LC_*", "LANG", "LANGUAGE")
"""Act where Python starts, so before a job can drop them."""
_SET = {"PYTHONUTF8": "1", "TOKENIZERS_PARALLELISM": "false", "MPLBACKEND": "agg"}
_THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "GOTO_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
_OWN_HOME = Path(".snakemake", "home")
"""Home folder for libraries if the user has no writable one: in the folder where Snakemake runs."""


def check_tree(tree: Path | str) -> None:
    """Raises EdgeminError unless the running package is the one of `tree`, the folder with the Snakefile."""
    expected = Path(tree).resolve() / "workflow" / "edgemin"
    if expected != PACKAGE:
        raise EdgeminError(
            f"the package edgemin is imported from {PACKAGE}, but this Snakefile belongs to {expected}; "
            f"use the environment of that folder (make there), or run: pip install --no-deps -e {shlex.quote(str(expected.parents[1]))}"
        )


def quote_interpreter() -> None:
    """Snakemake puts the path of its Python into command lines unquoted. A path with a space or a quote must be quoted before."""
    if Path(sys.executable).exists():  # and not in quotes already
        sys.executable = shlex.quote(sys.executable)


def share_import_path(folders: Iterable[str]) -> None:
    """Make every Python process started from here import from these folders first. A job in a conda environment needs this."""
    paths = [*folders, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def named(message: str) -> str:
    """A message, unchanged if file names are in UTF-8. Otherwise unprintable letters are escaped and a remedy is added, because the
    encoding may be the reason why a file is not found."""
    encoding = sys.getfilesystemencoding()
    if message.isascii() or encoding == "utf-8":
        return message
    printable = message.encode(encoding, "backslashreplace").decode(encoding)
    return f"{printable}\nPYTHONUTF8: names of files are in {encoding} here; if that file is there, set PYTHONUTF8=1"


def calm() -> None:
    """Set up the planning process: child processes get a default Python in UTF-8 and a named user. Warnings are not errors. What
    a terminal or a log cannot print is escaped. Other variables are kept, because programs that submit jobs read their own."""
    for name in [name for name in os.environ if _matches(name, _INTERPRETER) and not _kept(name, os.environ)]:
        if name == "PYTHONWARNINGS":
            warnings.simplefilter("ignore")
        del os.environ[name]
    os.environ["PYTHONUTF8"] = "1"
    _name_user(os.environ)
    # Snakemake's log file is in the encoding of the locale.
    escape(getattr(handler, "stream", None) for handler in logging.getLogger("snakemake.logging").handlers)


def escape(streams: Iterable[object] = ()) -> None:
    """Let the terminal, and `streams`, show letters that their encoding lacks in another way: a locale is no reason to fail."""
    for stream in (sys.stdout, sys.stderr, *streams):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def settled(threads: str) -> Iterator[None]:
    """The environment of a job: the variables of `KEPT`, `threads` threads, and writable folders. Enter it before any library is
    imported. On exit the environment is restored."""
    before = dict(os.environ)
    try:
        for name in [name for name in os.environ if not _kept(name, before)]:
            del os.environ[name]
        os.environ.update(_SET, **dict.fromkeys(_THREADS, threads))
        if threads.isdigit() and int(threads) > 1 and crowded(int(threads)):
            # Threads that wait for each other in a loop take the processor from the one that they wait for. Asleep they do not, and are slower to
            # wake: docs/reliability.md has the figures. Numbers are the same.
            os.environ["OMP_WAIT_POLICY"] = "passive"
        _name_user(os.environ)
        _replace_unwritable(os.environ)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _kept(name: str, environment: MutableMapping[str, str]) -> bool:
    return any(_matches(name, names) for names in (*KEPT.values(), environment.get(KEEP, "").upper().replace(",", " ").split()))


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name.upper(), pattern) for pattern in patterns)


def _name_user(environment: MutableMapping[str, str]) -> None:
    """Libraries, and Snakemake, ask who runs them; in a container there may be a number alone."""
    try:
        getpass.getuser()
    except (KeyError, OSError, ImportError):
        environment["LOGNAME"] = f"user{os.getuid()}"


def _replace_unwritable(environment: MutableMapping[str, str]) -> None:
    """Replace folders that do not exist or cannot be written: by the defaults, or by a folder where Snakemake runs."""
    own = _OWN_HOME.absolute()
    for name in ("TMPDIR", "TEMP", "TMP"):
        if name in environment and not _writable(Path(environment[name])):
            del environment[name]
    if "HF_HOME" in environment and not _there(Path(environment["HF_HOME"])) and not _writable(Path(environment["HF_HOME"])):
        del environment["HF_HOME"]
    home = _home()
    if home is None:
        home = own
        home.mkdir(parents=True, exist_ok=True)
        environment["HOME"] = str(home)
    caches = Path(environment.get("XDG_CACHE_HOME") or home / ".cache")
    if not _writable(caches):
        if _there(caches / "huggingface"):  # to be read, tokens and models
            environment.setdefault("HF_HOME", str(caches / "huggingface"))
        caches = own / ".cache"
        caches.mkdir(parents=True, exist_ok=True)
        environment["XDG_CACHE_HOME"] = str(caches)
    environment["MPLCONFIGDIR"] = str(caches / "matplotlib")


def _home() -> Path | None:
    """The user's home, if there is one."""
    try:
        home = Path.home()
    except RuntimeError:
        return None
    return home if home.is_absolute() and _there(home) else None


def _there(folder: Path) -> bool:
    try:
        return folder.is_dir()
    except OSError:  # below a folder that may not be looked into
        return False


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            return True
    except (OSError, ValueError):
        return False
