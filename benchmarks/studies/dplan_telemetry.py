"""DPLAN on telemetry, told the first of a channel's labelled events.

python -m benchmarks.studies.dplan_telemetry --data-root DIR

SMAP's and MSL's training parts carry no labels. The first 30 % of a channel's test
events, with all of its test part before their end, are added to the training part; a
window less one step is left out, and what follows is tested, by all rows alike.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.studies import study, telemetry_scores
from benchmarks.studies.report import Report
from benchmarks.studies.study import Session, Study
from benchmarks.studies.telemetry_scores import Task
from jaxtsad.evaluation import segments
from jaxtsad.pipeline.setup import Setup
from jaxtsad.training.plan import Plan
from jaxtsad.types import Series

SHARE = 0.3
WINDOW = 50
STRIDE = WINDOW // 2
QUICK = {
    "block": 100,
    "warm_up": 100,
    "epsilon_steps": 200,
    "target_every": 100,
    "subset": 50,
    "trees": 10,
}
NOTES = (
    f"known anomalies are the first {SHARE:.0%} of a channel's events, which are given "
    "up for testing together with all that comes before their end",
    "channels of a single event cannot be told one and tested on another",
    "dplan_untold has no labels: made-up anomalies stand in for them",
)


def cut(series: Series) -> Task | None:
    """Moves the first labelled events of a channel to its training part.

    Example:
        >>> labels = np.zeros(400, np.int8)
        >>> labels[50:60] = labels[200:210] = labels[300:310] = 1
        >>> values = np.zeros((400, 1), np.float32)
        >>> task = cut(Series("a", values, values, labels))
        >>> len(task.train), int(task.known.sum()), len(task.test)
        (460, 10, 291)
    """
    if series.test is None or series.labels is None:
        return None
    events = segments.segments(series.labels)
    if len(events) < 2:
        return None
    told = min(math.ceil(SHARE * len(events)), len(events) - 1)
    stop = int(events[told - 1][1])
    first = stop + WINDOW - 1
    labels = series.labels[first:]
    if not 0 < labels.sum() < len(labels):
        return None
    known = np.concatenate(
        [np.zeros(len(series.train), bool), series.labels[:stop] > 0]
    )
    train = np.concatenate([series.train, series.test[:stop]])
    return Task(series.name, train, known, series.test[first:], labels)


def setups(quick: bool) -> Mapping[str, tuple[Setup, bool]]:
    """DPLAN told and not told, and an isolation forest without the known anomalies."""
    options: dict[str, Any] = QUICK if quick else {}

    def one(detector: str, epochs: int = 15, **given: Any) -> Setup:
        return Setup(
            detector,
            given,
            window=WINDOW,
            stride=STRIDE,
            score_stride=STRIDE // 2,
            validation=0.0,
            plan=Plan(epochs=1 if quick else epochs, stop="none", members="vmap"),
        )

    return {
        "dplan": (one("dplan", **options), True),
        "dplan_untold": (one("dplan", **options), False),
        "iforest": (one("iforest", on="window"), True),
        "pca": (one("pca"), True),
    }


def run(session: Session) -> Report:
    """All rows on the channels that were asked for."""
    asked = setups(session.options.quick)
    title = "DPLAN on telemetry with known events"
    return telemetry_scores.run(session, title, cut, asked, NOTES)


STUDY = Study(
    "dplan_telemetry",
    __doc__,
    run,
    telemetry_scores.options,
    telemetry_scores.QUICK,
)

if __name__ == "__main__":
    sys.exit(study.main(STUDY))
