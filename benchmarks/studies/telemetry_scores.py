"""Step scores of SMAP and MSL channels by several detectors, in one table.

Shared by `dplan_telemetry` and `deep_clustering_telemetry`. A channel is left out where
its test part holds no event or nothing but events.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.studies import report
from benchmarks.studies.report import Report, Row, Section
from benchmarks.studies.study import Session
from jaxtsad.datasets import catalog
from jaxtsad.evaluation.metrics import point
from jaxtsad.experiments import facts
from jaxtsad.pipeline import fitting, members
from jaxtsad.pipeline.setup import Setup
from jaxtsad.types import Series

CHANNELS = ("A-7", "D-1", "E-1", "P-1", "S-1", "T-3")
METRICS = {"auc_pr": point.auc_pr, "auc_roc": point.auc_roc}


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


def plain(series: Series) -> Task | None:
    """A channel as published, without labels."""
    if series.test is None or series.labels is None:
        return None
    if not 0 < series.labels.sum() < len(series.labels):
        return None
    none = np.zeros(len(series.train), bool)
    return Task(series.name, series.train, none, series.test, series.labels)


def options(parser: argparse.ArgumentParser) -> None:
    """Adds what these studies are asked for."""
    parser.add_argument("--dataset", default="smap", choices=("smap", "msl"))
    parser.add_argument("--channels", nargs="+", help="names, or all")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])


QUICK = {"channels": ["P-1"], "seeds": [0]}


def fit(
    session: Session, name: str, tasks: Sequence[Task], setup: Setup, told: bool
) -> list[Row]:
    """Trains a detector on all channels and seeds in one program; rows of its areas.

    Args:
        session: The run.
        name: Of the rows.
        tasks: The channels.
        setup: How it is trained.
        told: Whether it is told the known anomalies.
    """
    seeds = session.options.seeds
    with session.training(name) as callbacks:
        fitted = fitting.fit(
            setup,
            [(one.name, one.train) for one in tasks],
            seeds=seeds,
            known=[one.known for one in tasks] if told else None,
            callbacks=callbacks,
        )
    each = [one for one in tasks for _ in seeds]
    parts = [
        members.test_part(fitted, number, one.name, one.test)
        for number, one in enumerate(each)
    ]
    scores = members.aggregated(fitted, parts)
    return [
        Row(one.name, name, member.seed, float(measure(one.labels, values)), key)
        for one, member, values in zip(each, fitted.members, scores, strict=True)
        for key, measure in METRICS.items()
    ]


def run(
    session: Session,
    title: str,
    cut: Callable[[Series], Task | None],
    setups: Mapping[str, tuple[Setup, bool]],
    notes: Sequence[str],
) -> Report:
    """Compares detectors on the channels that were asked for.

    Args:
        session: The run.
        title: What its tables are called.
        cut: Makes a task of a channel, None where it cannot.
        setups: By row, a setup and whether it is told the known anomalies.
        notes: What is said below the tables.

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
    for name, (setup, told) in setups.items():
        about = {"data": data, "setup": repr(setup), "told": told, "seeds": asked.seeds}
        kept = cache.tree(
            name, about, functools.partial(fit, session, name, tasks, setup, told)
        )
        rows += [Row(*one) for one in kept]
    sections = []
    for key in METRICS:
        own = [row for row in rows if row.metric == key]
        heading = key.replace("_", "-").upper()
        sections.append(Section(heading, tables=(report.by_group(own),)))
    said = [*notes, f"left out: {', '.join(sorted(left)) or 'no channel'}"]
    flat = [row._asdict() for row in rows]
    return Report(title, (), sections, said, flat, {"rows": flat})
