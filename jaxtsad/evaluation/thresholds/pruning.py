"""Telemanom's pruning: anomalous sequences must stand out from the next largest error.

Hundman et al., "Detecting Spacecraft Anomalies Using LSTMs and Nonparametric Dynamic
Thresholding", KDD 2018, section 3.3; `separation` is the paper's p.
"""

from __future__ import annotations

import numpy as np

from jaxtsad.evaluation.segments import segments


def prune(
    errors: np.ndarray, steps: np.ndarray, before: np.ndarray, separation: float
) -> np.ndarray:
    """Drops sequences that do not stand out from the next largest error.

    The maxima of the sequences are walked in decreasing order, the largest error
    that is not flagged coming last. Where the relative drop to the next is below
    `separation` a sequence is marked; a larger drop unmarks all before it.

    Args:
        errors: `[n]` errors of the window.
        steps: Sorted flagged steps.
        before: `[n]` boolean, steps flagged by earlier windows.
        separation: The least relative drop.

    Returns:
        The steps that stay. Runs of a single step are no sequences: they stay where
        there is no sequence at all and go otherwise.
    """
    flags = np.zeros(len(errors), np.bool_)
    flags[steps] = True
    runs = segments(flags)
    runs = runs[runs[:, 1] - runs[:, 0] > 1]
    if not len(runs):
        return steps
    maxima = np.array([errors[a:b].max() for a, b in runs])
    normal = errors[~(flags | before)]
    ladder = np.append(np.sort(maxima)[::-1], normal.max() if normal.size else -np.inf)
    retained = np.ones(len(runs), np.bool_)
    # A mirrored maximum can be 0; like any drop that is no number it prunes nothing.
    with np.errstate(divide="ignore", invalid="ignore"):
        drops = (ladder[:-1] - ladder[1:]) / ladder[:-1]
    for upper, drop in zip(ladder[:-1], drops, strict=True):
        if drop < separation:
            retained[maxima == upper] = False
        else:
            retained[:] = True
    kept = [np.arange(a, b) for a, b in runs[retained]]
    return np.concatenate(kept) if kept else np.empty(0, np.int64)
