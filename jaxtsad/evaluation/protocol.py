"""Protocols: what an evaluation may look at, and what it must confess."""

from __future__ import annotations

from typing import NamedTuple


class Protocol(NamedTuple):
    """How data is used and thresholds are found; only experiments read it.

    Attributes:
        name: `strict` or `paper`.
        validates_on_test: Early stopping looks at the test part.
        calibrates_on_test: The threshold is a quantile of training and test scores.
        tail: Every step is scored. Otherwise a last part shorter than a window is not.
        compat: Point adjustment never fills index 0, as in the reference.
        leaks: What it sees that it should not, for the report.
    """

    name: str
    validates_on_test: bool
    calibrates_on_test: bool
    tail: bool
    compat: bool
    leaks: tuple[str, ...]


STRICT = Protocol("strict", False, False, True, False, ())
PAPER = Protocol(
    "paper",
    True,
    True,
    False,
    True,
    (
        "early stopping chooses the epoch by the loss on the test part",
        "the threshold is a quantile of training and test scores together, at a share "
        "of anomalies chosen per data set",
        "test windows do not overlap and the last steps of the series are not scored",
    ),
)
GLUED = "entities are glued together, so windows cross from one to the next"
PROTOCOLS = {protocol.name: protocol for protocol in (STRICT, PAPER)}
