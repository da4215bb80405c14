"""The ablation's report: Markdown, one page of HTML, and every number as JSON."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.studies import published
from benchmarks.studies.at_ablation import (
    beside,
    plots,
    scores,
    stages,
    summary,
    tables,
)
from benchmarks.studies.at_ablation.text import Text
from benchmarks.studies.published import SOURCES
from jaxtsad.evaluation import uncertainty
from jaxtsad.reporting import html as html_
from jaxtsad.reporting.html import Safe
from jaxtsad.reporting.tables.formats import piped

TITLE = "The Anomaly Transformer, one change at a time"
Made = Mapping[str, Any]


def lead(made: Made) -> str:
    """What was run, in a paragraph."""
    preset = made["preset"]
    sizes = ", ".join(f"{key} {value:g}" for key, value in preset["sizes"].items())
    small = (
        f"the {preset['columns']} columns that vary most, some of the entities"
        if preset["columns"]
        else "all columns and entities"
    )
    return (
        f"Preset {made['name']}: {small}, windows of {preset['length']} steps, "
        f"{sizes}, {preset['epochs']} epochs, {len(made['seeds'])} seeds. One model "
        "over all entities of a data set; windows stay within an entity; early "
        "stopping and thresholds see held-out training data only. Command: "
        f"{made['command']}"
    )


def facts(found: Made) -> str:
    """What a data set's tables are about."""
    data = found["data"]
    return (
        f"{len(data['entities'])} entities ({', '.join(data['entities'])}), "
        f"{len(data['columns'])} columns, {data['steps']:,} test steps, "
        f"{data['labelled']:.3f} of them labelled; training stride {data['stride']}."
    )


def verdict(name: str, found: Made) -> str:
    """In a sentence, whether the attention contributes anything."""
    rows = found["variants"].get("modified") or found["variants"].get("reference")
    if rows is None:
        return ""
    entities = found["data"]["entities"]
    pair = (rows["rows"], rows["rows"], "vus_pr", entities)
    one = summary.against(*pair, "assdis", "reconstruction")
    word = "less than" if one.mean < 0 else "more than"
    if one.n < uncertainty.FEWEST_PAIRS:
        said = f", over {one.n} entities, too few for a claim"
    elif one.low > 0 or one.high < 0:
        said = ""
    else:
        said = ", which the interval does not tell from none"
    return (
        f"{name}: weighting the error by the discrepancy gives a VUS-PR "
        f"{abs(one.mean):.3f} {word} the error alone{said} "
        f"({summary.ranged(one, signed=True)})."
    )


def markdown(made: Made) -> str:
    """All tables in Markdown."""
    pieces = [f"# {TITLE}", lead(made), SOURCES]
    for name, found in made["sets"].items():
        pieces += [f"## {name.upper()}", facts(found), verdict(name.upper(), found)]
        for one in tables.everything(name, found):
            body = piped(one.heads, one.lines)
            pieces += [f"### {one.title}", one.lead, body.replace("||", "\\|\\|")]
    return "\n\n".join(piece for piece in pieces if piece) + "\n"


def html(made: Made, folder: pathlib.Path) -> str:
    """All tables and pictures as a page that needs nothing else."""
    pieces = [
        Safe(html_.element("h1", TITLE)),
        html_.element("p", lead(made), class_="lead"),
    ]
    for name, found in made["sets"].items():
        own = [html_.element("h2", name.upper())]
        own += [
            html_.element("p", text, class_="lead")
            for text in (facts(found), verdict(name.upper(), found))
        ]
        own += _pictures(name, found, folder)
        for one in tables.everything(name, found):
            own.append(html_.element("h3", one.title))
            own.append(html_.element("p", one.lead, class_="note"))
            own.append(html_.table(one.heads, map(_cells, one.lines)))
        pieces.append(html_.element("section", *own))
    pieces.append(html_.element("p", SOURCES, class_="note"))
    return html_.page(TITLE, *pieces)


def show(made: Made, terminal: Console) -> None:
    """Prints the first table of each data set and what it says."""
    for name, found in made["sets"].items():
        one = tables.changes(found)
        table = Table(title=f"{name.upper()}: {one.title}", title_justify="left")
        kept = [i for i, head in enumerate(one.heads) if head != "what differs"]
        for index in kept:
            table.add_column(one.heads[index])
        for line in one.lines:
            table.add_row(*(line[index].split(" (")[0] for index in kept))
        terminal.print(table)
        terminal.print(verdict(name.upper(), found), highlight=False)


def _cells(line: tuple[str, ...]) -> list[object]:
    return [html_.Number(c) if c[:1] in set("+-.0123456789") else c for c in line]


def _pictures(name: str, found: Made, folder: pathlib.Path) -> list[Safe]:
    entities = found["data"]["entities"]
    rows: dict[str, Any] = {}
    for variant, own in found["variants"].items():
        rows[variant] = {
            score: summary.macro(own["rows"], "vus_pr", entities, score=score)
            for score in ("assdis", "reconstruction")
        }
    for other in beside.NAMES:
        own = found["beside"][other]["rows"]
        one = summary.macro(own, "vus_pr", entities, score="own")
        rows[other] = {"assdis": one}
    drawn = [("VUS-PR by variant", plots.intervals(rows))]
    for variant, own in found["variants"].items():
        if own["curves"]:
            drawn.append((f"{variant}: scores", plots.curves(own["curves"], variant)))
            drawn.append((f"{variant}: losses", plots.losses(own["history"], variant)))
    gaps = _gaps(name, found, folder)
    if gaps:
        first = np.concatenate([[0], np.cumsum(found["lengths"])[:-1]]).tolist()
        bounds = list(zip(entities, first, found["starts"], strict=True))
        marked = published.DIVERGENCE if name == "msl" else None
        drawn.append(("Scores apart", plots.divergence(gaps, bounds, marked)))
    return [
        html_.figure(figure, label, f"{name}{n}", wide=True)
        for n, (label, figure) in enumerate(drawn)
    ]


def _gaps(name: str, found: Made, folder: pathlib.Path) -> dict[str, np.ndarray]:
    gaps = {}
    for variant in found["variants"]:
        along = stages.along(folder, name, variant)
        if along is not None and along.shape[1] == len(scores.NAMES):
            for other in ("sp_rows", "sp_cols"):
                words = f"{variant}, assdis and {other}"
                gaps[words] = plots.gap(along, "assdis", other)
    return gaps


def plain(one: Text) -> str:
    """A table as tab-separated text, for a spreadsheet."""
    return "\n".join("\t".join(row) for row in (one.heads, *one.lines)) + "\n"
