"""What a run prints when it ends: what was found beside the truth, and the table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jaxtsad.evaluation import events
from jaxtsad.experiments import console
from jaxtsad.reporting import matching
from jaxtsad.reporting.tables import claims
from jaxtsad.reporting.tables import terminal as table

MOST_ENTITIES = 6
MOST_EVENTS = 12


def show(report: Mapping[str, Any], terminal: Console) -> None:
    """Prints events of the first entities, the results table and the verdicts."""
    rows = report["rows"]
    if any(row["level"] == "step" for row in rows):
        for entity in report["entities"][:MOST_ENTITIES]:
            _events(report, entity, terminal)
    summaries = [row for row in rows if row["entity"] in ("macro", "pooled")]
    table.show(summaries or rows, terminal)
    for leak in report["leaks"]:
        terminal.print(Text.assemble(("leaks: ", "bold red"), leak))
    for note in report["notes"]:
        console.say(terminal, note, "dim")
    for line in claims.lines(report, report["main"]):
        console.say(terminal, line)


def _events(
    report: Mapping[str, Any], entity: Mapping[str, Any], terminal: Console
) -> None:
    first = report["seeds"][0]
    found = [
        event
        for event in report["events"]
        if event["entity"] == entity["name"] and event["seed"] == first
    ]
    spans = np.array([[event["start"], event["stop"]] for event in found], int)
    name = str(entity["name"])
    truth = Table(title=Text(f"{name}: true events"), title_justify="left")
    for title in ("steps", "kind", "found"):
        truth.add_column(title)
    for one in matching.true_events(entity["events"], spans):
        said = f"yes, {one.delay} steps after it began" if one.hit else "missed"
        truth.add_row(f"{one.start} to {one.stop - 1}", Text(one.kind), said)
    if entity["events"]:
        terminal.print(truth)
    right = matching.are_true(spans, entity["events"])
    flagged = Table(title=Text(f"{name}: found, strongest first"), title_justify="left")
    for title in ("steps", "severity", "channels", "true"):
        flagged.add_column(title)
    strongest = np.argsort([-event["severity"] for event in found])[:MOST_EVENTS]
    for index in strongest:
        event = found[index]
        flagged.add_row(
            f"{event['start']} to {event['stop'] - 1}",
            f"{event['severity']:.1f}",
            Text(", ".join(events.split_names(event["channels"]))),
            "yes" if right[index] else "no",
        )
    terminal.print(flagged)
    if len(found) > MOST_EVENTS:
        console.say(terminal, f"and {len(found) - MOST_EVENTS} weaker ones", "dim")
