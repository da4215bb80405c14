"""The two ways the comparison is run: without leaks, and as it was published.

`strict` is what the published description says, free of leaks. `as_run` is what the
published notebooks do, to be compared with their numbers and with nothing else.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from jaxtsad import detectors
from jaxtsad.evaluation.protocol import Protocol
from jaxtsad.experiments import toml
from jaxtsad.pipeline.setup import Setup
from jaxtsad.training.plan import Plan

MODELS = ("lstm_vae", "lstm_attention", "lstm_autoencoder")
COMPARED = (*MODELS, "anomaly_transformer_headwise")
"""The recurrent models, and the transformer that was published beside them."""
TRIVIAL = ("zscore", "pca", "knn")
UNTRAINED = "_untrained"
QUANTILE = 0.7
LENGTH, STRIDE = 10, 5
SCORED_AT_ONCE = 256


class Preset(NamedTuple):
    """What decides how models are trained and judged, whatever the model.

    Attributes:
        protocol: Its name, and what it sees that it should not.
        split: How validation windows are held out (`pipeline.setup.Setup.split`).
        clip_values: Standard deviations at which values are clipped, or None.
        first_rows: Whether a window's label comes from its number and the first row of
            the channel in the label table, rather than from its steps.
        calibrated: Whose scores the threshold is a quantile of: `fit` or `test`.
        restore: Whether the best parameters are kept rather than the last.
    """

    protocol: Protocol
    split: Literal["time", "windows"]
    clip_values: float | None
    first_rows: bool
    calibrated: str
    restore: bool


class Recipe(NamedTuple):
    """How one row of the comparison is made.

    Attributes:
        row: Name of the row.
        setup: How it is fitted and scored.
        calibrated: Whose scores its threshold is a quantile of: `fit` or `test`.
        trivial: Whether it is there for comparison only.
    """

    row: str
    setup: Setup
    calibrated: str
    trivial: bool = False


PRESETS: Mapping[str, Preset] = {
    "strict": Preset(
        Protocol("strict", False, False, True, False, ()),
        split="time",
        clip_values=5.0,
        first_rows=False,
        calibrated="fit",
        restore=True,
    ),
    "as_run": Preset(
        Protocol(
            "as_run",
            False,
            True,
            True,
            False,
            (
                "validation windows are drawn at random and overlap with those fitted "
                "on; the scaling is fitted on both",
                "the threshold of the LSTM models is a quantile of the test scores "
                "themselves, so that 30 % of the test windows are flagged",
                "labels of windows miss those that meet an event from its left only, "
                "and the second row of a channel in the label table",
            ),
        ),
        split="windows",
        clip_values=None,
        first_rows=True,
        calibrated="test",
        restore=False,
    ),
}
_TRANSFORMER: Mapping[str, Any] = {
    "learning_rate": 1e-4,
    "weight_decay": 1e-5,
    "clip_gradients": 1.0,
}
_OPTIONS: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("as_run", "lstm_vae"): {"objective": "as_run", "samples": 1},
    ("as_run", "lstm_attention"): {"dropout": 0.0},
    ("strict", "knn"): {"neighbour": 1},
    ("as_run", "knn"): {"neighbour": 1},
}


def recipe(
    preset: str,
    model: str,
    *,
    epochs: int | None = None,
    trivial: bool = False,
) -> Recipe:
    """How a model is made under a preset.

    Args:
        preset: `strict` or `as_run`.
        model: Name of a detector, with options behind it if the preset's are not
            wanted (`knn neighbour=5`), or the path of a config whose sections window,
            detector and training are taken; everything else is the preset's.
        epochs: At most this many, None for the preset's.
        trivial: Whether it is there for comparison only.

    Raises:
        ValueError: If the preset, the detector or an option is unknown.
    """
    if preset not in PRESETS:
        raise ValueError(f"{preset=} is unknown; the choices are {', '.join(PRESETS)}")
    if model.endswith(".toml") or pathlib.Path(model).is_file():
        config = toml.load(model)
        row, setup, calibrated = config.name, config.setup(), "fit"
    else:
        row, _, given = model.partition(" ")
        calibrated = PRESETS[preset].calibrated
        setup = _setup(preset, row)
        options = {**setup.options, **toml.assignments(given.split(), row)}
        setup = dataclasses.replace(setup, options=options)
        if model.startswith("anomaly_transformer"):
            calibrated = "fit"
    calibrated = calibrated if PRESETS[preset].protocol.calibrates_on_test else "fit"
    plan = setup.plan
    if epochs is not None:
        plan = dataclasses.replace(plan, epochs=epochs)
    setup = dataclasses.replace(
        setup,
        score_stride=min(setup.stride, setup.window),
        tail=False,
        scaler="zscore",
        clip_values=PRESETS[preset].clip_values,
        validation=0.2,
        split=PRESETS[preset].split,
        pooling="per_entity",
        batch_size=SCORED_AT_ONCE,
        plan=plan,
        threshold="quantile",
        threshold_options={"q": QUANTILE},
    )
    return Recipe(row, setup, calibrated, trivial)


def untrained(recipe: Recipe) -> Recipe | None:
    """The same network without any training, None where there is nothing to train."""
    if "learning_rate" not in detectors.options(recipe.setup.detector):
        return None
    setup = dataclasses.replace(recipe.setup, untrained=True)
    return recipe._replace(row=recipe.row + UNTRAINED, setup=setup, trivial=True)


def _setup(preset: str, detector: str) -> Setup:
    """Windows, options and plan of a detector under a preset."""
    known = detectors.options(detector)
    transformer = detector.startswith("anomaly_transformer")
    published = preset == "as_run"
    wanted = dict(_TRANSFORMER) if transformer and published else {}
    wanted |= {"batch_size": 32, "learning_rate": 1e-3} | wanted
    options = {name: value for name, value in wanted.items() if name in known}
    options |= _OPTIONS.get((preset, detector), {})
    if "learning_rate" not in known:
        options.pop("batch_size", None)
    wide = transformer and not published
    return Setup(
        detector,
        options,
        window=200 if wide else LENGTH,
        stride=50 if wide else STRIDE,
        plan=Plan(
            epochs=200 if transformer and published else 100,
            patience=10,
            restore=PRESETS[preset].restore,
            schedule="plateau",
            factor=0.75,
            plateau=10 if published and detector == "lstm_vae" else 5,
        ),
    )
