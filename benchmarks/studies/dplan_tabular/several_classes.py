"""Tables with anomalies of several classes, of which one is known.

Two are of tables that are distributed with one anomaly class each, but in different
cuts of the same rows in the same order: where both say so, the class is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

from jaxtsad.datasets import catalog

Table: TypeAlias = tuple[np.ndarray, np.ndarray]
"""Rows `[N, D]` and their classes `[N]`, 0 for normal and 1 for the known one."""


def digits(root: str | None) -> Table:
    """Rows `[N, 49]` of MNIST, 7 x 7 means of its pixels.

    The digits 0 to 4 are normal, 5 is known (1), 6 to 9 are unknown (2 to 5).
    """
    values, labels = _table("mnist", root)
    small = values.reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)).reshape(-1, 49)
    return small, np.maximum(labels - 4, 0)


def hypothyroid(root: str | None) -> Table:
    """The first 3,772 rows of annthyroid: 93 hypothyroid (1), 191 subnormal (2).

    The table thyroid holds the same rows and calls only the former anomalous.
    """
    values, anomalous = _table("devnet", root, table="annthyroid")
    first = _table("adbench", root, table="thyroid")[1]
    return values[: len(first)], two_classes(anomalous[: len(first)], first)


def cotton_crop(root: str | None) -> Table:
    """Landsat's pixels: 703 of cotton crop (1), 1,333 of damp soil or stubble (2).

    Both tables satellite and landsat hold these rows; landsat calls cotton normal.
    """
    values, anomalous = _table("adbench", root, table="satellite")
    others = _table("adbench", root, table="landsat")[1]
    return values, swapped(two_classes(anomalous, others))


def two_classes(anomalous: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Classes of rows that two tables label: 1 where `first` does, else 2.

    Raises:
        ValueError: If they are not the same rows.

    Example:
        >>> two_classes(np.array([0, 1, 1]), np.array([0, 0, 1])).tolist()
        [0, 2, 1]
    """
    if len(first) != len(anomalous) or (first > anomalous).any():
        raise ValueError("the two tables do not label the same rows")
    return 2 * anomalous - first


def swapped(classes: np.ndarray) -> np.ndarray:
    """The other class known: 1 and 2 change places.

    Example:
        >>> swapped(np.array([0, 1, 2])).tolist()
        [0, 2, 1]
    """
    return np.where(classes > 0, 3 - classes, 0)


def _reversed(load: Callable[[str | None], Table]) -> Callable[[str | None], Table]:
    def loaded(root: str | None) -> Table:
        values, classes = load(root)
        return values, swapped(classes)

    return loaded


def _table(source: str, root: str | None, **options: str) -> Table:
    found = catalog.load_samples(source, root, **options)
    assert found.labels is not None
    return found.values, found.labels.astype(np.int64)


TABLES: Mapping[str, Callable[[str | None], Table]] = {
    "digits": digits,
    "hypothyroid": hypothyroid,
    "subnormal": _reversed(hypothyroid),
    "cotton_crop": cotton_crop,
    "damp_soil": _reversed(cotton_crop),
}
"""Loaders by name; `subnormal` and `damp_soil` are the others with the other class
known."""
