"""A folder in which models answer one after another: their graphs, tokenizers and programs, what was chosen of them, and a model card."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json, sha256, whole_folder, write_json
from edgemin.core.provenance import EXPORT_PROVENANCE, NAME, check_provenance
from edgemin.data import store
from edgemin.data.tokenizer import load_tokenizer
from edgemin.deploy.across.saturating import saturates
from edgemin.deploy.bundle import predict_script
from edgemin.deploy.cascade.card import card
from edgemin.methods.floor import CONFIG, WEIGHTS
from edgemin.report.cascades.judged import Judged, judge
from edgemin.study import registry
from edgemin.study.kind import kind_of

_OF_PROJECT = re.compile(r"^from edgemin\..*\n", re.MULTILINE)
"""Of a baseline's program such imports have names of types alone."""


def bundle_cascade(data: Path, out: Path, spec: Mapping[str, Any]) -> None:
    """data: folder of the task.

    spec: study, seed, block (of the table, of this seed), members (name, folder, files, and chain or baseline), max_length, batch_invariant,
    sources, command. Raises EdgeminError for a corrupt model.
    """
    block = spec["block"]
    found = judge(block)
    facts = {
        "study": spec["study"],
        "cell": block["cascade"],
        "chain": f"cascade of {', '.join(block['members'])}",
        "seed": spec["seed"],
        "labels": store.label_names(data),
        "max_length": spec["max_length"],
        "pair": "pair" in store.read_split(data, "test"),
        "batch_invariant": spec["batch_invariant"],
        "members": [_entry(member, number, found) for number, member in enumerate(spec["members"])],
        "measured_with": _measured_with(block),
        "versions": _provenance(spec)["versions"],
    }
    with whole_folder(out) as partial:
        for member in spec["members"]:
            _copy(member, partial)
        digests = {file.name: sha256(file) for file in sorted(partial.iterdir())}
        facts["saturates"] = any(saturates(file) for file in sorted(partial.glob("*.onnx")))
        shutil.copyfile(Path(__file__).parents[1] / "bench.py", partial / "bench.py")
        script = predict_script(kind_of(block), Path(__file__).with_name("model.py"))
        (partial / "predict.py").write_text(script, encoding="utf-8")
        write_json(partial / "bundle.json", {**facts, "sha256": digests})
        size = sum((partial / name).stat().st_size for name in digests)
        (partial / "README.md").write_text(card(facts, found, size, _provenance(spec)["host"], spec), encoding="utf-8")


def _provenance(spec: Mapping[str, Any]) -> Any:
    """Of the last member that has a graph: versions and machine."""
    return read_json(Path([one for one in spec["members"] if "chain" in one][-1]["folder"], NAME))


def _measured_with(block: Mapping[str, Any]) -> Any:
    """Flags of the processor that measured the last member."""
    (last,) = (row for row in block["rows"] if row["cell"] == block["members"][-1])
    return read_json(Path(last.get("timed", last["seeds"])[0]["folder"], "latency.json"))["host"]["flags"]


def _entry(member: Mapping[str, Any], number: int, found: Judged) -> dict[str, Any]:
    """Of bundle.json. A member without a threshold is not asked, unless it is the last, which needs none."""
    thresholds = [*found.chosen[0].thresholds, None]
    last = number == len(thresholds) - 1
    told = {
        "name": member["name"],
        **member["files"],
        "temperature": found.temperatures[0][number],
        "threshold": thresholds[number],
        "asked": last or thresholds[number] is not None,
    }
    return {**told, "pad_id": load_tokenizer(Path(member["folder"])).pad_token_id} if "graph" in member["files"] else told


def _copy(member: Mapping[str, Any], out: Path) -> None:
    folder, files = Path(member["folder"]), member["files"]
    if "program" in files:
        check_provenance(folder, CONFIG, WEIGHTS)
        source = registry.BASELINES.file(member["baseline"], "answer").read_text(encoding="utf-8")
        (out / files["program"]).write_text(_OF_PROJECT.sub("", source), encoding="utf-8")
        shutil.copyfile(folder / CONFIG, out / files["terms"])
        shutil.copyfile(folder / WEIGHTS, out / files["numbers"])
        return
    exported = (folder / EXPORT_PROVENANCE).exists()
    check_provenance(folder, "model.onnx", name=EXPORT_PROVENANCE if exported else NAME)
    check_provenance(folder, "tokenizer.json")
    shutil.copyfile(folder / "model.onnx", out / files["graph"])
    tokenizer = out / files["tokenizer"]
    if tokenizer.exists() and sha256(tokenizer) != sha256(folder / "tokenizer.json"):
        raise EdgeminError(
            f"{folder}/tokenizer.json: is not that of the other members; delete its folder and run snakemake again"
        )
    shutil.copyfile(folder / "tokenizer.json", tokenizer)
