"""The page of a study: one HTML file that needs neither network nor server, from tables, plots, measurements and provenance."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt

from edgemin.core.errors import EdgeminError
from edgemin.core.files import whole_file
from edgemin.report.page.elsewhere import table_of
from edgemin.report.page.links import chains_of, machines_of
from edgemin.report.page.marks import marks_of
from edgemin.report.page.points import figures_of, points_of
from edgemin.report.page.summary import summaries
from edgemin.report.page.tables import read_table
from edgemin.report.standing import standing_of
from edgemin.report.statistics.adjust import seeds_note
from edgemin.study import registry
from edgemin.study.floor import look_of

TEMPLATES = Path(__file__).with_name("templates")
SCRIPTS = ("geometry.js", "marks.js", "keyboard.js", "sorting.js", "page.js")
"""In this order, as one script."""
PLOTS = ("stagewise", "pareto_latency", "pareto_size")


def write_page(spec: Mapping[str, Any], file: Path | str) -> None:
    """Write the page. spec: of `edgemin.plan.page`."""
    with whole_file(file) as partial:
        partial.write_text(render(spec), encoding="utf-8")


def render(spec: Mapping[str, Any]) -> str:
    """The page as text; the same input gives the same bytes.

    Every text from the study or its results is escaped; what the template marks as safe is ours. Besides, the page's own policy (a hash of each script, no source
    but data:) keeps a browser from running or loading anything else.
    """
    folder = Path(spec["root"]) / "tables"
    tables = [read_table(folder, name) for name in spec["tables"] if registry.TABLES[name].page_form == "json"]
    points = points_of(folder, spec["pareto"].get("hidden", ()))
    figures = figures_of(points)
    limits = [folder / "recommendation.csv"] if spec["pareto"].get("recommended_in") else []
    standing = standing_of(spec["pareto"], limits)
    runtimes = [look_of(name) for name in dict.fromkeys(point["runtime"] for point in points)]
    data = {
        "points": points,
        "figures": figures,
        "scales": {point["task"]: point["scale"] for point in points},
        "runtimes": [{"name": one.name, "label": one.label, "shape": one.shape} for one in runtimes],
        "marks": marks_of(points, standing),
        "meanings": standing.words,
    }
    vega, script = _vega(), "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in SCRIPTS)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("page.html.j2").render(
        spec=spec,
        style=(TEMPLATES / "page.css").read_text(encoding="utf-8"),
        vega=vega,
        script=script,
        policy=" ".join(map(_hash, (vega, script))),
        vega_version=version("vl-convert-python"),
        data=_for_script(data),
        figures=figures,
        recommendation=_recommendation(folder) if "recommendation" in spec["tables"] else None,
        summaries=summaries(spec, folder),
        speaks=seeds_note(len({row["seed"] for row in spec["rows"]})),
        points=points,
        overview=read_table(folder, "cells"),
        tables=tables,
        elsewhere=table_of(spec.get("elsewhere", []), spec["study"]),
        plots={name: _plot(Path(spec["root"], "plots", f"{name}.svg"), name) for name in PLOTS},
        chains=chains_of(spec),
        machines=machines_of(spec),
        runtimes=runtimes,
        **_choices(points),
    )


def _choices(points: list[dict[str, Any]]) -> dict[str, Any]:
    """What the filters offer."""
    variants = sorted({variant for point in points for variant in point["variants"]})
    return {
        "tasks": list(dict.fromkeys(point["task"] for point in points)),
        "stages": [stage for stage in ("distill", "prune", "quantize") if any(stage in point["stages"] for point in points)],
        "variants": variants,
    }


@cache
def _vega() -> str:
    """Vega, Vega-Lite and Vega-Embed, as one script that leaves nothing behind but `vegaEmbed`."""
    import vl_convert

    bundle = vl_convert.javascript_bundle(snippet="window.vegaEmbed = vegaEmbed;")
    if "</script" in bundle.lower() or "<!--" in bundle:
        raise EdgeminError("vl-convert-python: its bundle would end the script that holds it; install the pinned version")
    return f"(() => {{{bundle}\n}})();"


def _hash(script: str) -> str:
    """As a content security policy names a script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _for_script(data: Any) -> str:
    """JSON that no text in it can end."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _recommendation(folder: Path) -> str:
    """Markdown -> HTML, its headings two levels down; raw HTML is shown as text, links and images are not made."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    reader.disable(["image", "link", "autolink", "html_inline", "html_block", "reference"])
    tokens = reader.parse((folder / "recommendation.md").read_text(encoding="utf-8"))
    for token in tokens:
        if token.type.startswith("heading_"):
            token.tag = f"h{min(int(token.tag[1]) + 2, 6)}"
    made = reader.renderer.render(tokens, reader.options, {})
    scrolling = '<div class="scroll" role="region" aria-label="The Pareto set" tabindex="0"><table>'
    return made.replace("<table>", scrolling).replace("</table>", "</table></div>")


def _plot(file: Path, name: str) -> dict[str, str]:
    """`source`, the plot as a data: address: as an image it can run no script. `label`; `caption`, what to look for; `finding`, what it shows."""
    content = file.read_bytes()
    described = re.search(r"<dc:description>(.*?)</dc:description>", content.decode("utf-8"), re.DOTALL)
    plot = registry.PLOTS[name]
    return {
        "source": "data:image/svg+xml;base64," + base64.b64encode(content).decode(),
        "label": plot.label.capitalize(),
        "caption": plot.caption,
        "finding": html.unescape(described[1]) if described else "",
    }
