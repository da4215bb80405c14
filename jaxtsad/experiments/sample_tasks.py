"""Images and table rows as entities of an experiment, each cut for training and test.

An entity is a class that takes its turn as the anomalous or as the normal one, or the
whole set where its labels already say what is anomalous.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxtsad.datasets import catalog
from jaxtsad.datasets.reading import pictures
from jaxtsad.experiments.config import Config, SampleCut
from jaxtsad.types import Samples, Series


@dataclasses.dataclass(frozen=True, eq=False)
class SampleTask(Series):
    """Samples cut for training and test; the fields hold `[N, ...]`, not `[T, C]`.

    Attributes:
        known: `[N]` bool, known anomalies among the training samples.
    """

    known: np.ndarray | None = None


class Cut(NamedTuple):
    """Positions of samples: training, of which the last `known` are, and test."""

    train: np.ndarray
    known: int
    test: np.ndarray


def load(config: Config) -> list[SampleTask]:
    """Loads the set of a config and cuts it once per entity.

    Raises:
        ValueError: If the set, an option or a class is unknown, or nothing is left to
            train on or to test.
    """
    data, how = config.data, config.samples
    found = catalog.load_samples(data.dataset, data.root or None, **data.options)
    if found.labels is None:
        raise ValueError(f"data.dataset={data.dataset!r} has no labels to test with")
    values = found.values
    if how.side:
        if values.dtype != np.uint8 or values.ndim != 4:
            raise ValueError(f"samples.side={how.side} resizes images of bytes only")
        values = pictures.resized(values, how.side)
    names = _names(found, how, data.entities)
    tasks = []
    for name, number in names.items():
        match how.classes:
            case "labels":
                anomalous = found.labels != 0
            case "anomalous":
                anomalous = found.labels == number
            case _:
                anomalous = found.labels != number
        place = cut(anomalous, how, number)
        known = np.zeros(len(place.train), bool)
        known[len(known) - place.known :] = True
        labels = anomalous[place.test].astype(np.int8)
        columns = tuple(map(str, found.metadata.get("features", ())))
        tasks.append(
            SampleTask(
                name,
                values[place.train],
                values[place.test],
                labels,
                columns,
                known=known if place.known else None,
            )
        )
    return tasks


def cut(anomalous: np.ndarray, how: SampleCut, number: int = 0) -> Cut:
    """Cuts samples at random into training and test.

    Anomalies that training needs, known ones and those hidden among the unlabelled,
    are drawn from as large a share of the anomalies as is trained on of the normal
    samples; the other anomalies are tested.

    Args:
        anomalous: `[N]` bool.
        how: Shares, limits and seed.
        number: Makes the draws of several entities differ.

    Raises:
        ValueError: If nothing is left to train on or to test.

    Example:
        >>> how = SampleCut(known=60, hidden=0.02)
        >>> found = cut(np.repeat([False, True], [900, 100]), how)
        >>> len(found.train), found.known, len(found.test)
        (790, 60, 200)
    """
    rng = np.random.default_rng([how.seed, number])
    normal = rng.permutation(np.flatnonzero(~anomalous))
    odd = rng.permutation(np.flatnonzero(anomalous))
    border = int(how.train * len(normal) + 1e-9)
    fit, held = normal[:border], normal[border:]
    pool, tested = odd[:0], odd
    if how.known or how.hidden:
        border = int(how.train * len(odd) + 1e-9)
        pool, tested = odd[:border], odd[border:]
    fit = fit[: how.most_train or None]
    held, tested = held[: how.most_test or None], tested[: how.most_test or None]
    known = min(how.known, 3 * len(pool) // 4)
    share = how.hidden / (1 - how.hidden)
    hidden = min(round(share * len(fit)), (len(pool) - known) // 2)
    if not len(fit) or not len(held) or not len(tested):
        raise ValueError(
            f"{len(normal)} normal and {len(odd)} anomalous samples are too few to "
            f"train on {how.train:g} of them and to test both kinds"
        )
    train = np.concatenate([fit, pool[known : known + hidden], pool[:known]])
    return Cut(train, known, rng.permutation(np.concatenate([held, tested])))


def _names(found: Samples, how: SampleCut, entities: Sequence[str]) -> dict[str, int]:
    """Classes by the name of their entity."""
    assert found.labels is not None
    if how.classes == "labels":
        if entities:
            raise ValueError(
                f"data.entities={entities} names classes, but "
                'samples.classes="labels" takes the labels as they are'
            )
        return {found.name: 0}
    numbers = np.unique(found.labels).astype(int).tolist()
    given = found.metadata.get("classes")
    names = dict(
        zip(map(str, given), range(len(given)), strict=True)
        if given is not None
        else ((str(number), number) for number in numbers)
    )
    for entity in entities:
        if entity not in names:
            raise ValueError(
                f"data.entities: {entity!r} is no class of {found.name}; the choices "
                f"are {', '.join(names)}"
            )
    return {name: names[name] for name in entities or names}
