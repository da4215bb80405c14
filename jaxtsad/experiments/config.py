"""What an experiment is: frozen dataclasses, checked once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from jaxtsad import detectors
from jaxtsad.pipeline.setup import Setup
from jaxtsad.training.plan import Plan

PROTOCOLS = ("strict", "paper")


@dataclasses.dataclass(frozen=True)
class Data:
    """What to load and how entities become models.

    Attributes:
        dataset: A data set's name, or the path of a recording.
        entities: Names of entities; empty for all.
        fit: `per_entity`, `pooled`, or `glued` (only under the paper protocol).
        channels: Channel names or positions to keep; empty for all.
        scaler: `zscore`, `minmax` or `none`.
        clip: Standard deviations at which values are clipped; 0 for none.
        options: Options of the data set's loader.
        root: Folder of the data; empty for `JAXTSAD_DATA` or the project's own.
    """

    dataset: str = "demo"
    entities: tuple[str, ...] = ()
    fit: str = "per_entity"
    channels: tuple[str, ...] = ()
    scaler: str = "zscore"
    clip: float = 0.0
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    root: str = ""


@dataclasses.dataclass(frozen=True)
class Window:
    """Window length and gaps in steps, and how windows fold to steps."""

    length: int = 100
    stride: int = 1
    score_stride: int = 0
    fold: str = "mean"


@dataclasses.dataclass(frozen=True)
class DetectorChoice:
    """Name and options of the detector."""

    name: str = "anomaly_transformer"
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Training:
    """How long to train, on how many seeds; see `training.plan.Plan`.

    `batch_size` and a `clip` above 0 hold for a detector whose options say nothing.
    """

    epochs: int = 10
    batch_size: int = 32
    seeds: tuple[int, ...] = (0,)
    validation: float = 0.2
    stop: str = "loss"
    patience: int = 3
    restore: bool = True
    schedule: str = "constant"
    factor: float = 0.75
    plateau: int = 5
    tolerance: float = 1e-4
    clip: float = 0.0
    members: str = "auto"
    checkpoint_seconds: float = 30.0


@dataclasses.dataclass(frozen=True)
class Threshold:
    """Kind and options of the threshold fitted on calibration scores."""

    kind: str = "quantile"
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """`strict`, or `paper`, a publication's own leaking procedure."""

    protocol: str = "strict"
    baselines: tuple[str, ...] = ()
    anomaly_share: float = 0.01


@dataclasses.dataclass(frozen=True)
class Config:
    """One experiment.

    Raises:
        ValueError: If a value does not fit, in one line.
    """

    name: str = "experiment"
    data: Data = dataclasses.field(default_factory=Data)
    window: Window = dataclasses.field(default_factory=Window)
    detector: DetectorChoice = dataclasses.field(default_factory=DetectorChoice)
    training: Training = dataclasses.field(default_factory=Training)
    threshold: Threshold = dataclasses.field(default_factory=Threshold)
    evaluation: Evaluation = dataclasses.field(default_factory=Evaluation)

    def __post_init__(self) -> None:
        if self.evaluation.protocol not in PROTOCOLS:
            raise ValueError(
                f"evaluation.protocol={self.evaluation.protocol!r} is unknown; the "
                f"choices are {', '.join(PROTOCOLS)}"
            )
        if self.data.fit == "glued" and self.evaluation.protocol != "paper":
            raise ValueError(
                'data.fit="glued" lets windows cross from one entity to the next; it '
                'is offered only under evaluation.protocol="paper"'
            )
        if not self.training.seeds:
            raise ValueError("training.seeds must name at least one seed")
        self.setup()

    def setup(self, detector: str | None = None, **options: Any) -> Setup:
        """What the pipeline needs; for another detector, with its own options."""
        name = detector or self.detector.name
        known = detectors.options(name)
        values = dict(options) if detector else dict(self.detector.options)
        training = self.training
        for option, value in (
            ("batch_size", training.batch_size),
            ("clip_gradients", training.clip),
        ):
            if option in known and value:
                values.setdefault(option, value)
        if values.get("bn_eval") == "batch" and self.evaluation.protocol != "paper":
            raise ValueError(
                "detector.options.bn_eval='batch' makes a score depend on what else is "
                'scored; it is offered only under evaluation.protocol="paper"'
            )
        sizes = {"window": self.window.length, "channels": 1}
        detectors.configure(name, {**values, **sizes})
        return Setup(
            detector=name,
            options=values,
            window=self.window.length,
            stride=self.window.stride,
            score_stride=self.window.score_stride or None,
            fold=self.window.fold,
            scaler=self.data.scaler,
            clip=self.data.clip or None,
            validation=training.validation,
            fit="per_entity" if self.data.fit == "glued" else self.data.fit,
            batch_size=training.batch_size,
            plan=Plan(
                epochs=training.epochs,
                stop=training.stop,
                patience=training.patience,
                restore=training.restore,
                schedule=training.schedule,
                factor=training.factor,
                plateau=training.plateau,
                tolerance=training.tolerance,
                members=training.members,
                checkpoint_seconds=training.checkpoint_seconds,
            ),
            threshold=self.threshold.kind,
            threshold_options=dict(self.threshold.options),
        )
