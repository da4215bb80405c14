"""One step of GANomaly: both players from the same old parameters, then both moved."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxtsad.detectors.ganomaly import losses as ganomaly
from jaxtsad.detectors.ganomaly.losses import Terms, Weights
from jaxtsad.detectors.ganomaly.network import (
    Discriminator,
    Generator,
    Judgement,
    Output,
)
from jaxtsad.models import adversarial, convolutional
from jaxtsad.models.network import Network, start, train
from jaxtsad.training import optimizers
from jaxtsad.types import Array, Key, Metrics, PyTree

COLLAPSED = 1e-5
"""Below this loss the discriminator has won, and its weights are drawn anew."""


class Players(NamedTuple):
    """All that one step moves.

    Attributes:
        generator: The generator.
        discriminator: The discriminator.
        generator_adam: Its optimiser's state.
        discriminator_adam: Its optimiser's state.
        resets: int32, how often the discriminator was drawn anew.
    """

    generator: Network
    discriminator: Network
    generator_adam: PyTree
    discriminator_adam: PyTree
    resets: Array


class Seen(NamedTuple):
    """What the generator's pass shows.

    Attributes:
        output: The generator's output.
        terms: Its losses.
        moments: Batch moments of the generator.
        real: Judgement of the batch.
        fake: Judgement of the reconstructions.
        real_moments: Batch moments of the discriminator on the batch.
        fake_moments: Batch moments of the discriminator on the reconstructions.
    """

    output: Output
    terms: Terms
    moments: PyTree
    real: Judgement
    fake: Judgement
    real_moments: PyTree
    fake_moments: PyTree


class Lesson(NamedTuple):
    """What a batch teaches.

    Attributes:
        seen: The generator's pass.
        loss: L_G.
        grads: Its gradient in the generator.
        judge_loss: L_D.
        judge_grads: Its gradient in the discriminator.
    """

    seen: Seen
    loss: Array
    grads: PyTree
    judge_loss: Array
    judge_grads: PyTree


class Game(NamedTuple):
    """The two networks and how they learn.

    Attributes:
        generator: Its module.
        discriminator: Its module.
        weights: Of the generator's losses.
        learning_rate: Of both Adams.
        beta1: Decay of their first moments.
    """

    generator: Generator
    discriminator: Discriminator
    weights: Weights
    learning_rate: float = 2e-4
    beta1: float = 0.5

    def start(self, key: Key, x: Array) -> Players:
        """Draws both players; `x` gives the shape of a batch."""
        generator_key, discriminator_key = jax.random.split(key)
        generator = start(generator_key, self.generator, x)
        discriminator = start(discriminator_key, self.discriminator, x)
        return Players(
            generator,
            discriminator,
            self.adam_of(generator.params),
            self.adam_of(discriminator.params),
            jnp.zeros((), jnp.int32),
        )

    def generator_loss(
        self, params: PyTree, players: Players, x: Array, weight: Array
    ) -> tuple[Array, Seen]:
        """L_G of the generator's `params`, through the discriminator as it stands."""
        network = players.generator._replace(params=params)
        output, moments = train(self.generator, network, x, weight)
        judge = players.discriminator
        real, real_moments = train(self.discriminator, judge, x, weight)
        made = output.reconstruction
        fake, fake_moments = train(self.discriminator, judge, made, weight)
        terms = ganomaly.terms(x, output, real.features, fake.features, weight)
        seen = Seen(output, terms, moments, real, fake, real_moments, fake_moments)
        return ganomaly.generator(terms, self.weights), seen

    def discriminator_loss(
        self, params: PyTree, players: Players, x: Array, made: Array, weight: Array
    ) -> Array:
        """L_D of the discriminator's `params`, real and made in separate passes."""
        network = players.discriminator._replace(params=params)
        made = jax.lax.stop_gradient(made)
        real, _ = train(self.discriminator, network, x, weight)
        fake, _ = train(self.discriminator, network, made, weight)
        return adversarial.discriminator(real.logit, fake.logit, weight)

    def learn(self, players: Players, x: Array, weight: Array) -> Lesson:
        """Both players' losses and gradients, of the same old parameters.

        The published code moves the generator first, but judges made samples of before
        that, so nothing is lost.
        """
        of_generator = jax.value_and_grad(self.generator_loss, has_aux=True)
        (loss, seen), grads = of_generator(players.generator.params, players, x, weight)
        judge_loss, judge_grads = jax.value_and_grad(self.discriminator_loss)(
            players.discriminator.params, players, x, seen.output.reconstruction, weight
        )
        return Lesson(seen, loss, grads, judge_loss, judge_grads)

    def move(
        self, key: Key, players: Players, lesson: Lesson, scale: Array | float = 1.0
    ) -> Players:
        """Moves both players.

        The discriminator's running statistics see real, made, real, made, as in the
        published code. When it has won its weights are drawn anew; its moments and
        statistics stay.
        """
        adam = self._adam()
        generator, judge = players.generator, players.discriminator
        params, generator_adam = optimizers.apply(
            adam, lesson.grads, players.generator_adam, generator.params, scale
        )
        judge_params, discriminator_adam = optimizers.apply(
            adam, lesson.judge_grads, players.discriminator_adam, judge.params, scale
        )
        won = lesson.judge_loss < COLLAPSED
        shape = lesson.seen.output.reconstruction[:1]
        judge_params = jax.lax.cond(
            won,
            lambda: start(key, self.discriminator, shape).params,
            lambda: judge_params,
        )
        seen, judge_stats = lesson.seen, judge.stats
        for moments in 2 * (seen.real_moments, seen.fake_moments):
            judge_stats = convolutional.updated(judge_stats, moments)
        return Players(
            Network(params, convolutional.updated(generator.stats, seen.moments)),
            Network(judge_params, judge_stats),
            generator_adam,
            discriminator_adam,
            players.resets + won.astype(jnp.int32),
        )

    def metrics(self, lesson: Lesson, weight: Array) -> Metrics:
        """What a person watches; `latent_sd` near 0 means that the codes collapsed."""
        seen, row = lesson.seen, weight[:, None]
        latent, total = seen.output.latent, jnp.maximum(weight.sum(), 1e-9)
        centre = (latent * row).sum(0, keepdims=True) / total
        variance = (jnp.square(latent - centre) * row).sum(0) / total
        verdicts = {"real": seen.real.logit, "fake": seen.fake.logit}
        means = {
            name: (jax.nn.sigmoid(logit) * weight).sum() / total
            for name, logit in verdicts.items()
        }
        return {
            "loss": lesson.loss,
            "discriminator": lesson.judge_loss,
            **seen.terms._asdict(),
            **means,
            "resets": (lesson.judge_loss < COLLAPSED).astype(jnp.float32),
            "latent_sd": jnp.sqrt(variance).mean(),
        }

    def adam_of(self, params: PyTree) -> PyTree:
        """The state of an optimiser of `params` before its first step."""
        return self._adam().init(params)

    def _adam(self) -> Any:
        return optimizers.adam(self.learning_rate, b1=self.beta1)
