"""Generators against discriminators (GAN) or critics (WGAN-GP), one batch per step.

Goodfellow et al., 2014; Gulrajani et al., 2017. Both players' parameters are one tree.
In a player's phase `stop_gradient` says that nobody else is taught, and the partition
of the optimizer that nobody else moves: a frozen player keeps every bit.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import jax
import jax.numpy as jnp

from jaxtsad.models import adversarial, convolutional, network
from jaxtsad.models.network import Network
from jaxtsad.training import optimizers
from jaxtsad.types import Array, Key, Metrics, PyTree

Loss: TypeAlias = Literal["gan", "wgan_gp"]
LOSSES: tuple[Loss, ...] = get_args(Loss)
PLAYERS = ("generator", "discriminator")


class Gan(NamedTuple):
    """Both players and their optimizers.

    Attributes:
        params: Parameters by player.
        stats: Running statistics by player.
        optimizers: Optimizer states by the player that moves.
    """

    params: dict[str, PyTree]
    stats: dict[str, PyTree]
    optimizers: dict[str, PyTree]

    def player(self, name: str) -> Network:
        """One player."""
        return Network(self.params[name], self.stats[name])


class Recipe(NamedTuple):
    """The architectures and how they learn.

    Attributes:
        generator: Module, `[B, Z]` to samples.
        discriminator: Module, samples to `[B]` without a sigmoid.
        latent: Latent width Z.
        loss: `gan`, cross-entropy and the non-saturating loss, or `wgan_gp`.
        learning_rate: Of both Adams.
        b1: Decay of their first moments.
        b2: Decay of their second moments.
        critic_steps: Critic's steps per generator's step (`wgan_gp`).
        penalty: Weight of the gradient penalty (`wgan_gp`).
        bounded: Whether the critic's output passes through a sigmoid, as in the
            original of the latent search, which bounds it (`wgan_gp`).
    """

    generator: Any
    discriminator: Any
    latent: int
    loss: Loss = "wgan_gp"
    learning_rate: float = 1e-4
    b1: float = 0.0
    b2: float = 0.9
    critic_steps: int = 5
    penalty: float = 10.0
    bounded: bool = False

    def start(self, key: Key, x: Array) -> Gan:
        """Draws both players; `x` gives the shape of a batch of samples."""
        keys = dict(zip(PLAYERS, jax.random.split(key), strict=True))
        inputs = {"generator": jnp.zeros((1, self.latent)), "discriminator": x}
        made = {
            name: network.start(keys[name], getattr(self, name), inputs[name])
            for name in PLAYERS
        }
        params = {name: network.params for name, network in made.items()}
        return Gan(
            params,
            {name: network.stats for name, network in made.items()},
            {name: self.transform(name).init(params) for name in PLAYERS},
        )

    def step(
        self, key: Key, gan: Gan, x: Array, weight: Array, scale: Array | float = 1.0
    ) -> tuple[Gan, Metrics]:
        """The discriminator's steps on a batch `x`, then one of the generator."""
        turns = self.critic_steps if self.loss == "wgan_gp" else 1
        *keys, generator_key = jax.random.split(key, turns + 1)
        if self.loss == "gan":
            # Both players see the same codes.
            keys = [generator_key]

        def judge_turn(gan: Gan, key: Key) -> tuple[Gan, Array]:
            return self.judge_phase(key, gan, x, weight, scale)

        gan, losses = jax.lax.scan(judge_turn, gan, jnp.stack(keys))
        gan, loss = self.generator_phase(generator_key, gan, weight, scale)
        return gan, {"loss": loss, "discriminator": losses[-1]}

    def judge_phase(
        self, key: Key, gan: Gan, x: Array, weight: Array, scale: Array | float = 1.0
    ) -> tuple[Gan, Array]:
        """One step of the discriminator; real and made samples in separate passes."""
        latent_key, share_key = jax.random.split(key)
        codes = self.codes(latent_key, len(x))
        share = jax.random.uniform(share_key, (len(x),))

        def loss(params: dict[str, PyTree]) -> tuple[Array, list[PyTree]]:
            frozen = jax.lax.stop_gradient(params["generator"])
            maker = Network(frozen, gan.stats["generator"])
            made, _ = network.train(self.generator, maker, codes, weight)
            judge = Network(params["discriminator"], gan.stats["discriminator"])
            real, real_moments = self._judge(judge, x, weight)
            fake, fake_moments = self._judge(judge, made, weight)
            moments = [real_moments, fake_moments]
            if self.loss == "gan":
                return adversarial.discriminator(real, fake, weight), moments
            slope = adversarial.gradient_penalty(
                lambda between: self._judge(judge, between, weight)[0],
                x,
                made,
                share,
                weight,
            )
            total = adversarial.critic(real, fake, weight) + self.penalty * slope
            return total, moments

        (value, moments), grads = jax.value_and_grad(loss, has_aux=True)(gan.params)
        return self._moved("discriminator", gan, grads, moments, scale), value

    def generator_phase(
        self, key: Key, gan: Gan, weight: Array, scale: Array | float = 1.0
    ) -> tuple[Gan, Array]:
        """One step of the generator."""
        latent_key, _ = jax.random.split(key)
        codes = self.codes(latent_key, len(weight))

        def loss(params: dict[str, PyTree]) -> tuple[Array, list[PyTree]]:
            maker = Network(params["generator"], gan.stats["generator"])
            made, moments = network.train(self.generator, maker, codes, weight)
            frozen = jax.lax.stop_gradient(params["discriminator"])
            judge = Network(frozen, gan.stats["discriminator"])
            fake, _ = self._judge(judge, made, weight)
            if self.loss == "gan":
                return adversarial.generator(fake, weight), [moments]
            return adversarial.critic_generator(fake, weight), [moments]

        (value, moments), grads = jax.value_and_grad(loss, has_aux=True)(gan.params)
        return self._moved("generator", gan, grads, moments, scale), value

    def codes(self, key: Key, count: int) -> Array:
        """Codes `[count, Z]` from the prior N(0, 1)."""
        return jax.random.normal(key, (count, self.latent))

    def transform(self, player: str) -> optimizers.Transform:
        """The optimizer of a player's phase, in which the other is frozen."""
        moves = {name: optimizers.frozen() for name in PLAYERS}
        moves[player] = optimizers.adam(self.learning_rate, b1=self.b1, b2=self.b2)
        return optimizers.partition(moves, _labels)

    def _judge(self, judge: Network, x: Array, weight: Array) -> tuple[Array, PyTree]:
        out, moments = network.train(self.discriminator, judge, x, weight)
        return jax.nn.sigmoid(out) if self.bounded else out, moments

    def _moved(
        self,
        player: str,
        gan: Gan,
        grads: PyTree,
        moments: list[PyTree],
        scale: Array | float,
    ) -> Gan:
        """The game after `player` has moved; only its statistics saw the batch."""
        params, state = optimizers.apply(
            self.transform(player), grads, gan.optimizers[player], gan.params, scale
        )
        stats = gan.stats[player]
        for seen in moments:
            stats = convolutional.updated(stats, seen)
        return Gan(
            params,
            {**gan.stats, player: stats},
            {**gan.optimizers, player: state},
        )


def averaged(old: Network, new: Network, decay: float) -> Network:
    """The exponential moving average of a network's values.

    Example:
        >>> one = lambda value: Network({"w": jnp.float32(value)}, {})
        >>> float(averaged(one(0), one(1), 0.75).params["w"])
        0.25
    """
    return jax.tree.map(lambda a, b: decay * a + (1 - decay) * b, old, new)


def _labels(params: dict[str, PyTree]) -> PyTree:
    return {
        name: jax.tree.map(lambda leaf, name=name: name, tree)
        for name, tree in params.items()
    }
