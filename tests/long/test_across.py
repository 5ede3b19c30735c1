"""A bundle on processors that QEMU emulates. Needs qemu-user, which not every machine has, and for aarch64 the network."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from copies import ROOT, Copy

from edgemin.cli.main import main
from edgemin.core.files import read_json

BUNDLE = "results/smoke/deploy/edgemin/seed0"
missing = [program for program in ("qemu-x86_64", "qemu-aarch64") if shutil.which(program) is None]
pytestmark = pytest.mark.skipif(
    bool(missing), reason=f"no {', '.join(missing)}; apt-get install --no-install-recommends qemu-user"
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An arm64 system, made as the documents say."""
    folder = tmp_path_factory.mktemp("aarch64")
    subprocess.run(
        ["sh", ROOT / "envs/aarch64-root.sh", folder], check=True, env={"PATH": "/usr/bin:/bin", "PYTHON": sys.executable}
    )
    return folder


def test_a_bundle_answers_on_every_emulated_processor(finished: Copy, root: Path, tmp_path: Path, monkeypatch) -> None:
    """A random model of width 32: nothing is asserted of how many answers differ."""
    assert finished.run("--", "deploy").code == 0
    monkeypatch.chdir(finished.folder)
    (tmp_path / "texts.txt").write_text("a quietly moving little film\ntoo long by half\n", encoding="utf-8")
    assert main(["across", BUNDLE, "--texts", str(tmp_path / "texts.txt"), "--aarch64", str(root)]) == 0
    found = read_json(Path(BUNDLE, "across.json"))
    assert [one["name"] for one in found["machines"]] == ["Haswell", "neoverse-n1", "cortex-a72"]
    assert all(0 <= one["largest_logit"] < 1 for one in found["machines"])
    assert "(cortex-a72)" in Path(BUNDLE, "README.md").read_text(encoding="utf-8")
    assert main(["verify", "config/smoke.yaml"]) == 0
