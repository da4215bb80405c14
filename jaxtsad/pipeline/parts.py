"""Recordings, screened, cut in time and scaled by their fit part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxtsad import types
from jaxtsad.datasets import preprocessing
from jaxtsad.datasets.reading import screening
from jaxtsad.ops.windows import WindowView
from jaxtsad.pipeline.setup import Setup
from jaxtsad.types import Split


class Part(NamedTuple):
    """One entity's training data, cut, screened and scaled.

    Attributes:
        entity: Name.
        fit: Scaled fit part.
        validation: Scaled validation part, or None where there is no room for one.
        scaler: The scaler of the fit part (shared where pooled).
        screened: What screening found.
        known: `[T]` bool, steps of the fit part that are known anomalies.
    """

    entity: str
    fit: Split
    validation: Split | None
    scaler: preprocessing.Scaler
    screened: screening.Screening
    known: np.ndarray

    @property
    def calibration(self) -> Split:
        """What thresholds are calibrated on: validation, else fit."""
        return self.validation or self.fit


def prepare(
    setup: Setup,
    recordings: Sequence[tuple[str, np.ndarray]],
    known: Sequence[np.ndarray] | None = None,
) -> tuple[Part, ...]:
    """Screens, cuts and scales training recordings.

    Args:
        setup: Window, validation share and scaling.
        recordings: Name and values `[T, C]` of each entity.
        known: `[T]` bool of each entity, its known anomalies; None for none.

    Raises:
        ValueError: If there is none, one is too short for a window, channel counts
            differ, or a channel holds no finite value.
    """
    if not recordings:
        raise ValueError("there is no recording to fit on")
    names = [name for name, _ in recordings]
    if len(set(names)) != len(names):
        twice = sorted(name for name in set(names) if names.count(name) > 1)[0]
        raise ValueError(f"entity {twice!r} is there twice; names must be unique")
    cut, found = [], []
    validation = setup.validation if setup.split == "time" else 0.0
    for name, values in recordings:
        filled, record = screening.screen(np.asarray(values), name=name)
        if len(filled) < setup.window:
            raise ValueError(
                f"entity {name!r} has {len(filled)} training steps, shorter than one "
                f"window of {setup.window}; shorten the window or leave it out"
            )
        cut.append(
            types.cut_train(
                filled, window=setup.window, validation=validation, entity=name
            )
        )
        found.append(record)
    counts = {fit.values.shape[1] for fit, _ in cut}
    if len(counts) != 1:
        raise ValueError(
            f"entities have {sorted(counts)} channels; train those with equally many "
            "together"
        )
    fits = [fit for fit, _ in cut]
    if setup.fit == "pooled":
        shared = preprocessing.fit_scaler(setup.scaler, fits, setup.clip)
        scalers = [shared] * len(cut)
    else:
        scalers = [
            preprocessing.fit_scaler(setup.scaler, fit, setup.clip) for fit in fits
        ]
    marks = known or [np.zeros(len(values), bool) for _, values in recordings]
    return tuple(
        Part(
            fit.entity,
            scaler.apply(fit),
            None if held_out is None else scaler.apply(held_out),
            scaler,
            record,
            mark[: len(fit)],
        )
        for (fit, held_out), scaler, record, mark in zip(
            cut, scalers, found, marks, strict=True
        )
    )


def drawn(
    view: WindowView, share: float, seed: int
) -> tuple[WindowView, WindowView | None]:
    """Draws a share of a view's windows at random (`Setup.split="windows"`).

    Args:
        view: All windows of a training part.
        share: Share of the windows to draw, in [0, 1).
        seed: Seed of the draw.

    Returns:
        The windows that are left, and those drawn, or None where there are none. Both
        keep the role of the view: they share steps.
    """
    held_out = int(view.size * share + 1e-9)
    order = np.random.default_rng(seed).permutation(view.size)
    if not held_out:
        return view, None
    return _chosen(view, order[held_out:]), _chosen(view, order[:held_out])


def _chosen(view: WindowView, index: np.ndarray) -> WindowView:
    where = jnp.asarray(np.sort(index))
    names = ("starts", "weight", "known")
    return view.with_arrays(**{name: getattr(view, name)[where] for name in names})
