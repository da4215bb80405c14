"""Step scores of SMAP and MSL channels by several detectors, in one table.

Shared by `dplan_telemetry` and `deep_clustering_telemetry`. A channel is left out where
its test part holds no event or nothing but events.
"""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from rich.console import Console

from benchmarks.studies import image_tables
from benchmarks.studies.image_tables import Row
from jaxtsad.datasets import catalog
from jaxtsad.evaluation.metrics import point
from jaxtsad.experiments import console
from jaxtsad.pipeline import fitting, members
from jaxtsad.pipeline.setup import Setup
from jaxtsad.training.fit import Callbacks
from jaxtsad.types import Series

CHANNELS = ("A-7", "D-1", "E-1", "P-1", "S-1", "T-3")


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


def compare(
    tasks: Sequence[Task],
    setups: Mapping[str, tuple[Setup, bool]],
    seeds: Sequence[int],
    terminal: Console,
) -> dict[str, list[Row]]:
    """Trains every detector on all channels and seeds in one program.

    Args:
        tasks: The channels.
        setups: By row, a setup and whether it is told the known anomalies.
        seeds: Seeds of the models.
        terminal: Where progress is shown.

    Returns:
        Rows of AUC-PR and of AUC-ROC.
    """
    found: dict[str, list[Row]] = {"auc_pr": [], "auc_roc": []}
    for name, (setup, told) in setups.items():
        with console.progress(terminal, name) as status:
            fitted = fitting.fit(
                setup,
                [(one.name, one.train) for one in tasks],
                seeds=seeds,
                known=[one.known for one in tasks] if told else None,
                callbacks=Callbacks(status=status),
            )
        own = [one for one in tasks for _ in seeds]
        parts = [
            members.test_part(fitted, number, one.name, one.test)
            for number, one in enumerate(own)
        ]
        scores = members.folded(fitted, parts)
        each = zip(own, fitted.members, scores, strict=True)
        for one, member, values in each:
            for measure, of in (("auc_pr", point.auc_pr), ("auc_roc", point.auc_roc)):
                value = float(of(one.labels, values))
                found[measure].append(Row(one.name, name, member.seed, value))
    return found


def main(
    name: str,
    title: str,
    cut: Callable[[Series], Task | None],
    setups: Callable[[bool], Mapping[str, tuple[Setup, bool]]],
    notes: Sequence[str],
    arguments: Sequence[str] | None,
) -> int:
    """The command line of an experiment; bad input is one line, exit code 2.

    Args:
        name: Name of the experiment and its files.
        title: What its tables are called.
        cut: Makes a task of a channel, None where it cannot.
        setups: Whether to be quick to the detectors by row.
        notes: What is said below every table.
        arguments: Of the command line; None for the process's own.
    """
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--dataset", default="smap", choices=("smap", "msl"))
    parser.add_argument("--channels", nargs="+", help="names, or all")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument(
        "--quick", action="store_true", help="a few seconds of training"
    )
    parser.add_argument("--data-root")
    parser.add_argument("--out", help=f"folder to write to; default runs/{name}")
    given = parser.parse_args(arguments)
    folder = pathlib.Path(given.out or pathlib.Path("runs") / name)
    terminal = Console()
    default = CHANNELS if given.dataset == "smap" else None
    wanted = None if given.channels == ["all"] else given.channels or default
    try:
        series = catalog.load(given.dataset, given.data_root, wanted)
        tasks = [task for one in series if (task := cut(one)) is not None]
        if not tasks:
            raise ValueError("none of the channels can be cut into a task")
        left = {one.name for one in series} - {one.name for one in tasks}
        said = [*notes, f"left out: {', '.join(sorted(left)) or 'no channel'}"]
        found = compare(tasks, setups(given.quick), given.seeds, terminal)
        for measure, rows in found.items():
            heading = f"{title}: {measure.replace('_', '-').upper()}"
            image_tables.show(heading, rows, terminal)
            image_tables.write(folder, f"{name}_{measure}", heading, rows, said)
    except (ValueError, OSError) as error:
        return console.refused(error)
    terminal.print(f"The tables are in {folder}")
    return 0
