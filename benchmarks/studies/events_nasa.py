"""Events on SMAP and MSL by telemanom's counting, thresholds by calibration only.

A labeled sequence that an event overlaps is found, and counted once; an event that
overlaps none is false (Hundman et al., "Detecting Spacecraft Anomalies Using LSTMs and
Nonparametric Dynamic Thresholding", KDD 2018, who publish a precision of .875 and a
recall of .80 with thresholds that follow the test errors).

    python -m benchmarks.studies.events_nasa --data-root DIR --detectors zscore
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import numpy as np

from benchmarks.studies import alarms, study
from benchmarks.studies.alarms import WINDOW, Scored
from benchmarks.studies.report import Report, Section, Table
from benchmarks.studies.study import Session, Study
from jaxtsad.evaluation.segments import segments
from jaxtsad.reporting import matching

SETS = ("smap", "msl")
BUDGETS = (0.02, 0.1, 0.5, 1.0, 5.0)
"""False events in 1000 normal steps; the published counts are of about 0.02."""
PUBLISHED = ("telemanom, published", "", ".875", ".80", "")


def smoothed(one: Scored) -> Scored:
    """Scores averaged over a window."""
    kernel = np.full(WINDOW, 1 / WINDOW)

    def mean(values: np.ndarray) -> np.ndarray:
        weight = np.convolve(np.ones(len(values)), kernel)[: len(values)]
        return np.convolve(values, kernel)[: len(values)] / weight

    return one._replace(calibration=mean(one.calibration), test=mean(one.test))


def noise(one: Scored, seed: int) -> Scored:
    """Random scores in place of an entity's."""
    random = np.random.default_rng(seed)
    return one._replace(
        calibration=random.exponential(size=len(one.calibration)),
        test=random.exponential(size=len(one.test)),
    )


def counts(entities: Sequence[Scored], budget: float) -> tuple[int, int, int, int]:
    """Sequences found, missed, false events, and steps within events."""
    found = missed = false = flagged = 0
    for one in entities:
        events = alarms.events_of(one, "budget", {"alarms_per_1000": budget})
        known = segments(one.labels).tolist()
        hits = [each.hit for each in matching.true_events(known, events)]
        found, missed = found + sum(hits), missed + len(hits) - sum(hits)
        false += int((~matching.are_true(events, known)).sum())
        flagged += int((events[:, 1] - events[:, 0]).sum())
    return found, missed, false, flagged


def lines(name: str, entities: Sequence[Scored]) -> list[tuple[str, ...]]:
    """A line per budget."""
    steps = sum(len(one.test) for one in entities)
    made: list[tuple[str, ...]] = []
    for budget in BUDGETS:
        found, missed, false, flagged = counts(entities, budget)
        precision = found / max(found + false, 1)
        recall = found / (found + missed)
        cells = (f"{precision:.3f}", f"{recall:.3f}", f"{flagged / steps:.3f}")
        made.append((name, f"{budget:g}", *cells, f"{found}", f"{missed}", f"{false}"))
    return made


def run(session: Session) -> Report:
    """Counts the events of every detector."""
    rows: list[tuple[str, ...]] = [(*PUBLISHED, "", "", "")]
    rated: list[Scored] = []
    for name in session.options.detectors:
        rated = alarms.scored(session, name, SETS)
        rows += lines(name, rated)
        if name == "zscore":
            rows += lines("zscore, smoothed", [smoothed(one) for one in rated])
    rows += lines("random", [noise(one, seed) for seed, one in enumerate(rated)])
    heads = ["scores", "budget", "precision", "recall", "flagged"]
    heads += ["found", "missed", "false"]
    made = Table(heads, rows, 7)
    text = (
        f"{len(rated)} labeled channels. Precision is found / (found + false), recall "
        "found / (found + missed), over all channels together; `flagged` is the share "
        "of test steps within events, without which the two say little: long events "
        "hit by chance. Budgets are false events in 1000 normal steps."
    )
    return Report("Events on SMAP and MSL", (text,), (Section("", (), (made,)),))


def options(parser: argparse.ArgumentParser) -> None:
    """Which detectors."""
    default = ["pretrained_tcn", "zscore"]
    parser.add_argument("--detectors", nargs="+", default=default)


STUDY = Study("events_nasa", __doc__, run, options, quick={"detectors": ["zscore"]})

if __name__ == "__main__":
    sys.exit(study.main(STUDY))
