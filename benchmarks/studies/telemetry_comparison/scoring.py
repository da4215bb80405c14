"""Scores of windows and steps of one part per member."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import jax
import numpy as np

from jaxtsad.ops import aggregate
from jaxtsad.pipeline import members
from jaxtsad.pipeline.members import Fitted
from jaxtsad.types import Split


def clipping(fitted: Fitted, clip_test: bool) -> Fitted:
    """The same members, whose test parts are clipped or not."""
    scalers = tuple(
        dataclasses.replace(scaler, clip_test=clip_test) for scaler in fitted.scalers
    )
    return dataclasses.replace(fitted, scalers=scalers)


def score(
    fitted: Fitted, splits: Sequence[Split]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Scores of the windows `[N]` and of the steps `[T]` of one part per member.

    A window's score is the mean over its steps; one more window covers the last steps,
    which counts for steps only.
    """
    setup = dataclasses.replace(fitted.setup, tail=True)
    scores, view = members.run_detector(
        dataclasses.replace(fitted, setup=setup), splits
    )
    per_window = np.asarray(scores.mean(axis=-1) if scores.ndim == 3 else scores)
    windows, steps = [], []
    for i, split in enumerate(splits):
        count = (len(split) - setup.window) // setup.stride + 1
        windows.append(per_window[i, :count])
        folded = aggregate.aggregate(
            scores[i],
            view.starts[i],
            view.weight[i],
            steps=view.values.shape[1],
            length=setup.window,
            how=setup.aggregate,
        )
        steps.append(np.asarray(jax.device_get(folded))[: len(split)])
    return windows, steps
