"""What a ladder costs and buys, in plain words that claim no more than the intervals do."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from edgemin.measure.blocks import Interval
from edgemin.report.acceptance.marks import names_in, not_accepted
from edgemin.report.frames import read_frame
from edgemin.report.ladders import ladders_of
from edgemin.report.measured import logits_of
from edgemin.report.number import MISSING, Format, directed, scale_of, three_digits
from edgemin.report.recipes import joined
from edgemin.report.statistics.judge import Judge
from edgemin.report.statistics.values import values_of
from edgemin.study import registry
from edgemin.study.chains import Chain
from edgemin.study.runtime import label_of

NOT_SIGNIFICANT = "not significant (the interval contains 0)"
NO_NUMBER = "not a number"
_STAGES = {"distill": "Distillation", "prune": "Pruning", "quantize": "Quantization"}


def summaries(spec: Mapping[str, Any], tables: Path) -> list[dict[str, Any]]:
    """One per task, runtime and ladder of the stage-wise table, if the page has that: `title`, `tiles`, `steps`, `verdict`, and what its `marks` mean."""
    if "stagewise" not in spec["tables"]:
        return []
    table = read_frame(tables / "stagewise.csv")
    table = table.assign(label=names_in(table))
    several = table["task"].nunique() > 1
    entries = []
    for (task, runtime), rows in table.groupby(["task", "runtime"], sort=False):
        title = f"In {label_of(str(runtime))}" + (f", task {task}" if several else "")
        entries += [{"title": title, **_ladder(ladder, spec)} for ladder in ladders_of([row for _, row in rows.iterrows()])]
    return entries


def _ladder(rows: list[pd.Series], spec: Mapping[str, Any]) -> dict[str, Any]:
    steps = [_step(above, row, spec["timed_with"]) for above, row in pairwise(rows)]
    return {
        "first": rows[0]["label"],
        "last": rows[-1]["label"],
        "tiles": _tiles(rows[0], rows[-1], _whole(rows[0], rows[-1], spec)) if steps else [],
        "steps": steps,
        "verdict": _verdict(rows[1:]),
        "marks": not_accepted(pd.DataFrame(rows)).strip(),
    }


def _whole(first: pd.Series, last: pd.Series, spec: Mapping[str, Any]) -> Interval | None:
    """The paired difference between the ladder's ends; None where their measurements are not on the page."""
    logits, labels = [], None
    for row in (last, first):
        names = {name: row[name] for name in ("task", "cell", "runtime")}
        folders = [one["folder"] for one in spec["rows"] if names.items() <= one.items()]
        if not folders:
            return None
        labels, values = logits_of(folders)
        logits.append(values)
    assert labels is not None
    judge = Judge(first["metric"], registry.KINDS[spec["kinds"][first["task"]]])
    ours, theirs = (values_of(judge, labels, one) for one in logits)
    return (ours - theirs).estimate().interval()


def _tiles(first: pd.Series, last: pd.Series, change: Interval | None) -> list[dict[str, str]]:
    """The ladder as a whole, in three figures."""
    scale = scale_of(last["metric"])
    tiles = []
    if change is not None:
        unit = scale.label.removeprefix(last["metric"])
        ends = f"{scale.value.text(first['quality'])} → {scale.value.text(last['quality'])}{unit}"
        if pd.isna(change.value):
            tiles.append({"figure": MISSING, "words": last["metric"], "more": f"{ends}: {NO_NUMBER}"})
        else:
            verdict = {"gain": "a gain", "loss": "a loss", None: NOT_SIGNIFICANT}[_sign(change.low, change.high)]
            words = f"{last['metric']} {scale.change.ends(change.low, change.high)}"
            tiles.append({"figure": scale.change.text(change.value) + scale.points, "words": words, "more": f"{ends}: {verdict}"})
    if _has(first, "bytes") and _has(last, "bytes"):
        times, word = directed(first["bytes"] / last["bytes"], "smaller", "larger")
        more = f"{_megabytes(first)} → {_megabytes(last)} MB"
        tiles.append({"figure": f"{times:.1f}×", "words": word, "more": more})
    if _has(last, "speedup_over_reference"):
        tiles.append(_speed_tile(first, last))
    return tiles


def _speed_tile(first: pd.Series, last: pd.Series) -> dict[str, str]:
    ratio = _interval(last, "speedup_over_reference")
    times, word = directed(ratio.value, "faster", "slower")
    low, high = (ratio.low, ratio.high) if word == "faster" else (1 / ratio.high, 1 / ratio.low)
    more = f"p50 {first['p50']:.2f} → {last['p50']:.2f} ms"
    return {"figure": f"{times:.2f}×", "words": f"{word} {_ends(low, high)}".strip(), "more": more}


def _step(above: pd.Series, row: pd.Series, timed_with: Mapping[str, str]) -> dict[str, Any]:
    """A row against the one before it in its ladder: what it costs, what it buys, and all steps between the two. timed_with: chain -> of the model
    beside which it was timed."""
    chain, before = Chain.parse(row["chain"]), Chain.parse(above["chain"])
    links = chain.links[len(before.links) :] if before in chain.prefixes else chain.links[-1:]
    stages = " and ".join(dict.fromkeys(_STAGES[link.stage] for link in links)).capitalize() or "The teacher"
    sentences = [_quality(above, row), _bytes(above, row), _speed(above, row, timed_with)]
    return {"stage": stages, "cell": row["label"], "variant": joined(links), "sentences": [one for one in sentences if one]}


def _quality(above: pd.Series, row: pd.Series) -> Markup:
    if not _has(row, "quality"):
        return Markup("Its {} is <em>{}</em>.").format(row["metric"], NO_NUMBER)
    if not _has(above, "quality"):
        return Markup("Its {} has no change: that of <code>{}</code> is {}.").format(row["metric"], above["label"], NO_NUMBER)
    if not _has(row, "quality_change"):
        return Markup("")
    scale = scale_of(row["metric"])
    change = _interval(row, "quality_change")
    sign = _sign(change.low, change.high)
    if sign is None:
        figure, ends = scale.change.text(change.value) + scale.points, scale.change.ends(change.low, change.high)
        return Markup("A change of {} is <em>{}</em>: {}.").format(row["metric"], NOT_SIGNIFICANT, _whole_text(figure, ends))
    low, high = sorted((abs(change.low), abs(change.high)))
    figure, ends = scale.size.text(abs(change.value)) + scale.points, scale.size.ends(low, high)
    verb = "gains" if sign == "gain" else "costs"
    return Markup("It {} <strong>{}</strong> of {}.").format(verb, _whole_text(figure, ends), row["metric"])


def _bytes(above: pd.Series, row: pd.Series) -> Markup:
    if not (_has(above, "bytes") and _has(row, "bytes")):
        return Markup("")
    if row["bytes"] == above["bytes"]:
        return Markup("It is as large as before.")
    words = "smaller" if row["bytes"] < above["bytes"] else "larger"
    ratio = max(above["bytes"], row["bytes"]) / min(above["bytes"], row["bytes"])
    return Markup("It is {:.2f}× {} ({} → {} MB).").format(ratio, words, _megabytes(above), _megabytes(row))


def _speed(above: pd.Series, row: pd.Series, timed_with: Mapping[str, str]) -> Markup:
    """Paired with the row before where that was timed beside it; else both times, without a ratio."""
    pairs = {"teacher": "speedup_over_reference"}
    if other := timed_with.get(row["chain"]):
        pairs[other] = "speedup_over_parent"
    name = pairs.get(above["chain"])
    if name is None and _has(above, "p50") and _has(row, "p50"):
        return Markup("p50 goes from {:.2f} to {:.2f} ms; the two were not timed as a pair.").format(above["p50"], row["p50"])
    if name is None or not _has(row, name):
        return Markup("")
    times = _interval(row, name)
    text = _whole_text(f"{times.value:.2f}×", _times(row, name))
    if pd.isna(times.low):
        return Markup("It is {} as fast, by one round: without an interval.").format(text)
    if times.low <= 1 <= times.high:
        return Markup("A change of speed is <em>not significant (the interval contains 1)</em>: {}.").format(text)
    if times.low > 1:
        return Markup("It is {} as fast.").format(text)
    return Markup("It is slower: {} as fast.").format(text)


def _verdict(rows: list[pd.Series]) -> Markup:
    """Which steps lose, which gain, and which do neither significantly."""
    named: dict[str | None, list[str]] = {"loss": [], "gain": [], None: []}
    for row in rows:
        if _has(row, "quality_change"):
            named[_sign(row["quality_change_low"], row["quality_change_high"])].append(row["label"])
    parts = [
        Markup("A {} of quality is shown for {}.").format(sign, _listed(named[sign])) for sign in ("loss", "gain") if named[sign]
    ]
    if named[None]:
        text = Markup("For {} no significant change of quality is shown, which does not mean that there is none.")
        parts.append(text.format(_listed(named[None])))
    if broken := [row["label"] for row in rows if not _has(row, "quality")]:
        parts.append(Markup("Of {} quality is {}.").format(_listed(broken), NO_NUMBER))
    return Markup(" ").join(parts)


def _sign(low: float, high: float) -> str | None:
    """`gain`, `loss`, or None for an interval with 0 in it."""
    return "gain" if low > 0 else "loss" if high < 0 else None


def _has(row: pd.Series, name: str) -> bool:
    return name in row and bool(pd.notna(row[name]))


def _interval(row: pd.Series, name: str) -> Interval:
    return Interval(*(float(row[f"{name}{end}"]) for end in ("", "_low", "_high")))


def _times(row: pd.Series, name: str) -> str:
    """Ends of a ratio's interval; nothing with one round."""
    times = _interval(row, name)
    return _ends(times.low, times.high)


def _ends(low: float, high: float) -> str:
    return "" if pd.isna(low) else Format(2).ends(low, high)


def _megabytes(row: pd.Series) -> str:
    return three_digits(row["bytes"] / 1e6)


def _whole_text(figure: str, ends: str) -> Markup:
    """Figure and interval, which no line break parts."""
    return Markup('<span class="whole">{}</span>').format(f"{figure} {ends}".strip())


def _listed(names: list[str]) -> Markup:
    marked = [Markup("<code>{}</code>").format(name) for name in names]
    return marked[0] if len(marked) == 1 else Markup("{} and {}").format(Markup(", ").join(marked[:-1]), marked[-1])
