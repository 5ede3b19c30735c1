"""What each job of the smoke study imports: rules that need neither torch nor transformers load neither."""

from __future__ import annotations

import os
import re
import subprocess
from collections import defaultdict
from pathlib import Path

from copies import Copy

TRANSFORMERS = {"train_teacher", "distill_student", "prune_structured", "sweep_pruning", "quantize_aware"}
TORCH = {*TRANSFORMERS, "prepare_encoder", "cache_teacher", "export_onnx", "scan_quantization", "quantize_model_torch"}
LINE = re.compile(r"^import time: +(\d+) \| +\d+ \| +(\S+)")
BEGINS, DONE = re.compile(r"^\d\d:\d\d:\d\d \[([a-z_]+)(?:/(\S*))?\] begins"), re.compile(r"^\d\d:\d\d:\d\d \[\S+\] done in ")


def test_light_rules_load_neither(tmp_path: Path) -> None:
    copy = Copy(tmp_path)
    command = copy.command("--", "everything", cores=1)
    environment = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}
    run = subprocess.run(command, cwd=copy.folder, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    modules: dict[str, set[str]] = defaultdict(set)
    seconds: dict[str, list[float]] = defaultdict(list)
    rule, spent, loaded = "", 0.0, set()
    for line in run.stderr.splitlines():  # jobs run one after another
        if found := LINE.match(line):
            spent += int(found[1]) / 1e6
            loaded.add(found[2])
        elif found := BEGINS.match(line):
            rule = found[1] + ("_torch" if found[1] == "quantize_model" and "torch" in (found[2] or "") else "")
        elif DONE.match(line):
            torch_runtime = "torch" in (line.split("]")[0])
            name = f"{rule}, torch" if rule.startswith("measure_") and torch_runtime else rule
            modules[name] |= loaded & {"torch", "transformers"}
            seconds[name].append(spent)
            spent, loaded = 0.0, set()
    assert len(seconds) > 25, sorted(seconds)
    for name in sorted(seconds):
        print(f"{name}: {sum(seconds[name]) / len(seconds[name]):.1f} s, {', '.join(sorted(modules[name])) or '-'}")
    for name, found in modules.items():
        allowed = {"torch"} if name in TORCH or name.endswith(", torch") else set()
        allowed |= {"transformers"} if name in TRANSFORMERS else set()
        assert found <= allowed, name
