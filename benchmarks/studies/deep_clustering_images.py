"""Deep clustering of MNIST and COIL-20: ACC and NMI beside published figures.

python -m benchmarks.studies.deep_clustering_images --data-root DIR

The CPU preset takes MNIST's 10,000 test pictures and COIL-20 at 32 pixels; `--size
full` all 70,000, as published. Labels are used to count only, never to train.
`--follow` shows what k-means finds in the codes after single epochs.
"""

from __future__ import annotations

import argparse
import functools
import pathlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.studies import digits, study
from benchmarks.studies.report import Report, Section, Table
from benchmarks.studies.snapshots import Snapshots, check_followed
from benchmarks.studies.study import Session, Study
from jaxtsad.datasets import catalog
from jaxtsad.datasets.reading import pictures as pictures_
from jaxtsad.evaluation.metrics import clustering
from jaxtsad.experiments import facts, toml
from jaxtsad.pipeline import members, scoring
from jaxtsad.pipeline.members import Fitted
from jaxtsad.pipeline.setup import Setup
from jaxtsad.training.fit import Callbacks
from jaxtsad.training.plan import Plan

TITLE = "Deep clustering: accuracy and NMI"
LOSSES = ("hardening", "kmeans")
PUBLISHED: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "mnist": {
        "pixels": (0.542, 0.480),
        "autoencoder": (0.760, 0.667),
        "kmeans, final k-means": (0.781, 0.796),
        "hardening, final k-means": (0.859, 0.825),
    },
    "coil20": {
        "pixels": (0.689, 0.793),
        "autoencoder": (0.739, 0.828),
        "kmeans, final k-means": (0.745, 0.846),
        "hardening, final k-means": (0.762, 0.848),
    },
}
NOTES = (
    "ACC is the accuracy under the best matching of clusters to classes; NMI by the "
    "arithmetic mean",
    "published: Aljalbout et al.'s own table, k-means in each space",
    "the published COIL-20 pictures have 128 pixels a side, these 32",
)


class Size(NamedTuple):
    """How long an experiment is.

    Attributes:
        pictures: Most of them; 0 for all.
        pretrain: Epochs of reconstruction.
        refine: Most epochs of both losses.
        options: Options of the detector.
    """

    pictures: int
    pretrain: int
    refine: int
    options: Mapping[str, Any]


ADAM = {"optimizer": "adam", "alpha": 0.9, "unpool": "argmax"}
PUBLISHED_RECIPE = {"optimizer": "nesterov", "alpha": 0.9, "unpool": "argmax"}
MOVED = {"unpool": "repeat", "shift": 2.0, "turn": 25.0}
SIZES: Mapping[str, Mapping[str, Size]] = {
    "mnist": {
        "test": Size(300, 1, 1, {**ADAM, "width": 4, "latent": 10}),
        "cpu": Size(10_000, 15, 20, {**ADAM, **MOVED, "width": 16, "latent": 10}),
        "full": Size(0, 50, 100, PUBLISHED_RECIPE),
    },
    "coil20": {
        "test": Size(200, 1, 1, {**ADAM, "width": 4, "latent": 10}),
        "cpu": Size(0, 40, 10, {**ADAM, "width": 20, "batch_size": 50}),
        "full": Size(0, 200, 100, {**PUBLISHED_RECIPE, "batch_size": 10}),
    },
}


class Row(NamedTuple):
    """Agreement of one clustering with the classes."""

    data: str
    space: str
    seed: int
    accuracy: float
    nmi: float


class Followed(NamedTuple):
    """What k-means finds in the codes after an epoch.

    Attributes:
        data: Name of the pictures.
        loss: Of the refining.
        seed: Of the network.
        epoch: How many epochs were trained.
        accuracy: Of the clusters.
        nmi: Of the clusters.
        smallest: Share of the samples in the smallest cluster.
        largest: Likewise in the largest.
        variance: Of the codes, summed over their numbers.
        within: Share of it that lies within clusters.
    """

    data: str
    loss: str
    seed: int
    epoch: int
    accuracy: float
    nmi: float
    smallest: float
    largest: float
    variance: float
    within: float


def load(name: str, root: str | None, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and classes; MNIST's test pictures come first where few are asked for.

    Raises:
        FileNotFoundError: If they are not below the root.
        ValueError: If a file is corrupt.
    """
    found = catalog.load_samples(name, root)
    assert found.labels is not None
    values, labels = found.values, found.labels
    if count and name == "mnist":
        values, labels = values[-10_000:], labels[-10_000:]
    if count and count < len(values):
        order = np.random.default_rng(0).permutation(len(values))[:count]
        values, labels = values[order], labels[order]
    return values, labels


def setup(size: Size, clusters: int, loss: str) -> Setup:
    """Deep clustering of a size; all epochs are run."""
    given = {"clusters": clusters, "loss": loss, **size.options}
    given |= {"pretrain": size.pretrain, "refine": size.refine}
    return Setup(
        "deep_clustering",
        given,
        kind="samples",
        validation=0.0,
        plan=Plan(epochs=size.pretrain + size.refine + 1, stop="none"),
    )


def pixels(
    name: str, values: np.ndarray, labels: np.ndarray, seeds: Sequence[int]
) -> list[Row]:
    """Clusters the pictures as they are."""
    flat, clusters = values.reshape(len(values), -1) / 255.0, len(np.unique(labels))
    return [
        _row(name, "pixels", seed, labels, _kmeans(flat, clusters, seed))
        for seed in seeds
    ]


def compare(
    session: Session,
    name: str,
    values: np.ndarray,
    labels: np.ndarray,
    size: Size,
    loss: str,
    seeds: Sequence[int],
    folder: pathlib.Path,
    follow: Sequence[int] = (),
) -> tuple[list[Row], list[Followed]]:
    """Clusters codes after reconstruction, after both losses, and after epochs between.

    Training goes on from the folder where it was interrupted.
    """
    clusters = len(np.unique(labels))
    ends = (size.pretrain, size.pretrain + size.refine)

    kept = Snapshots(folder, {*ends, *follow})
    fitted = session.fit(
        f"{name} {loss}",
        setup(size, clusters, loss),
        [(name, values)],
        folder=folder / "checkpoints",
        seeds=seeds,
        callbacks=Callbacks(model=kept.keep),
    )

    def after(epoch: int) -> Iterator[Followed]:
        one = kept.after(fitted, epoch)
        for member, seed in enumerate(seeds):
            codes = _seen(one, member, values)["latent"]
            found = _kmeans(codes, clusters, seed)
            agreed = clustering.agreement(labels, found)
            shape = _shape(codes, found, clusters)
            yield Followed(name, loss, seed, epoch, agreed.accuracy, agreed.nmi, *shape)

    passed = {epoch: [*after(epoch)] for epoch in {ends[0], *follow}}
    rows = [
        Row(name, "autoencoder", one.seed, one.accuracy, one.nmi)
        for one in passed[ends[0]]
    ]
    before = kept.after(fitted, ends[1])
    for when, one in (("before", before), ("final k-means", fitted)):
        for member, seed in enumerate(seeds):
            found = _seen(one, member, values)["cluster"]
            rows.append(_row(name, f"{loss}, {when}", seed, labels, found))
    followed = [one for epoch in follow for one in passed[epoch]]
    return rows, followed


def lines(rows: Sequence[Row]) -> list[list[str]]:
    """Text of the table: mean and sd over seeds, and what was published."""
    found = []
    for data, space in dict.fromkeys((row.data, row.space) for row in rows):
        own = np.array(
            [row[3:] for row in rows if (row.data, row.space) == (data, space)]
        )
        sd = own.std(axis=0, ddof=1) if len(own) > 1 else np.zeros(2)
        cells = [
            f"{m:.3f} ± {s:.3f}" for m, s in zip(own.mean(axis=0), sd, strict=True)
        ]
        said = PUBLISHED.get(data, {}).get(space)
        cells += [f"{value:.3f}" for value in said] if said else ["", ""]
        found.append([data, space, *cells])
    return found


def along(followed: Sequence[Followed]) -> Table:
    """What k-means finds after single epochs, a line per epoch and seed."""
    return Table(
        FOLLOWED_HEADING,
        [
            [one.data, one.loss, str(one.seed), str(one.epoch)]
            + [f"{value:.3f}" for value in one[4:]]
            for one in followed
        ],
        len(FOLLOWED_HEADING) - 2,
        "k-means on the codes after single epochs",
        "Variance is that of the codes, summed over their numbers; within is the share "
        "of it that lies within clusters.",
    )


FOLLOWED_HEADING = (
    "data",
    "loss",
    "seed",
    "epoch",
    "ACC",
    "NMI",
    "smallest cluster",
    "largest",
    "variance",
    "within",
)
HEADING = ["data", "space", "ACC", "NMI", "published ACC", "published NMI"]


def report(
    rows: Sequence[Row], notes: Sequence[str], followed: Sequence[Followed] = ()
) -> Report:
    """The table of agreements beside published ones, and that of single epochs."""
    flat = [row._asdict() for row in rows]
    tables = [Table(HEADING, lines(rows), len(HEADING) - 2)]
    tables += [along(followed)] if followed else []
    tree = {"rows": flat, "followed": [one._asdict() for one in followed]}
    return Report(TITLE, (), [Section("", tables=tables)], notes, flat, tree)


def options(parser: argparse.ArgumentParser) -> None:
    """Adds what the study is asked for."""
    add = parser.add_argument
    add("--data", nargs="+", choices=tuple(SIZES), default=list(SIZES))
    add("--losses", nargs="+", choices=LOSSES, default=list(LOSSES))
    add("--seeds", type=int, nargs="+", default=[0, 1, 2])
    add("--size", default="cpu", choices=("test", "cpu", "full"))
    add("--pictures", type=int, help="most pictures, 0 for all")
    add("--pretrain", type=int)
    add("--refine", type=int)
    add("--unpool", choices=("repeat", "argmax"))
    add("--follow", type=int, nargs="+", default=[], help="epochs to cluster after")
    study.detector_options(parser)


def run(session: Session) -> Report:
    """Clusters each set of pictures.

    Raises:
        ValueError: If an epoch of `--follow` is not trained.
    """
    given = session.options
    rows: list[Row] = []
    followed: list[Followed] = []
    notes = [*NOTES]
    cache = session.cache(__name__)
    wanted = toml.assignments(given.options)
    if given.unpool:
        wanted["unpool"] = given.unpool
    for name in given.data:
        size = SIZES[name][given.size]
        if given.pictures is not None:
            size = size._replace(pictures=given.pictures)
        size = size._replace(
            pretrain=given.pretrain or size.pretrain,
            refine=given.refine or size.refine,
            options={**size.options, **wanted},
        )
        check_followed(given.follow, size.pretrain + size.refine)
        if session.bundled:
            values, labels = digits.load(size.pictures)
            values = pictures_.resized(values, 32)
        else:
            values, labels = load(name, session.root, size.pictures)
        data = facts.checksum((values, labels))
        same = {"data": data, "seeds": given.seeds, "size": size._asdict()}
        same |= {"followed": given.follow}
        make = functools.partial(pixels, name, values, labels, given.seeds)
        kept = cache.tree(f"{name}_pixels", {"data": data, "seeds": given.seeds}, make)
        for loss in given.losses:
            place = cache.place(f"{name}_{loss}", same)
            own = name, values, labels, size, loss, given.seeds, place, given.follow
            train = functools.partial(compare, session, *own)
            found, passed = cache.tree(f"{name}_{loss}", same, train)
            followed += [Followed(*one) for one in passed]
            # What reconstruction alone gives is the same under every loss.
            kept += [
                row
                for row in found
                if row[1] != "autoencoder" or loss == given.losses[0]
            ]
        rows += [Row(*row) for row in kept]
        notes.append(f"{name}: {len(values)} pictures, {size}")
    return report(rows, notes, followed)


STUDY = Study(
    "deep_clustering_images",
    __doc__,
    run,
    options,
    quick={"data": ["mnist"], "losses": ["hardening"], "seeds": [0], "size": "test"},
)


def _seen(fitted: Fitted, member: int, values: np.ndarray) -> dict[str, np.ndarray]:
    alone = members.subset(fitted, [member])
    part = members.test_part(alone, 0, "all", values)
    found: dict[str, np.ndarray] = scoring.outputs(alone, [part], "inspect")[0]
    return found


def _kmeans(rows: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    from sklearn.cluster import KMeans

    runs = KMeans(clusters, n_init=10, random_state=seed)
    found: np.ndarray = runs.fit_predict(np.asarray(rows, np.float32))
    return found


def _shape(
    codes: np.ndarray, found: np.ndarray, clusters: int
) -> tuple[float, float, float, float]:
    """Smallest and largest share of a cluster, variance, and its share within them."""
    counts = np.bincount(found, minlength=clusters)
    variance = float(codes.var(axis=0).sum())
    inner = sum(
        counts[number] * float(codes[found == number].var(axis=0).sum())
        for number in range(clusters)
        if counts[number]
    )
    share = counts / len(codes)
    within = inner / len(codes) / max(variance, 1e-12)
    return float(share.min()), float(share.max()), variance, within


def _row(
    data: str, space: str, seed: int, labels: np.ndarray, found: np.ndarray
) -> Row:
    agreed = clustering.agreement(labels, found)
    return Row(data, space, seed, agreed.accuracy, agreed.nmi)


if __name__ == "__main__":
    sys.exit(study.main(STUDY))
