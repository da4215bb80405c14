"""Which entities have enough anomalous windows to be evaluated on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from jaxtsad.datasets.labels import window_labels


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
