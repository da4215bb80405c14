"""How samples of a shape are shown to a detector: as images, rows or windows.

A detector's module may name in `LAYOUTS` what it can see beside windows: `image`,
samples `[H, W, C]`, or `table`, rows `[D]`; it then has an option `layout`. To all
others an image or a row is a window of one step, its numbers the channels.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from types import ModuleType
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxtsad import detectors
from jaxtsad.ops import samples, windows
from jaxtsad.types import Detector, Split

KINDS = {1: "table", 2: "window", 3: "image"}
"""What samples of a rank are: `[D]`, `[L, C]`, `[H, W, C]`."""


class Face(NamedTuple):
    """How a detector sees samples.

    Attributes:
        layout: `window`, `table` or `image`.
        window: Its option of that name: steps of a window, side of an image, or 1.
        channels: Its option of that name.
    """

    layout: str
    window: int
    channels: int


def face(name: str, shape: tuple[int, ...]) -> Face:
    """How the detector `name` sees samples of a shape.

    Raises:
        ValueError: If the detector is unknown, the shape is not that of a row, window
            or image, or images are not square.
    """
    module = detectors.module(name)
    if len(shape) not in KINDS or 0 in shape:
        raise ValueError(
            f"samples of {shape=}; expected rows [D], windows [L, C] or images "
            "[H, W, C]"
        )
    kind = KINDS[len(shape)]
    if kind == "window":
        return Face("window", *shape)
    if kind not in layouts(module):
        return Face("window", 1, math.prod(shape))
    if kind == "table":
        return Face("table", 1, shape[0])
    height, width, channels = shape
    if height != width:
        raise ValueError(
            f"{name} takes square images, got {height} x {width}; pad or resize them"
        )
    return Face("image", height, channels)


def layouts(module: ModuleType) -> tuple[str, ...]:
    """What a detector's module can see."""
    found: tuple[str, ...] = getattr(module, "LAYOUTS", ("window",))
    return found


def uses_labels(name: str) -> bool:
    """Whether a detector learns from known anomalies (`LABELS` of its module)."""
    return bool(getattr(detectors.module(name), "LABELS", False))


def build(name: str, options: Mapping[str, Any], shape: tuple[int, ...]) -> Detector:
    """Builds a detector for samples of a shape.

    Raises:
        ValueError: If an option is unknown or bad, or the shape does not fit.
    """
    seen = face(name, shape)
    sizes: dict[str, Any] = {"window": seen.window, "channels": seen.channels}
    if "layout" in detectors.options(name):
        sizes["layout"] = seen.layout
    return detectors.load(name, {**options, **sizes})


def view(name: str, split: Split, known: np.ndarray | None = None) -> Any:
    """Views a part `[N, ...]` as the detector sees it.

    Args:
        name: Name of the detector.
        split: Scaled samples.
        known: `[N]` 1 for a known anomaly; None for no labels.

    Returns:
        A `SampleView`, or a `WindowView` of one window per sample.
    """
    seen = face(name, split.values.shape[1:])
    if seen.layout != "window":
        return samples.view(split, None if known is None else jnp.asarray(known))
    steps = split.map(lambda values: values.reshape(-1, seen.channels))
    found = windows.view(steps, seen.window, seen.window)
    if known is None:
        return found
    return found.with_arrays(known=jnp.asarray(known, jnp.float32))


def per_sample(values: np.ndarray, shape: tuple[int, ...], output: str) -> np.ndarray:
    """Scores `[N]`, or explanations `[N, ...]` that sum to them, of whole samples."""
    if output == "score":
        return values.reshape(len(values), -1).mean(axis=1)
    # A window's score is the mean over its steps.
    steps = values.shape[1] if values.ndim == 3 else 1
    return (values / steps).reshape(len(values), *shape)


@dataclasses.dataclass(frozen=True)
class Samples:
    """What a user handed over: `[N, ...]` numbers, finite, and their columns' names."""

    values: np.ndarray
    names: tuple[str, ...] = ()


def read(data: Any) -> Samples:
    """Reads samples: an array `[N, D]`, `[N, L, C]` or `[N, H, W, C]`, or a frame.

    Raises:
        ValueError: If something is not numeric, not finite, empty or of a wrong rank.

    Example:
        >>> read([[1, 2], [3, 4]]).values.shape
        (2, 2)
    """
    names: tuple[str, ...] = ()
    if hasattr(data, "columns") and hasattr(data, "to_numpy"):
        names = tuple(str(column) for column in data.columns)
        data = data.to_numpy()
    try:
        values = np.asarray(data)
        if values.dtype.kind not in "bui":
            values = values.astype(np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f"samples are not numeric: {error}") from None
    if values.ndim - 1 not in KINDS or values.size == 0:
        raise ValueError(
            f"samples have {values.shape=}; expected rows [N, D], windows [N, L, C] or "
            "images [N, H, W, C]"
        )
    bad = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    if bad.any():
        raise ValueError(
            f"sample {int(bad.argmax())} holds a number that is not finite "
            f"({int(bad.sum())} of {len(values)} do); fill it or leave it out"
        )
    return Samples(values, names)
