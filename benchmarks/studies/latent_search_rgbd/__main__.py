"""Latent search on colour and depth pictures: one generator per shape.

python -m benchmarks.studies.latent_search_rgbd

Each generator learns one of three shapes; pictures of the others are anomalous. The
generators of all shapes and seeds are trained as one fleet. `--data real` takes the
captures, where they are, and shows what mask area and mean depth alone tell. `--follow`
searches the generators after some epochs, too, and `--shapes` trains fewer of them.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import itertools
import pathlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.studies import study
from benchmarks.studies.latent_search_rgbd import baselines as rgbd_baselines
from benchmarks.studies.latent_search_rgbd import data as rgbd_data
from benchmarks.studies.latent_search_rgbd import errors as rgbd_errors
from benchmarks.studies.latent_search_rgbd.data import Shapes
from benchmarks.studies.latent_search_rgbd.presets import (
    SEARCHES,
    SIZES,
    Size,
    setup,
)
from benchmarks.studies.report import Report, Row, Section, Table, by_group
from benchmarks.studies.snapshots import Snapshots, check_followed
from benchmarks.studies.study import Session, Study
from jaxtsad.datasets import places
from jaxtsad.detectors.latent_search.gan import LOSSES
from jaxtsad.evaluation.metrics import point
from jaxtsad.experiments import facts, toml
from jaxtsad.pipeline import members, scoring
from jaxtsad.pipeline.members import Fitted, Member
from jaxtsad.pipeline.setup import Setup
from jaxtsad.training.fit import Callbacks

NAME = "latent_search_rgbd"
TITLE = "Latent search on colour and depth, one generator per shape"
PUBLISHED = {
    "gan": {"rectangle": 0.71, "cylinder": 0.76, "sphere": 0.79},
    "wgan_gp": {"rectangle": 0.68, "cylinder": 0.87, "sphere": 0.81},
}
"""AUCs that the original reports, on a larger set of captures than is public."""
AFTER = " (epoch {})"
DEPTH = 3
BY_CODE = ("published", "encoder")
WITHOUT = ("published", "as_run")
"""Searches of generators with an encoder and without one."""


def searched(
    fitted: Fitted, cuts: Sequence[Shapes], options: Mapping[str, Any]
) -> dict[str, list[np.ndarray]]:
    """Scores `[N]` of all test pictures by each member, after a search with options.

    Args:
        fitted: The generators.
        cuts: Of each member, the pictures.
        options: Of the detector.

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
    held = [
        shapes.held[_class(shapes, member)]
        for shapes, member in zip(cuts, reader.members, strict=True)
    ]
    tests = [shapes.test for shapes in cuts]
    parts = [
        members.test_part(reader, index, "test", np.concatenate([test, own]))
        for index, (test, own) in enumerate(zip(tests, held, strict=True))
    ]
    found: dict[str, list[np.ndarray]] = {}
    outputs = scoring.outputs(reader, parts, "inspect")
    for test, own, output in zip(tests, held, outputs, strict=True):
        error = output["errors"][: len(test)].mean(axis=1)
        made, again = np.split(output["reconstruction"], [len(test)])
        light = rgbd_data.brightness(test)
        scores = {
            "mse": error.mean(axis=-1),
            "relative": error.mean(axis=-1) / light.mean(axis=-1),
            "relative, depth": error[:, DEPTH] / light[:, DEPTH],
            "unusual": rgbd_errors.unusual(own, again, test, made),
        }
        for name, values in scores.items():
            found.setdefault(name, []).append(values)
    return found


def judged(
    fitted: Fitted, cuts: Sequence[Shapes], name: str, scores: Sequence[np.ndarray]
) -> tuple[list[Row], dict[str, dict[str, float]]]:
    """Rows of `scores`, and the mean score of each class by generator."""
    rows, means = [], {}
    for member, shapes, found in zip(fitted.members, cuts, scores, strict=True):
        own = _class(shapes, member)
        auc = point.auc_roc((shapes.labels != own).astype(np.int64), found)
        rows.append(Row(shapes.classes[own], name, member.seed, auc))
        means[f"{shapes.classes[own]}, seed {member.seed}"] = {
            shape: float(found[shapes.labels == k].mean())
            for k, shape in enumerate(shapes.classes)
        }
    return rows, means


def options(parser: argparse.ArgumentParser) -> None:
    """Adds what the study is asked for."""
    add = parser.add_argument
    add("--data", default="drawn", choices=("drawn", "real"))
    add(
        "--losses",
        nargs="*",
        default=list(LOSSES),
        choices=LOSSES,
        help="none for the rows without a generator",
    )
    add("--searches", nargs="+", choices=tuple(SEARCHES))
    add(
        "--split",
        default="block",
        choices=tuple(rgbd_data.SPLITS),
        help="of the captures; a seed is a draw of `random`, a fold of `folds`",
    )
    add("--seeds", type=int, nargs="+", default=[0, 1])
    add("--size", default="cpu", choices=tuple(SIZES))
    add("--epochs", type=int)
    add("--side", type=int, help="pixels")
    add("--unmasked", action="store_true", help="keep the table")
    add("--shapes", nargs="+", help="whose generators are trained; all by default")
    add("--follow", type=int, nargs="+", default=[], help="epochs to search after")
    study.detector_options(parser)


def run(session: Session) -> Report:
    """Trains and searches with every loss, by every search."""
    given, size = session.options, SIZES[session.options.size]
    if given.epochs:
        size = size._replace(epochs=given.epochs, critic_epochs=given.epochs)
    size = size._replace(side=given.side or size.side)
    searches = given.searches or (BY_CODE if size.encoder else WITHOUT)
    if not size.encoder and "encoder" in searches:
        raise ValueError(f"--searches encoder: --size {given.size} trains no encoder")
    by_seed = {seed: _shapes(session, size, seed) for seed in given.seeds}
    shapes_ = by_seed[given.seeds[0]].classes
    asked_for = given.shapes or shapes_
    unknown = [one for one in asked_for if one not in shapes_]
    if unknown:
        raise ValueError(f"--shapes {unknown[0]}; the choices are {', '.join(shapes_)}")
    cuts = [(shapes_.index(n), s) for n in asked_for for s in given.seeds]
    sets = [(f"{by_seed[s].classes[k]}/{s}", by_seed[s].train[k]) for k, s in cuts]
    cache = session.cache(__name__)
    pictures = [
        part
        for shapes in by_seed.values()
        for part in (*shapes.train, *shapes.held, shapes.test)
    ]
    same = {"data": facts.checksum(pictures), "seeds": given.seeds}
    baselines: list[Row] = []
    fixed = given.data == "drawn" or given.split == "block"
    for seed in given.seeds[:1] if fixed else given.seeds:
        own = given.seeds if fixed else [seed]
        make_rows = functools.partial(rgbd_baselines.rows, by_seed[seed], own)
        kept = cache.tree(f"baselines_{seed}", same, make_rows)
        baselines += [
            row if fixed else row._replace(seed=seed)
            for row in (Row(*one) for one in kept)
            if row.group in asked_for
        ]
    rows: list[Row] = []
    means: dict[str, Any] = {}
    wanted = toml.assignments(given.options, "latent_search")
    for loss in given.losses:
        asked = setup(size, loss, **wanted)
        check_followed(given.follow, asked.plan.epochs)
        about = {**same, "setup": repr(asked)}
        about |= {"shapes": list(asked_for), "followed": given.follow}
        folder = cache.place(f"{loss}_checkpoints", about)
        passed = Snapshots(folder, given.follow)

        @functools.cache
        def fitted(
            asked: Setup = asked,
            folder: pathlib.Path = folder,
            passed: Snapshots = passed,
        ) -> Fitted:
            return session.fit(
                asked.options["loss"],
                asked,
                sets,
                folder=folder,
                seeds=[seed for _, seed in cuts],
                paired=True,
                callbacks=Callbacks(model=passed.keep),
            )

        for search, after in itertools.product(searches, (0, *given.follow)):
            session.say(f"{loss}, {search}" + (AFTER.format(after) if after else ""))

            def make(
                search: str = search,
                after: int = after,
                fit: Callable = fitted,
                passed: Snapshots = passed,
            ) -> dict:
                own = [by_seed[seed] for _, seed in cuts]
                if not after:
                    return by_search(fit(), own, [search])
                early = passed.after(fit(), after)
                return by_search(early, own, [search], AFTER.format(after))

            part = f"{loss}_{search}" + (f"_after_{after}" if after else "")
            kept = cache.tree(part, {**about, "search": search}, make)
            rows += [Row(*row) for row in kept["rows"]]
            means |= kept["means"]
    rows += baselines
    said = _notes(given, means)
    said += [f"options {wanted}"] if wanted else []
    flat = [row._asdict() for row in rows]
    tables = [by_group(rows)]
    if len(given.seeds) > 1:
        tables.append(_ranges(rows))
    sections = [Section("AUC-ROC", tables=tables)]
    title = f"{TITLE} ({given.data})"
    return Report(title, (), sections, said, flat, {"rows": flat, "means": means})


def _shapes(session: Session, size: Size, seed: int) -> Shapes:
    given = session.options
    if given.data == "drawn":
        return rgbd_data.drawn(size.side, size.train, size.test)
    root = places.data_root(session.root)
    mask = not given.unmasked
    return rgbd_data.real(root, size.side, mask=mask, split=given.split, part=seed)


def _ranges(rows: Sequence[Row]) -> Table:
    """Lowest and highest of each row over seeds, or folds."""
    names = list(dict.fromkeys(row.detector for row in rows))
    groups = list(dict.fromkeys(row.group for row in rows))
    lines = []
    for name in names:
        line = [name]
        for group in groups:
            own = [r.value for r in rows if (r.group, r.detector) == (group, name)]
            line.append(f"{min(own):.3f} to {max(own):.3f}")
        lines.append(line)
    return Table(["", *groups], lines, len(groups), "lowest and highest")


def by_search(
    fitted: Fitted, cuts: Sequence[Shapes], searches: Sequence[str], suffix: str = ""
) -> dict[str, Any]:
    """Rows of every score after each of these `SEARCHES`, and their means by class.

    Args:
        fitted: The generators.
        cuts: Of each member, the pictures.
        searches: Names.
        suffix: Of the rows' names.
    """
    rows: list[Row] = []
    means = {}
    for name in searches:
        for score, values in searched(fitted, cuts, SEARCHES[name]).items():
            row = f"{fitted.setup.options['loss']}, {name}, {score}{suffix}"
            found, means[row] = judged(fitted, cuts, row, values)
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


def _notes(given: argparse.Namespace, means: dict[str, dict]) -> list[str]:
    notes = ["AUC of single pictures; the other two shapes are anomalous"]
    for row, found in means.items():
        for own in dict.fromkeys(name.split(", seed")[0] for name in found):
            seeds = [one for name, one in found.items() if name.startswith(f"{own},")]
            text = ", ".join(
                f"{shape} {np.mean([one[shape] for one in seeds]):.3f}"
                for shape in seeds[0]
            )
            notes.append(f"mean scores of {row} by the generator of {own}: {text}")
    if given.data == "real":
        speckle = "kept" if given.unmasked else "masked"
        split = f"split {given.split} ({rgbd_data.SPLITS[given.split]})"
        notes.append(f"{split}, the table's speckle {speckle}")
        for loss, aucs in PUBLISHED.items():
            text = ", ".join(f"{shape} {auc:.2f}" for shape, auc in aucs.items())
            notes.append(f"reported by the original for {loss}: {text}")
    return notes


def _class(shapes: Shapes, member: Member) -> int:
    """The class that a member learns; its name may end with a seed."""
    assert member.entity is not None
    return shapes.classes.index(member.entity.split("/")[0])


if __name__ == "__main__":
    sys.exit(study.main(STUDY))
