"""What each job of the smoke study imports: rules that need neither torch nor transformers load neither."""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from pathlib import Path

from copies import Copy

BOTH = {
    "prepare_encoder",
    "train_teacher",
    "cache_teacher",
    "distill_student",
    "prune_structured",
    "sweep_pruning",
    "export_onnx",
}
BOTH |= {
    "quantize_aware_onnxruntime",
    "quantize_model_onnxruntime, static",
    "quantize_model_torch",
}  # and measurements of torch's models
LINE = re.compile(r"^import time: +(\d+) \| +\d+ \| +(\S+)")
BEGINS, DONE = re.compile(r"^\d\d:\d\d:\d\d \[([a-z_]+)(?:/(\S*))?\] begins"), re.compile(r"^\d\d:\d\d:\d\d \[\S+\] done in ")


def test_light_rules_load_neither(tmp_path: Path) -> None:
    copy = Copy(tmp_path)
    command = copy.command("--", "everything", cores=1)
    environment = {**copy.environment, "PYTHONPROFILEIMPORTTIME": "1"}
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
            parts = (found[2] or "").split("/")
            last = parts[-2] if found[1] == "measure_round" else parts[-1]  # a measurement's runtime, a quantization's variant
            kind = {"torch": ", torch", "int8_static": ", static"}
            rule = found[1] + (kind.get(last, "") if found[1].startswith(("measure_", "quantize_model_onnxruntime")) else "")
        elif DONE.match(line):
            modules[rule] |= loaded & {"torch", "transformers"}
            seconds[rule].append(spent)
            spent, loaded = 0.0, set()
    assert len(seconds) > 25, sorted(seconds)
    for name in sorted(seconds):
        print(f"{name}: {sum(seconds[name]) / len(seconds[name]):.1f} s, {', '.join(sorted(modules[name])) or '-'}")
    for name, found in modules.items():
        heavy = name in BOTH or (name.startswith("measure_") and name.endswith(", torch") and "size" not in name)
        assert not found or heavy, f"{name} loads {', '.join(sorted(found))}"
