"""Generators that have learnt a little: other shapes, and depth that belongs to one."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from jaxtsad.experiments import latent_search_rgbd, rgbd_data, rgbd_presets
from jaxtsad.experiments.rgbd_data import Shapes
from jaxtsad.pipeline.samples import Fitted

pytestmark = pytest.mark.slow
BOX, BALL = 0, 2
SIZE = rgbd_presets.Size(
    side=16,
    width=8,
    latent=16,
    train=320,
    test=25,
    epochs=0,
    critic_epochs=30,
    batch_size=32,
    learning_rate=1e-3,
    critic_steps=1,
    reconstruction=20.0,
)


@functools.cache
def trained() -> tuple[Fitted, Shapes]:
    """300 steps of a WGAN-GP per shape."""
    shapes = rgbd_data.drawn(SIZE.side, SIZE.train, SIZE.test)
    setup = rgbd_presets.setup(SIZE, "wgan_gp")
    return latent_search_rgbd.run(shapes, setup, [0]), shapes


def errors(shapes: Shapes, member: int) -> np.ndarray:
    fitted, _ = trained()
    search = rgbd_presets.SEARCHES["encoder"]
    found: np.ndarray = latent_search_rgbd.searched(fitted, shapes, search)["mse"][
        member
    ]
    return found


def test_boxes_are_strange_to_a_generator_of_balls() -> None:
    shapes = trained()[1]
    chosen = np.isin(shapes.labels, (BOX, BALL))
    strange = shapes.labels[chosen] == BOX
    assert roc_auc_score(strange, errors(shapes, BALL)[chosen]) > 0.7


def test_depth_of_another_shape_is_strange() -> None:
    """The colours of a box with the depth of a ball are no box."""
    shapes = trained()[1]
    boxes, balls = shapes.test[shapes.labels == BOX], shapes.test[shapes.labels == BALL]
    mixed = np.concatenate([boxes[..., :3], balls[..., 3:]], axis=-1)
    both = shapes._replace(
        test=np.concatenate([boxes, mixed]), labels=np.repeat([0, 1], len(boxes))
    )
    intact, swapped = np.split(errors(both, BOX), 2)
    assert (swapped > intact).mean() > 0.8
