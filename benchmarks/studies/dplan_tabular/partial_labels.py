"""The partial-label protocol: a few known anomalies, many unlabelled rows.

Pang et al., KDD 2021: 60 anomalies of the known classes are labelled; all other
training rows are unlabelled and hold a few anomalies of every class. 20 % of the rows,
with all classes, are tested.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

LABELLED = 60
CONTAMINATION = 0.02
TESTED = 0.2


class Cut(NamedTuple):
    """One table under one seed.

    Attributes:
        name: Name of the table.
        seed: Seed of the split.
        train: `[N, D]` unlabelled rows, then the known anomalies.
        known: `[N]` 1 for a known anomaly.
        hidden: How many of the unlabelled rows are anomalies.
        test: `[M, D]`.
        classes: `[M]` class of each test row, 0 for normal.
    """

    name: str
    seed: int
    train: np.ndarray
    known: np.ndarray
    hidden: int
    test: np.ndarray
    classes: np.ndarray


def hidden_count(normal: int, left: int, contamination: float = CONTAMINATION) -> int:
    """How many anomalies to hide among `normal` rows.

    The smaller of a share of the unlabelled rows and half of the anomalies that the
    labelled ones leave.

    Example:
        >>> hidden_count(9_800, 1_000), hidden_count(9_800, 20)
        (200, 10)
    """
    return min(round(normal * contamination / (1 - contamination)), left // 2)


def cut(
    name: str,
    values: np.ndarray,
    classes: np.ndarray,
    seed: int,
    *,
    known: tuple[int, ...] = (1,),
    labelled: int = LABELLED,
    rows: int = 0,
    tested: int = 0,
) -> Cut:
    """Splits a table.

    Args:
        name: Name of the table.
        values: `[N, D]`.
        classes: `[N]` 0 for normal, else the class of the anomaly.
        seed: Of the split.
        known: Classes whose anomalies may be labelled.
        labelled: Known anomalies, or as many as three quarters of what there is.
        rows: Most unlabelled normal rows; 0 for all.
        tested: Most normal test rows; 0 for all.

    Example:
        >>> classes = np.repeat([0, 1], [900, 100])
        >>> found = cut("table", np.zeros((1000, 4)), classes, seed=0)
        >>> len(found.train), int(found.known.sum()), found.hidden, len(found.test)
        (790, 60, 10, 200)
    """
    rng = np.random.default_rng([seed, 7])
    train: dict[int, np.ndarray] = {}
    test: list[np.ndarray] = []
    for number in np.unique(classes):
        own = rng.permutation(np.flatnonzero(classes == number))
        border = round(TESTED * len(own))
        held = own[:border]
        if number == 0 and tested:
            held = held[:tested]
        test.append(held)
        train[int(number)] = own[border:]
    normal = train.pop(0)
    normal = normal[:rows] if rows else normal
    pool = rng.permutation(np.concatenate([train[number] for number in known]))
    given = pool[: min(labelled, 3 * len(pool) // 4)]
    others = [np.setdiff1d(own, given) for own in train.values()]
    count = hidden_count(len(normal), sum(map(len, others)))
    hidden = _equally(rng, others, count)
    index = np.concatenate([normal, hidden, given])
    held = np.concatenate(test)
    marks = np.repeat([0, 1], [len(index) - len(given), len(given)])
    return Cut(
        name, seed, values[index], marks, len(hidden), values[held], classes[held]
    )


def synthetic(seed: int, *, normal: int = 5000, clean: bool = False) -> Cut:
    """A task with unknown classes: two normal clusters in ten dimensions.

    Known anomalies (1) are a third cluster; unknown ones are uniform away from the
    clusters (2), and the first cluster's mirror image (3). Made-up ones (4), which
    settings may be chosen by, take every number from another normal row: they stand for
    no class, and no training row is like them.

    Args:
        seed: Of everything.
        normal: Unlabelled normal rows.
        clean: Whether no anomaly is hidden among them; all other rows stay the same.
    """
    rng = np.random.default_rng([seed, 11])
    centres = rng.uniform(0.2, 0.8, (3, 10))

    def around(centre: np.ndarray, count: int) -> np.ndarray:
        return centre[None] + 0.05 * rng.normal(size=(count, 10))

    def usual(count: int) -> np.ndarray:
        first = rng.integers(0, 2, count)
        return centres[first] + 0.05 * rng.normal(size=(count, 10))

    def strange(number: int, count: int) -> np.ndarray:
        if number != 2:
            return around(centres[2] if number == 1 else 1 - centres[0], count)
        drawn = rng.random((count + 50, 10))
        apart = np.linalg.norm(drawn[:, None] - centres[None, :2], axis=-1)
        return drawn[apart.min(axis=1) > 0.25][:count]

    hidden = round(normal * CONTAMINATION)
    parts = [usual(normal)]
    parts += [strange(number, hidden // 3) for number in (1, 2, 3)]
    unlabelled = np.concatenate(parts[:1] if clean else parts)
    given = strange(1, LABELLED)
    test = [usual(2000), *(strange(number, 60) for number in (1, 2, 3))]
    test.append(np.stack([rng.choice(column, 60) for column in usual(2000).T], axis=1))
    return Cut(
        "synthetic",
        seed,
        np.concatenate([unlabelled, given]),
        np.repeat([0, 1], [len(unlabelled), len(given)]),
        len(unlabelled) - normal,
        np.concatenate(test),
        np.repeat(np.arange(5), [len(one) for one in test]),
    )


def _equally(
    rng: np.random.Generator, groups: list[np.ndarray], count: int
) -> np.ndarray:
    """About equally many of each group, `count` in all."""
    shuffled = [rng.permutation(group) for group in groups]
    longest = max(map(len, shuffled))
    turns = [
        group[place]
        for place in range(longest)
        for group in shuffled
        if place < len(group)
    ]
    return np.array(turns[:count], dtype=np.int64)
