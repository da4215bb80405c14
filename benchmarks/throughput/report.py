"""Results files as pages: a Markdown table per suite, and a plot over the window."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from benchmarks.throughput import comparisons, results, tables
from benchmarks.throughput.options import Row
from jaxtsad.reporting.tables.formats import piped


def write(path: pathlib.Path) -> list[pathlib.Path]:
    """Writes a results file's page and plot beside it.

    Args:
        path: Of the JSON file.

    Returns:
        Paths of what was written.
    """
    rows = results.read(path)
    page = path.with_suffix(".md")
    plot = path.with_name(f"{path.stem}-attention.svg")
    parts = [f"# {path.stem}\n", results.of_machine(path)]
    parts += filter(None, [comparisons.table(rows)])
    parts += [
        markdown(suite, rows) for suite in dict.fromkeys(r["suite"] for r in rows)
    ]
    written = [page]
    if draw(rows, plot):
        parts.append(f"![Anomaly attention over the window's length]({plot.name})\n")
        written.append(plot)
    page.write_text("\n".join(parts), encoding="utf-8")
    return written


def markdown(suite: str, rows: Sequence[Row]) -> str:
    """A suite's rows as a Markdown table."""
    chosen = [row for row in rows if row["suite"] == suite]
    columns = [name for name in tables.columns_of(chosen) if name != "revision"]
    heads = ["case", *(tables.title(name) for name in columns)]
    lines = [
        [row["case"], *(tables.written(name, row.get(name)) for name in columns)]
        for row in chosen
    ]
    return f"## {suite}\n\n{piped(heads, lines, len(columns))}\n"


def draw(rows: Sequence[Row], path: pathlib.Path) -> bool:
    """Plots the gradient's windows per second over the window, by implementation.

    Of the sizes that the suite takes for each length; others would be further points
    of one length.

    Returns:
        Whether there was anything to plot.
    """
    from benchmarks.throughput.suites import attention
    from jaxtsad.ops.attention.dispatch import IMPLEMENTATIONS

    cases = {
        attention.named(name, sizes): (name, sizes.window)
        for name in IMPLEMENTATIONS
        for sizes in attention.LENGTHS
    }
    lines: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        if row["suite"] == "attention" and row["case"] in cases:
            name, window = cases[row["case"]]
            lines.setdefault(name, []).append((window, row["gradient_windows_per_s"]))
    if not lines:
        return False
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4))
    for name, points in lines.items():
        axes.loglog(*zip(*sorted(points), strict=True), marker="o", label=name)
    axes.set_xlabel("window length in steps")
    axes.set_ylabel("windows/s, forward and gradient")
    axes.set_title("Anomaly attention, width 512, 8 heads, float32")
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")
    pyplot.close(figure)
    return True
