from __future__ import annotations

import os
import tempfile
import time

import pytest

from edgemin.core import devices
from edgemin.core.devices import VARIABLE, one_device


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    """No GPU but those that a test makes; locks in a folder of its own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(devices, "_DRIVER", tmp_path / "gpus")
    monkeypatch.setenv(VARIABLE, "")
    monkeypatch.delenv(VARIABLE)
    return tmp_path / "gpus"


def test_jobs_hold_different_devices_and_let_go(monkeypatch, machine):
    for name in ("0000:01:00.0", "0000:02:00.0"):
        (machine / name).mkdir(parents=True)
    with one_device(wanted=True):
        assert os.environ[VARIABLE] == "0"
        monkeypatch.delenv(VARIABLE)
        with one_device(wanted=True):
            assert os.environ[VARIABLE] == "1"
        monkeypatch.delenv(VARIABLE)
        with one_device(wanted=True):
            assert os.environ[VARIABLE] == "1"
    monkeypatch.delenv(VARIABLE)
    with one_device(wanted=True):
        assert os.environ[VARIABLE] == "0"


def test_a_job_waits_while_all_are_held(monkeypatch, caplog):
    waits = []
    monkeypatch.setenv(VARIABLE, "0,1")
    first, second, third = (one_device(wanted=True) for _ in range(3))
    with first:
        monkeypatch.setenv(VARIABLE, "0,1")
        second.__enter__()

        def sleep(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 2:
                second.__exit__(None, None, None)

        monkeypatch.setattr(time, "sleep", sleep)
        monkeypatch.setenv(VARIABLE, "0,1")
        with caplog.at_level("INFO"), third:
            assert os.environ[VARIABLE] == "1"
    assert len(waits) == 2
    assert caplog.text.count("all 2 GPUs are held by other jobs") == 1


@pytest.mark.parametrize(
    ("seen", "wanted", "shown"),
    [
        ("3", True, "3"),
        ("GPU-1a,GPU-2b", True, "GPU-1a"),
        ("", True, ""),
        (None, True, ""),
        ("0,1", False, ""),
        (None, False, ""),
    ],
)
def test_what_pytorch_sees(monkeypatch, seen, wanted, shown):
    if seen is not None:
        monkeypatch.setenv(VARIABLE, seen)
    with one_device(wanted):
        assert os.environ[VARIABLE] == shown


def test_a_job_that_asks_for_a_gpu_where_there_is_none_says_so(caplog):
    with one_device(wanted=True):
        pass
    assert "no GPU here: computes on the CPU" in caplog.text
