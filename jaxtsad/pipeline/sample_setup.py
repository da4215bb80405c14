"""Everything that decides a result on independent samples but the data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from jaxtsad.evaluation import thresholds
from jaxtsad.training.plan import Plan

SCALERS = ("auto", "pixels", "symmetric", "zscore", "minmax", "none")


@dataclasses.dataclass(frozen=True)
class Setup:
    """Everything that decides a result but the data.

    Attributes:
        detector: Name of the detector.
        options: Its options; sizes and layout are filled in.
        scaler: `pixels`, 0..255 to [-1, 1]; `symmetric`, the fit part's range to
            [-1, 1]; `zscore`, `minmax` or `none`, all per last axis; `auto`: pixels for
            images of bytes, symmetric for other images, else zscore.
        clip: Standard deviations at which values are clipped, or None.
        validation: Share of the unlabelled samples kept for validation.
        batch_size: Samples per scoring call.
        plan: How long to train.
        threshold: Kind of threshold.
        threshold_options: Its options.
        untrained: Scores the detector at `init`, without any training.

    Raises:
        ValueError: If a choice is unknown or a number out of range.
    """

    detector: str
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    scaler: str = "auto"
    clip: float | None = None
    validation: float = 0.2
    batch_size: int = 256
    plan: Plan = dataclasses.field(default_factory=Plan)
    threshold: str = "quantile"
    threshold_options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    untrained: bool = False

    def __post_init__(self) -> None:
        if self.scaler not in SCALERS:
            choices = ", ".join(SCALERS)
            raise ValueError(
                f"scaler={self.scaler!r} is unknown; the choices are {choices}"
            )
        if self.batch_size < 1:
            raise ValueError(f"batch_size={self.batch_size} must be at least 1")
        thresholds.check(self.threshold, self.threshold_options)
