"""How sure a flag is: would other calibration data of the same size give it, too?"""

from __future__ import annotations

import numpy as np

from jaxtsad.evaluation.alarms.tail import Tail


def confidence(tail: Tail, scores: np.ndarray, threshold: float) -> np.ndarray:
    """Probability that flags were the same with other calibration data.

    The threshold is a rank among calibration scores: that of `threshold` by the tail.
    Another calibration part of as many independent steps has a number of scores above
    a given one that is binomial; the step is flagged where they are at most as many as
    above the threshold now. Perini, Vercruyssen and Davis, "Quantifying the Confidence
    of Anomaly Detectors in Their Example-Wise Predictions", ECML PKDD 2020, with the
    calibrated tail in place of the training share, and with as many independent steps
    as the calibration scores have runs for (`Tail.independent`).

    Args:
        tail: Of the calibration scores.
        scores: `[T]`.
        threshold: Above which a step is flagged.

    Returns:
        `[T]` in [0, 1].
    """
    from scipy import special

    count = tail.independent
    values = np.asarray(scores, np.float64)
    higher = tail.probability(values)
    allowed = np.floor(count * tail.probability(np.array([threshold]))[0])
    flagged: np.ndarray = special.bdtr(allowed, count, higher)
    return np.where(values > threshold, flagged, 1 - flagged)
