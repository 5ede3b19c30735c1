"""A folder in which models answer one after another: their graphs, tokenizers and programs, what was chosen of them, and a model card."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgemin.core.files import read_json, sha256, whole_folder, write_json
from edgemin.core.provenance import NAME
from edgemin.data import store
from edgemin.deploy.across.saturating import saturates
from edgemin.deploy.bundle import predict_script
from edgemin.deploy.cascade.card import card
from edgemin.deploy.cascade.members import entries, put_members
from edgemin.report.cascades.judged import judge
from edgemin.study.kind import kind_of

ROUNDED = 1e-5
"""How far two logits by temperature may be further apart in a bundle than in a table: it keeps them in float32, a baseline's program in float64."""


def bundle_cascade(data: Path, out: Path, spec: Mapping[str, Any]) -> None:
    """data: folder of the task.

    spec: study, seed, block (of the table, of this seed), members (name, folder, files, and chain or baseline), max_length, batch_invariant,
    sources, command. Raises EdgeminError for a corrupt model.
    """
    block = spec["block"]
    judged = judge(block)
    facts = {
        "study": spec["study"],
        "cell": block["cascade"],
        "chain": f"cascade of {', '.join(block['members'])}",
        "seed": spec["seed"],
        "labels": store.label_names(data),
        "max_length": spec["max_length"],
        "pair": "pair" in store.read_split(data, "test"),
        "batch_invariant": spec["batch_invariant"],
        "members": [reachable(one) for one in entries(spec["members"], judged.chosen[0], judged.temperatures[0])],
        "measured_with": _measured_with(block),
        "versions": _provenance(spec)["versions"],
    }
    with whole_folder(out) as partial:
        put_members(spec["members"], partial)
        digests = {file.name: sha256(file) for file in sorted(partial.iterdir())}
        facts["saturates"] = any(saturates(file) for file in sorted(partial.glob("*.onnx")))
        shutil.copyfile(Path(__file__).parents[1] / "bench.py", partial / "bench.py")
        script = predict_script(kind_of(block), Path(__file__).with_name("model.py"))
        (partial / "predict.py").write_text(script, encoding="utf-8")
        write_json(partial / "bundle.json", {**facts, "sha256": digests})
        size = sum((partial / name).stat().st_size for name in digests)
        (partial / "README.md").write_text(card(facts, judged, size, _provenance(spec)["host"], spec), encoding="utf-8")


def reachable(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A member's entry. Its threshold is the confidence p of a text of validation, which rounding must not keep below it: it is lower by
    what `ROUNDED` makes of that, p (1 - p) of it."""
    least = entry["threshold"]
    return {**entry, "threshold": None if least is None else least - ROUNDED * least * (1 - least)}


def _provenance(spec: Mapping[str, Any]) -> Any:
    """Of the last member that has a graph, or of the last where none has: versions and machine."""
    graphs = [one for one in spec["members"] if "chain" in one]
    return read_json(Path((graphs or spec["members"])[-1]["folder"], NAME))


def _measured_with(block: Mapping[str, Any]) -> Any:
    """Flags of the processor that measured the last member."""
    (last,) = (row for row in block["rows"] if row["cell"] == block["members"][-1])
    return read_json(Path(last.get("timed", last["seeds"])[0]["folder"], "latency.json"))["host"]["flags"]
