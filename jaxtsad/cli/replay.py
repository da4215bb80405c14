"""The command that gives a recording to a detector as if it came live."""

from __future__ import annotations

import argparse
from typing import Any

from jaxtsad.cli import recordings, watch


def replay(options: argparse.Namespace) -> None:
    """Prints alarms as they would have opened and closed, and how good they are."""
    from jaxtsad.streaming import replay, watching

    detector = recordings.load(options.model)
    number = len(detector.entities_)
    if number > 1:
        raise ValueError(
            f"the model has {number} entities, one model each; replay takes models of "
            "one"
        )
    for name, values, time, labels in _recordings(detector, options):
        if options.refit is None:
            made = replay.replay(detector.stream(), values, time, labels)
        else:
            every = _every(options.refit, time)
            made = replay.refitted(detector, values, time, labels, every=every)
        prefix = "" if name is None else f"{name}: "
        for kind, alarm in watching.in_order(made.opened, made.closed):
            print(prefix + watch.as_line({"alarm": kind, **watching.as_row(alarm)}))
        for line in replay.words(made):
            print(prefix + line)


def _every(words: str, time: Any) -> int:
    """Steps between updates: a number of them, or a span of time."""
    import numpy as np
    import pandas as pd

    text = words.removeprefix("every=")
    try:
        return int(text)
    except ValueError:
        pass
    try:
        span = pd.Timedelta(text)
    except ValueError:
        raise ValueError(
            f"--refit={words} must be a number of steps, such as 1000, or a span of "
            "time, such as 7d"
        ) from None
    stamps = None if time is None else np.asarray(time)
    if stamps is None or stamps.dtype.kind != "M" or len(stamps) < 2:
        raise ValueError(f"--refit={words}: stamps are no dates; say it in steps")
    return max(1, round(span / pd.Timedelta(np.median(np.diff(stamps)))))


def _recordings(detector: Any, options: argparse.Namespace) -> Any:
    """Name, values, stamps and labels of each recording."""
    from jaxtsad.cli import notes
    from jaxtsad.datasets import catalog

    if options.entity is not None:
        for one in catalog.load(options.data, options.data_root, [options.entity]):
            time = one.metadata.get("test_time")
            if time is not None and not _increasing(time):
                notes.tell([f"stamps of {one.name} do not increase and are left out"])
                time = None
            yield None, one.test, time, one.labels
        return
    how = recordings.kept(detector, options)
    data = recordings.read(options.data, how, options)
    several = data if isinstance(data, dict) else {None: data}
    channels = [str(name) for name in detector.feature_names_in_]
    for name, one in several.items():
        ordered = one.ordered(channels)
        yield name, ordered.values, ordered.time, ordered.labels


def _increasing(time: Any) -> bool:
    import numpy as np

    stamps = np.asarray(time)
    return bool((stamps[1:] > stamps[:-1]).all())
