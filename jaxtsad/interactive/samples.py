"""Samples as a page: a grid of pictures with scores, what a detector makes of each."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from jaxtsad.interactive.page import Page, frame

SIDE = 64
"""Pixels of a picture's longer side, at most."""
BYTES = 1_200_000
"""Bytes of all pictures, about, before they are written as text."""


def samples(
    title: str,
    values: np.ndarray,
    scores: np.ndarray,
    threshold: float,
    *,
    labels: np.ndarray | None = None,
    made: np.ndarray | None = None,
) -> Page:
    """One self-contained page of samples; `N` is the number of samples.

    Args:
        title: Name of the samples; marks are kept by it in the browser.
        values: Images `[N, H, W, C]`, windows `[N, L, C]` or rows `[N, D]`, of which
            those with 3 or 4 channels are drawn in color, others by the first.
        scores: `[N]`, higher is more anomalous.
        threshold: Above it a sample is flagged.
        labels: `[N]`, 1 where anomalous; None where nothing is known.
        made: Reconstructions, shaped like the values; None without.

    Raises:
        ValueError: If shapes do not fit.
    """
    for name, given in (("scores", scores), ("labels", labels)):
        if given is not None and np.shape(given) != (len(values),):
            raise ValueError(f"{name} are {np.shape(given)}, expected ({len(values)},)")
    if made is not None and np.shape(made) != np.shape(values):
        raise ValueError(f"made is {np.shape(made)}, expected {np.shape(values)}")
    seen = _pictures(values)
    count = max(2, BYTES // (seen[0].size * (1 if made is None else 2)))
    places = _chosen(np.asarray(scores), count)
    shown = seen[places]
    known = np.isfinite(shown)
    low, high = (shown[known].min(), shown[known].max()) if known.any() else (0, 1)
    again = None if made is None else _bytes(_pictures(made)[places], low, high)
    about: dict[str, Any] = {
        "title": title,
        "group": title,
        "entity": None,
        "steps": len(values),
        "bucket": 1,
        "channels": [],
        "scored": [],
        "threshold": float(threshold),
        "scores": [float(f"{score:.6g}") for score in scores],
        "labels": None if labels is None else np.asarray(labels).astype(int).tolist(),
        "pictures": {
            "height": shown.shape[1],
            "width": shown.shape[2],
            "bands": shown.shape[3],
            "places": places.tolist(),
            "given": _bytes(shown, low, high),
            "made": again,
        },
    }
    return Page(frame(title, about, ("rows", "marks", "samples"), ("samples",))[0])


def _pictures(values: np.ndarray) -> np.ndarray:
    """Samples `[N, h, w, 1 or 3]`, every so many pixels of large ones."""
    wide = np.asarray(values, np.float64)
    if wide.ndim == 2:
        wide = wide[:, None]
    if wide.ndim == 3:
        wide = wide[..., None]
    every = -(-max(wide.shape[1:3]) // SIDE)
    return wide[:, ::every, ::every, : 3 if wide.shape[3] in (3, 4) else 1]


def _chosen(scores: np.ndarray, count: int) -> np.ndarray:
    """Places of the highest scores and of as many evenly among all others."""
    order = np.argsort(-scores, kind="stable")
    if len(order) <= count:
        return order
    half = count // 2
    rest = np.linspace(half, len(order) - 1, count - half).round().astype(int)
    return np.concatenate([order[:half], order[rest]])


def _bytes(pictures: np.ndarray, low: float, high: float) -> str:
    share = (np.nan_to_num(pictures, nan=low) - low) / ((high - low) or 1.0)
    made = np.rint(255 * np.clip(share, 0, 1)).astype(np.uint8)
    return base64.b64encode(made.tobytes()).decode()
