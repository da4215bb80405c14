"""GANomaly with one class left out: shared by `mnist` and `cifar10`.

The class left out is anomalous, all others are normal: 80 % of the normal pictures
train, the rest and all anomalous ones are tested. Beside it on the same splits:
pixel-space PCA, the fifth nearest of up to 3,000 training pictures, the same network
untrained, and random scores.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from benchmarks.studies import digits, study
from benchmarks.studies.report import Report, Row, Section, by_group
from benchmarks.studies.snapshots import Snapshots
from benchmarks.studies.study import Session
from jaxtsad.datasets import catalog
from jaxtsad.datasets.reading import pictures as pictures_
from jaxtsad.detectors.ganomaly import losses as objectives
from jaxtsad.evaluation.metrics import point
from jaxtsad.experiments import facts, toml
from jaxtsad.pipeline import members, scoring
from jaxtsad.pipeline.members import Fitted
from jaxtsad.pipeline.setup import Setup
from jaxtsad.training.fit import Callbacks
from jaxtsad.training.plan import Plan

SIDE = 32
PROTOCOLS = ("strict", "paper")
PCA = Setup("pca", {"variance": 0.9}, kind="samples", validation=0.05)
KNN = Setup("knn", {"memory": 3000}, kind="samples", validation=0.05)
QUICK = {"size": "test", "seeds": [0]}
BEST = "best epoch by test AUC (leaks)"
AFTER = "epoch {}"
FOLLOWED_NOTE = "the best epoch is chosen by the areas that are reported, as published"
PAPER_NOTES = (
    "scores by each test batch's own statistics, so that a score depends on its batch",
    "scores rescaled by their smallest and largest over the test set",
)


class Size(NamedTuple):
    """How large an experiment is.

    Attributes:
        width: Channels of the first layer.
        train: Most training pictures; 0 for all.
        test: Most normal and most anomalous test pictures each; 0 for all.
        epochs: Epochs, all of which are run.
        learning_rate: Of both players.
    """

    width: int
    train: int
    test: int
    epochs: int
    learning_rate: float = 2e-4


SIZES = {
    "test": Size(4, 200, 20, 1, 1e-3),
    "cpu": Size(16, 3000, 1500, 6, 1e-3),
    "full": Size(64, 0, 0, 15),
}


class Cut(NamedTuple):
    """One class left out, under one seed; pictures `[N, 32, 32, C]` uint8.

    Attributes:
        name: Name of the anomalous class.
        seed: Seed of the split.
        train: Normal pictures.
        test: The other normal pictures and the anomalous ones, shuffled.
        labels: `[N]` 1 where anomalous.
    """

    name: str
    seed: int
    train: np.ndarray
    test: np.ndarray
    labels: np.ndarray


def cut(
    values: np.ndarray,
    labels: np.ndarray,
    anomalous: int,
    seed: int,
    *,
    name: str = "",
    train: int = 0,
    test: int = 0,
) -> Cut:
    """Leaves one class out.

    Args:
        values: All pictures `[N, ...]` of both published parts.
        labels: Their classes `[N]`.
        anomalous: The class left out.
        seed: Of the shuffle.
        name: Name of the class.
        train: Most training pictures; 0 for all.
        test: Most normal and most anomalous test pictures each; 0 for all.

    Example:
        >>> labels = np.repeat([0, 1], [10, 90])
        >>> found = cut(np.zeros((100, 4)), labels, 0, seed=0)
        >>> len(found.train), len(found.test), int(found.labels.sum())
        (72, 28, 10)
    """
    rng = np.random.default_rng([seed, anomalous])
    normal = rng.permutation(np.flatnonzero(labels != anomalous))
    strange = rng.permutation(np.flatnonzero(labels == anomalous))
    border = int(0.8 * len(normal))
    kept, held = normal[:border], normal[border:]
    if train:
        kept = kept[:train]
    if test:
        held, strange = held[:test], strange[:test]
    index = rng.permutation(np.concatenate([held, strange]))
    return Cut(
        name or str(anomalous),
        seed,
        values[kept],
        values[index],
        (labels[index] == anomalous).astype(np.int64),
    )


def setup(size: Size, protocol: str = "strict", **options: Any) -> Setup:
    """GANomaly of a size; all epochs are run and the last weights are kept.

    Raises:
        ValueError: If the protocol is unknown, or the batch's own statistics are asked
            for outside the paper protocol.
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"{protocol=}; the choices are {', '.join(PROTOCOLS)}")
    if options.get("bn_eval") == "batch" and protocol != "paper":
        raise ValueError(
            "bn_eval='batch' makes a score depend on what else is scored; it is "
            'offered only under protocol="paper"'
        )
    if protocol == "paper":
        options.setdefault("bn_eval", "batch")
    given = {"width": size.width, "learning_rate": size.learning_rate, **options}
    return Setup(
        "ganomaly",
        given,
        kind="samples",
        validation=0.05,
        batch_size=64,
        plan=Plan(epochs=size.epochs, stop="none"),
    )


def compare(
    session: Session,
    cuts: Sequence[Cut],
    setup_: Setup,
    protocol: str = "strict",
    *,
    followed: bool = False,
) -> list[Row]:
    """Trains all cuts as one fleet; one row per cut of it and of each baseline."""
    untrained = dataclasses.replace(setup_, untrained=True)
    rows = fleet(session, "ganomaly", setup_, cuts, protocol, followed=followed)
    rows += fleet(session, "untrained", untrained, cuts, protocol)
    return [*rows, *baselines(session, cuts)]


def baselines(session: Session, cuts: Sequence[Cut]) -> list[Row]:
    """Pixel-space PCA, nearest pictures and random scores on the same cuts."""
    rows = fleet(session, "pca", PCA, cuts) + fleet(session, "knn", KNN, cuts)
    for each in cuts:
        noise = np.random.default_rng([each.seed, 1]).random(len(each.test))
        rows.append(_row(each, "random", noise))
    return rows


def fleet(
    session: Session,
    name: str,
    setup_: Setup,
    cuts: Sequence[Cut],
    protocol: str = "strict",
    *,
    followed: bool = False,
) -> list[Row]:
    """Fits one member per cut in one program, or reads its rows.

    Args:
        session: The run, which keeps the rows.
        name: Of the rows.
        setup_: How it is fitted.
        cuts: The classes left out.
        protocol: Under `paper`, scores are rescaled over each test set.
        followed: Adds a row for the models after each epoch, and `BEST` of them.
    """
    cache = session.cache(__name__, session.name)
    seeds = [one.seed for one in cuts]
    about: dict[str, Any] = {"setup": repr(setup_), "protocol": protocol}
    about |= {"cuts": checksum(cuts), "seeds": seeds, "names": [c.name for c in cuts]}
    about |= {"followed": followed}
    place = cache.place(f"{name}_checkpoints", about)
    kept = Snapshots(place)

    def make() -> list[Row]:
        fitted = session.fit(
            name,
            setup_,
            [(f"{one.name}/{one.seed}", one.train) for one in cuts],
            folder=place,
            seeds=seeds,
            paired=True,
            callbacks=Callbacks(model=kept.keep) if followed else Callbacks(),
        )
        rows = judged(name, fitted)
        if followed:
            along = [after(n, fitted) for n in range(1, setup_.plan.epochs + 1)]
            for own in zip(*along, strict=True):
                best = max(own, key=lambda row: row.value)
                rows += [best._replace(detector=BEST), *own]
        return rows

    def after(n: int, fitted: Fitted) -> list[Row]:
        judge = functools.partial(judged, AFTER.format(n))
        own = cache.tree(
            f"{name}_after_{n}", about, lambda: judge(kept.after(fitted, n))
        )
        return [Row(*one) for one in own]

    def judged(title: str, fitted: Fitted) -> list[Row]:
        parts = [
            members.test_part(fitted, index, one.name, one.test)
            for index, one in enumerate(cuts)
        ]
        rows = []
        for each, scores in zip(cuts, scoring.aggregated(fitted, parts), strict=True):
            if protocol == "paper" and name not in ("pca", "knn"):
                scores = np.asarray(objectives.rescaled(jnp.asarray(scores)))
            rows.append(_row(each, title, scores))
        return rows

    return [Row(*one) for one in cache.tree(name, about, make)]


def checksum(cuts: Sequence[Cut]) -> str:
    """Of all pictures and labels."""
    return facts.checksum(
        part for one in cuts for part in (one.train, one.test, one.labels)
    )


def report(title: str, rows: Sequence[Row], notes: Sequence[str] = ()) -> Report:
    """The table of areas."""
    flat = [row._asdict() for row in rows]
    along = [row for row in rows if row.detector.startswith(AFTER.format(""))]
    tables = [by_group([row for row in rows if row not in along])]
    if along:
        tables.append(by_group(along, "Along the training"))
    sections = [Section("AUC-ROC", tables=tables)]
    return Report(title, (), sections, notes, flat, {"rows": flat})


def options(parser: argparse.ArgumentParser) -> None:
    """Adds what these studies are asked for."""
    add = parser.add_argument
    add("--classes", nargs="+")
    add("--seeds", type=int, nargs="+", default=[0, 1, 2])
    add("--size", default="cpu", choices=tuple(SIZES))
    add("--protocol", default="strict", choices=PROTOCOLS)
    add("--epochs", type=int)
    add("--train", type=int, help="most training pictures, 0 for all")
    add("--follow", action="store_true", help="judges the models after each epoch")
    add("--coarse", type=int, help="what detail is worth: pixels a side that are kept")
    study.detector_options(parser)


def run(
    session: Session,
    title: str,
    dataset: str,
    classes: Sequence[str],
    default: Sequence[str],
    notes: Sequence[str],
) -> Report:
    """Leaves out each class that was asked for.

    Args:
        session: The run.
        title: What the table is called.
        dataset: Name of the pictures.
        classes: Names of the classes.
        default: Classes left out by the CPU preset.
        notes: What is said below the table.

    Raises:
        ValueError: If a class is unknown.
    """
    given = session.options
    size = SIZES[given.size]
    size = size._replace(epochs=given.epochs or size.epochs)
    size = size._replace(train=size.train if given.train is None else given.train)
    wanted = toml.assignments(given.options, "ganomaly")
    chosen = given.classes or (classes if given.size == "full" else default)
    unknown = [one for one in chosen if one not in classes]
    if unknown:
        raise ValueError(
            f"--classes {unknown[0]}; the choices are {', '.join(classes)}"
        )
    said = [*notes, f"protocol {given.protocol}, size {given.size}: {size}"]
    said += [f"options {wanted}"] if wanted else []
    if given.protocol == "paper":
        said += [f"leak: {note}" for note in PAPER_NOTES]
    values, labels = load(session, dataset)
    if given.coarse is not None:
        values = coarse(values, given.coarse)
        said.append(f"pictures of {given.coarse} pixels a side, enlarged")
    cuts = [
        cut(
            values,
            labels,
            classes.index(one),
            seed,
            name=one,
            train=size.train,
            test=size.test,
        )
        for one in chosen
        for seed in given.seeds
    ]
    said += [f"leak: {FOLLOWED_NOTE}"] if given.follow else []
    asked = setup(size, given.protocol, **wanted)
    rows = compare(session, cuts, asked, given.protocol, followed=given.follow)
    return report(title, rows, said)


def load(session: Session, dataset: str) -> tuple[np.ndarray, np.ndarray]:
    """Pictures `[N, 32, 32, C]` and their classes; digits where there is no data."""
    if session.bundled:
        values, labels = digits.load()
    else:
        found = catalog.load_samples(dataset, session.root)
        assert found.labels is not None
        values, labels = found.values, found.labels
    return pictures_.resized(values, SIDE), labels


def coarse(values: np.ndarray, side: int) -> np.ndarray:
    """Pictures of the same size `[N, S, S, C]` with the detail of `side` pixels.

    Raises:
        ValueError: If there are no such sizes.

    Example:
        >>> fine = np.tile(np.uint8([0, 200]), (1, 4, 2))[..., None]
        >>> np.ptp(coarse(fine, 1)), coarse(fine, 4) is fine
        (np.uint8(0), True)
    """
    if not 1 <= side <= values.shape[1]:
        raise ValueError(f"--coarse {side} must be between 1 and {values.shape[1]}")
    return pictures_.resized(pictures_.resized(values, side), values.shape[1])


def _row(one: Cut, name: str, scores: np.ndarray) -> Row:
    return Row(one.name, name, one.seed, point.auc_roc(one.labels, scores))
