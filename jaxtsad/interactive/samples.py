"""Samples as a page: a grid of pictures with scores, what a detector makes of each."""

from __future__ import annotations

import base64
from typing import Any, NamedTuple

import numpy as np

from jaxtsad.interactive.page import Page, frame, named

SIDE = 64
"""Pixels of a picture's longer side, at most."""
BYTES = 1_200_000
"""Bytes of all pictures, about, before they are written as text."""


class Pictures(NamedTuple):
    """Some of many samples as pictures; `n` is their number.

    Attributes:
        places: `[n]` which of the samples they are.
        given: `[n, h, w, 1 or 3]` uint8, the samples.
        made: The same of their reconstructions; None without.
    """

    places: np.ndarray
    given: np.ndarray
    made: np.ndarray | None


def chosen(values: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Which samples a page shows, where it cannot hold all.

    Args:
        values: Images `[N, H, W, C]`, windows `[N, L, C]` or rows `[N, D]`.
        scores: `[N]`, higher is more anomalous.

    Returns:
        `[n]` places of the highest scores and of as many evenly among all others.
    """
    order = np.argsort(-np.asarray(scores), kind="stable")
    count = max(2, BYTES // (2 * _drawn(values[:1]).size))
    if len(order) <= count:
        return order
    half = count // 2
    rest = np.linspace(half, len(order) - 1, count - half).round().astype(int)
    return np.concatenate([order[:half], order[rest]])


def pictures(
    places: np.ndarray, values: np.ndarray, made: np.ndarray | None = None
) -> Pictures:
    """Pictures of chosen samples, black at the least value and white at the greatest.

    Args:
        places: `[n]` which samples they are.
        values: These samples alone, images `[n, H, W, C]`, windows `[n, L, C]` or rows
            `[n, D]`, of which those with 3 or 4 channels are drawn in color, others by
            the first.
        made: Their reconstructions, shaped like the values; None without.

    Raises:
        ValueError: If shapes do not fit.
    """
    if len(places) != len(values):
        raise ValueError(f"{len(values)} samples at {len(places)} places")
    if made is not None and np.shape(made) != np.shape(values):
        raise ValueError(f"made is {np.shape(made)}, expected {np.shape(values)}")
    shown = _drawn(values)
    known = shown[np.isfinite(shown)]
    low, high = (known.min(), known.max()) if known.size else (0.0, 1.0)
    again = None if made is None else _bytes(_drawn(made), low, high)
    return Pictures(np.asarray(places), _bytes(shown, low, high), again)


def samples(
    title: str,
    seen: Pictures,
    scores: np.ndarray,
    threshold: float,
    *,
    labels: np.ndarray | None = None,
    group: str | None = None,
    entity: str | None = None,
) -> Page:
    """One self-contained page of samples; `N` is the number of samples.

    Args:
        title: Name of the samples.
        seen: Pictures of those that are shown.
        scores: `[N]`, higher is more anomalous.
        threshold: Above it a sample is flagged.
        labels: `[N]`, 1 where anomalous; None where nothing is known.
        group: What marks are kept by in the browser; None for the title.
        entity: Which of the group this is: marks are saved with those of the others.

    Raises:
        ValueError: If shapes do not fit.
    """
    count = len(scores)
    if labels is not None and np.shape(labels) != (count,):
        raise ValueError(f"labels are {np.shape(labels)}, expected ({count},)")
    if len(seen.places) and max(seen.places) >= count:
        raise ValueError(f"a picture of sample {max(seen.places)}, {count} have scores")
    about: dict[str, Any] = {
        **named(title, group, entity),
        "steps": count,
        "bucket": 1,
        "channels": [],
        "scored": [],
        "threshold": float(threshold),
        "scores": [float(f"{score:.6g}") for score in scores],
        "labels": None if labels is None else np.asarray(labels).astype(int).tolist(),
        "pictures": {
            "height": seen.given.shape[1],
            "width": seen.given.shape[2],
            "bands": seen.given.shape[3],
            "places": seen.places.tolist(),
            "given": _text(seen.given),
            "made": None if seen.made is None else _text(seen.made),
        },
    }
    return Page(frame(title, about, ("rows", "marks", "samples"), ("samples",))[0])


def _drawn(values: np.ndarray) -> np.ndarray:
    """Samples `[n, h, w, 1 or 3]`, every so many pixels of large ones."""
    wide = np.asarray(values, np.float64)
    if wide.ndim == 2:
        wide = wide[:, None]
    if wide.ndim == 3:
        wide = wide[..., None]
    every = -(-max(wide.shape[1:3]) // SIDE)
    return wide[:, ::every, ::every, : 3 if wide.shape[3] in (3, 4) else 1]


def _bytes(drawn: np.ndarray, low: float, high: float) -> np.ndarray:
    share = (np.nan_to_num(drawn, nan=low) - low) / ((high - low) or 1.0)
    made: np.ndarray = np.rint(255 * np.clip(share, 0, 1)).astype(np.uint8)
    return made


def _text(drawn: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(drawn).tobytes()).decode()
