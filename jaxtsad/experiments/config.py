"""What an experiment is: frozen dataclasses, checked once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from jaxtsad import detectors, validation
from jaxtsad.evaluation import thresholds
from jaxtsad.ops.aggregate import Aggregate
from jaxtsad.pipeline.setup import Setup
from jaxtsad.training.plan import Plan
from jaxtsad.validation import Count, NotNegative, Share, ShareBelowOne, Size

Pooling: TypeAlias = Literal["per_entity", "pooled", "glued"]
Protocol: TypeAlias = Literal["strict", "paper"]
Scaler: TypeAlias = Literal["zscore", "minmax", "none"]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1, title="Seed")]


@validation.config
class Data:
    """What to load and how entities become models.

    Attributes:
        dataset: A data set's name, or the path of a recording.
        entities: Names of entities; empty for all.
        pooling: `per_entity`, a model each; `pooled`, one model over all; `glued`, one
            recording made of all (only under the paper protocol).
        channels: Channel names or positions to keep; empty for all.
        scaler: `zscore`, `minmax` or `none`.
        clip_values: Standard deviations at which values are clipped; 0 for none.
        options: Options of the data set's loader.
        root: Folder of the data; empty for `JAXTSAD_DATA` or the project's own.
    """

    dataset: str = "demo"
    entities: tuple[str, ...] = ()
    pooling: Pooling = "per_entity"
    channels: tuple[str, ...] = ()
    scaler: Scaler = "zscore"
    clip_values: NotNegative = 0.0
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    root: str = ""


@validation.config
class Window:
    """Length and gaps of windows, and how their scores become one per step.

    Attributes:
        length: Window length L in steps.
        stride: Gap between windows when fitting, in steps.
        score_stride: Gap when scoring; 0 for L // 4.
        aggregate: See `ops.aggregate`.
    """

    length: Size = 100
    stride: Size = 1
    score_stride: Count = 0
    aggregate: Aggregate = "mean"


@validation.config
class DetectorChoice:
    """The detector.

    Attributes:
        name: Its name.
        options: Its options.
    """

    name: str = "anomaly_transformer"
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@validation.config
class Training(Plan):
    """How long to train, see `training.plan.Plan`, on how many seeds.

    Attributes:
        batch_size: Of a detector whose options say nothing.
        seeds: Members that differ in their start and their batches.
        validation: Share of the training part kept for validation.
        clip_gradients: Largest global norm of the gradient, of a detector whose options
            say nothing; 0 for what the detector does by default.
    """

    batch_size: Size = 32
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0,)
    validation: ShareBelowOne = 0.2
    clip_gradients: NotNegative = 0.0

    def plan(self) -> Plan:
        """How long to train, alone."""
        names = [field.name for field in dataclasses.fields(Plan)]
        return Plan(**{name: getattr(self, name) for name in names})


@validation.config
class Threshold:
    """The threshold fitted on calibration scores.

    Attributes:
        kind: A key of `evaluation.thresholds.KINDS`.
        options: Its options.
    """

    kind: str = "quantile"
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@validation.config
class Evaluation:
    """How scores are judged.

    Attributes:
        protocol: `strict`, or `paper`, a publication's own leaking procedure.
        baselines: Names of detectors to compare with; empty for all.
        anomaly_share: Share of the test steps that the paper's threshold flags.
    """

    protocol: Protocol = "strict"
    baselines: tuple[str, ...] = ()
    anomaly_share: Share = 0.01


@validation.config
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
        if self.data.pooling == "glued" and self.evaluation.protocol != "paper":
            raise ValueError(
                'data.pooling="glued" lets windows cross from one entity to the next; '
                'it is offered only under evaluation.protocol="paper"'
            )
        self.setup()

    def setup(self, detector: str | None = None, **options: Any) -> Setup:
        """What the pipeline needs; for another detector, with its own options."""
        name = detector or self.detector.name
        known = detectors.options(name)
        values = dict(options) if detector else dict(self.detector.options)
        data, training = self.data, self.training
        for option, value in (
            ("batch_size", training.batch_size),
            ("clip_gradients", training.clip_gradients),
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
            fold=self.window.aggregate,
            scaler=data.scaler,
            clip=data.clip_values or None,
            validation=training.validation,
            fit="per_entity" if data.pooling == "glued" else data.pooling,
            batch_size=training.batch_size,
            plan=training.plan(),
            threshold=self.threshold.kind,
            threshold_options=dict(self.threshold.options),
        )


def schema() -> dict[str, Any]:
    """The JSON schema of a config, with the options of every detector.

    Example:
        >>> "pca" in schema()["$defs"]["DetectorChoice"]["properties"]["name"]["enum"]
        True
    """
    made = validation.schema(Config)
    chosen, names = made["$defs"]["DetectorChoice"], detectors.available()
    chosen["properties"]["name"]["enum"] = list(names)
    chosen["allOf"] = [
        {
            "if": {"properties": {"name": {"const": name}}},
            "then": {"properties": {"options": detectors.schema(name)}},
        }
        for name in names
    ]
    kinds = made["$defs"]["Threshold"]["properties"]["kind"]
    kinds["enum"] = list(thresholds.KINDS)
    return made
