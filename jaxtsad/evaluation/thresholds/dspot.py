"""DSPOT: SPOT on what is left after a moving mean, for scores that drift.

Siffer et al., "Anomaly Detection in Streams with Extreme Value Theory", KDD 2017,
algorithm 3, written from the paper's formulas. The paper's depth d is `depth`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jaxtsad import types, validation
from jaxtsad.evaluation.thresholds import pot, spot
from jaxtsad.evaluation.thresholds.threshold import calibration_values
from jaxtsad.validation import InnerShare, Size


class State(NamedTuple):
    """What the next step needs.

    Attributes:
        recent: `[depth]`, the last normal scores; their mean is the drift.
        residual: SPOT's state for scores minus drift.
    """

    recent: np.ndarray
    residual: spot.State


@validation.options
def init(
    calibration: types.Scores,
    depth: Size = 50,
    q: InnerShare = 1e-3,
    level: pot.Level = 0.98,
) -> State:
    """Starts from calibration scores: `depth` for the drift, the others for POT.

    Args:
        calibration: Scores `[n]` whose role is fit or validation, normal ones, in
            order of time, followed by the stream.
        depth: Number of past scores in the moving mean; the paper uses 10 to 450.
        q: Risk per step.
        level: Share of the residuals below the initial threshold, in [0.5, 1).

    Returns:
        The state.

    Raises:
        TypeError: If `calibration` is not `types.Scores`.
        ValueError: If its role is test, it is not longer than `depth`, an option is
            out of range, or there are too few excesses.

    Example:
        >>> part, _ = types.cut_train(np.zeros((2000, 1)), window=1, validation=0)
        >>> noise = np.random.default_rng(0).normal(size=2000)
        >>> state = init(part.scored(noise + 0.01 * np.arange(2000)), depth=20)
        >>> [step(state, score)[1] for score in (21.0, 30.0)]
        [False, True]
    """
    values = calibration_values(calibration)
    if depth >= len(values):
        raise ValueError(
            f"{depth=} must be below the number of calibration scores, {len(values)}"
        )
    past = np.lib.stride_tricks.sliding_window_view(values, depth)[:-1]
    residuals = values[depth:] - past.mean(axis=1)
    return State(values[-depth:], spot.start(residuals, q, level))


def step(state: State, score: float) -> tuple[State, bool, float]:
    """Judges one score; an alarm changes neither the drift nor the tail.

    Args:
        state: From `init` or the step before.
        score: The next score, finite.

    Returns:
        The next state, whether it is an alarm, and the threshold it was judged by,
        drift included.
    """
    drift = float(state.recent.mean())
    threshold = drift + state.residual.threshold
    residual, alarm, _ = spot.step(state.residual, score - drift)
    if alarm:
        return state, True, threshold
    return State(np.append(state.recent[1:], score), residual), False, threshold


def run(state: State, scores: types.Scores | np.ndarray) -> spot.Run:
    """Runs `step` along a stream.

    Args:
        state: From `init` or an earlier run.
        scores: `[T]`, in order of time.

    Returns:
        Flags, thresholds with the drift included, and the last state.

    Raises:
        ValueError: If the scores are not `[T]` and finite.
    """
    return spot.along(step, state, scores)
