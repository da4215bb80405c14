"""What telemanom's dynamic threshold reads: settings, errors, and what is relevant.

Hundman et al., "Detecting Spacecraft Anomalies Using LSTMs and Nonparametric Dynamic
Thresholding", KDD 2018.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from jaxtsad import validation
from jaxtsad.evaluation.scoring import smoothing
from jaxtsad.validation import Count, NotNegative, ShareBelowOne, Size

# Errors are too small to matter, and a window is passed over, below this share of the
# spread of the telemetry values, and below this number (values are scaled to [-1, 1]).
RELEVANT = 0.05


@validation.config
class Options:
    """Settings, with telemanom's names for them and the published values.

    Attributes:
        batch_size: Steps by which a window moves on, and that it newly judges.
        window_size: Batches in a window; fewer where the series is shorter.
        smoothing: Span of the exponential mean as a share of the window
            (`smoothing_perc`).
        error_buffer: Steps flagged on each side of an anomalous error, at least 2.
        separation: Relative drop between the maxima of two sequences below which the
            lower one is pruned (`p`).
        history: Steps whose smoothed errors are replaced by a mean (`l_s`).
    """

    batch_size: Size = 70
    window_size: Size = 30
    smoothing: NotNegative = 0.05
    error_buffer: Annotated[int, Field(ge=2, le=validation.MOST)] = 100
    separation: ShareBelowOne = 0.13
    history: Count = 250

    def __post_init__(self) -> None:
        if self.span < 1:
            raise ValueError(
                f"smoothing={self.smoothing} leaves a span of {self.span} steps"
            )

    @property
    def span(self) -> int:
        """Span of the exponential mean in steps."""
        return int(self.batch_size * self.window_size * self.smoothing)

    @property
    def window(self) -> int:
        """Steps in a full window."""
        return self.batch_size * self.window_size


def smoothed_errors(errors: np.ndarray, options: Options | None = None) -> np.ndarray:
    """Exponential mean (adjusted weights), its first steps replaced by a mean.

    Args:
        errors: `[T]`, not negative.
        options: `span` and `history` are used; the first `history` values become the
            mean of the first `2 * history`.

    Returns:
        `[T]` float64.

    Example:
        >>> smoothed_errors(np.array([1.0, 3.0]), Options(history=1))
        array([1.5047619 , 2.00952381])
    """
    options = options or Options()
    smooth = smoothing.ewma(errors, options.span)
    if options.history:
        smooth[: options.history] = np.mean(smooth[: 2 * options.history])
    return smooth


def prediction_errors(predicted: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Absolute error of the prediction one step ahead.

    Args:
        predicted: `[T]`.
        targets: `[T]` or `[T, horizons]`, the first horizon being the next step.

    Returns:
        `[T]`.

    Raises:
        ValueError: If the lengths differ.

    Example:
        >>> prediction_errors(np.zeros(2), np.array([[1.0, 9.0], [-2.0, 9.0]]))
        array([1., 2.])
    """
    nearest = targets if targets.ndim == 1 else targets[:, 0]
    if predicted.shape != nearest.shape:
        raise ValueError(f"{predicted.shape=} and {targets.shape=} must agree in T")
    return np.abs(predicted - nearest)


def normalized_error(predicted: np.ndarray, targets: np.ndarray) -> float:
    """Mean absolute error as a share of the range of the targets.

    Args:
        predicted: `[T]`.
        targets: `[T]` or `[T, horizons]`, not constant.

    Example:
        >>> normalized_error(np.array([0.0, 1.0]), np.array([0.0, 2.0]))
        0.25
    """
    return float(np.mean(prediction_errors(predicted, targets) / np.ptp(targets)))


def ignored(steps: int, history: int) -> int:
    """Steps at the start of the series that are not judged for lack of history."""
    if steps < 1800:
        return 0
    return history if steps < 2500 else 2 * history


def relevance(
    smoothed: np.ndarray, targets: np.ndarray | None, start: int, stop: int
) -> float | None:
    """Error that must be surpassed in this window; None if none can be."""
    if targets is None:
        return -np.inf
    window, values = smoothed[start:stop], targets[start:stop]
    high, low = np.percentile(values, [95, 5])
    floor = RELEVANT * (high - low)
    largest = window.max()
    large = np.std(window) > RELEVANT * np.std(values) or largest > floor
    return float(floor) if large and largest > RELEVANT else None
