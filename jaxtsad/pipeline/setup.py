"""Everything that decides a result but the data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from jaxtsad import detectors, types
from jaxtsad.evaluation import thresholds
from jaxtsad.ops import aggregate, windows
from jaxtsad.training.plan import Plan
from jaxtsad.types import Split

FITS = ("per_entity", "pooled")
SPLITS = ("time", "windows")


@dataclasses.dataclass(frozen=True)
class Setup:
    """Everything that decides a result but the data.

    Attributes:
        detector: Name of the detector.
        options: Its options; `window` and `channels` are filled in.
        window: Window length L in steps.
        stride: Gap between windows when fitting.
        score_stride: Gap when scoring; None for L // 4.
        fold: How window scores become step scores (`ops.aggregate.AGGREGATES`).
        tail: Whether the last steps are covered by one more window.
        scaler: `zscore`, `minmax` or `none`.
        clip: Standard deviations at which values are clipped, or None.
        validation: Share of the training part kept for validation.
        split: `time`, validation comes after the fit part; `windows`, windows drawn at
            random from the whole training part, as some publications do: they overlap
            with those fitted on, and calibration scores are of role fit.
        fit: `per_entity`, a model each, or `pooled`, one model over all entities.
        batch_size: Windows per scoring call.
        plan: How long to train.
        threshold: Kind of threshold.
        threshold_options: Its options.
        untrained: Scores the detector at `init`, without any training.
    """

    detector: str
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    window: int = 100
    stride: int = 1
    score_stride: int | None = None
    fold: str = "mean"
    tail: bool = True
    scaler: str = "zscore"
    clip: float | None = None
    validation: float = 0.2
    split: str = "time"
    fit: str = "per_entity"
    batch_size: int = 32
    plan: Plan = dataclasses.field(default_factory=Plan)
    threshold: str = "quantile"
    threshold_options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    untrained: bool = False

    def __post_init__(self) -> None:
        if self.fit not in FITS:
            raise ValueError(
                f"fit={self.fit!r} is unknown; the choices are {', '.join(FITS)}"
            )
        if self.split not in SPLITS:
            choices = ", ".join(SPLITS)
            raise ValueError(
                f"split={self.split!r} is unknown; the choices are {choices}"
            )
        if self.fold not in aggregate.AGGREGATES:
            choices = ", ".join(aggregate.AGGREGATES)
            raise ValueError(
                f"fold={self.fold!r} is unknown; the choices are {choices}"
            )
        for name in ("window", "stride", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)} must be at least 1")
        if self.score_stride is not None and not 1 <= self.score_stride <= self.window:
            raise ValueError(
                f"score_stride={self.score_stride} must be between 1 and "
                f"window={self.window}, or some steps would have no score"
            )
        thresholds.check(self.threshold, self.threshold_options)

    @property
    def scoring_stride(self) -> int:
        """Gap between windows when scoring, in steps."""
        return self.score_stride or max(1, self.window // 4)


def build(setup: Setup, channels: int) -> types.Detector:
    """Builds the setup's detector for recordings of `channels` channels."""
    sizes = {"window": setup.window, "channels": channels}
    return detectors.load(setup.detector, {**setup.options, **sizes})


def view(
    setup: Setup, splits: Sequence[Split], stride: int | None = None
) -> windows.WindowView:
    """Windows of one or more parts, at the fitting stride unless another is given."""
    stride = stride or setup.stride
    return windows.view(splits, setup.window, stride, tail=setup.tail)
