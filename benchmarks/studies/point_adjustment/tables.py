"""The tables of `point_adjustment`: terminal, Markdown, HTML and JSON."""

from __future__ import annotations

import json as json_
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.studies.point_adjustment.measure import METRICS, Study
from benchmarks.studies.published import SOURCES
from jaxtsad.reporting import markup, tables
from jaxtsad.reporting import page as pages
from jaxtsad.reporting.markup import Safe

WIDE = 125
TITLE = "Point adjustment on random scores"
LEGEND = (
    "F1 counts every step. PA-F1 credits a whole event for one flag in it, PA%20 for "
    "flags in more than a fifth of its steps, and the area is taken over all such "
    "shares. Oracle PA-F1 is the best of all thresholds, chosen by the labels. Random "
    "scores are uniform; mean and standard deviation are over {seeds} draws."
)


class Line(NamedTuple):
    """A row of a table: its name and one text per metric, empty where unknown."""

    name: str
    cells: tuple[str, ...]


def facts(study: Study) -> str:
    """What the labels are, in a line."""
    return (
        f"{study.steps:,} steps of {study.entities} "
        f"{'entities' if study.entities > 1 else 'entity'}, {study.events} events, "
        f"{100 * study.labelled:.2f} % labelled"
    )


def verdict(study: Study) -> str:
    """What the comparison says, in a sentence."""
    published = study.claims[0].pa_f1
    raw = [claim.f1 for claim in study.claims if not math.isnan(claim.f1)]
    low, high = _number(min(raw)), _number(max(raw))
    between = low if low == high else f"{low} to {high}"
    return (
        f"{study.name}: random scores get a PA-F1 of "
        f"{_number(study.random['pa_f1'].mean)} where {_number(published)} is "
        f"published; without adjustment {_number(study.random['f1'].mean)} where the "
        f"public code gets {between}."
    )


def lines(study: Study) -> list[Line]:
    """All rows of one data set."""
    random = f"random, {100 * study.share:g} % flagged"
    seeds = [study.random[key] for key in METRICS]
    found = [
        Line(random, tuple(f"{_number(e.mean)} ± {_number(e.sd)}" for e in seeds)),
        Line(f"{random}, expected", tuple(_number(e.expected) for e in seeds)),
        Line("every step flagged", _cells(study.all_positive)),
    ]
    for claim in study.claims:
        values = {"f1": claim.f1, "pa_f1": claim.pa_f1}
        found.append(Line(f"Anomaly Transformer, {claim.source}", _cells(values)))
    return found


def show(studies: Sequence[Study], notes: Sequence[str], terminal: Console) -> None:
    """Prints one table per data set and what they say.

    Spreads are left out where they would not fit.
    """
    wide = terminal.width >= WIDE
    for study in studies:
        table = Table(
            title=f"{study.name}: {facts(study)}",
            title_justify="left",
            box=box.SIMPLE_HEAD,
            pad_edge=False,
        )
        table.add_column("flags of")
        for title in METRICS.values():
            table.add_column(title, justify="right", no_wrap=True)
        for line in lines(study):
            shown = [cell if wide else cell.split(" ")[0] for cell in line.cells]
            table.add_row(line.name, *shown)
        terminal.print(table)
    for text in (*map(verdict, studies), *notes):
        terminal.print(text, highlight=False)
    terminal.print(_legend(studies), style="dim", highlight=False)


def markdown(studies: Sequence[Study], notes: Sequence[str]) -> str:
    """The tables in Markdown."""
    parts = [f"# {TITLE}", _legend(studies), *map(verdict, studies)]
    for study in studies:
        parts += [f"## {study.name}", facts(study)]
        rows = [(line.name, *line.cells) for line in lines(study)]
        heads = ("flags of", *METRICS.values())
        parts.append(tables.piped(heads, rows, len(METRICS)))
    return "\n\n".join([*parts, *notes]) + "\n"


def html(studies: Sequence[Study], notes: Sequence[str]) -> str:
    """The tables as a page that needs nothing else."""
    head = markup.element("h1", TITLE) + markup.join(
        markup.element("p", verdict(study), class_="verdict") for study in studies
    )
    pieces: list[Safe] = [Safe(head)]
    for study in studies:
        table = markup.table(
            ["flags of", *METRICS.values()],
            [[line.name, *map(markup.Number, line.cells)] for line in lines(study)],
        )
        title = markup.element("h2", study.name)
        lead = markup.element("p", facts(study), class_="lead")
        pieces.append(markup.element("section", title, lead, table))
    for note in (_legend(studies), *notes):
        pieces.append(markup.element("p", note, class_="note"))
    return pages.page(TITLE, *pieces)


def json(studies: Sequence[Study], notes: Sequence[str]) -> str:
    """Every number, null where there is none."""
    sets = []
    for study in studies:
        tree = study._asdict()
        tree["random"] = {key: one._asdict() for key, one in study.random.items()}
        tree["claims"] = [claim._asdict() for claim in study.claims]
        for claim in tree["claims"]:
            claim["f1"] = None if math.isnan(claim["f1"]) else claim["f1"]
        sets.append(tree)
    made = {"schema": 1, "sets": sets, "notes": list(notes)}
    return json_.dumps(made, indent=1, allow_nan=False) + "\n"


WRITERS: dict[str, Callable[[Sequence[Study], Sequence[str]], str]] = {
    "md": markdown,
    "html": html,
    "json": json,
}


def _legend(studies: Sequence[Study]) -> str:
    return f"{LEGEND.format(seeds=studies[0].seeds)} {SOURCES}"


def _cells(values: dict[str, float]) -> tuple[str, ...]:
    return tuple(_number(values.get(key, math.nan)) for key in METRICS)


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3f}"
