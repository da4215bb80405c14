"""Several detectors, whose scores are joined as tail probabilities.

Each member is fitted as if it were alone, with its own windows, training, score head
and held-out calibration scores. A member's score becomes -log10 of how rarely its
calibration scores reach one as high (`evaluation.scoring.tail`), and these levels are
joined by their weighted mean, a weighted form of Fisher's method ("Statistical Methods
for Research Workers", 1925, section 21.1), or by their maximum.

The pipeline fits and scores the members (`pipeline.ensembles`); there is no `build`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from jaxtsad import detectors, validation
from jaxtsad.datasets.preprocessing import ScalerKind
from jaxtsad.evaluation.scoring.options import HeadKind
from jaxtsad.ops.aggregate import Aggregate
from jaxtsad.validation import NotNegative, Positive, Size

NAME = "ensemble"


@validation.config
class Member:
    """A detector of an ensemble; what is None is as the ensemble's.

    Attributes:
        detector: Its name.
        options: Its options.
        window: Window length L in steps.
        stride: Gap between windows when fitting, in steps.
        score_stride: Gap when scoring, in steps; None for L // 4.
        aggregate: How its window scores become step scores.
        scaler: Its scaler.
        clip_values: Standard deviations at which its values are clipped.
        epochs: At most this many epochs.
        head: Its score head.
        head_options: Options of that head.
    """

    detector: str
    options: Mapping[str, Any] | None = None
    window: Size | None = None
    stride: Size | None = None
    score_stride: Size | None = None
    aggregate: Aggregate | None = None
    scaler: ScalerKind | None = None
    clip_values: Positive | None = None
    epochs: Size | None = None
    head: HeadKind | None = None
    head_options: Mapping[str, Any] | None = None


Given = Annotated[str | Mapping[str, Any], Field(title="Member")]


@validation.config
class Config:
    """Options of `ensemble`.

    Attributes:
        window: Window length L of members that say no other, in steps.
        channels: Number of channels C.
        members: Each a detector's name, or a table of `detector` and what else differs
            (see `Member`).
        join: `mean` or `max` of the members' levels.
        weights: Of the mean, one for each member; empty for equal ones.

    Raises:
        ValueError: If a member is none, or there are not as many weights as members.
    """

    window: Size
    channels: Size
    members: Annotated[tuple[Given, ...], Field(min_length=1)] = (
        "pretrained_tcn",
        "pca",
        "knn",
    )
    join: Literal["mean", "max"] = "mean"
    weights: tuple[NotNegative, ...] = ()

    def __post_init__(self) -> None:
        for place, member in enumerate(self.each):
            if member.detector == NAME:
                raise ValueError(
                    f"members[{place}].detector='{NAME}' must be a single detector"
                )
            try:
                known = list(detectors.options(member.detector))
                what = f"option of {member.detector}"
                validation.check_names(member.options or {}, known, what)
            except ValueError as error:
                raise ValueError(f"members[{place}]: {error}") from None
        count = len(self.members)
        if self.weights and self.join != "mean":
            raise ValueError(f"weights={self.weights} are of join='mean'")
        if self.weights and (len(self.weights) != count or not sum(self.weights)):
            raise ValueError(
                f"weights={self.weights} must be {count} numbers, one for each member, "
                "not all 0"
            )

    @property
    def each(self) -> tuple[Member, ...]:
        """The members, one by one.

        Raises:
            ValueError: If one is no table of a member.
        """
        return tuple(
            Member(one)
            if isinstance(one, str)
            else validation.make(Member, one, "option of a member", f"members[{i}].")
            for i, one in enumerate(self.members)
        )

    @property
    def shares(self) -> tuple[float, ...]:
        """Weights of sum 1."""
        given = self.weights or (1.0,) * len(self.members)
        return tuple(weight / sum(given) for weight in given)


TINY = Config(window=8, channels=3, members=("pca", "zscore"))
