"""All rows judged, and everything `results.json` holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.studies import published
from benchmarks.studies.telemetry_comparison import (
    advice,
    channels,
    presets,
    verdict,
)
from benchmarks.studies.telemetry_comparison.kept import Made
from benchmarks.studies.telemetry_comparison.presets import Choices, Recipe
from jaxtsad import __version__
from jaxtsad.experiments import facts
from jaxtsad.experiments.judge import Judged, Rows
from jaxtsad.types import Series

SCHEMA = 1


def gather(
    choices: Choices,
    recipes: Sequence[Recipe],
    made: Sequence[Made],
    series: Sequence[Series],
    selection: channels.Selection,
) -> tuple[dict[str, Any], list[Judged]]:
    """Judges every row.

    Args:
        choices: What is compared.
        recipes: How each row was made.
        made: The rows.
        series: The channels.
        selection: Why these.

    Returns:
        What `results.json` holds, and the windows with their flags.
    """
    preset = presets.PRESETS[choices.preset]
    models = [one.row for one in recipes if not one.trivial]
    windows = verdict.judged(made, recipes, "windows")
    steps = verdict.judged(made, recipes, "steps")
    rows = verdict.window_rows(windows, models[0], preset.protocol)
    step_rows = verdict.step_rows(steps, models[0], preset.protocol)
    everything: dict[str, dict[str, Any]] = {
        one.row: own.facts for one, own in zip(recipes, made, strict=True)
    }
    order = [*models, *(n for n in _names(rows) if n not in models)]
    results = {
        "schema": SCHEMA,
        "preset": choices.preset,
        "leaks": list(preset.protocol.leaks),
        "channels": selection.names,
        "selection": {
            "rule": selection.rule,
            "verified": selection.verified,
            "text": str(selection),
        },
        "models": models,
        "order": order,
        "seeds": list(choices.seeds),
        "advice": advice.lines(rows, models, series, everything),
        "verdicts": verdict.claims(rows, models),
        "window_rows": rows,
        "step_rows": step_rows,
        "published": {
            name: {
                "macro": published.TELEMETRY_MACRO[name],
                "channels": published.telemetry_channels(name),
            }
            for name in models
            if name in published.TELEMETRY_MACRO
            and selection.names == channels.PUBLISHED
        },
        "thresholds": {
            one.row: verdict.by_threshold(own)
            for one, own in zip(recipes, made, strict=True)
            if not one.trivial
        },
        "clipping": {
            one.row: verdict.clipping(own, choices.clip_test)
            for one, own in zip(recipes, made, strict=True)
            if own.other_clip
        },
        "facts": everything,
        "notes": [
            str(selection),
            *_other_windows(recipes),
            *verdict.liberal(windows),
            *(
                f"{name}: {note}"
                for name, own in everything.items()
                for note in own["notes"]
            ),
        ],
        "run": {"device": facts.device(), "git": facts.revision()},
        "versions": facts.versions() | {"jaxtsad": __version__},
    }
    return results, windows


def _other_windows(recipes: Sequence[Recipe]) -> list[str]:
    """What a reader must know of rows whose windows are not those of the others."""
    first = recipes[0].setup
    return [
        f"{one.row} is judged on its own windows, {one.setup.window} steps long, one "
        f"every {one.setup.stride}; compare it with {recipes[0].row} by steps"
        for one in recipes
        if (one.setup.window, one.setup.stride) != (first.window, first.stride)
    ]


def _names(rows: Rows) -> list[str]:
    return list(dict.fromkeys(row["detector"] for row in rows))
