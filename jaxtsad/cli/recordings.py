"""Commands on one's own recordings: draw, fit, score, list events."""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import sys
from collections.abc import Iterator
from typing import Any

from jaxtsad import files
from jaxtsad.cli import flags, large

MENDING = ("duplicates", "resample", "max_gap", "time_format")
"""Options of reading that a fitted detector keeps."""
MOST_ENTITIES = 6
"""Of so many entities the thresholds are told."""


def explore(options: argparse.Namespace) -> None:
    """Draws a recording as a page."""
    from jaxtsad.cli import notes
    from jaxtsad.datasets import catalog
    from jaxtsad.datasets.reading import frames
    from jaxtsad.reporting.pages import exploration

    given = reading(options)
    if options.test is not None:
        given["test_path"] = options.test
    named = options.data.isidentifier() or options.entity is None
    if options.entity is not None and not named and not options.entity_column:
        raise ValueError(f"{options.data} is one entity; drop {options.entity!r}")
    entities = [options.entity] if options.entity and named else None
    series = catalog.load(options.data, options.data_root, entities, **given)
    if options.entity is not None:
        series = [one for one in series if one.name == options.entity] or series
    if len(series) > 1:
        names = frames.listed(one.name for one in series)
        raise ValueError(
            f"{options.data} has {len(series)} entities, name one: {names}"
        )
    notes.tell(series[0].metadata.get("notes", ()))
    path = options.out or f"{series[0].name.replace('/', '_')}.html"
    if options.model is None:
        page = exploration.page(series[0], pathlib.Path(options.data).name).text
    else:
        page = _scored(load(options.model), series[0])
    files.write_text(path, page)
    _say(f"The page is {path}", path)


def _scored(detector: Any, series: Any) -> str:
    """The interactive page of a recording with the scores of a fitted detector."""
    import numpy as np
    import pandas as pd

    tested = series.test is not None
    values = series.test if tested else series.train
    time = series.metadata.get("test_time" if tested else "train_time")
    names = series.channels or [str(name) for name in detector.feature_names_in_]
    index = None
    if time is not None and np.asarray(time).dtype.kind == "M":
        index = pd.DatetimeIndex(time)
    frame = pd.DataFrame(np.asarray(values), columns=list(names), index=index)
    several = len(detector.entities_) > 1
    labels = series.labels if tested else None
    page: str = detector.plot(
        {series.name: frame} if several else frame,
        {series.name: labels} if several and labels is not None else labels,
        title=series.name,
    ).text
    return page


def fit(options: argparse.Namespace) -> None:
    """Fits a detector and saves it."""
    import jaxtsad
    from jaxtsad.experiments import toml
    from jaxtsad.pipeline import saving

    saving.check(options.out)
    how = reading(options)
    data = read(options.train, how, options)
    name = options.detector or jaxtsad.TimeSeriesDetector().detector
    chosen = {"detector": name, "window": options.window}
    chosen |= {name: how.get(name) for name in MENDING}
    detector = jaxtsad.TimeSeriesDetector(
        **{name: value for name, value in chosen.items() if value is not None},
        missing_values=list(how["missing"]) if "missing" in how else None,
        options=toml.assignments(options.option, name),
        epochs=options.epochs,
        batch_size=options.batch_size,
        pooling=options.pooling,
        federated_options=toml.assignments(options.federated_option),
        head=options.head,
        head_options=toml.assignments(options.head_option),
        threshold=options.threshold,
        threshold_options=toml.assignments(options.threshold_option),
        shortest=options.shortest,
        cool_down=options.cool_down,
        seed=options.seed,
    )
    known = _marked(options.labels, data) if options.labels else known_anomalies(data)
    with reporting(detector.detector) as callbacks:
        detector.fit(data, known, callbacks=callbacks)
    detector.save(options.out)
    tell_thresholds(detector, options.out)


@contextlib.contextmanager
def reporting(title: str) -> Iterator[Any]:
    """Callbacks of a fit that can be interrupted, with a bar of its steps."""
    from rich.console import Console

    from jaxtsad.experiments import console
    from jaxtsad.training.fit import Callbacks

    with (
        console.interruptible() as stop,
        console.progress(Console(), title) as status,
    ):
        yield Callbacks(status=status, stop=stop)


def tell_thresholds(detector: Any, out: str) -> None:
    """Prints what thresholds are, and where their detector was saved."""
    words = detector.threshold_words()
    if isinstance(words, dict):
        for entity, line in list(words.items())[:MOST_ENTITIES]:
            print(f"{entity}: {line}")
        print(f"{len(words)} thresholds, one per entity; saved in {out}")
    else:
        print(f"{words}; saved in {out}")


def _marked(path: str, data: Any) -> Any:
    """Events marked as anomalies in a page, by entity where there are several."""
    from jaxtsad.interactive import marks

    if not isinstance(data, dict):
        return _within(path, marks.known(path), data) or None
    by_entity = marks.by_entity(path)
    odd = sorted(by_entity.keys() - data.keys())
    if odd:
        raise ValueError(
            f"{path!r} has marks of {odd[0]!r}; the entities are "
            f"{', '.join(sorted(data)[:MOST_ENTITIES])}"
        )
    return {
        name: _within(path, known, data[name]) for name, known in by_entity.items()
    } or None


def _within(path: str, known: list[tuple[int, int]], data: Any) -> Any:
    late = [stop for _, stop in known if stop > len(data)]
    if late:
        raise ValueError(
            f"{path!r} marks an event up to step {late[0]}, the recording has "
            f"{len(data)} steps"
        )
    return known


def known_anomalies(data: Any) -> Any:
    """Labels of recordings by row, where any row is known to be anomalous."""
    if not isinstance(data, dict):
        known = data.labels is not None and data.labels.any()
        return data.given(data.labels) if known else None
    marked = {name: known_anomalies(one) for name, one in data.items()}
    return {name: y for name, y in marked.items() if y is not None} or None


def score(options: argparse.Namespace) -> None:
    """Writes scores and flags as CSV."""
    from jaxtsad.datasets.reading import tabular

    files.check_writable(options.out)
    detector = load(options.model)
    how = kept(detector, options)
    if tabular.is_large(options.data, how):
        flagged, steps = large.score(detector, options.data, how, options.out)
    else:
        table = detector.scores(read(options.data, how, options))
        _write_csv(table, options.out)
        flagged, steps = int(table["flag"].sum()), len(table)
    _say(f"{flagged} of {steps} steps flagged; {options.out}", options.out)


def events(options: argparse.Namespace) -> None:
    """Writes events as CSV."""
    files.check_writable(options.out)
    detector = load(options.model)
    data = read(options.data, kept(detector, options), options)
    table = detector.events(data, rules=_rules(detector, options))
    if not isinstance(data, dict):
        table = table.drop(columns="entity")
    _write_csv(table, options.out)
    _say(f"{len(table)} events; {options.out}", options.out)


def _rules(detector: Any, options: argparse.Namespace) -> Any:
    """Event rules of the command line, such as a page gives; None for the fitted."""
    from jaxtsad.evaluation.alarms.rules import Rules

    if options.opens is None:
        if options.closes is not None or options.gap is not None:
            raise ValueError("--closes and --gap go with --opens, the threshold")
        return None
    closes = options.opens if options.closes is None else options.closes
    later = detector.shortest, detector.cool_down
    return Rules(options.opens, closes, options.gap or 0, *later)


def load(model: str) -> Any:
    """A detector of series from its folder."""
    import jaxtsad

    detector = jaxtsad.load(model)
    if not isinstance(detector, jaxtsad.TimeSeriesDetector):
        raise ValueError(f"{model} is of samples; score them in Python")
    return detector


def reading(options: argparse.Namespace) -> dict[str, Any]:
    """What the command line says of reading, by option of `tabular.Options`."""
    wanted: dict[str, Any] = {name: getattr(options, name) for name in flags.NAMES}
    if options.header is not None:
        wanted["header"] = options.header == "yes"
    if options.missing:
        wanted["missing"] = tuple(_number(word) for word in _words(options.missing))
    for name in ("resample", "max_gap"):
        if wanted[name] is not None:
            wanted[name] = _number(wanted[name])
    return {name: value for name, value in wanted.items() if value not in (None, [])}


def kept(detector: Any, options: argparse.Namespace) -> dict[str, Any]:
    """The same, with what a fitted detector keeps where nothing else is said."""
    kept = {name: getattr(detector, name) for name in MENDING}
    if detector.missing_values is not None:
        kept["missing"] = tuple(detector.missing_values)
    given = {name: value for name, value in kept.items() if value is not None}
    return {**given, **reading(options)}


def _words(given: list[str]) -> list[str]:
    return [word.strip() for text in given for word in text.split(",") if word.strip()]


def _number(word: str) -> float | str:
    try:
        return float(word)
    except ValueError:
        return word


def read(path: str, how: dict[str, Any], options: argparse.Namespace) -> Any:
    """A recording, or of an entity column several by name; says what was mended."""
    from jaxtsad.cli import notes
    from jaxtsad.datasets.reading import tabular

    if tabular.is_large(path, how):
        read = [tabular.on_disk(path, **how)]
    else:
        read = tabular.read_all(path, **how)
    for one in read:
        notes.tell(one.notes)
    if options.entity_column is None:
        return read[0]
    return {one.name: one for one in read}


def _write_csv(table: Any, path: str) -> None:
    from jaxtsad.reporting import spreadsheet

    files.write_text(path, spreadsheet.to_csv(table))


def _say(line: str, out: str) -> None:
    """Prints beside what was written: not into it where that is standard output."""
    print(line, file=sys.stderr if files.is_stream(out) else sys.stdout)
