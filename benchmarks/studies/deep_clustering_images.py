"""Deep clustering of MNIST and COIL-20: ACC and NMI beside published figures.

python -m benchmarks.studies.deep_clustering_images --data-root DIR

The CPU preset takes MNIST's 10,000 test pictures and COIL-20 at 32 pixels; `--size
full` all 70,000, as published. Labels are used to count only, never to train.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from rich.console import Console

from benchmarks.studies import digits, study
from benchmarks.studies.report import Report, Section, Table
from benchmarks.studies.study import Session, Study
from jaxtsad import files
from jaxtsad.datasets import catalog
from jaxtsad.datasets.reading import pictures as pictures_
from jaxtsad.evaluation.metrics import clustering
from jaxtsad.experiments import console, toml
from jaxtsad.pipeline import fitting, members
from jaxtsad.pipeline.members import Fitted
from jaxtsad.pipeline.setup import Setup
from jaxtsad.training.fit import Callbacks
from jaxtsad.training.plan import Plan
from jaxtsad.types import PyTree

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


def compare(
    name: str,
    values: np.ndarray,
    labels: np.ndarray,
    size: Size,
    losses: Sequence[str],
    seeds: Sequence[int],
    terminal: Console,
) -> tuple[list[Row], Fitted, np.ndarray]:
    """Clusters pixels, codes after reconstruction, and codes after each loss.

    Returns:
        Rows, the last fleet, and the codes of its first member.
    """
    clusters = len(np.unique(labels))
    rows = []
    pixels = values.reshape(len(values), -1) / 255.0
    for seed in seeds:
        rows.append(_row(name, "pixels", seed, labels, _kmeans(pixels, clusters, seed)))
    for number, loss in enumerate(losses):
        kept: dict[int, PyTree] = {}

        def keep(epoch: int, model: PyTree, kept: dict[int, PyTree] = kept) -> None:
            if epoch + 1 in (size.pretrain, size.pretrain + size.refine):
                kept[epoch + 1] = jax.tree.map(np.array, model)

        with console.progress(terminal, f"{name} {loss}") as status:
            callbacks = Callbacks(status=status, model=keep)
            fitted = fitting.fit(
                setup(size, clusters, loss),
                [(name, values)],
                seeds=seeds,
                callbacks=callbacks,
            )
        if not number:
            early = dataclasses.replace(fitted, model=kept[size.pretrain])
            for member, seed in enumerate(seeds):
                codes = _seen(early, member, values)["latent"]
                found = _kmeans(codes, clusters, seed)
                rows.append(_row(name, "autoencoder", seed, labels, found))
        before = dataclasses.replace(fitted, model=kept[size.pretrain + size.refine])
        for when, one in (("before", before), ("final k-means", fitted)):
            for member, seed in enumerate(seeds):
                found = _seen(one, member, values)["cluster"]
                rows.append(_row(name, f"{loss}, {when}", seed, labels, found))
    return rows, fitted, _seen(fitted, 0, values)["latent"]


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


HEADING = ["data", "space", "ACC", "NMI", "published ACC", "published NMI"]


def report(
    rows: Sequence[Row], notes: Sequence[str], facts: Mapping[str, Any]
) -> Report:
    """The table of agreements beside published ones."""
    flat = [row._asdict() for row in rows]
    sections = [Section("", tables=(Table(HEADING, lines(rows), len(HEADING) - 2),))]
    return Report(TITLE, (), sections, notes, flat, {"rows": flat, "facts": facts})


def draw(path: pathlib.Path, title: str, codes: np.ndarray, labels: np.ndarray) -> None:
    """Draws codes in two dimensions, by principal axes and by t-SNE, coloured by class.

    Raises:
        ValueError: If the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    order = np.random.default_rng(0).permutation(len(codes))[:2000]
    codes, labels = codes[order], labels[order]
    perplexity = min(30.0, (len(codes) - 1) / 3)
    planes = {
        "principal axes": PCA(2).fit_transform(codes),
        "t-SNE": TSNE(init="pca", random_state=0, perplexity=perplexity).fit_transform(
            codes
        ),
    }
    figure = Figure(figsize=(8, 4), layout="constrained")
    for axes, (name, plane) in zip(figure.subplots(1, 2), planes.items(), strict=True):
        axes.scatter(*plane.T, c=labels, cmap="tab20", s=4)
        axes.set_title(name)
        axes.set_xticks([])
        axes.set_yticks([])
    figure.suptitle(title)
    stream = io.BytesIO()
    FigureCanvasAgg(figure).print_png(stream)
    files.write_bytes(path, stream.getvalue())


def options(parser: argparse.ArgumentParser) -> None:
    """Adds what the study is asked for."""
    add = parser.add_argument
    add("--data", nargs="+", choices=tuple(SIZES), default=list(SIZES))
    add("--losses", nargs="+", choices=LOSSES, default=list(LOSSES))
    add("--seeds", type=int, nargs="+", default=[0, 1, 2])
    add("--size", default="cpu", choices=("test", "cpu", "full"))
    add("--pretrain", type=int)
    add("--refine", type=int)
    add("--unpool", choices=("repeat", "argmax"))
    add(
        "--options",
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        help="options of the detector instead of the size's",
    )


def run(session: Session) -> Report:
    """Clusters each set of pictures."""
    given = session.options
    rows: list[Row] = []
    notes, facts = [*NOTES], {}
    wanted = toml.assignments(given.options)
    if given.unpool:
        wanted["unpool"] = given.unpool
    for name in given.data:
        size = SIZES[name][given.size]
        size = size._replace(
            pretrain=given.pretrain or size.pretrain,
            refine=given.refine or size.refine,
            options={**size.options, **wanted},
        )
        if session.bundled:
            values, labels = digits.load(size.pictures)
            values = pictures_.resized(values, 32)
        else:
            values, labels = load(name, session.root, size.pictures)
        found, fitted, codes = compare(
            name, values, labels, size, given.losses, given.seeds, session.terminal
        )
        rows += found
        notes.append(f"{name}: {len(values)} pictures, {size}")
        result = fitted.result
        facts[name] = {"train_s": result.train_s if result is not None else 0.0}
        draw(session.folder / f"{session.name}_{name}.png", name, codes, labels)
    return report(rows, notes, facts)


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
    found: dict[str, np.ndarray] = members.outputs(alone, [part], "inspect")[0]
    return found


def _kmeans(rows: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    from sklearn.cluster import KMeans

    runs = KMeans(clusters, n_init=10, random_state=seed)
    found: np.ndarray = runs.fit_predict(np.asarray(rows, np.float32))
    return found


def _row(
    data: str, space: str, seed: int, labels: np.ndarray, found: np.ndarray
) -> Row:
    agreed = clustering.agreement(labels, found)
    return Row(data, space, seed, agreed.accuracy, agreed.nmi)


if __name__ == "__main__":
    sys.exit(study.main(STUDY))
