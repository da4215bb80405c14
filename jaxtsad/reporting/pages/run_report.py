"""The report of a run: one page and its tables, made from what was recorded."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence

from jaxtsad import files
from jaxtsad.reporting import html, run_directory
from jaxtsad.reporting import run as run_
from jaxtsad.reporting import view as view_
from jaxtsad.reporting.html import Safe
from jaxtsad.reporting.pages import attention, entity, headline, looks
from jaxtsad.reporting.plots import bars, learning
from jaxtsad.reporting.run import Run
from jaxtsad.reporting.tables import claims, formats, rows
from jaxtsad.reporting.view import View

OPEN = 3


def write(folder: str | os.PathLike[str]) -> list[pathlib.Path]:
    """Writes `report.html`, `table.md`, `table.csv` and `table.json` of a run.

    Beside them goes an interactive page of each entity (`pages.looks`).

    Everything comes from `report.json`, `scores.npz`, `events.csv`, `metrics.jsonl`,
    `pictures.npz` and `inspection.npz`; nothing is trained or scored.

    Args:
        folder: The run directory.

    Returns:
        The files written.

    Raises:
        ValueError: If a file of the run is missing or is not what it should be.
    """
    run = run_.read(folder)
    contents = {
        "report.html": page(run),
        "table.md": formats.markdown(run.rows),
        "table.csv": formats.csv(run.rows),
        "table.json": formats.json(run.rows),
        **looks.pages(run, _views(run)),
    }
    for name, text in contents.items():
        files.write_text(run.path / name, text)
    return [run.path / name for name in contents]


def page(run: Run) -> str:
    """The whole page.

    The first three entities are shown in full, the others on demand.

    Args:
        run: The run directory.

    Raises:
        ValueError: If arrays or events of the run do not fit together.
    """
    views = _views(run)
    name = run.report.get("name") or run.path.name
    return html.page(
        name,
        headline.build(run, views),
        looks.links(run, views),
        _entities(run, views),
        attention.build(run_directory.read_inspection(run.path)),
        _learning(run),
        _results(run),
        _facts(run),
    )


def _views(run: Run) -> list[View]:
    seen = (view_.look(run, name) for name in run.entities)
    return [view for view in seen if view is not None]


def _entities(run: Run, views: Sequence[View]) -> Safe:
    if not views:
        return Safe("")
    pieces: list[Safe] = [_key()] if run.level == "step" else []
    for number, view in enumerate(views):
        full = number < OPEN
        content = entity.build(run, view, number, full=full)
        outcome = entity.outcome(view) if run.level == "step" else ""
        summary = html.element("span", outcome, class_="outcome")
        if full:
            title = html.element("h3", view.entity, " ", summary)
            pieces.append(html.element("article", title, content))
        else:
            name = html.element("b", view.entity)
            pieces.append(html.details(html.join([name, " ", summary]), content))
    seeds = max(view.seeds for view in views)
    note = (
        "" if seeds == 1 else f"Seed {views[0].scored.seed} of {seeds} seeds is drawn."
    )
    return html.section("Found events and true ones", *pieces, note=note)


def _key() -> Safe:
    names = ("true event", "truth"), ("found event", "found"), ("score", "score")
    entries = [
        html.element("span", html.element("i", class_=kind), name)
        for name, kind in (*names, ("threshold", "threshold"))
    ]
    return html.element("p", *entries, class_="key")


def _learning(run: Run) -> Safe:
    if not len(run.history) or "loss" not in run.history.columns:
        return Safe("")
    members = len(run.history.groupby(["entity", "seed"]))
    drawing = learning.curves(run.history)
    note = "" if members == 1 else f"One line for each of {members} members."
    figure = html.figure(drawing, "Learning curves", "learn", wide=True)
    return html.section("Learning curves", figure, note=note)


def _results(run: Run) -> Safe:
    everything = rows.to_read(run.rows)
    names = {str(row["entity"]) for row in everything} - set(rows.SUMMARIES)
    summary = [row for row in everything if row["entity"] in rows.SUMMARIES]
    single = [row for row in everything if row["entity"] not in rows.SUMMARIES]
    pieces: list[Safe] = []
    if summary and len(names) > OPEN:
        folded = html.details(f"All {len(names)} entities", _table(run, single))
        pieces += [_table(run, summary), _bars(run, single), folded]
    else:
        pieces += [_table(run, everything), _bars(run, single)]
    seeds = {row["seed"] for row in run.rows if row["detector"] == run.detector}
    count = len(seeds - {"mean"})
    if not everything:
        return html.section(
            "Metrics", note="The test data has no labels to measure by."
        )
    pieces.append(claims.table(run.report))
    note = f"Means over {count} seeds, their deviation below. " if count > 1 else ""
    if any(rows.interval(row, "vus_pr") for row in summary):
        note += "In brackets, the 95 % interval of a mean over entities. "
    note += (
        "The best value of a column is bold. Baselines are gray; a number that "
        "they reach too means little. Point-adjusted F1 "
        "is gray because noise does well on it."
    )
    return html.section("Metrics", *pieces, note=note)


def _table(run: Run, chosen: Sequence[rows.Row]) -> Safe:
    return html.element("div", formats.html(chosen, run.detector), class_="scroll")


def _bars(run: Run, single: Sequence[rows.Row]) -> Safe:
    measured = [row for row in single if row["detector"] == run.detector]
    if len({row["entity"] for row in measured}) < 2:
        return Safe("")
    random = {
        row["entity"]: rows.number(row, "vus_pr")
        for row in single
        if row["detector"] == rows.RANDOM
    }
    drawing = bars.entities(
        [str(row["entity"]) for row in measured],
        [rows.number(row, "vus_pr") for row in measured],
        [random.get(row["entity"], float("nan")) for row in measured],
        metric=f"VUS-PR of {run.detector}",
    )
    return html.figure(drawing, "VUS-PR", "bars", wide=True)


def _facts(run: Run) -> Safe:
    report = run.report
    threshold = rows.find(report["rows"], detector=run.detector) or {}
    sizes = {
        "parameters": report.get("parameters"),
        "peak memory, MiB": _mebibytes(report.get("peak_memory_bytes")),
        "device": report.get("device"),
        "threshold": (threshold.get("threshold") or {}).get("kind"),
        "fitted on": (threshold.get("threshold") or {}).get("fitted_on"),
        "git": report.get("git"),
    }
    pieces = [
        html.facts("Configuration", report.get("config") or {}),
        html.facts("Run", sizes),
        html.facts("Timings", report.get("timings") or {}),
        html.facts("Versions", report.get("versions") or {}),
    ]
    sums = html.facts("", report.get("checksums") or {})
    more = [html.details("Data checksums", sums)] if sums else []
    notes = [html.element("li", note) for note in report.get("notes") or []]
    lead = [html.element("ul", *notes, class_="notes")] if notes else []
    box = html.element("div", *pieces, class_="columns")
    return html.section("Run", *lead, box, *more)


def _mebibytes(size: object) -> float | None:
    return size / 2**20 if isinstance(size, int | float) else None
