"""Commands that go on with a saved detector on new data, or take that back."""

from __future__ import annotations

import argparse

from jaxtsad.cli import recordings


def update(options: argparse.Namespace) -> None:
    """Updates a saved detector; a refused update leaves it as it was."""
    from jaxtsad.pipeline import saving

    out = options.out or options.model
    saving.check(out)
    detector = recordings.load(options.model)
    how = recordings.kept(detector, options)
    data = recordings.read(options.data, how, options)
    tolerance = options.tolerance
    with recordings.reporting(detector.detector) as callbacks:
        detector.partial_fit(
            data,
            recordings.known_anomalies(data),
            epochs=options.epochs,
            tolerance=None if tolerance < 0 else tolerance,
            callbacks=callbacks,
        )
    detector.save(out)
    for one in detector.updates_[: recordings.MOST_ENTITIES]:
        print(f"{one.entity}, on earlier data: {one.words}")
    recordings.tell_thresholds(detector, out)


def rollback(options: argparse.Namespace) -> None:
    """Makes the version before the last update the saved detector again."""
    detector = recordings.load(options.model).rollback()
    detector.save(options.model)
    print(f"The version before is the detector again; {options.model}")
