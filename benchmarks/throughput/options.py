"""What the command line asks of a suite."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

Row = dict[str, Any]

# Flag to option of a detector.
SIZES = {
    "batch": "batch_size",
    "window": "window",
    "channels": "channels",
    "width": "width",
    "hidden": "hidden",
    "layers": "layers",
}


@dataclasses.dataclass(frozen=True)
class Options:
    """What the command line asks of a suite.

    Attributes:
        detector: Only this one; None for the suite's own choice.
        sizes: Options of detectors by name, those given on the command line only.
        members: Fleet sizes; None for the suite's own.
        against: `torch`, `torch-best` or `reference`, or None for no comparison.
        checkout: Of the published implementation, where that is compared to.
        runs: Timed runs of each case, whose median counts.
        seconds: Least duration of a run.
        batches: Distinct batches in the data.
        quick: Smoke sizes.
        patience: Rounds of a comparison that are taken again where others were busy.
        show: Prints a line while the suite runs.
    """

    detector: str | None = None
    sizes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    members: tuple[int, ...] | None = None
    against: str | None = None
    checkout: pathlib.Path | None = None
    runs: int = 5
    seconds: float = 3.0
    batches: int = 32
    quick: bool = False
    patience: int = 0
    show: Callable[[str], None] = print

    def __post_init__(self) -> None:
        for name in ("runs", "batches"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)} must be at least 1")
        if not self.seconds > 0:
            raise ValueError(f"seconds={self.seconds} must be above 0")
        for count in self.members or ():
            if count < 1:
                raise ValueError(f"members={count} must be at least 1")

    def refuse(self, suite: str, *names: str) -> None:
        """Refuses options that a suite has no use for.

        Raises:
            ValueError: If one of the named options is set.
        """
        for name in names:
            if getattr(self, name):
                raise ValueError(f"the suite {suite} has no use for {name}")


def smoke(options: Options) -> Options:
    """The same at smoke sizes: whether it works, not how fast it is."""
    return dataclasses.replace(options, quick=True, runs=3, seconds=0.02, batches=2)
