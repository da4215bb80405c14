"""DPLAN on telemetry, told the first of a channel's labelled events.

python -m benchmarks.studies.dplan_telemetry --data-root DIR

SMAP's and MSL's training parts carry no labels. The first 30 % of a channel's test
events, with all of its test part before their end, are added to the training part; a
window less one step is left out, and what follows is tested, by all rows alike.
"""

from __future__ import annotations

import argparse
import functools
import math
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.studies import report, study
from benchmarks.studies.report import Report, Row, Section
from benchmarks.studies.study import Session, Study
from jaxtsad.datasets import catalog
from jaxtsad.evaluation import segments
from jaxtsad.evaluation.metrics import point
from jaxtsad.experiments import facts
from jaxtsad.pipeline import members, scoring
from jaxtsad.pipeline.setup import Setup
from jaxtsad.training.plan import Plan
from jaxtsad.types import Series

CHANNELS = ("A-7", "D-1", "E-1", "P-1", "S-1", "T-3")
METRICS = {"auc_pr": point.auc_pr, "auc_roc": point.auc_roc}
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


class Task(NamedTuple):
    """One channel as it is trained and tested.

    Attributes:
        name: Name of the channel.
        train: `[T, C]`.
        known: `[T]` bool, steps that are known anomalies.
        test: `[T', C]`.
        labels: `[T']` 1 where the test step is anomalous.
    """

    name: str
    train: np.ndarray
    known: np.ndarray
    test: np.ndarray
    labels: np.ndarray


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
    """By row, a setup and whether it is told the known anomalies."""
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


def fit(
    session: Session,
    name: str,
    tasks: Sequence[Task],
    setup: Setup,
    told: bool,
    folder: pathlib.Path,
) -> list[Row]:
    """Trains a detector on all channels and seeds in one program; rows of its areas."""
    seeds = session.options.seeds
    data = [(one.name, one.train) for one in tasks]
    known = [one.known for one in tasks] if told else None
    fitted = session.fit(name, setup, data, folder=folder, seeds=seeds, known=known)
    each = [one for one in tasks for _ in seeds]
    parts = [
        members.test_part(fitted, number, one.name, one.test)
        for number, one in enumerate(each)
    ]
    scores = scoring.aggregated(fitted, parts)
    return [
        Row(one.name, name, member.seed, float(measure(one.labels, values)), key)
        for one, member, values in zip(each, fitted.members, scores, strict=True)
        for key, measure in METRICS.items()
    ]


def options(parser: argparse.ArgumentParser) -> None:
    """Adds what the study is asked for."""
    parser.add_argument("--dataset", default="smap", choices=("smap", "msl"))
    parser.add_argument("--channels", nargs="+", help="names, or all")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])


def run(session: Session) -> Report:
    """All rows on the channels that were asked for.

    Raises:
        ValueError: If no channel can be cut into a task.
    """
    asked = session.options
    default = CHANNELS if asked.dataset == "smap" else None
    wanted = None if asked.channels == ["all"] else asked.channels or default
    series = catalog.load(asked.dataset, session.root, wanted)
    tasks = [task for one in series if (task := cut(one)) is not None]
    if not tasks:
        raise ValueError("none of the channels can be cut into a task")
    left = {one.name for one in series} - {one.name for one in tasks}
    cache = session.cache(__name__)
    data = facts.checksum(array for task in tasks for array in task[1:])
    rows: list[Row] = []
    for name, (setup, told) in setups(asked.quick).items():
        about = {"data": data, "setup": repr(setup), "told": told, "seeds": asked.seeds}
        folder = cache.place(f"{name}_checkpoints", about)
        make = functools.partial(fit, session, name, tasks, setup, told, folder)
        rows += [Row(*one) for one in cache.tree(name, about, make)]
    sections = [
        Section(
            key.replace("_", "-").upper(),
            tables=(report.by_group([row for row in rows if row.metric == key]),),
        )
        for key in METRICS
    ]
    said = [*NOTES, f"left out: {', '.join(sorted(left)) or 'no channel'}"]
    flat = [row._asdict() for row in rows]
    title = "DPLAN on telemetry with known events"
    return Report(title, (), sections, said, flat, {"rows": flat})


STUDY = Study(
    "dplan_telemetry",
    __doc__,
    run,
    options,
    quick={"channels": ["P-1"], "seeds": [0]},
)

if __name__ == "__main__":
    sys.exit(study.main(STUDY))
