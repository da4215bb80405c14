"""Everything that decides a result but the data, and how data reach a detector.

Data reach it as windows, images or rows. A detector's module may name in `LAYOUTS` what
it can see beside windows: `image`, samples `[H, W, C]`, or `table`, rows `[D]`; it then
has an option `layout`. To all others an image or a row is a window of one step, its
numbers the channels.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, Literal, NamedTuple

import numpy as np

from jaxtsad import blocks, detectors
from jaxtsad.datasets.preprocessing import ScalerKind
from jaxtsad.evaluation import thresholds
from jaxtsad.evaluation.scoring import options as heads
from jaxtsad.ops import disk_windows, samples, windows
from jaxtsad.ops.aggregate import Aggregate
from jaxtsad.training.federated import Federated
from jaxtsad.training.plan import Plan
from jaxtsad.types import Detector, Split
from jaxtsad.validation import Count, Positive, ShareBelowOne, Size, config

BATCH_SIZE = 32
"""Windows or samples per scoring call of a detector without an option for it."""


KINDS = {1: "table", 2: "window", 3: "image"}
"""What samples of a rank are: `[D]`, `[L, C]`, `[H, W, C]`."""


@config
class Setup:
    """Everything that decides a result but the data.

    Attributes:
        detector: Name of the detector.
        options: Its options; sizes and layout are filled in.
        kind: `series`, recordings `[T, C]` seen through sliding windows, or `samples`,
            independent images `[N, H, W, C]`, rows `[N, D]` or windows `[N, L, C]`.
        scaler: See `datasets.preprocessing.fit_scaler`.
        clip_values: Standard deviations at which values are clipped, or None.
        validation: Share of the training part kept for validation: of a series the end
            of it, of samples as many unlabelled ones at random.
        batch_size: Windows or samples per scoring call; None for as many as in a
            training step.
        plan: How long to train.
        threshold: Kind of threshold.
        threshold_options: Its options.
        shortest: Consecutive steps above the threshold that an event needs.
        cool_down: Steps after an event in which no other opens.
        head: Of series: kind of score head (`evaluation.scoring.options`).
        head_options: Its options.
        untrained: Scores the detector at `init`, without any training.
        window: Of series: window length L in steps.
        stride: Of series: gap between windows when fitting.
        score_stride: Of series: gap when scoring; None for L // 4.
        aggregate: Of series: how window scores become step scores (`ops.aggregate`).
        tail: Of series: whether the last steps are covered by one more window.
        split: Of series: `time`, validation comes after the fit part; `windows`,
            windows drawn at random from the whole training part, as some publications
            do: they overlap with those fitted on, and calibration scores are of role
            fit.
        pooling: Of series: `per_entity`, a model each; `pooled`, one model over all
            entities; `federated`, one model averaged from what each entity trains on
            its own data, while scalers, heads and thresholds stay each entity's own.
        federated: How it is averaged.

    Raises:
        ValueError: If a value is out of range or a choice unknown, in one line.
    """

    detector: str
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    kind: Literal["series", "samples"] = "series"
    scaler: ScalerKind = "auto"
    clip_values: Positive | None = None
    validation: ShareBelowOne = 0.2
    batch_size: Size | None = None
    plan: Plan = dataclasses.field(default_factory=Plan)
    threshold: str = "quantile"
    threshold_options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    shortest: Size = 1
    cool_down: Count = 0
    head: heads.HeadKind = "none"
    head_options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    untrained: bool = False
    window: Size = 100
    stride: Size = 1
    score_stride: Size | None = None
    aggregate: Aggregate = "mean"
    tail: bool = True
    split: Literal["time", "windows"] = "time"
    pooling: Literal["per_entity", "pooled", "federated"] = "per_entity"
    federated: Federated = dataclasses.field(default_factory=Federated)

    def __post_init__(self) -> None:
        if self.score_stride is not None and self.score_stride > self.window:
            raise ValueError(
                f"score_stride={self.score_stride} must be between 1 and "
                f"window={self.window}, or some steps would have no score"
            )
        if not self.series and self.pooling != "per_entity":
            raise ValueError(f'pooling="{self.pooling}" is of series, not of samples')
        if not self.series and self.head != "none":
            raise ValueError(f"head={self.head!r} is of series, not of samples")
        heads.make(self.head, self.head_options)
        thresholds.check(self.threshold, self.threshold_options)

    @property
    def series(self) -> bool:
        """Whether the data are series, not samples."""
        return self.kind == "series"

    @property
    def pooled(self) -> bool:
        """Whether all series share one model."""
        return self.series and self.pooling == "pooled"

    @property
    def head_settings(self) -> Any:
        """The options of the score head."""
        return heads.make(self.head, self.head_options)

    @property
    def scoring_stride(self) -> int:
        """Gap between windows when scoring, in steps."""
        return self.score_stride or max(1, self.window // 4)

    @property
    def scoring_batch_size(self) -> int:
        """Windows or samples per scoring call."""
        if self.batch_size is not None:
            return self.batch_size
        known = detectors.options(self.detector)
        return int(self.options.get("batch_size", known.get("batch_size", BATCH_SIZE)))


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
        A `WindowView`, of samples of one window per sample; or a `SampleView`; of a
        part on disk `DiskWindows`.
    """
    if setup.series:
        if isinstance(parts[0].values, blocks.DiskArray):
            [part] = parts
            between = (layout.window, stride or setup.stride, setup.tail)
            starts = windows.starts_between(part, *between)
            return disk_windows.view(part, layout.window, starts)
        return windows.view(
            parts, layout.window, stride or setup.stride, tail=setup.tail
        )
    marks = None if known is None else np.asarray(known, np.float32)
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
