"""Labels of windows from labels of steps, and which entities have enough of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args

import numpy as np

Rule: TypeAlias = Literal["any", "majority", "last"]
RULES: tuple[Rule, ...] = get_args(Rule)


def window_labels(
    labels: np.ndarray, starts: np.ndarray, length: int, rule: Rule = "any"
) -> np.ndarray:
    """Labels each window by the labels of its steps.

    Args:
        labels: `[T]` 0/1, one per step.
        starts: `[N]` first steps of the windows (see `ops.windows.starts_of`).
        length: Window length L in steps, at least 1.
        rule: "any": one anomalous step is enough; "majority": more than half of the
            steps; "last": the last step decides.

    Returns:
        `[N]` int8, 1 for an anomalous window.

    Raises:
        ValueError: If the rule is unknown or a window reaches outside the series.

    Example:
        >>> import numpy as np
        >>> labels = np.array([0, 0, 1, 0, 1, 1, 1, 0])
        >>> window_labels(labels, np.array([0, 2, 4]), 4, "any")
        array([1, 1, 1], dtype=int8)
        >>> window_labels(labels, np.array([0, 2, 4]), 4, "majority")
        array([0, 1, 1], dtype=int8)
        >>> window_labels(labels, np.array([0, 2, 4]), 4, "last")
        array([0, 1, 0], dtype=int8)
    """
    labels, starts = np.asarray(labels), np.asarray(starts, np.int64)
    if labels.ndim != 1:
        raise ValueError(f"{labels.shape=} must be [T], one label per step")
    if rule not in RULES:
        raise ValueError(f"{rule=} is unknown; the choices are {', '.join(RULES)}")
    if length < 1:
        raise ValueError(f"{length=} must be at least 1 step")
    if len(starts) and (starts.min() < 0 or starts.max() + length > len(labels)):
        raise ValueError(
            f"windows of {length=} from {starts.min()} to {starts.max() + length} "
            f"reach outside a series of {len(labels)} steps"
        )
    if rule == "last":
        return (labels[starts + length - 1] > 0).astype(np.int8)
    anomalous = np.concatenate([[0], np.cumsum(labels > 0)])
    share = anomalous[starts + length] - anomalous[starts]
    least = 1 if rule == "any" else length // 2 + 1
    return (share >= least).astype(np.int8)


def with_anomalies(
    labels: Mapping[str, np.ndarray],
    *,
    window: int = 10,
    stride: int = 5,
    least: int = 100,
) -> list[str]:
    """Names of the entities with at least `least` anomalous test windows.

    A window is anomalous if one of its steps is. The defaults keep 28 channels of SMAP
    and MSL, those on which recurrent models were compared. The rule looks at test
    labels: it may choose what to evaluate on, never how a model is made.

    Args:
        labels: Test labels `[T]` by entity, such as `smap_msl.labels` gives.
        window: Window length in steps.
        stride: Gap between window starts in steps.
        least: Anomalous windows that are needed.

    Example:
        >>> labels = {"calm": np.zeros(100, int), "busy": np.ones(100, int)}
        >>> with_anomalies(labels, least=10)
        ['busy']
    """
    kept = []
    for name, steps in labels.items():
        starts = np.arange(0, len(steps) - window + 1, stride)
        if int(window_labels(steps, starts, window).sum()) >= least:
            kept.append(name)
    return sorted(kept)
