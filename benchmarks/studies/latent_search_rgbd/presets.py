"""Sizes of `latent_search_rgbd`, and the searches that read its generators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from jaxtsad.pipeline.setup import Setup
from jaxtsad.training.plan import Plan

SEARCHES: Mapping[str, Mapping[str, Any]] = {
    "published": {
        "start": "prior",
        "restarts": 3,
        "search_steps": 19,
        "code_rate": 5e-2,
    },
    "encoder": {
        "start": "encoder",
        "restarts": 1,
        "search_steps": 40,
        "code_rate": 0.1,
    },
    "as_run": {
        "start": "prior",
        "restarts": 3,
        "search_steps": 19,
        "code_rate": 5e-2,
        "bn_eval": "sample",
    },
}
"""Codes are drawn from N(0, 1), and nineteen steps of 0.05 move none of their parts by
more than about 0.95: the published search stops far from where it leads. The other one
starts at the code that an encoder reads, and goes on for longer. `as_run` is the
published one as its code runs it: the norms go by the statistics of the one sample."""
CHECK = {"start": "encoder", "restarts": 1, "search_steps": 0}
"""While it trains a generator is watched without a search, by the encoder's codes."""


class Size(NamedTuple):
    """How large an experiment is.

    Attributes:
        side: Pixels per side.
        width: See `models.dcgan.Generator`.
        latent: Latent width Z.
        train: Training pictures per class.
        test: Test pictures per class.
        epochs: Epochs of a GAN.
        critic_epochs: Epochs of a WGAN-GP, whose steps cost more.
        batch_size: Pictures per step.
        learning_rate: Of both players.
        critic_steps: Critic's steps per generator's step.
        reconstruction: See `detectors.latent_search.Config`; 0 as published.
        average: Likewise.
        encoder: Whether an encoder learns to read codes.
    """

    side: int
    width: int
    latent: int
    train: int
    test: int
    epochs: int
    critic_epochs: int
    batch_size: int
    learning_rate: float
    critic_steps: int = 5
    reconstruction: float = 0.0
    average: float = 0.0
    encoder: bool = True


SIZES = {
    "test": Size(8, 4, 3, 40, 5, 1, 1, 10, 1e-3, reconstruction=10.0),
    "cpu": Size(
        side=32,
        width=16,
        latent=32,
        train=1000,
        test=50,
        epochs=10,
        critic_epochs=6,
        batch_size=50,
        learning_rate=1e-3,
        critic_steps=2,
        reconstruction=50.0,
        average=0.9,
    ),
    "plain": Size(32, 16, 32, 1000, 50, 360, 360, 50, 1e-3, 2, encoder=False),
    "full": Size(64, 64, 100, 1500, 50, 200, 200, 128, 1e-4),
}


def setup(size: Size, loss: str, **options: Any) -> Setup:
    """The detector of a size; all epochs are run."""
    given: dict[str, Any] = {
        "loss": loss,
        "width": size.width,
        "latent": size.latent,
        "batch_size": size.batch_size,
        "learning_rate": size.learning_rate,
        "max_memory_gb": 1.0,
        "critic_steps": size.critic_steps,
        "reconstruction": size.reconstruction,
        "average": size.average,
        **CHECK,
        "start": "encoder" if size.encoder else "prior",
    }
    epochs = size.epochs if loss == "gan" else size.critic_epochs
    return Setup(
        "latent_search",
        {**given, **options},
        kind="samples",
        scaler="none",
        validation=0.05,
        batch_size=75,
        plan=Plan(epochs=epochs, stop="none"),
    )
