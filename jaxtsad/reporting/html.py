"""The report of a run: one page that needs nothing else and asks for nothing."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtsad.reporting import (
    bars,
    claims,
    entity_section,
    headline,
    inspection,
    learning,
    markup,
    rows,
    svg,
    tables,
)
from jaxtsad.reporting import page as pages
from jaxtsad.reporting.markup import Safe
from jaxtsad.reporting.run import Run
from jaxtsad.reporting.view import View, look

OPEN = 3


def page(run: Run) -> str:
    """The whole page.

    The first three entities are shown in full, the others fold.

    Args:
        run: The run directory.

    Raises:
        ValueError: If arrays or events of the run do not fit together.
    """
    looked = (look(run, entity) for entity in run.entities)
    views = [view for view in looked if view is not None]
    name = run.report.get("name") or run.path.name
    return pages.page(
        name,
        headline.build(run, views),
        _entities(run, views),
        inspection.build(inspection.read(run.path)),
        _learning(run),
        _results(run),
        _facts(run),
    )


def _entities(run: Run, views: Sequence[View]) -> Safe:
    if not views:
        return Safe("")
    pieces: list[Safe] = [_key()] if run.level == "step" else []
    for number, view in enumerate(views):
        full = number < OPEN
        content = entity_section.build(run, view, number, full=full)
        words = entity_section.outcome(view) if run.level == "step" else ""
        summary = markup.element("span", words, class_="outcome")
        if full:
            title = markup.element("h3", view.entity, " ", summary)
            pieces.append(markup.element("article", title, content))
        else:
            name = markup.element("b", view.entity)
            pieces.append(markup.details(markup.join([name, " ", summary]), content))
    seeds = max(view.seeds for view in views)
    note = "" if seeds == 1 else f"Seed {views[0].seed} of {seeds} seeds is drawn."
    return pages.section("Found beside the truth", *pieces, note=note)


def _key() -> Safe:
    names = ("true event", "truth"), ("found event", "found"), ("score", "score")
    entries = [
        markup.element("span", markup.element("i", class_=kind), name)
        for name, kind in (*names, ("threshold", "threshold"))
    ]
    return markup.element("p", *entries, class_="key")


def _learning(run: Run) -> Safe:
    if not len(run.history) or "loss" not in run.history.columns:
        return Safe("")
    members = len(run.history.groupby(["entity", "seed"]))
    drawing = svg.render(learning.curves(run.history), "Learning curves", "learn")
    figure = markup.element("figure", Safe(drawing))
    note = "" if members == 1 else f"One line for each of {members} members."
    box = markup.element("div", figure, class_="scroll wide")
    return pages.section("Learning curves", box, note=note)


def _results(run: Run) -> Safe:
    everything = rows.to_read(run.rows)
    names = {str(row["entity"]) for row in everything} - set(rows.SUMMARIES)
    summary = [row for row in everything if row["entity"] in rows.SUMMARIES]
    single = [row for row in everything if row["entity"] not in rows.SUMMARIES]
    pieces: list[Safe] = []
    if summary and len(names) > OPEN:
        folded = markup.details(f"All {len(names)} entities", _table(run, single))
        pieces += [_table(run, summary), _bars(run, single), folded]
    else:
        pieces += [_table(run, everything), _bars(run, single)]
    own = {row["seed"] for row in run.rows if row["detector"] == run.detector}
    seeds = len(own - {"mean"})
    if not everything:
        return pages.section(
            "Metrics", note="The test data has no labels to measure by."
        )
    pieces.append(claims.table(run.report))
    note = f"Means over {seeds} seeds, their spread below. " if seeds > 1 else ""
    if any(rows.interval(row, "vus_pr") for row in summary):
        note += "In brackets, the 95 % interval of a mean over entities. "
    note += (
        "The best value of a column is bold. Trivial detectors stand in grey beside "
        "the run's own; a number that they reach too means little. Point-adjusted F1 "
        "is grey because noise does well on it."
    )
    return pages.section("Metrics", *pieces, note=note)


def _table(run: Run, chosen: Sequence[rows.Row]) -> Safe:
    return markup.element(
        "div", Safe(tables.html(chosen, run.detector)), class_="scroll"
    )


def _bars(run: Run, single: Sequence[rows.Row]) -> Safe:
    own = [row for row in single if row["detector"] == run.detector]
    if len({row["entity"] for row in own}) < 2 or len(own) < 2:
        return Safe("")
    random = {
        row["entity"]: rows.number(row, "vus_pr")
        for row in single
        if row["detector"] == rows.RANDOM
    }
    drawing = bars.entity_bars(
        [str(row["entity"]) for row in own],
        [rows.number(row, "vus_pr") for row in own],
        [random.get(row["entity"], float("nan")) for row in own],
        metric=f"VUS-PR of {run.detector}",
    )
    figure = markup.element("figure", Safe(svg.render(drawing, "VUS-PR", "bars")))
    return markup.element("div", figure, class_="scroll wide")


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
        markup.facts("Configuration", report.get("config") or {}),
        markup.facts("Run", sizes),
        markup.facts("Timings", report.get("timings") or {}),
        markup.facts("Versions", report.get("versions") or {}),
    ]
    sums = markup.facts("", report.get("checksums") or {})
    folded = [markup.details("Data checksums", sums)] if sums else []
    notes = [markup.element("li", note) for note in report.get("notes") or []]
    lead = [markup.element("ul", *notes, class_="notes")] if notes else []
    box = markup.element("div", *pieces, class_="columns")
    return pages.section("Run", *lead, box, *folded)


def _mebibytes(size: object) -> float | None:
    return size / 2**20 if isinstance(size, int | float) else None
