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

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console

from benchmarks.studies import image_plots, study
from benchmarks.studies.latent_search_rgbd import baselines as rgbd_beside
from benchmarks.studies.latent_search_rgbd import data as rgbd_data
from benchmarks.studies.latent_search_rgbd import errors as rgbd_errors
from benchmarks.studies.latent_search_rgbd.data import Shapes
from benchmarks.studies.latent_search_rgbd.presets import SEARCHES, SIZES, setup
from benchmarks.studies.report import Report, Row, Section, by_group
from benchmarks.studies.study import Session, Study
from jaxtsad.datasets import places
from jaxtsad.detectors.latent_search import search as latent_search
from jaxtsad.detectors.latent_search.config import Config
from jaxtsad.detectors.latent_search.gan import LOSSES
from jaxtsad.evaluation.metrics import point
from jaxtsad.experiments import console
from jaxtsad.models import network
from jaxtsad.pipeline import fitting, members
from jaxtsad.pipeline.members import Fitted, Member
from jaxtsad.pipeline.setup import Setup
from jaxtsad.training import fleet
from jaxtsad.training.fit import Callbacks
from jaxtsad.types import PyTree

NAME = "latent_search_rgbd"
TITLE = "Latent search on colour and depth, one generator per shape"
PUBLISHED = {
    "gan": {"rectangle": 0.71, "cylinder": 0.76, "sphere": 0.79},
    "wgan_gp": {"rectangle": 0.68, "cylinder": 0.87, "sphere": 0.81},
}
"""AUCs that the original reports, on a larger set of captures than is public."""
DEPTH = 3
RATES = {"low": 6e-9, "high": 1e-3}
FRAMES = 10


def run(
    shapes: Shapes,
    setup_: Setup,
    seeds: Sequence[int],
    *,
    folder: pathlib.Path | None = None,
    terminal: Console | None = None,
) -> Fitted:
    """Trains generators of all shapes and seeds.

    Args:
        shapes: The pictures.
        setup_: The detector.
        seeds: Seeds.
        folder: Where grids of what the generators make are written, one per epoch.
        terminal: Where progress is shown.
    """
    loss = setup_.options["loss"]

    def grids(epoch: int, model: PyTree) -> None:
        if folder is not None:
            # Members are in order of shapes, then seeds: the first seed of each.
            first = range(0, len(shapes.train) * len(seeds), len(seeds))
            made = [made_by(setup_, shapes, model, m) for m in first]
            path = folder / "grids" / f"{loss}_{epoch:03d}.png"
            image_plots.save_grid(path, made, zoom=1)

    with console.progress(terminal or Console(quiet=True), str(loss)) as status:
        callbacks = Callbacks(status=status, model=grids)
        return fitting.fit(
            setup_, rgbd_data.sets(shapes), seeds=seeds, callbacks=callbacks
        )


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
    outputs = members.outputs(reader, parts, "inspect")
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


def made_by(setup_: Setup, shapes: Shapes, model: PyTree, member: int) -> np.ndarray:
    """Twelve pictures `[12, S, S, 4]` that a member's generator makes."""
    _, recipe = _recipe(setup_, shapes)
    codes = recipe.codes(jax.random.key(0), 12)
    own = fleet.member(model, member)
    return np.asarray(network.run(recipe.generator, own.generator, codes))


def along(
    fitted: Fitted, shapes: Shapes, member: int, picture: np.ndarray, rate: float
) -> np.ndarray:
    """What the generator makes along a search for `picture [S, S, 4]`, `[k, S, S, 4]`.

    With a high learning rate of its weights a generator of one shape turns into a maker
    of any other, and the search says nothing any more.
    """
    config, recipe = _recipe(fitted.setup, shapes)
    model = fleet.member(fitted.model, member)

    def generate(params: PyTree, codes: jax.Array) -> jax.Array:
        moved = model.generator._replace(params=params)
        made: jax.Array = network.run(recipe.generator, moved, codes)
        return made

    published = SEARCHES["published"]
    how = latent_search.Search(
        steps=published["search_steps"],
        code_rate=published["code_rate"],
        weight_rate=rate,
        theta="per_seed",
    )
    start = latent_search.starts(jax.random.key(0), 1, config.codes)[0]
    follow = jax.jit(functools.partial(latent_search.frames, how, generate))
    found = np.asarray(follow(model.generator.params, jnp.asarray(picture), start))
    chosen = np.linspace(0, len(found) - 1, FRAMES).round().astype(int)
    return found[chosen]


def turning(fitted: Fitted, shapes: Shapes, folder: pathlib.Path) -> None:
    """Writes the frames of a search for another shape, by low and by high rates."""
    stranger = shapes.test[shapes.labels == len(shapes.classes) - 1][0]
    rows = []
    for rate in RATES.values():
        frames = along(fitted, shapes, 0, stranger, rate)
        rows.append(np.concatenate([frames, stranger[None]]))
    loss = fitted.setup.options["loss"]
    image_plots.save_grid(folder / f"{NAME}_{loss}_frames.png", rows)


def options(parser: argparse.ArgumentParser) -> None:
    """Adds what the study is asked for."""
    add = parser.add_argument
    add("--data", default="drawn", choices=("drawn", "real"))
    add("--losses", nargs="+", default=list(LOSSES), choices=LOSSES)
    add("--seeds", type=int, nargs="+", default=[0, 1])
    add("--size", default="cpu", choices=tuple(SIZES))
    add("--epochs", type=int)
    add("--unmasked", action="store_true", help="keep the table")


def report(session: Session) -> Report:
    """Trains and searches with every loss, by every search."""
    given, size = session.options, SIZES[session.options.size]
    if given.epochs:
        size = size._replace(epochs=given.epochs, critic_epochs=given.epochs)
    if given.data == "real":
        root = places.data_root(session.root)
        shapes = rgbd_data.real(root, size.side, mask=not given.unmasked)
    else:
        shapes = rgbd_data.drawn(size.side, size.train, size.test)
    made: list[Row] = []
    facts: dict[str, Any] = {"size": size._asdict(), "means": {}}
    for loss in given.losses:
        fitted = run(
            shapes,
            setup(size, loss),
            given.seeds,
            folder=session.folder,
            terminal=session.terminal,
        )
        turning(fitted, shapes, session.folder)
        for name, how in SEARCHES.items():
            for row, scores in searched(fitted, shapes, how).items():
                row = f"{loss}, {name}, {row}"
                found, means = judged(fitted, shapes, row, scores)
                made += found
                facts["means"][row] = means
    rows = [*made, *rgbd_beside.beside(shapes, given.seeds)]
    said = _notes(given.data, facts["means"], not given.unmasked)
    flat = [row._asdict() for row in rows]
    sections = [Section("AUC-ROC", tables=(by_group(rows),))]
    title = f"{TITLE} ({given.data})"
    return Report(title, (), sections, said, flat, {"rows": flat, "facts": facts})


STUDY = Study(
    NAME,
    __doc__,
    report,
    options,
    quick={"losses": ["gan"], "seeds": [0], "size": "test"},
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


def _recipe(setup_: Setup, shapes: Shapes) -> tuple[Config, Any]:
    side, channels = shapes.test.shape[1], shapes.test.shape[3]
    config = Config(side, channels, layout="image", **setup_.options)
    return config, config.recipe()


if __name__ == "__main__":
    sys.exit(study.main(STUDY))
