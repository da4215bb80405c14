"""Latent search on colour and depth pictures: one generator per shape.

python -m benchmarks.studies.latent_search_rgbd

Each generator learns one of three shapes; pictures of the others are anomalous. The
generators of all shapes and seeds are trained as one fleet. `--data real` takes the
captures, where they are, and shows what mask area and mean depth alone tell.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.studies import study
from benchmarks.studies.latent_search_rgbd import baselines as rgbd_baselines
from benchmarks.studies.latent_search_rgbd import data as rgbd_data
from benchmarks.studies.latent_search_rgbd import errors as rgbd_errors
from benchmarks.studies.latent_search_rgbd.data import Shapes
from benchmarks.studies.latent_search_rgbd.presets import SEARCHES, SIZES, setup
from benchmarks.studies.report import Report, Row, Section, by_group
from benchmarks.studies.study import Session, Study
from jaxtsad.datasets import places
from jaxtsad.detectors.latent_search.gan import LOSSES
from jaxtsad.evaluation.metrics import point
from jaxtsad.experiments import facts
from jaxtsad.pipeline import members, scoring
from jaxtsad.pipeline.members import Fitted, Member
from jaxtsad.pipeline.setup import Setup

NAME = "latent_search_rgbd"
TITLE = "Latent search on colour and depth, one generator per shape"
PUBLISHED = {
    "gan": {"rectangle": 0.71, "cylinder": 0.76, "sphere": 0.79},
    "wgan_gp": {"rectangle": 0.68, "cylinder": 0.87, "sphere": 0.81},
}
"""AUCs that the original reports, on a larger set of captures than is public."""
DEPTH = 3


def searched(
    fitted: Fitted, shapes: Shapes, options: Mapping[str, Any]
) -> dict[str, list[np.ndarray]]:
    """Scores `[N]` of all test pictures by each member, after a search with options.

    Returns:
        By the detector's options `error` and `scored`: `mse`, the published one;
        `relative`; and `relative, depth`, which counts depth alone, since all shapes
        have all colours. Last `unusual`, see `rgbd_errors.unusual`, of the restart that
        ends nearest.
    """
    setup_ = dataclasses.replace(
        fitted.setup, options={**fitted.setup.options, **options}
    )
    reader = dataclasses.replace(fitted, setup=setup_)
    held = [_held(shapes, member) for member in reader.members]
    parts = [
        members.test_part(reader, index, "test", np.concatenate([shapes.test, own]))
        for index, own in enumerate(held)
    ]
    outputs = scoring.outputs(reader, parts, "inspect")
    count = len(shapes.test)
    errors = [one["errors"][:count].mean(axis=1) for one in outputs]
    made = [np.split(one["reconstruction"], [count]) for one in outputs]
    light = rgbd_data.brightness(shapes.test)
    return {
        "mse": [one.mean(axis=-1) for one in errors],
        "relative": [one.mean(axis=-1) / light.mean(axis=-1) for one in errors],
        "relative, depth": [one[:, DEPTH] / light[:, DEPTH] for one in errors],
        "unusual": [
            rgbd_errors.unusual(own, again, shapes.test, found)
            for own, (found, again) in zip(held, made, strict=True)
        ],
    }


def judged(
    fitted: Fitted, shapes: Shapes, name: str, scores: Sequence[np.ndarray]
) -> tuple[list[Row], dict[str, dict[str, float]]]:
    """Rows of `scores`, and the mean score of each class by generator."""
    rows, means = [], {}
    for member, found in zip(fitted.members, scores, strict=True):
        assert member.entity is not None
        own = shapes.classes.index(member.entity)
        auc = point.auc_roc((shapes.labels != own).astype(np.int64), found)
        rows.append(Row(member.entity, name, member.seed, auc))
        means[f"{member.entity}, seed {member.seed}"] = {
            shape: float(found[shapes.labels == k].mean())
            for k, shape in enumerate(shapes.classes)
        }
    return rows, means


def options(parser: argparse.ArgumentParser) -> None:
    """Adds what the study is asked for."""
    add = parser.add_argument
    add("--data", default="drawn", choices=("drawn", "real"))
    add("--losses", nargs="+", default=list(LOSSES), choices=LOSSES)
    add("--searches", nargs="+", default=list(SEARCHES), choices=tuple(SEARCHES))
    add("--seeds", type=int, nargs="+", default=[0, 1])
    add("--size", default="cpu", choices=tuple(SIZES))
    add("--epochs", type=int)
    add("--unmasked", action="store_true", help="keep the table")


def run(session: Session) -> Report:
    """Trains and searches with every loss, by every search."""
    given, size = session.options, SIZES[session.options.size]
    if given.epochs:
        size = size._replace(epochs=given.epochs, critic_epochs=given.epochs)
    if given.data == "real":
        root = places.data_root(session.root)
        shapes = rgbd_data.real(root, size.side, mask=not given.unmasked)
    else:
        shapes = rgbd_data.drawn(size.side, size.train, size.test)
    cache = session.cache(__name__)
    same = {
        "data": facts.checksum((*shapes.train, *shapes.held, shapes.test)),
        "seeds": given.seeds,
    }
    others = functools.partial(rgbd_baselines.rows, shapes, given.seeds)
    baselines = cache.tree("baselines", same, others)
    rows: list[Row] = []
    means: dict[str, Any] = {}
    for loss in given.losses:
        asked = setup(size, loss)
        about = {**same, "setup": repr(asked)}
        folder = cache.place(f"{loss}_checkpoints", about)

        def make(asked: Setup = asked, folder: pathlib.Path = folder) -> dict:
            sets = rgbd_data.sets(shapes)
            fitted = session.fit(
                asked.options["loss"], asked, sets, folder=folder, seeds=given.seeds
            )
            return by_search(fitted, shapes, given.searches)

        kept = cache.tree(loss, {**about, "searches": given.searches}, make)
        rows += [Row(*row) for row in kept["rows"]]
        means |= kept["means"]
    rows += [Row(*row) for row in baselines]
    said = _notes(given.data, means, not given.unmasked)
    flat = [row._asdict() for row in rows]
    sections = [Section("AUC-ROC", tables=(by_group(rows),))]
    title = f"{TITLE} ({given.data})"
    return Report(title, (), sections, said, flat, {"rows": flat, "means": means})


def by_search(
    fitted: Fitted, shapes: Shapes, searches: Sequence[str]
) -> dict[str, Any]:
    """Rows of every score after each of these `SEARCHES`, and their means by class."""
    rows: list[Row] = []
    means = {}
    for name in searches:
        for score, values in searched(fitted, shapes, SEARCHES[name]).items():
            row = f"{fitted.setup.options['loss']}, {name}, {score}"
            found, means[row] = judged(fitted, shapes, row, values)
            rows += found
    return {"rows": rows, "means": means}


STUDY = Study(
    NAME,
    __doc__,
    run,
    options,
    quick={"losses": ["gan"], "searches": ["encoder"], "seeds": [0], "size": "test"},
    data=False,
)


def _notes(data: str, means: dict[str, dict], mask: bool) -> list[str]:
    notes = ["AUC of single pictures; the other two shapes are anomalous"]
    for row, found in means.items():
        for own in dict.fromkeys(name.split(", seed")[0] for name in found):
            seeds = [one for name, one in found.items() if name.startswith(f"{own},")]
            text = ", ".join(
                f"{shape} {np.mean([one[shape] for one in seeds]):.3f}"
                for shape in seeds[0]
            )
            notes.append(f"mean scores of {row} by the generator of {own}: {text}")
    if data == "real":
        speckle = "masked" if mask else "kept"
        notes.append(f"split by blocks of file numbers, the table's speckle {speckle}")
        for loss, aucs in PUBLISHED.items():
            text = ", ".join(f"{shape} {auc:.2f}" for shape, auc in aucs.items())
            notes.append(f"reported by the original for {loss}: {text}")
    return notes


def _held(shapes: Shapes, member: Member) -> np.ndarray:
    assert member.entity is not None
    return shapes.held[shapes.classes.index(member.entity)]


if __name__ == "__main__":
    sys.exit(study.main(STUDY))
