"""How well logits tell labeled steps, on columns that no gate was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np

from benchmarks.studies.pretraining import material
from jaxtsad.datasets import synthetic
from jaxtsad.datasets.synthetic import columns, coupled
from jaxtsad.datasets.synthetic.columns import ColumnOptions, Columns
from jaxtsad.detectors.pretrained_tcn.network import Gate
from jaxtsad.evaluation.metrics import point
from jaxtsad.types import PyTree

FAMILIES = {
    "columns": "single columns of the same generator, another seed",
    "coupled": "columns with shared causes whose relations break",
    "telemetry": "telemetry that answers to commands",
    "taxonomy": "periodic columns with the five types of anomaly",
}
SEED = 900_000
"""Far from every seed that is trained on."""
LEAST_VALUES = 3
"""Columns of fewer values are left out: their size counts for nothing."""


class Case(NamedTuple):
    """Columns of one recording.

    Attributes:
        features: `[T, C, F]`.
        labels: `[T, C]` bool.
        train_steps: Steps of the training part, which is not judged.
    """

    features: np.ndarray
    labels: np.ndarray
    train_steps: int


def cases(family: str, count: int, options: ColumnOptions) -> list[Case]:
    """Recordings of a family, with their features.

    Args:
        family: One of `FAMILIES`.
        count: Number of recordings.
        options: Of single columns.
    """
    return [_case(_made(family, number, options)) for number in range(count)]


def average_precision(
    gates: Sequence[PyTree], judged: Sequence[Case]
) -> dict[str, float]:
    """Mean over recordings of the average precision over all steps of all columns.

    Args:
        gates: Parameters; their logits are averaged.
        judged: Recordings.

    Returns:
        `gate`, and of the size of the value alone `size`, of chance `random`.
    """
    rows: list[tuple[float, ...]] = []
    for case in judged:
        tested = slice(case.train_steps, None)
        known = case.labels[tested].ravel()
        if not known.any():
            continue
        logit = np.mean([logits(gate, case.features) for gate in gates], axis=0)
        size = np.abs(case.features[..., 0])
        precision = [
            point.auc_pr(known.astype(int), each[tested].ravel())
            for each in (logit, size)
        ]
        rows.append((*precision, float(known.mean())))
    names = ("gate", "size", "random")
    return dict(zip(names, np.mean(rows, axis=0).tolist(), strict=True))


def logits(gate: PyTree, features: np.ndarray) -> np.ndarray:
    """Logits `[T, C]` of features `[T, C, F]`."""
    steps, width = features.shape[:2]
    lines = material.padded(features.astype(np.float32)).transpose(1, 0, 2)
    return np.asarray(_run(gate, lines))[:width, :steps].T


@jax.jit
def _run(gate: PyTree, lines: jax.Array) -> jax.Array:
    made: jax.Array = Gate().apply({"params": gate}, lines)  # type: ignore[assignment]
    return made


def _case(made: Columns) -> Case:
    normal = made.values[: made.train_steps]
    several = [len(np.unique(column)) >= LEAST_VALUES for column in normal.T]
    return Case(
        material.see(made)[:, several], made.labels[:, several], made.train_steps
    )


def _made(family: str, number: int, options: ColumnOptions) -> Columns:
    if family == "columns":
        return columns.make_columns(SEED, batch=number, options=options)
    if family == "coupled":
        return coupled.make_coupled(SEED, series=number)
    if family == "telemetry":
        [part] = synthetic.make_telemetry(SEED + number, n_channels=1).channels
    else:
        part = synthetic.make_neurips_ts(SEED, "small", series=number)
    values = np.concatenate([part.train.values, part.test.values])
    labels = np.concatenate([part.train.dimension_labels, part.test.dimension_labels])
    names = tuple(part.channels)
    return Columns(values, labels > 0, len(part.train.values), names)


def table(measured: Mapping[str, Mapping[str, float]]) -> list[tuple[str, ...]]:
    """Lines of a table: family, gate, size alone, chance."""
    return [
        (
            FAMILIES[family],
            *(f"{found[name]:.3f}" for name in ("gate", "size", "random")),
        )
        for family, found in measured.items()
    ]
