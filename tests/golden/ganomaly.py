"""Networks and batches of the GANomaly fixtures in our layout."""

from __future__ import annotations

import functools
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxtsad.detectors.ganomaly import pytorch as interop
from jaxtsad.detectors.ganomaly.losses import Weights
from jaxtsad.detectors.ganomaly.network import Discriminator, Generator
from jaxtsad.detectors.ganomaly.training import GanTrainer, Networks
from jaxtsad.models.network import Network
from tests.golden import loading

STEM = "ganomaly_forward"


@functools.cache
def fixture(case: str) -> dict[str, np.ndarray]:
    prefix = f"{case}/"
    arrays = loading.load(STEM)
    return {k[len(prefix) :]: v for k, v in arrays.items() if k.startswith(prefix)}


def below(case: str, prefix: str) -> dict[str, np.ndarray]:
    found = fixture(case)
    return {k[len(prefix) :]: v for k, v in found.items() if k.startswith(prefix)}


def images(array: np.ndarray) -> np.ndarray:
    """`[B, C, H, W]` as `[B, H, W, C]`."""
    return array.transpose(0, 2, 3, 1)


def setting(case: str, name: str) -> Any:
    return fixture(case)[f"config/{name}"].item()


@functools.cache
def trainer(case: str) -> GanTrainer:
    get = functools.partial(setting, case)
    sizes = {"width": get("ngf"), "extra": get("extralayers")}
    return GanTrainer(
        Generator(get("isize"), 2, get("nc"), get("nz"), **sizes),
        Discriminator(**sizes),
        Weights(get("w_adv"), get("w_con"), get("w_enc")),
        get("lr"),
        get("beta1"),
    )


@functools.cache
def players(case: str) -> Networks:
    generator = Network(**interop.generator(below(case, "netg/param/")))
    judge = Network(**interop.discriminator(below(case, "netd/param/")))
    adam_of = trainer(case).adam_of
    return Networks(
        generator,
        judge,
        adam_of(generator.params),
        adam_of(judge.params),
        jnp.int32(0),
    )


def entries(case: str, player: str) -> list[interop.Entry]:
    names = below(case, f"{player}/param/")
    if player == "netg":
        return interop.generator_entries(names)
    return interop.discriminator_entries(names)
