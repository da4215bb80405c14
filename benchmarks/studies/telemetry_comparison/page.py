"""The report of the comparison: one page made of its results and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.studies.telemetry_comparison import blocks
from jaxtsad.reporting import html as html_
from jaxtsad.reporting.html import Safe


def banner(preset: str, leaks: Sequence[str]) -> Safe:
    """A red banner that lists each leak of the preset; nothing if there is none."""
    if not leaks:
        return Safe("")
    return html_.element(
        "div",
        html_.element("strong", f"These numbers leak: preset {preset}"),
        html_.element("p", "Where they depart from a fair test:"),
        html_.element("ul", *(html_.element("li", leak) for leak in leaks)),
        class_="banner",
        role="alert",
    )


def html(results: Mapping[str, Any], figures: Mapping[str, Sequence[Safe]]) -> str:
    """The whole page.

    Args:
        results: What `results.json` holds, with `tables` of F1 and AUC-ROC by channel.
        figures: Figures by section: `curves`, `confusions`, `bars`.
    """
    names, models = results["order"], results["models"]
    title = f"Telemetry comparison, {results['preset']}"
    words = (
        f"{_count(len(results['channels']), 'channel')} · "
        f"{_count(len(models), 'model')} · {_count(len(results['seeds']), 'seed')} · "
        f"preset {results['preset']}"
    )
    advice = results["advice"]
    header = html_.element(
        "header",
        html_.element("p", "jaxtsad comparison", class_="eyebrow"),
        html_.element("h1", title),
        html_.element("p", words, class_="subtitle"),
    )
    grid = html_.element("div", *figures["curves"], class_="grid")
    matrices = html_.element("div", *figures["confusions"], class_="grid")
    bar_pairs = html_.element("div", *figures["bars"], class_="pair")
    f1, area = results["tables"]
    notes = [html_.element("li", note) for note in results["notes"]]
    return html_.page(
        title,
        header,
        banner(results["preset"], results["leaks"]),
        *(html_.element("p", line, class_="verdict") for line in advice[:1]),
        html_.section(
            "Windows",
            blocks.table(
                results["window_rows"],
                names,
                models,
                blocks.WINDOW,
                beside={n: own["macro"] for n, own in results["published"].items()},
            ),
            grid,
            matrices,
            note="A window's score is the mean over its steps and columns. Models "
            "stand above, trivial rows in grey below; the best of a column is bold. "
            "Curves are averaged over channels.",
        ),
        html_.section(
            "When to use which",
            html_.element("ul", *(html_.element("li", line) for line in advice[1:])),
            note="Drawn from the figures of this run; AUC-ROC of windows unless it is "
            "said otherwise.",
        ),
        html_.section(
            "By channel", bar_pairs, blocks.by_channel(f1, area, models, "zscore")
        )
        if "zscore" in area.values
        else Safe(""),
        html_.section(
            "Steps",
            blocks.table(results["step_rows"], names, models, blocks.STEP),
            note="A step's score is the mean over the windows that cover it.",
        ),
        html_.section(
            "Thresholds",
            blocks.thresholds(results["thresholds"]),
            blocks.clipping(results["clipping"]),
            note="The table above flags by its own rule; these are macro means of "
            "windows under others, none of which has seen test data.",
        ),
        html_.section("Cost", blocks.costs(results["facts"])),
        html_.section(
            "Run",
            html_.element("ul", *notes, class_="notes"),
            html_.element(
                "div",
                html_.facts("Run", results["run"]),
                html_.facts("Versions", results["versions"]),
                class_="columns",
            ),
        ),
    )


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
