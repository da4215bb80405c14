"""Training data, screened, cut into fit and validation, and scaled by the fit part."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxtsad import blocks, types
from jaxtsad.datasets import preprocessing
from jaxtsad.datasets.reading import screening
from jaxtsad.pipeline.setup import Setup, uses_labels
from jaxtsad.types import Split


class Cut(NamedTuple):
    """One series cut in time, not scaled yet.

    Attributes:
        fit: The fit part.
        validation: The validation part, or None where there is no room for one.
        known: `[T]` bool, known anomalies of the series.
        screened: What screening found; None where it was screened before.
    """

    fit: Split
    validation: Split | None
    known: np.ndarray
    screened: screening.Screening | None = None

    @property
    def normal(self) -> Split:
        """The steps of the fit part that scalers are fitted on."""
        known = self.known[: len(self.fit)]
        return self.fit.map(lambda values: values[~known]) if known.any() else self.fit


class Part(NamedTuple):
    """One entity's training data, cut and scaled.

    Attributes:
        entity: Name of the series or set.
        fit: Scaled fit part.
        validation: Scaled validation part, or None where there is no room for one.
        calibration: What thresholds are calibrated on: validation, else the fit part
            (of samples without its known anomalies).
        scaler: The scaler of the fit part (that of all series where pooled).
        known: `[T]` or `[N]` bool, known anomalies of the fit part.
        known_validation: `[T]` or `[N]` bool, those of the validation part.
        counted: `[T]` or `[N]` bool, steps of the calibration part on which thresholds
            are fitted: those that share no window with a known anomaly.
        screened: What screening found in a series; None of samples.
        cut: The series before it was scaled; None of samples.
    """

    entity: str
    fit: Split
    validation: Split | None
    calibration: Split
    scaler: preprocessing.Scaler
    known: np.ndarray
    known_validation: np.ndarray
    counted: np.ndarray
    screened: screening.Screening | None = None
    cut: Cut | None = None

    @property
    def source(self) -> Cut:
        """The series before it was scaled."""
        assert self.cut is not None, "samples are not cut in time"
        return self.cut


HISTORY = 2048
"""So many normal steps are kept of each member, four windows at least."""


def history(setup: Setup, group: Sequence[Part]) -> np.ndarray:
    """The end of the longest stretch of normal steps that a member is fitted on.

    Args:
        setup: What the data are.
        group: The member's parts, of series.

    Returns:
        `[S, C]` float32, scaled.
    """
    longest = group[0].fit.values[:0]
    for part in group:
        for start, stop in part.fit.pieces:
            marks = start + np.flatnonzero(part.known[start:stop])
            for before, after in itertools.pairwise([start - 1, *marks, stop]):
                if after - before - 1 > len(longest):
                    longest = part.fit.values[before + 1 : after]
    return np.array(longest[-max(HISTORY, 4 * setup.window) :], np.float32)


def prepare(
    setup: Setup,
    data: Sequence[tuple[str, np.ndarray]],
    known: Sequence[np.ndarray | None] | None = None,
    breaks: Mapping[str, Sequence[int]] | None = None,
    *,
    seed: int = 0,
) -> tuple[Part, ...]:
    """Cuts and scales training data.

    Args:
        setup: What the data are, validation share and scaling.
        data: Name and values of each entity, series `[T, C]` or samples `[N, ...]`.
        known: Known anomalies of each, `[T]` or `[N]` bool; None for none.
        breaks: By entity the steps of its series before which time jumps.
        seed: By which samples are cut.

    Raises:
        ValueError: If there is none, two have one name, a series is too short for a
            window, shapes of steps or samples differ, a channel holds no finite value,
            or all samples are known anomalies.
    """
    shape_of(setup, data)
    names = [name for name, _ in data]
    if len(set(names)) != len(names):
        twice = sorted(name for name in set(names) if names.count(name) > 1)[0]
        raise ValueError(f"entity {twice!r} is there twice; names must be unique")
    marks = [
        np.zeros(len(values), bool) if mark is None else np.asarray(mark).astype(bool)
        for (_, values), mark in zip(data, known or [None] * len(data), strict=True)
    ]
    each = zip(data, marks, strict=True)
    if setup.series:
        series = [(name, values, mark) for (name, values), mark in each]
        return _series(setup, series, breaks or {})
    return tuple(_samples(setup, name, v, mark, seed) for (name, v), mark in each)


def shape_of(setup: Setup, data: Sequence[tuple[str, np.ndarray]]) -> tuple[int, ...]:
    """The shape of one step or sample, which all entities share.

    Raises:
        ValueError: If there is no entity, or shapes differ.
    """
    if not data:
        raise ValueError("there is nothing to fit on")
    shapes = sorted({tuple(values.shape[1:]) for _, values in data})
    if len(shapes) == 1:
        return shapes[0]
    if setup.series:
        raise ValueError(
            f"entities have {[shape[0] for shape in shapes]} channels; train those "
            "with equally many together"
        )
    raise ValueError(f"samples have the shapes {shapes}, expected one shape")


def _series(
    setup: Setup,
    data: Sequence[tuple[str, np.ndarray, np.ndarray]],
    breaks: Mapping[str, Sequence[int]],
) -> tuple[Part, ...]:
    """Parts of series: cut in time with a gap, one scaler each or one for all."""
    cuts = [
        cut(setup, name, values, mark, breaks.get(name, ()))
        for name, values, mark in data
    ]
    if setup.pooled:
        scalers = [scaler_of(setup, cuts)] * len(cuts)
    else:
        scalers = [scaler_of(setup, [each]) for each in cuts]
    return tuple(map(scaled, [setup] * len(cuts), scalers, cuts))


def cut(
    setup: Setup,
    name: str,
    values: np.ndarray,
    known: np.ndarray,
    breaks: Sequence[int] = (),
) -> Cut:
    """Screens a series `[T, C]` and cuts it in time.

    The values of known anomalies go to a detector that learns from them, and to no
    other.

    Args:
        setup: Detector, window length and share for validation.
        name: Of the series.
        values: The series.
        known: `[T]` bool, known anomalies.
        breaks: Steps before which time jumps.

    Raises:
        ValueError: As `prepare`.
    """
    filled, screened = screening.screen(values, name=name)
    if known.any() and not known.all() and not uses_labels(setup.detector):
        filled = _without(filled, known)
    if len(filled) < setup.window:
        raise ValueError(
            f"entity {name!r} has {len(filled)} training steps, shorter than one "
            f"window of {setup.window}; shorten the window or leave it out"
        )
    fit, held_out = types.cut_train(
        filled,
        window=setup.window,
        validation=setup.validation if setup.split == "time" else 0.0,
        entity=name,
        breaks=breaks,
    )
    longest = max(stop - start for start, stop in fit.pieces)
    if longest < setup.window:
        raise ValueError(
            f"entity {name!r} has at most {longest} steps to fit on between gaps, "
            f"shorter than one window of {setup.window}; shorten the window or "
            "raise max_gap"
        )
    if known[: len(fit)].all():
        raise ValueError(
            f"entity {name!r}: all {len(fit)} steps to fit on are known anomalies"
        )
    return Cut(fit, held_out, known, screened)


def _without(values: Any, known: np.ndarray) -> Any:
    """A series whose known anomalies hold the last step before them, as missing do.

    A detector of whole series, or a score head, sees more than the windows that meet
    one, which are left out.
    """

    def holes() -> Iterator[np.ndarray]:
        start = 0
        for rows in blocks.blocks(values):
            mark = known[start : start + len(rows), None]
            start += len(rows)
            yield np.where(mark, np.nan, rows)

    on_disk = isinstance(values, blocks.DiskArray)
    given: Any = blocks.stored(holes()) if on_disk else np.concatenate([*holes()])
    return screening.screen(given)[0]


def scaler_of(setup: Setup, cuts: Sequence[Cut]) -> preprocessing.Scaler:
    """The scaler of series together, fitted on their normal steps."""
    return _scaler(setup, [each.normal for each in cuts])


def scaled(setup: Setup, scaler: preprocessing.Scaler, cut: Cut) -> Part:
    """A scaled part; known anomalies count for no threshold, nor do steps near them.

    Where that would leave no step of the validation part, thresholds are calibrated on
    the fit part.
    """
    fit, held_out, mark, screened = cut
    known = mark[: len(fit)]
    later = mark[len(mark) - len(held_out) :] if held_out is not None else mark[:0]
    values, validation = scaler.apply(fit), None
    calibration, counted = values, _apart(known, setup.window)
    if held_out is not None:
        validation = scaler.apply(held_out)
        if not later.all():
            calibration, counted = validation, _apart(later, setup.window)
    return Part(
        fit.entity,
        values,
        validation,
        calibration,
        scaler,
        known,
        later,
        counted,
        screened,
        cut,
    )


def _apart(known: np.ndarray, window: int) -> np.ndarray:
    """Steps that share no window with a known anomaly; all others where none does."""
    count = np.concatenate([[0], np.cumsum(known)])
    step = np.arange(len(known))
    first, stop = (
        np.maximum(step - window + 1, 0),
        np.minimum(step + window, len(known)),
    )
    apart = count[stop] == count[first]
    return apart if apart.any() else ~known


def _samples(
    setup: Setup, name: str, values: np.ndarray, mark: np.ndarray, seed: int
) -> Part:
    """The part of a set of samples: cut at random.

    Known anomalies are never validated or calibrated on. They join the fit part of a
    detector that learns from labels, and are left out for any other.
    """
    if mark.all():
        raise ValueError(f"{name!r}: all {len(values)} samples are known anomalies")
    order = np.random.default_rng([seed, 0]).permutation(np.flatnonzero(~mark))
    normal, held_out = types.cut_train(
        values[order], window=1, validation=setup.validation, entity=name
    )
    scaler, fit = _scaler(setup, [normal]), normal
    count = int(mark.sum()) if uses_labels(setup.detector) else 0
    if count:
        fit = normal.map(lambda kept: np.concatenate([kept, values[mark]]))
    known = np.repeat([False, True], [len(normal), count])
    scaled = scaler.apply(fit)
    validation = None if held_out is None else scaler.apply(held_out)
    calibration = validation or scaled.map(lambda values: values[: len(normal)])
    return Part(
        name,
        scaled,
        validation,
        calibration,
        scaler,
        known,
        np.zeros(0 if validation is None else len(validation), bool),
        np.ones(len(calibration), bool),
    )


def _scaler(setup: Setup, fits: Sequence[Split]) -> preprocessing.Scaler:
    return preprocessing.fit_scaler(setup.scaler, fits, setup.clip_values)
