"""Teaches an encoder a generator's codes and, where asked, the generator to repeat.

The encoder learns to read the code of what the generator makes. With a weight on the
reconstruction it also reads real samples, and the generator learns to make them again
(Larsen et al., "Autoencoding beyond Pixels", ICML 2016; in f-AnoGAN, Schlegl et al.,
Medical Image Analysis 2019, only the encoder learns). A GAN may leave out a part of
what it was shown, and a search then finds that part anomalous; one that must make every
training sample again may not.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxtsad.models import network
from jaxtsad.models.network import Network
from jaxtsad.models.reconstruction import mean
from jaxtsad.training import optimizers
from jaxtsad.types import Array, PyTree


class Reader(NamedTuple):
    """The encoder's architecture and how it learns.

    Attributes:
        encoder: Module, samples to `([B, Z], features)`; nothing in it is running.
        generator: Module, `[B, Z]` to samples.
        learning_rate: Of the Adam of both.
        reconstruction: Weight of the reconstruction's squared error beside the codes';
            0 leaves the generator alone.
    """

    encoder: Any
    generator: Any
    learning_rate: float
    reconstruction: float = 0.0

    def start(self, encoder: Network, generator: Network) -> PyTree:
        """The optimizer's state."""
        return self._adam().init(self._moved(encoder, generator))

    def step(
        self,
        encoder: Network,
        generator: Network,
        adam: PyTree,
        codes: Array,
        made: Array,
        x: Array,
        weight: Array,
        scale: Array | float = 1.0,
    ) -> tuple[Network, Network, PyTree, Array]:
        """One step on made samples with their codes, and on real ones.

        The generator runs by its running statistics, as it does in the search.

        Args:
            encoder: Before the step.
            generator: Before the step; it comes back as it is where it does not learn.
            adam: The optimizer's state.
            codes: `[B, Z]`.
            made: `[B, ...]`, what was made of them; a constant.
            x: `[B, ...]`, real samples.
            weight: `[B]` of the real samples.
            scale: Of the step.

        Returns:
            Both networks, the optimizer's state and the loss.
        """

        def loss(params: dict[str, PyTree]) -> Array:
            reader = encoder._replace(params=params["encoder"])
            total = jnp.square(self._read(reader, made) - codes).mean()
            if self.reconstruction:
                maker = generator._replace(params=params["generator"])
                again = network.run(self.generator, maker, self._read(reader, x))
                error = jnp.square(again - x).reshape(len(x), -1).mean(axis=1)
                total += self.reconstruction * mean(error, weight)
            return total

        before = self._moved(encoder, generator)
        value, grads = jax.value_and_grad(loss)(before)
        params, adam = optimizers.apply(self._adam(), grads, adam, before, scale)
        encoder = encoder._replace(params=params["encoder"])
        if self.reconstruction:
            generator = generator._replace(params=params["generator"])
        return encoder, generator, adam, value

    def _moved(self, encoder: Network, generator: Network) -> dict[str, PyTree]:
        moved = {"encoder": encoder.params}
        if self.reconstruction:
            moved["generator"] = generator.params
        return moved

    def _read(self, encoder: Network, x: Array) -> Array:
        codes: Array = network.run(self.encoder, encoder, x)[0]
        return codes

    def _adam(self) -> Any:
        return optimizers.adam(self.learning_rate, b1=0.5)
