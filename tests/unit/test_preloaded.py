"""Jobs that are forks of one process: what they see, how they end, who ends them. Nothing heavy is loaded here but by the first test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgemin.cli.preloaded.running import LAUNCHER

SERVER = "import sys; from edgemin.cli.preloaded import server; server.preload = lambda: None; server.main(sys.argv[1])"
Launch = Callable[..., "subprocess.Popen[str]"]


def test_every_module_of_the_package_can_be_loaded_ahead() -> None:
    words = [sys.executable, "-c", "from edgemin.cli.preloaded.server import preload; preload()"]
    loaded = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (loaded.returncode, loaded.stderr) == (0, "")


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    """launch(script, *arguments): its launcher, started in `tmp_path`."""
    with (
        tempfile.TemporaryDirectory(prefix="edgemin-") as folder,  # short: the name of a socket has at most 107 bytes
        subprocess.Popen([sys.executable, "-c", SERVER, f"{folder}/jobs"], stdout=subprocess.PIPE, text=True) as server,
    ):
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"

        def start(script: str, *arguments: str) -> subprocess.Popen[str]:
            file = tmp_path / "script.py"
            if not file.exists() or file.read_text(encoding="utf-8") != script:  # another may be reading it
                file.write_text(script, encoding="utf-8")
            words = [sys.executable, "-I", "-S", str(LAUNCHER), f"{folder}/jobs", sys.executable, *(arguments or [str(file)])]
            return subprocess.Popen(words, cwd=tmp_path, env={**os.environ, "ASKED": "yes"}, stdout=-1, stderr=-1, text=True)

        yield start
        server.terminate()


def test_a_script_sees_what_its_launcher_has(launch: Launch, tmp_path: Path) -> None:
    process = launch(
        "import os, sys\nprint(os.getcwd(), os.environ['ASKED'], sys.argv, __name__)\nprint('aside', file=sys.stderr)"
    )
    out, err = process.communicate(timeout=60)
    assert out == f"{tmp_path} yes ['{tmp_path}/script.py'] __main__\n"
    assert (err, process.returncode) == ("aside\n", 0)


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("import sys; sys.exit(3)", 3),
        ("import sys; sys.exit('a reason')", 1),
        ("1 / 0", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 128 + signal.SIGKILL),
    ],
)
def test_it_ends_as_the_script_does(launch: Launch, script: str, code: int) -> None:
    process = launch(script)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert ("ZeroDivisionError" in err) == ("/" in script)


def test_scripts_do_not_see_each_other(launch: Launch) -> None:
    """A fork each, side by side: what one changes the next has not."""
    script = "import sys, time; print(hasattr(sys, 'mark')); sys.mark = 1; time.sleep(0.5)"
    started = time.monotonic()
    running = [launch(script) for _ in range(4)]
    assert [process.communicate(timeout=60)[0] for process in running] == ["False\n"] * 4
    assert time.monotonic() - started < 60


def test_who_ends_the_launcher_ends_the_script(launch: Launch, tmp_path: Path) -> None:
    process = launch("import os, time\nopen('pid', 'w').write(str(os.getpid()))\nos.rename('pid', 'job')\ntime.sleep(600)")
    while not (tmp_path / "job").exists():
        time.sleep(0.02)
    job = int((tmp_path / "job").read_text())
    process.kill()
    process.communicate(timeout=60)
    deadline = time.monotonic() + 60
    while Path(f"/proc/{job}").exists() and "Z" not in Path(f"/proc/{job}/stat").read_text():
        assert time.monotonic() < deadline, "the job goes on"
        time.sleep(0.02)


def test_what_is_no_script_is_run_by_python(launch: Launch) -> None:
    process = launch("", "-c", "print(6 * 7)")
    assert process.communicate(timeout=60)[0] == "42\n"


def test_who_ends_the_command_ends_what_it_runs(tmp_path: Path) -> None:
    """As a time limit of CI does. What it runs ends in its own way, here with 7."""
    inner = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); open('there', 'w').close(); time.sleep(600)"
    outer = f"import sys; from edgemin.cli.preloaded.running import _ran; sys.exit(_ran([sys.executable, '-c', {inner!r}]))"
    process = subprocess.Popen([sys.executable, "-c", outer], cwd=tmp_path)
    while not (tmp_path / "there").exists():
        time.sleep(0.02)
    process.terminate()
    assert process.wait(timeout=60) == 7
