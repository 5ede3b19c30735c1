"""The model card of a cascade's bundle: what was chosen, who answers how much, and what is composed rather than measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgemin.deploy.across.section import advice
from edgemin.deploy.card import metadata, table_of
from edgemin.report.cascades.judged import Judged
from edgemin.report.number import scale_of
from edgemin.report.readings import READINGS
from edgemin.report.statistics.judge import Judge

_TEXT = """---
{metadata}
---

# {title}

Cascade `{cell}` of the study `{study}`, seed {seed}: its members answer one after another, each only where the one before is unsure. Made by
EdgeMIN, a workflow of compression studies.

## Use

    pip install onnxruntime=={onnxruntime} tokenizers=={tokenizers} "numpy>=1.26"
    python predict.py "a text"
    python bench.py --file texts.txt

Labels: {labels}. Every answer says who gave it. Probabilities are by the temperature of that member. Inputs longer than {max_length} tokens are
cut, and `predict.py` says so.

## Members

{members}

Temperatures and thresholds are chosen on validation: a drop in accuracy of {drop:g} points is allowed there against the last member, by {bound};
it is {validation:.2f} points. A member without a threshold is left out.

## Measured

{table}

Test split that nothing was chosen on. Times are from text and **composed** of the members' own, on {cpu}: `bench.py` measures this folder where
it runs.

## Across CPUs

{across} `edgemin across` compares the bundles of its members.

## Data and licences

{sources}

Models, tokenizers and text data are under the terms of these sources; this bundle adds none.

## Limits

It knows the texts that it was trained on, their language, length and topics; on others it is worse. Elsewhere members may be sure of other
shares of the texts: then speed and accuracy both differ. It repeats the labels' and the teacher's mistakes and leanings. Do not decide about people with it.

## Provenance

`bundle.json` holds the sha256 of the files. Rebuild it:

    {command}
"""


def card(facts: Mapping[str, Any], cascade: Judged, size: int, host: Mapping[str, Any], spec: Mapping[str, Any]) -> str:
    """Markdown with a YAML head. facts: of bundle.json; cascade: of this seed; size: bytes of models, tokenizers and programs."""
    block, judged = spec["block"], Judge.of(spec["block"])
    scale, time, teacher = scale_of(judged.metric), cascade.time(), cascade.teacher
    value, last, best = (float(one.values.by_seed[0]) for one in (cascade, cascade.members[-1], teacher))
    rows = {
        f"test {scale.label}": scale.value.text(value),
        f"test {scale.label} of {cascade.members[-1].name} alone": scale.value.text(last),
        f"test {scale.label} of {teacher.name}": scale.value.text(best),
        "size": f"{size / 1e6:.2f} MB",
        **{f"{name}, composed": f"{one:.2f} ms" for name, one in time.items()},
        "mean faster than the teacher, composed": f"{teacher.time()['mean'] / time['mean']:.1f}x",
    }
    about = {"study": facts["study"], "cell": facts["cell"], "task": block["task"], "chain": " ".join(_chains(spec))}
    return _TEXT.format(
        metadata=metadata(about, judged.metric, value).to_yaml(),
        title=f"{facts['study']} / {facts['cell']}",
        labels=", ".join(facts["labels"]),
        members=_members(facts, cascade),
        drop=100 * block["max_drop"],
        bound=READINGS[block["bound"]].words,
        validation=100 * cascade.chosen[0].drop,
        table=table_of(rows),
        cpu=host["cpu"],
        sources="\n".join(f"- {line}" for line in spec["sources"]),
        command=spec["command"],
        across=advice(facts),
        onnxruntime=facts["versions"]["onnxruntime"],
        tokenizers=facts["versions"]["tokenizers"],
        **{name: facts[name] for name in ("study", "cell", "seed", "max_length")},
    )


def _chains(spec: Mapping[str, Any]) -> list[str]:
    return [member["chain"] for member in spec["members"] if "chain" in member]


def _members(facts: Mapping[str, Any], cascade: Judged) -> str:
    lines = ["| member | model | temperature | answers if as sure as | share of the test texts |", "|---|---|---|---|---|"]
    for entry, member, share in zip(facts["members"], cascade.members, cascade.shares[0], strict=True):
        least = "–" if entry["threshold"] is None else f"{entry['threshold']:.4f}"
        model = "left out" if not entry["asked"] else f"`{member.chain}`"
        lines.append(f"| {entry['name']} | {model} | {entry['temperature']:.3f} | {least} | {100 * share:.1f} % |")
    return "\n".join(lines)
