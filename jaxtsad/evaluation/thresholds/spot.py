"""SPOT: peaks over threshold that keeps learning the tail along a stream.

Siffer et al., "Anomaly Detection in Streams with Extreme Value Theory", KDD 2017,
algorithm 2, written from the paper's formulas. It needs no labels, but its threshold
at a step depends on the scores before that step, test scores included: state that
where results are compared with thresholds fitted on calibration scores only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from jaxtsad import types, validation
from jaxtsad.evaluation.thresholds import gpd, pot
from jaxtsad.evaluation.thresholds.threshold import calibration_values, stream
from jaxtsad.validation import InnerShare


class State(NamedTuple):
    """What the next step needs.

    Attributes:
        initial: t; scores above it are excesses.
        excesses: `[N_t]`, score - t of all normal scores above t so far.
        n: Number of normal scores seen so far.
        threshold: z, the score above which the next one is an alarm.
        q: Risk per step.
    """

    initial: float
    excesses: np.ndarray
    n: int
    threshold: float
    q: float


class Run(NamedTuple):
    """A whole stream.

    Attributes:
        flags: `[T]` int8, 1 where `scores > thresholds`.
        thresholds: `[T]`, the one each score was judged by.
        state: After the last step.
    """

    flags: np.ndarray
    thresholds: np.ndarray
    state: NamedTuple


@validation.options
def init(
    calibration: types.Scores, q: InnerShare = 1e-3, level: pot.Level = 0.98
) -> State:
    """Starts from the POT threshold of the calibration scores.

    Args:
        calibration: Scores `[n]` whose role is fit or validation, normal ones.
        q: Risk per step.
        level: Share of the scores below the initial threshold, in [0.5, 1).

    Returns:
        The state; its threshold is that of `thresholds.fit("pot", ...)`.

    Raises:
        TypeError: If `calibration` is not `types.Scores`.
        ValueError: If its role is test, an option is out of range, or there are too
            few scores above the initial threshold.

    Example:
        >>> part, _ = types.cut_train(np.zeros((2000, 1)), window=1, validation=0)
        >>> state = init(part.scored(np.random.default_rng(0).exponential(size=2000)))
        >>> state, alarm, threshold = step(state, 50.0)
        >>> alarm
        True
    """
    return start(calibration_values(calibration), q, level)


def start(values: np.ndarray, q: float, level: float) -> State:
    """State from calibration values `[n]` whose role has been checked."""
    initial, excesses, _ = pot.peaks(values, level)
    tail = gpd.fit(excesses)
    z = pot.tail_threshold(tail, initial, len(excesses), len(values), q)
    return State(initial, excesses, len(values), z, q)


def step(state: State, score: float) -> tuple[State, bool, float]:
    """Judges one score and learns from it if it is normal.

    Above z: an alarm, nothing is learned. Above t: its excess joins the others and
    the tail is fitted again; z never falls below t. Otherwise it only counts.

    Args:
        state: From `init` or the step before.
        score: The next score, finite.

    Returns:
        The next state, whether it is an alarm, and the threshold it was judged by.
    """
    judged_by = state.threshold
    if score > judged_by:
        return state, True, judged_by
    n = state.n + 1
    if score <= state.initial:
        return state._replace(n=n), False, judged_by
    excesses = np.append(state.excesses, score - state.initial)
    # A stream quieter than its calibration can bring N_t / n below q.
    z = state.initial
    if state.q < len(excesses) / n:
        tail = gpd.fit(excesses)
        z = pot.tail_threshold(tail, z, len(excesses), n, state.q)
    return State(state.initial, excesses, n, z, state.q), False, judged_by


def run(state: State, scores: types.Scores | np.ndarray) -> Run:
    """Runs `step` along a stream.

    Args:
        state: From `init` or an earlier run.
        scores: `[T]`, in order of time.

    Returns:
        Flags, thresholds and the last state.

    Raises:
        ValueError: If the scores are not `[T]` and finite.
    """
    return along(step, state, scores)


def along(
    step: Callable[[Any, float], tuple[Any, bool, float]],
    state: NamedTuple,
    scores: types.Scores | np.ndarray,
) -> Run:
    """Runs a step of SPOT or DSPOT along a stream; see `run`."""
    values = stream(scores)
    thresholds = np.empty(len(values))
    flags = np.empty(len(values), np.int8)
    for i, score in enumerate(values):
        state, flags[i], thresholds[i] = step(state, float(score))
    return Run(flags, thresholds, state)
