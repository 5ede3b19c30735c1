"""The chain of every cell, link by link: what was asked for, what came of it, where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from edgemin.core.files import read_json
from edgemin.report.measured import timed_of
from edgemin.study import registry
from edgemin.study.chains import Chain
from edgemin.study.runtime import CHECKPOINT, GRAPH


def chains_of(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Per cell its name, question, command and links; per link the settings and what is known of its models."""
    links = {text: _link(text, link) for text, link in spec["links"].items()}
    return [
        {
            "cell": cell,
            "question": entry["question"],
            "chain": entry["chain"],
            "command": f"{spec.get('call', 'snakemake --cores all')} cell_{cell}",
            "links": [links[str(link)] for link in Chain.parse(entry["chain"]).prefixes],
        }
        for cell, entry in spec["cells"].items()
    ]


def _link(text: str, link: Mapping[str, Any]) -> dict[str, Any]:
    chain = Chain.parse(text)
    settings = yaml.safe_dump(link["settings"], sort_keys=False, allow_unicode=True, default_flow_style=None, width=100)
    models = [_model(model) for model in link["models"]]
    versions = {name: text for model in models for name, text in model["versions"].items()}
    return {
        "title": str(chain.last or "teacher"),
        "settings": settings.strip(),
        "models": models,
        "versions": ", ".join(f"{name} {text}" for name, text in versions.items()),
        "seconds": any(model["seconds"] is not None for model in models),
    }


def _model(model: Mapping[str, Any]) -> dict[str, Any]:
    """What is noted beside the model: digests, the code's digest, seconds of training. Older files lack some of it."""
    folder = Path(model["folder"])
    provenances = [read_json(folder / name) for name in ("provenance.json", "onnx_provenance.json") if (folder / name).exists()]
    history = read_json(folder / "history.json") if (folder / "history.json").exists() else {}
    phases = history.get("phases", [])
    weights = {CHECKPOINT[0], GRAPH[0], *(name for runtime in registry.RUNTIMES.all().values() for name in runtime.quantized)}
    files = {name: digest for one in provenances for name, digest in one.get("sha256", {}).items() if name in weights}
    return {
        "task": model["task"],
        "seed": model["seed"],
        "files": files,
        "code": provenances[0].get("spec", {}).get("code") if provenances else None,
        "versions": provenances[0].get("versions", {}) if provenances else {},
        "seconds": sum(phase["seconds"] for phase in phases) if phases else None,
        "updates": sum(phase["updates"] for phase in phases) if phases else None,
    }


def machines_of(spec: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Every machine once: those that measured, and those that made the models, as far as that was noted."""
    measured = [read_json(Path(row["folder"]) / "latency.json").get("host", {}) for row in timed_of(spec["rows"])]
    files = [Path(model["folder"]) / "provenance.json" for link in spec["links"].values() for model in link["models"]]
    made = [read_json(file).get("host", {}) for file in files if file.exists()]
    return {"measured": _distinct(measured), "made": _distinct(made)}


def _distinct(hosts: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """By what a machine is; what changed from job to job (load, time) becomes a range."""
    changing = ("load_1min", "measured_at")
    machines: dict[str, dict[str, Any]] = {}
    for host in hosts:
        fixed = {name: _text(value) for name, value in host.items() if name not in changing and value not in (None, [], {})}
        if not fixed:
            continue
        machine = machines.setdefault(repr(fixed), {"facts": fixed, "ranges": {}})
        for name in changing:
            if host.get(name) is not None:
                low, high = machine["ranges"].get(name, (host[name], host[name]))
                machine["ranges"][name] = (min(low, host[name]), max(high, host[name]))
    return list(machines.values())


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {text}" for name, text in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
