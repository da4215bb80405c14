"""Members before and after an update, judged by faults put into data of before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxtsad.datasets.synthetic import faulty
from jaxtsad.evaluation import uncertainty
from jaxtsad.evaluation.metrics import period, vus
from jaxtsad.evaluation.uncertainty import Estimate
from jaxtsad.pipeline import members, scoring
from jaxtsad.pipeline.members import Fitted

COPIES, FAULTS = 8, 3
MOST_HELD_OUT = 2048
LEAST_HELD_OUT = FAULTS * faulty.SPARE * faulty.SHORTEST


class Comparison(NamedTuple):
    """An entity's old data judged before and after an update.

    Attributes:
        entity: Its name.
        vus_pr: Difference of the VUS-PR on faults put into held-out steps of old data,
            after the update less before, over copies with other faults.
        found: Difference of the share of these faults that the threshold finds.
    """

    entity: str
    vus_pr: Estimate
    found: Estimate

    def worse(self, tolerance: float) -> bool:
        """Whether one is lost above the tolerance, and its interval leaves out 0."""
        both = (self.vus_pr, self.found)
        return any(one.mean < -tolerance and one.high < 0 for one in both)

    @property
    def words(self) -> str:
        """Both differences with their intervals."""
        each = (("VUS-PR", self.vus_pr), ("faults found", self.found))
        return ", ".join(
            f"{name} {one.mean:+.3f} [{one.low:+.3f}, {one.high:+.3f}]"
            for name, one in each
        )


def compare(before: Fitted, after: Fitted, index: Sequence[int]) -> list[Comparison]:
    """Members before and after an update, on held-out steps of the data before.

    Faults are put into steps that the thresholds before were set on. Both versions
    are taken as they were when their thresholds were set, so that neither was fitted on
    these steps.

    Raises:
        ValueError: If too few such steps were kept.
    """
    found = []
    for member in sorted(set(index)):
        name = before.members[member].entity or "pooled"
        copies = _copies(before, member, name)
        each = [
            _judged(members.subset(members.as_calibrated(some), [member]), copies)
            for some in (before, after)
        ]
        differences = [
            uncertainty.paired_bootstrap(new, old)
            for old, new in zip(*each, strict=True)
        ]
        found.append(Comparison(name, *differences))
    return found


def _copies(fitted: Fitted, member: int, name: str) -> list[faulty.Faulty]:
    """Held-out steps of old data in units of the data, with faults in them."""
    memory = fitted.remembered[member]
    steps = min(MOST_HELD_OUT, len(memory.held_out.values))
    if steps < LEAST_HELD_OUT:
        raise ValueError(
            f"{name!r} has {steps} held-out steps of earlier data to judge an update "
            f"by, {LEAST_HELD_OUT} are needed; tolerance=None updates without"
        )
    normal = np.concatenate([memory.fit.values, memory.held_out.values])
    rng = np.random.default_rng([fitted.members[member].seed, 2])
    return [faulty.inject(rng, normal, steps, FAULTS) for _ in range(COPIES)]


def _judged(
    fitted: Fitted, copies: Sequence[faulty.Faulty]
) -> tuple[np.ndarray, np.ndarray]:
    """VUS-PR and share of faults found, `[E]` each, of copies by one member."""
    precision, found = [], []
    for copy in copies:
        part = members.test_part(fitted, 0, "earlier data", copy.values)
        [scores] = scoring.aggregated(fitted, [part])
        length = period.dominant_period(copy.values[:, 0])
        length = min(length, len(scores) // (2 * FAULTS))
        precision.append(vus.vus(copy.labels, scores, length=length).pr)
        flags = fitted.thresholds[0].flags(scores)
        hits = [flags[start:stop].any() for start, stop, _ in copy.kinds]
        found.append(np.mean(hits) if hits else np.nan)
    return np.array(precision), np.array(found)
