"""Everything that decides a result but the data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from jaxtsad import detectors
from jaxtsad.datasets.preprocessing import ScalerKind
from jaxtsad.evaluation import thresholds
from jaxtsad.ops.aggregate import Aggregate
from jaxtsad.training.plan import Plan
from jaxtsad.validation import Positive, ShareBelowOne, Size, config

BATCH_SIZE = 32
"""Windows or samples per scoring call of a detector without an option for it."""


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
        pooling: Of series: `per_entity`, a model each, or `pooled`, one model over all
            entities.

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
    untrained: bool = False
    window: Size = 100
    stride: Size = 1
    score_stride: Size | None = None
    aggregate: Aggregate = "mean"
    tail: bool = True
    split: Literal["time", "windows"] = "time"
    pooling: Literal["per_entity", "pooled"] = "per_entity"

    def __post_init__(self) -> None:
        if self.score_stride is not None and self.score_stride > self.window:
            raise ValueError(
                f"score_stride={self.score_stride} must be between 1 and "
                f"window={self.window}, or some steps would have no score"
            )
        if not self.series and self.pooling == "pooled":
            raise ValueError('pooling="pooled" is of series, not of samples')
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
