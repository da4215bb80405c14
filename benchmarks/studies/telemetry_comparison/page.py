"""The report of the comparison: one page made of its results and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.studies.telemetry_comparison import blocks
from jaxtsad.reporting import markup
from jaxtsad.reporting import page as pages
from jaxtsad.reporting.markup import Safe


def banner(preset: str, leaks: Sequence[str]) -> Safe:
    """A red banner that lists each leak of the preset; nothing if there is none."""
    if not leaks:
        return Safe("")
    return markup.element(
        "div",
        markup.element("strong", f"These numbers leak: preset {preset}"),
        markup.element("p", "Where they depart from a fair test:"),
        markup.element("ul", *(markup.element("li", leak) for leak in leaks)),
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
    header = markup.element(
        "header",
        markup.element("p", "jaxtsad comparison", class_="eyebrow"),
        markup.element("h1", title),
        markup.element("p", words, class_="subtitle"),
    )
    grid = markup.element("div", *figures["curves"], class_="grid")
    matrices = markup.element("div", *figures["confusions"], class_="grid")
    bar_pairs = markup.element("div", *figures["bars"], class_="pair")
    f1, area = results["tables"]
    notes = [markup.element("li", note) for note in results["notes"]]
    return pages.page(
        title,
        header,
        banner(results["preset"], results["leaks"]),
        *(markup.element("p", line, class_="verdict") for line in advice[:1]),
        pages.section(
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
        pages.section(
            "When to use which",
            markup.element("ul", *(markup.element("li", line) for line in advice[1:])),
            note="Drawn from the figures of this run; AUC-ROC of windows unless it is "
            "said otherwise.",
        ),
        pages.section(
            "By channel", bar_pairs, blocks.by_channel(f1, area, models, "zscore")
        )
        if "zscore" in area.values
        else Safe(""),
        pages.section(
            "Steps",
            blocks.table(results["step_rows"], names, models, blocks.STEP),
            note="A step's score is the mean over the windows that cover it.",
        ),
        pages.section(
            "Thresholds",
            blocks.thresholds(results["thresholds"]),
            blocks.clipping(results["clipping"]),
            note="The table above flags by its own rule; these are macro means of "
            "windows under others, none of which has seen test data.",
        ),
        pages.section("Cost", blocks.costs(results["facts"])),
        pages.section(
            "Run",
            markup.element("ul", *notes, class_="notes"),
            markup.element(
                "div",
                markup.facts("Run", results["run"]),
                markup.facts("Versions", results["versions"]),
                class_="columns",
            ),
        ),
    )


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
