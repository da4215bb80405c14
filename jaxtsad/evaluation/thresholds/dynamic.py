"""Telemanom's nonparametric dynamic threshold, which watches the test stream itself.

Hundman et al., "Detecting Spacecraft Anomalies Using LSTMs and Nonparametric Dynamic
Thresholding", KDD 2018. It needs no labels and no calibration scores, but every
threshold comes from the very scores it judges: transductive, and named so.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jaxtsad import types
from jaxtsad.evaluation.segments import segments
from jaxtsad.evaluation.thresholds import dynamic_inputs, dynamic_window
from jaxtsad.evaluation.thresholds.dynamic_inputs import Options
from jaxtsad.evaluation.thresholds.dynamic_window import Judged
from jaxtsad.evaluation.thresholds.threshold import finite, stream


class Dynamic(NamedTuple):
    """What was found in one stream of T steps.

    Attributes:
        flags: `[T]` int8.
        sequences: `[E, 2]` flagged runs of at least two steps as `[start, stop)`.
        severity: `[E]`, the largest of the severities of a sequence's parts: distance
            from the window's threshold over its mean plus standard deviation.
        windows: One record per window, in order.
        smoothed: `[T]`, the errors that were judged.
        window_size: Batches in a window after shortening to the series.
    """

    flags: np.ndarray
    sequences: np.ndarray
    severity: np.ndarray
    windows: list[Judged]
    smoothed: np.ndarray
    window_size: int


def transductive_dynamic(
    scores: types.Scores | np.ndarray,
    *,
    targets: np.ndarray | None = None,
    options: Options | None = None,
    smooth: bool = True,
) -> Dynamic:
    """Judges a stream by thresholds chosen window by window from the stream itself.

    In each window of errors with mean mu and deviation sigma the threshold is
    mu + z sigma, with the z of 2.5, 3.0, ..., 11.5 whose removal of the errors above
    lowers mean and deviation most for the fewest and shortest anomalous sequences (12
    if none qualifies). Errors above it are widened by the buffer, the newest batch of
    the window is judged, and sequences that do not stand out from the next largest
    error are pruned. The errors mirrored at mu are treated alike, so unusually small
    errors are found too. At the end of the series up to `batch_size - 1` steps before
    the last batch are never judged, as in the reference.

    Args:
        scores: `[T]`, absolute prediction errors or any score that is not negative.
        targets: `[T]` or `[T, horizons]` true values if `scores` are the errors of
            their predictions (`dynamic_inputs.prediction_errors`): errors that are
            small beside the spread of the values are then ignored. Without targets
            there is no such condition.
        options: Settings; the published ones by default.
        smooth: Whether to smooth first; False for scores already smooth.

    Returns:
        Flags, sequences with severity, and a record of every window.

    Raises:
        ValueError: If scores are not `[T]`, finite and >= 0, or targets do not fit.

    Example:
        >>> errors = np.ones(1500)
        >>> errors[700:720] = 5
        >>> transductive_dynamic(errors, smooth=False).sequences
        array([[600, 820]])
    """
    options = options or Options()
    errors = stream(scores)
    if (errors < 0).any():
        raise ValueError(
            f"scores must not be negative, got {errors.min()=}: the rule compares "
            "relative drops; subtract a lower bound first"
        )
    if targets is not None:
        targets = finite(targets)
        if targets.ndim not in (1, 2) or len(targets) != len(errors):
            raise ValueError(f"{targets.shape=}, expected ({len(errors)}[, horizons])")
    smoothed = dynamic_inputs.smoothed_errors(errors, options) if smooth else errors

    steps = len(smoothed)
    last = max(0, (steps - options.window) // options.batch_size)
    flags = np.zeros(steps, np.bool_)
    windows = []
    for i in range(last + 1):
        start = i * options.batch_size
        stop = steps if i == last else start + options.window
        first = stop - options.batch_size
        if i == 0:
            first = dynamic_inputs.ignored(steps, options.history)
        floor = dynamic_inputs.relevance(smoothed, targets, start, stop)
        judged = dynamic_window.judge(
            smoothed[start:stop],
            flags[start:stop],
            start=start,
            first=first - start,
            floor=floor,
            buffer=options.error_buffer,
            separation=options.separation,
        )
        flags[judged.kept] = True
        flags[judged.kept_inverse] = True
        windows.append(judged)

    sequences = segments(flags)
    sequences = sequences[sequences[:, 1] - sequences[:, 0] > 1]
    parts = [part for window in windows for part in window.parts]
    severity = [
        max(value for begin, _, value in parts if start <= begin < stop)
        for start, stop in sequences
    ]
    used = min(options.window_size, -(-steps // options.batch_size))
    return Dynamic(
        flags.astype(np.int8), sequences, np.array(severity), windows, smoothed, used
    )
