"""What stands beside latent search on colour and depth pictures, and needs no GAN."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.studies.latent_search_rgbd import data as rgbd_data
from benchmarks.studies.latent_search_rgbd import errors as rgbd_errors
from benchmarks.studies.latent_search_rgbd.data import Shapes
from benchmarks.studies.report import Row
from jaxtsad.evaluation.metrics import point
from jaxtsad.pipeline import fitting, members, scoring
from jaxtsad.pipeline.setup import Setup
from jaxtsad.training import fleet
from jaxtsad.types import PyTree


def rows(shapes: Shapes, seeds: Sequence[int]) -> list[Row]:
    """What needs no GAN: pixel-space PCA, training pictures, edges, sizes, noise."""
    pca = Setup(
        "pca", {"variance": 0.9}, kind="samples", scaler="none", validation=0.05
    )
    fitted = fitting.fit(pca, rgbd_data.sets(shapes))
    parts = [
        members.test_part(fitted, k, "test", shapes.test)
        for k in range(len(shapes.classes))
    ]
    light = rgbd_data.brightness(shapes.test).mean(axis=-1)
    found: list[Row] = []
    for own, scores in enumerate(scoring.aggregated(fitted, parts)):
        labels = (shapes.labels != own).astype(np.int64)
        pair = (shapes.held[own], shapes.test)
        model = fleet.member(fitted.model, own)
        again, made = (_projected(model, x) for x in pair)
        each = {
            "pca": scores,
            "pca, relative": scores / light,
            "pca, unusual": rgbd_errors.unusual(pair[0], again, pair[1], made),
            "nearest training picture": _nearest(shapes.train[own], shapes.test),
            "mean of the training pictures": np.square(
                shapes.test - shapes.train[own].mean(axis=0)[None]
            ).mean(axis=(1, 2, 3)),
            "own edges, unusual": rgbd_errors.unusual_edges(*pair),
            "1 / brightness": 1 / light,
        }
        each |= rgbd_data.leaks(shapes, own)
        name = shapes.classes[own]
        found += [
            Row(name, key, 0, point.auc_roc(labels, v)) for key, v in each.items()
        ]
        for seed in seeds:
            noise = np.random.default_rng([seed, own]).random(len(labels))
            found.append(Row(name, "random", seed, point.auc_roc(labels, noise)))
    return found


def _nearest(known: np.ndarray, pictures: np.ndarray) -> np.ndarray:
    """Mean squared difference `[N]` from the nearest of known pictures."""
    rows, others = (x.reshape(len(x), -1) for x in (pictures, known))
    square = np.square(others).sum(axis=1)[None] - 2 * rows @ others.T
    found: np.ndarray = (square.min(axis=1) + np.square(rows).sum(axis=1)) / len(rows.T)
    return found


def _projected(pca: PyTree, pictures: np.ndarray) -> np.ndarray:
    """What the components of a fitted PCA leave of pictures."""
    mean, components = np.asarray(pca["mean"]), np.asarray(pca["components"])
    rows = pictures.reshape(len(pictures), -1) - mean
    found: np.ndarray = (mean + rows @ components @ components.T).reshape(
        pictures.shape
    )
    return found
