"""The comparison from data to report, row after row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.studies import published
from benchmarks.studies.report import Report
from benchmarks.studies.study import Session
from benchmarks.studies.telemetry_comparison import (
    advice,
    channels,
    figures,
    fleets,
    page,
    presets,
    verdict,
)
from benchmarks.studies.telemetry_comparison.kept import Made
from benchmarks.studies.telemetry_comparison.presets import Choices, Recipe
from jaxtsad.datasets import places, smap_msl
from jaxtsad.experiments.judge import Judged, Rows
from jaxtsad.types import Series


def run(choices: Choices, session: Session) -> Report:
    """Makes every row that is not there yet, and judges all.

    Args:
        choices: What is compared.
        session: The run; rows that it keeps are not trained again.

    Raises:
        ValueError: If a choice or the data is bad.
        Interrupted: On Ctrl-C, after saving a checkpoint.
    """
    recipes = _recipes(choices)
    root = places.data_root(choices.root)
    selection = channels.select(root, choices.channels)
    session.say(str(selection))
    series = channels.load(root, selection.names)
    first = None
    if presets.PRESETS[choices.preset].first_rows:
        first = smap_msl.label_table(root, first_rows=True)
    labels = channels.WindowLabels(series, first)
    made = [
        fleets.make(recipe, series, labels, seeds=choices.seeds, session=session)
        for recipe in recipes
    ]
    session.say("judging windows and steps")
    results, windows = gather(choices, recipes, made, series, selection)
    models = results["models"]
    trivial = [one.row for one in recipes if one.trivial and not one.setup.untrained]
    area = advice.table(results["window_rows"], "auc_roc")
    curves = figures.curve_figures(windows, models, trivial)
    curves += figures.confusions(windows, models)
    bars = figures.channel_bars(area, models, trivial[0], "AUC-ROC") if trivial else []
    return page.report(results, curves, bars)


def _recipes(choices: Choices) -> list[Recipe]:
    """The models, then what stands beside them without asking."""
    if not choices.models:
        raise ValueError("models must name at least one detector")
    found = [
        presets.recipe(
            choices.preset,
            model,
            epochs=choices.epochs,
            clip_test=choices.clip_test,
        )
        for model in choices.models
    ]
    names = [one.row for one in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"models: {twice[0]!r} is there twice")
    beside = [
        presets.recipe(choices.preset, name, trivial=True, clip_test=choices.clip_test)
        for name in choices.beside
        if name not in names
    ]
    networks = [presets.untrained(one) for one in found]
    return found + beside + [one for one in networks if one is not None]


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
