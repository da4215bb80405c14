"""How data reach a detector: as windows, images or rows.

A detector's module may name in `LAYOUTS` what it can see beside windows: `image`,
samples `[H, W, C]`, or `table`, rows `[D]`; it then has an option `layout`. To all
others an image or a row is a window of one step, its numbers the channels.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from types import ModuleType
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxtsad import detectors
from jaxtsad.ops import samples, windows
from jaxtsad.pipeline.setup import Setup
from jaxtsad.types import Detector, Split

KINDS = {1: "table", 2: "window", 3: "image"}
"""What samples of a rank are: `[D]`, `[L, C]`, `[H, W, C]`."""


class InputLayout(NamedTuple):
    """How a detector sees data.

    Attributes:
        shape: Shape of one step `(C,)` or of one sample.
        layout: `window`, `table` or `image`.
        window: The detector's option of that name: steps of a window, side of an
            image, or 1.
        channels: Its option of that name.
    """

    shape: tuple[int, ...]
    layout: str
    window: int
    channels: int


def layout_of(setup: Setup, shape: tuple[int, ...]) -> InputLayout:
    """How the setup's detector sees steps or samples of a shape.

    Raises:
        ValueError: If the detector is unknown, the shape is not that of a step, row,
            window or image, or images are not square.
    """
    if setup.series:
        return InputLayout(shape, "window", setup.window, shape[0])
    module = detectors.module(setup.detector)
    if len(shape) not in KINDS or 0 in shape:
        raise ValueError(
            f"samples of {shape=}; expected rows [D], windows [L, C] or images "
            "[H, W, C]"
        )
    kind = KINDS[len(shape)]
    if kind == "window":
        return InputLayout(shape, "window", *shape)
    if kind not in layouts(module):
        return InputLayout(shape, "window", 1, math.prod(shape))
    if kind == "table":
        return InputLayout(shape, "table", 1, shape[0])
    height, width, channels = shape
    if height != width:
        raise ValueError(
            f"{setup.detector} takes square images, got {height} x {width}; pad or "
            "resize them"
        )
    return InputLayout(shape, "image", height, channels)


def layouts(module: ModuleType) -> tuple[str, ...]:
    """What a detector's module can see."""
    names: tuple[str, ...] = getattr(module, "LAYOUTS", ("window",))
    return names


def uses_labels(name: str) -> bool:
    """Whether a detector learns from known anomalies (`LABELS` of its module)."""
    return bool(getattr(detectors.module(name), "LABELS", False))


def build(setup: Setup, layout: InputLayout) -> Detector:
    """Builds the setup's detector.

    Raises:
        ValueError: If an option is unknown or bad, or the detector cannot take such
            samples; it then names those that can.
    """
    options = {**setup.options, **_sizes(setup.detector, layout)}
    try:
        return detectors.load(setup.detector, options)
    except ValueError as error:
        able = [] if setup.series else _able(setup, layout.shape)
        if setup.series or setup.detector in able:
            raise
        raise ValueError(
            f"{setup.detector} cannot take samples of shape {layout.shape}: {error}; "
            f"detectors that can: {', '.join(able)}"
        ) from None


def _sizes(name: str, layout: InputLayout) -> dict[str, Any]:
    """The options that the layout fills in."""
    sizes: dict[str, Any] = {"window": layout.window, "channels": layout.channels}
    if "layout" in detectors.options(name):
        sizes["layout"] = layout.layout
    return sizes


def _able(setup: Setup, shape: tuple[int, ...]) -> list[str]:
    """The detectors that can take samples of a shape, with options as they are."""
    able = []
    for name in detectors.available():
        other = dataclasses.replace(setup, detector=name, options={})
        try:
            detectors.configure(name, _sizes(name, layout_of(other, shape)))
        except ValueError:
            continue
        able.append(name)
    return able


def view(
    setup: Setup,
    layout: InputLayout,
    parts: Sequence[Split],
    *,
    known: np.ndarray | None = None,
    stride: int | None = None,
) -> Any:
    """Views scaled parts as the detector sees them.

    Args:
        setup: Stride and tail of windows.
        layout: How the detector sees the data.
        parts: Parts of series `[T, C]`, or one part of samples `[N, ...]`.
        known: `[N]` of samples, 1 for a known anomaly; None for no labels.
        stride: Gap between windows of series; None for that of fitting.

    Returns:
        A `WindowView`, of samples of one window per sample; or a `SampleView`.
    """
    if setup.series:
        return windows.view(
            parts, layout.window, stride or setup.stride, tail=setup.tail
        )
    marks = None if known is None else jnp.asarray(known, jnp.float32)
    [part] = parts
    if layout.layout != "window":
        return samples.view(part, marks)
    steps = part.map(lambda values: values.reshape(-1, layout.channels))
    each = windows.view(steps, layout.window, layout.window)
    return each if marks is None else each.with_arrays(known=marks)


def per_sample(
    values: np.ndarray, shape: tuple[int, ...], output: str = "score"
) -> np.ndarray:
    """Scores `[N]`, or explanations `[N, ...]` that sum to them, of whole samples."""
    if output == "score":
        return values.reshape(len(values), -1).mean(axis=1)
    # A window's score is the mean over its steps.
    steps = values.shape[1] if values.ndim == 3 else 1
    return (values / steps).reshape(len(values), *shape)
