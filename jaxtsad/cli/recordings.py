"""Commands on one's own recordings: draw, fit, score, list events."""

from __future__ import annotations

import argparse
import pathlib
import sys
from typing import Any

from jaxtsad import files


def explore(options: argparse.Namespace) -> None:
    """Draws a recording as a page."""
    from jaxtsad.datasets import catalog
    from jaxtsad.datasets.reading import frames
    from jaxtsad.reporting.pages import exploration

    wanted = {
        "time_column": options.time_column,
        "label_column": options.label_column,
        "test_path": options.test,
    }
    given = {name: value for name, value in wanted.items() if value is not None}
    entities = None if options.entity is None else [options.entity]
    found = catalog.load(options.data, options.data_root, entities, **given)
    if len(found) > 1:
        names = frames.listed(one.name for one in found)
        raise ValueError(f"{options.data} has {len(found)} entities, name one: {names}")
    page = exploration.page(found[0], pathlib.Path(options.data).name)
    path = options.out or f"{found[0].name.replace('/', '_')}.html"
    files.write_text(path, page)
    _say(f"The page is {path}", path)


def fit(options: argparse.Namespace) -> None:
    """Fits a detector and saves it."""
    from rich.console import Console

    import jaxtsad
    from jaxtsad.experiments import console, toml
    from jaxtsad.pipeline import saving
    from jaxtsad.training.fit import Callbacks

    saving.check(options.out)
    frame = _frame(options.train, options)
    name = options.detector or jaxtsad.TimeSeriesDetector().detector
    chosen = {"detector": name, "window": options.window}
    detector = jaxtsad.TimeSeriesDetector(
        **{name: value for name, value in chosen.items() if value is not None},
        options=toml.assignments(options.option, name),
        epochs=options.epochs,
        batch_size=options.batch_size,
        threshold=options.threshold,
        seed=options.seed,
    )
    with (
        console.interruptible() as stop,
        console.progress(Console(), detector.detector) as status,
    ):
        detector.fit(frame, callbacks=Callbacks(status=status, stop=stop))
    detector.save(options.out)
    print(f"threshold {detector.threshold_:.6g}; saved in {options.out}")


def score(options: argparse.Namespace) -> None:
    """Writes scores and flags as CSV."""
    import pandas as pd

    import jaxtsad

    files.check_writable(options.out)
    detector = jaxtsad.load(options.model)
    frame = _frame(options.data, options)
    table = pd.DataFrame(
        {"score": detector.decision_function(frame), "flag": detector.predict(frame)}
    )
    table.insert(0, "step", range(len(table)))
    _write_csv(table, options.out)
    flagged = int(table["flag"].sum())
    _say(f"{flagged} of {len(table)} steps flagged; {options.out}", options.out)


def events(options: argparse.Namespace) -> None:
    """Writes events as CSV."""
    import jaxtsad

    files.check_writable(options.out)
    detector = jaxtsad.load(options.model)
    table = detector.events(_frame(options.data, options)).drop(columns="entity")
    _write_csv(table, options.out)
    _say(f"{len(table)} events; {options.out}", options.out)


def _frame(path: str, options: argparse.Namespace) -> Any:
    import pandas as pd

    from jaxtsad.datasets.reading import tabular

    read = tabular.read(
        path, time_column=options.time_column, label_column=options.label_column
    )
    return pd.DataFrame(read.values, columns=list(read.channels))


def _write_csv(table: Any, path: str) -> None:
    from jaxtsad.reporting import spreadsheet

    files.write_text(path, spreadsheet.to_csv(table))


def _say(line: str, out: str) -> None:
    """Prints beside what was written: not into it where that is standard output."""
    print(line, file=sys.stderr if files.is_stream(out) else sys.stdout)
