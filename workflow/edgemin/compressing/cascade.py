"""A cascade beside the recommendation: word counts, then a small model, then a larger one. Members are chosen on validation, out of the table of candidates.

It is no candidate itself: its thresholds are chosen on the validation texts that limits are checked on, so its drop there is too small, by as much as the search
could find.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from edgemin.compressing.folder import TASK
from edgemin.compressing.request import BY, Request
from edgemin.plan.calls import call
from edgemin.plan.paths import Paths
from edgemin.report.number import common_scale
from edgemin.report.readings import READINGS
from edgemin.study.floor import is_baseline

NAME, FIRST = "cascade", "tfidf"
"""Of the cascade; of its first member."""


def cascade_of(table: pd.DataFrame, request: Request, examples: int) -> dict[str, Any] | None:
    """The study's entry; None where no cascade makes sense: nothing is within the limits, or a baseline is enough; or no members fit into --max-mb;
    or the metric is another than accuracy, of which a cascade's thresholds are chosen.

    The last member is a quantized cell within the limit on drops, the best on validation. Before it come TF-IDF and the smallest cell that is better than
    TF-IDF and faster than the last, if there is one. What the last member leaves of the limit on drops the cascade may lose.

    table: recommendation.csv. examples: validation rows.
    """
    rows = table[table["accepted"] & (table["task"] == TASK)]
    first = rows[rows["cell"] == FIRST]
    cells = rows[~rows["chain"].map(is_baseline)]
    if request.metric != "accuracy" or first.empty or not cells["recommended"].any():
        return None
    free = (float("inf") if request.max_mb is None else 1e6 * request.max_mb) - float(first["bytes"].iloc[0])
    good = cells if request.max_drop is None else cells[cells["meets_max_accuracy_drop"]]
    last = _best(good[good["chain"].str.contains("/quantize-") & (good["bytes"] <= free)], "validation", ascending=False)
    if last is None:
        return None
    better = cells[(cells["validation"] > float(first["validation"].iloc[0])) & (cells["p90_from_text"] < last["p90_from_text"])]
    middle = _best(better[better["bytes"] <= free - last["bytes"]], "bytes", ascending=True)
    members = [FIRST, *([] if middle is None else [middle["cell"]]), last["cell"]]
    if request.max_drop is None:
        return {"members": members}
    left = round(request.max_drop / 100 - max(0.0, float(last["drop"])), 6)
    allowed = left >= READINGS[BY[request.by]].least(examples)
    return {"members": members, "max_drop": left, "bound": BY[request.by]} if allowed else None


def _best(rows: pd.DataFrame, column: str, ascending: bool) -> Mapping[str, Any] | None:
    """Ties go to the earlier one."""
    return None if rows.empty else dict(rows.sort_values(column, ascending=ascending, kind="stable").iloc[0])


def wanted(folder: Path, request: Request, study: Mapping[str, Any]) -> dict[str, Any]:
    """The key `cascades` of a study that has run."""
    file = folder / Paths(study["study"]).table("recommendation")
    if not file.is_file():
        return {}
    cascade = cascade_of(pd.read_csv(file), request, study["tasks"][TASK]["splits"]["validation"])
    return {NAME: cascade} if cascade else {}


def words_of(folder: Path, root: Path, study: Mapping[str, Any]) -> str:
    """What the table says of the study's cascades, for a terminal; empty without one."""
    paths = Paths(study["study"])
    file = folder / paths.table("cascades")
    if not study.get("cascades") or not file.is_file():
        return ""
    table = pd.read_csv(file)
    scale, lines = common_scale(table["metric"]), []
    for _, row in table[table["name"].isin(list(study["cascades"]))].iterrows():
        quality, change = (
            getattr(scale, kind).text(*(row[f"{name}{end}"] for end in ("", "_low", "_high")))
            for kind, name in (("value", "quality"), ("change", "change_to_teacher"))
        )
        shares = zip(row["members"].split(), row["answered"].split(), strict=True)
        answered = ", ".join(f"{member} {100 * float(share):.1f} %" for member, share in shares)
        bundle = f"{paths.bundle(TASK, row['name'], 0, several=False)}/bundle.json"
        lines += [
            f"`{row['name']}`: {quality} on test ({scale.label}), {change} to the teacher; {row['bytes'] / 1e6:.2f} MB; mean {row['mean_ms']:.2f} ms, "
            f"p90 {row['p90_ms']:.2f} ms, {row['faster']:.1f} times as fast as the teacher, from text to answer, {_how(row)}.",
            "",
            f"- Of the test texts answer: {answered}.",
            f"- Its bundle, to be made in {folder}: `{call([folder / 'study.yaml'], (), root / 'Snakefile', folder)} {bundle}`",
        ]
    head = "## Beside it: a cascade, no candidate, since its thresholds are chosen on the validation texts that limits are checked on"
    return "\n".join([head, "", *lines])


def _how(row: Mapping[str, Any]) -> str:
    """Whether its times are measured or composed."""
    if row["times"] == "measured":
        return f"measured in turn with it (composed of the members' own times: {row['faster_composed']:.1f})"
    return "composed of the members' own times (members in turn are slower)"
