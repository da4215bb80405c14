"""Generators that have learnt a little: other shapes, and depth that belongs to one."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from benchmarks.studies.latent_search_rgbd import __main__ as latent_search_rgbd
from benchmarks.studies.latent_search_rgbd import data as rgbd_data
from benchmarks.studies.latent_search_rgbd import presets as rgbd_presets
from benchmarks.studies.latent_search_rgbd.data import Shapes
from jaxtsad.pipeline import fitting
from jaxtsad.pipeline.members import Fitted

pytestmark = pytest.mark.slow
BOX, BALL = 0, 1
SIZE = rgbd_presets.Size(
    side=32,
    width=16,
    latent=32,
    train=168,
    test=25,
    epochs=0,
    critic_epochs=30,
    batch_size=16,
    learning_rate=1e-3,
    critic_steps=2,
)


@functools.cache
def trained() -> tuple[Fitted, Shapes]:
    """300 steps of a WGAN-GP on boxes and on balls, without a reconstruction."""
    drawn = rgbd_data.drawn(SIZE.side, SIZE.train, SIZE.test)
    chosen = [drawn.classes.index(name) for name in ("box", "ball")]
    shapes = Shapes(
        ("box", "ball"),
        tuple(drawn.train[k] for k in chosen),
        tuple(drawn.held[k] for k in chosen),
        np.concatenate([drawn.test[drawn.labels == k] for k in chosen]),
        np.repeat([BOX, BALL], SIZE.test),
    )
    published = rgbd_presets.SEARCHES["published"]
    setup = rgbd_presets.setup(SIZE, "wgan_gp", **published)
    fitted = fitting.fit(setup, rgbd_data.sets(shapes))
    assert fitted.result is not None
    return fitted, shapes


def scores(shapes: Shapes, name: str = "mse") -> list[np.ndarray]:
    """Of the published search, by the generator of boxes and by that of balls."""
    return latent_search_rgbd.searched(trained()[0], [shapes] * 2, {})[name]


def test_boxes_are_strange_to_a_generator_of_balls() -> None:
    fitted, shapes = trained()
    rows, _ = latent_search_rgbd.judged(fitted, [shapes] * 2, "mse", scores(shapes))
    assert rows[BALL].group == "ball"
    assert rows[BALL].value > 0.7


def test_depth_of_another_shape_is_strange() -> None:
    """The colours of a box with the depth of a ball are no box.

    By the relative error: the squared one falls with the smaller object's brightness.
    """
    shapes = trained()[1]
    boxes, balls = (shapes.test[shapes.labels == k] for k in (BOX, BALL))
    mixed = np.concatenate([boxes[..., :3], balls[..., 3:]], axis=-1)
    both = shapes._replace(test=np.concatenate([boxes, mixed]))
    intact, swapped = np.split(scores(both, "relative, depth")[BOX], 2)
    assert swapped.mean() > 1.5 * intact.mean()
