"""Thresholds that look at the test scores themselves: for comparison with papers only.

They know how the test scores are distributed, which no detector in operation does.
Their results say so in `Threshold.kind` and in `Threshold.fitted_on`.
"""

from __future__ import annotations

import numpy as np

from jaxtsad import types, validation
from jaxtsad.evaluation.thresholds.threshold import Threshold, stream
from jaxtsad.validation import InnerShare


@validation.options
def transductive_quantile(
    calibration: types.Scores | np.ndarray,
    test: types.Scores | np.ndarray,
    q: InnerShare = 0.99,
) -> Threshold:
    """Quantile of calibration and test scores taken together.

    The procedure of the Anomaly Transformer's public code, which calls it percentile
    100 - anomaly ratio. Linear interpolation in the precision of the scores: float32
    scores give the float32 result.

    Args:
        calibration: Scores `[n]` of the training part.
        test: Test scores `[T]`.
        q: Share of all scores at or below the threshold, in (0, 1).

    Returns:
        The threshold; `fitted_on` ends in "+test".

    Raises:
        ValueError: If `q` is outside (0, 1) or scores are not 1-d and finite.

    Example:
        >>> both = transductive_quantile(np.arange(3.0), np.array([3.0, 4.0]), q=0.5)
        >>> both.value, both.fitted_on
        (2.0, 'calibration+test')
    """
    parts = []
    for part in (calibration, test):
        stream(part)
        parts.append(part.values if isinstance(part, types.Scores) else part)
    value = float(np.percentile(np.concatenate(parts), 100 * q))
    role = "calibration"
    if isinstance(calibration, types.Scores):
        role = str(calibration.role)
    return Threshold("transductive_quantile", value, f"{role}+test", {"q": float(q)})
