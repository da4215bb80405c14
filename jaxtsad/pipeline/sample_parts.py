"""Independent samples, cut at random and scaled by their fit part."""

from __future__ import annotations

import dataclasses

import numpy as np

from jaxtsad import types
from jaxtsad.datasets import preprocessing
from jaxtsad.datasets.preprocessing import Scaler
from jaxtsad.pipeline import shapes
from jaxtsad.pipeline.sample_setup import Setup
from jaxtsad.types import Split


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """One set's training samples, cut and scaled; `known` marks rows of `fit`."""

    name: str
    fit: Split
    known: np.ndarray
    validation: Split | None
    scaler: Scaler

    @property
    def calibration(self) -> Split:
        """What thresholds are fitted on: validation, else unlabelled fit samples."""
        unlabelled = len(self.known) - int(self.known.sum())
        return self.validation or self.fit.map(lambda values: values[:unlabelled])


def prepare(
    setup: Setup, name: str, values: np.ndarray, known: np.ndarray | None, seed: int
) -> Part:
    """Cuts at random and scales the training samples of one set.

    Known anomalies are never validated or calibrated on. They join the fit part of a
    detector that learns from labels, and are left out for any other.

    Args:
        setup: Scaling and validation share.
        name: Name of the set.
        values: `[N, ...]`.
        known: `[N]` 1 for a known anomaly, 0 for unlabelled, or None.
        seed: Of the cut.

    Raises:
        ValueError: If nothing is unlabelled or an option is out of range.
    """
    marks = np.zeros(len(values), bool) if known is None else known.astype(bool)
    if marks.all():
        raise ValueError(f"{name!r}: all {len(values)} samples are known anomalies")
    order = np.random.default_rng([seed, 0]).permutation(np.flatnonzero(~marks))
    fit, held_out = types.cut_train(
        values[order], window=1, validation=setup.validation, entity=name
    )
    scaler = _scaler(setup, fit)
    count = int(marks.sum()) if shapes.uses_labels(setup.detector) else 0
    flags = np.repeat([0.0, 1.0], [len(fit), count]).astype(np.float32)
    if count:
        fit = fit.map(lambda normal: np.concatenate([normal, values[marks]]))
    scaled = None if held_out is None else scaler.apply(held_out)
    return Part(name, scaler.apply(fit), flags, scaled, scaler)


def _scaler(setup: Setup, fit: Split) -> Scaler:
    kind, channels = setup.scaler, fit.values.shape[-1]
    if kind == "auto":
        image = fit.values.ndim == 4
        bytes_ = fit.values.dtype == np.uint8
        kind = ("pixels" if bytes_ else "symmetric") if image else "zscore"
    if kind == "pixels":
        half, infinite = np.full(channels, 127.5), np.full(channels, np.inf)
        return Scaler(kind, half, half, -infinite, infinite)
    rows = fit.map(lambda values: values.reshape(-1, channels))
    if kind == "symmetric":
        found = preprocessing.fit_scaler("minmax", rows, setup.clip)
        half = found.scale / 2
        return dataclasses.replace(
            found, kind=kind, shift=found.shift + half, scale=half
        )
    return preprocessing.fit_scaler(kind, rows, setup.clip)
