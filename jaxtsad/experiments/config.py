"""What an experiment is: frozen dataclasses, checked once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from jaxtsad import detectors, validation
from jaxtsad.datasets import catalog
from jaxtsad.datasets.preprocessing import ScalerKind
from jaxtsad.evaluation import thresholds
from jaxtsad.evaluation.scoring import options as heads
from jaxtsad.evaluation.scoring.options import HeadKind
from jaxtsad.ops.aggregate import Aggregate
from jaxtsad.pipeline.members import MOST_SEED
from jaxtsad.pipeline.setup import Setup
from jaxtsad.training.federated import Federated
from jaxtsad.training.plan import Plan
from jaxtsad.validation import (
    Count,
    InnerShare,
    NotNegative,
    Share,
    ShareBelowOne,
    Size,
)

Pooling: TypeAlias = Literal["per_entity", "pooled", "federated", "glued"]
Protocol: TypeAlias = Literal["strict", "paper"]
Seed = Annotated[int, Field(ge=0, le=MOST_SEED, title="Seed")]


@validation.config
class Data:
    """What to load and how entities become models.

    Attributes:
        dataset: A data set's name, or the path of a recording.
        entities: Names of entities, of samples classes; empty for all.
        pooling: `per_entity`, a model each; `pooled`, one model over all; `federated`,
            one model averaged from what each trains on its own data (see the table
            of that name; detectors to compare with are then per entity); `glued`, one
            recording made of all (only under the paper protocol).
        channels: Channel names or positions to keep; empty for all.
        scaler: See `datasets.preprocessing.fit_scaler`.
        clip_values: Standard deviations at which values are clipped; 0 for none.
        options: Options of the data set's loader.
        root: Folder of the data; empty for `JAXTSAD_DATA` or the project's own.
    """

    dataset: str = "demo"
    entities: tuple[str, ...] = ()
    pooling: Pooling = "per_entity"
    channels: tuple[str, ...] = ()
    scaler: ScalerKind = "auto"
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
class SampleCut:
    """How a set of images or rows is cut at random for training and test.

    Attributes:
        classes: What an entity is: `labels`, the whole set, whose labels are 0 where
            normal; or a class: `anomalous`, left out of training while all others are
            normal, or `normal`, all others being anomalous.
        train: Share of the normal samples that is trained on.
        most_train: Most normal samples to train on; 0 for all.
        most_test: Most normal, and most anomalous, samples to test; 0 for all.
        known: Known anomalies that training is told of.
        hidden: Share of anomalies among the unlabelled training samples.
        side: Pixels per side that images of bytes are resized to; 0 for as they are.
        seed: Seed of the cut, which all seeds of training share.
    """

    classes: Literal["labels", "anomalous", "normal"] = "labels"
    train: InnerShare = 0.8
    most_train: Count = 0
    most_test: Count = 0
    known: Count = 0
    hidden: ShareBelowOne = 0.0
    side: Count = 0
    seed: Count = 0


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
class Head:
    """The score head of series, fitted on calibration data; baselines have none.

    Attributes:
        kind: A key of `evaluation.scoring.options.KINDS`.
        options: Its options.
    """

    kind: HeadKind = "none"
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)


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
    samples: SampleCut = dataclasses.field(default_factory=SampleCut)
    detector: DetectorChoice = dataclasses.field(default_factory=DetectorChoice)
    training: Training = dataclasses.field(default_factory=Training)
    federated: Federated = dataclasses.field(default_factory=Federated)
    head: Head = dataclasses.field(default_factory=Head)
    threshold: Threshold = dataclasses.field(default_factory=Threshold)
    evaluation: Evaluation = dataclasses.field(default_factory=Evaluation)

    def __post_init__(self) -> None:
        if self.data.pooling == "glued" and self.evaluation.protocol != "paper":
            raise ValueError(
                'data.pooling="glued" lets windows cross from one entity to the next; '
                'it is offered only under evaluation.protocol="paper"'
            )
        if self.kind == "samples" and self.evaluation.protocol != "strict":
            raise ValueError(
                f'evaluation.protocol="{self.evaluation.protocol}" is of series; '
                f"{self.data.dataset} holds independent samples"
            )
        single = detectors.is_single(self.detector.name)
        if not single and self.evaluation.protocol != "strict":
            raise ValueError(
                f'detector.name="{self.detector.name}" is offered under '
                'evaluation.protocol="strict" alone'
            )
        if self.head.kind != "none" and self.evaluation.protocol != "strict":
            raise ValueError(
                f'head.kind="{self.head.kind}" is offered under evaluation.protocol='
                '"strict" alone: publications threshold the scores of windows'
            )
        self.setup()

    @property
    def kind(self) -> Literal["series", "samples"]:
        """Whether the data set holds series or independent samples."""
        return catalog.kind(self.data.dataset)

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
        if self.kind == "series":  # The sizes of samples are known once they are read.
            sizes = {"window": self.window.length, "channels": 1}
            detectors.configure(name, {**values, **sizes})
        # Baselines are as published; most are solved, and have nothing to average.
        head = Head() if detector else self.head
        pooling = "per_entity" if data.pooling == "glued" else data.pooling
        if detector and pooling == "federated":
            pooling = "per_entity"
        return Setup(
            detector=name,
            options=values,
            kind=self.kind,
            window=self.window.length,
            stride=self.window.stride,
            score_stride=self.window.score_stride or None,
            aggregate=self.window.aggregate,
            scaler=data.scaler,
            clip_values=data.clip_values or None,
            validation=training.validation,
            pooling=pooling,
            federated=self.federated,
            batch_size=training.batch_size,
            plan=training.plan(),
            head=head.kind,
            head_options=dict(head.options),
            threshold=self.threshold.kind,
            threshold_options=dict(self.threshold.options),
        )


def schema() -> dict[str, Any]:
    """The JSON schema of a config, with the options of every detector and head.

    Example:
        >>> "pca" in schema()["$defs"]["DetectorChoice"]["properties"]["name"]["enum"]
        True
    """
    made = validation.schema(Config)
    names = detectors.available()
    made["$defs"]["DetectorChoice"]["properties"]["name"]["enum"] = list(names)
    for part, key, each in (
        ("DetectorChoice", "name", {name: detectors.schema(name) for name in names}),
        ("Head", "kind", {k: validation.schema(v) for k, v in heads.KINDS.items()}),
    ):
        made["$defs"][part]["allOf"] = [
            {
                "if": {"properties": {key: {"const": name}}},
                "then": {"properties": {"options": options}},
            }
            for name, options in each.items()
        ]
    kinds = made["$defs"]["Threshold"]["properties"]["kind"]
    kinds["enum"] = list(thresholds.KINDS)
    return made
