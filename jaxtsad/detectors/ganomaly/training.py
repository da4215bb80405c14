"""One step of GANomaly: both networks from the same old parameters, then both moved."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxtsad.detectors.ganomaly import losses
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


class Networks(NamedTuple):
    """All that one step moves.

    Attributes:
        generator: The generator.
        discriminator: The discriminator.
        generator_adam: Its optimizer's state.
        discriminator_adam: Its optimizer's state.
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


class StepOutput(NamedTuple):
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


class GanTrainer(NamedTuple):
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

    def start(self, key: Key, x: Array) -> Networks:
        """Draws both networks; `x` gives the shape of a batch."""
        generator_key, discriminator_key = jax.random.split(key)
        generator = start(generator_key, self.generator, x)
        discriminator = start(discriminator_key, self.discriminator, x)
        return Networks(
            generator,
            discriminator,
            self.adam_of(generator.params),
            self.adam_of(discriminator.params),
            jnp.zeros((), jnp.int32),
        )

    def generator_loss(
        self, params: PyTree, networks: Networks, x: Array, weight: Array
    ) -> tuple[Array, Seen]:
        """L_G of the generator's `params`, through the discriminator as it stands."""
        network = networks.generator._replace(params=params)
        output, moments = train(self.generator, network, x, weight)
        judge = networks.discriminator
        real, real_moments = train(self.discriminator, judge, x, weight)
        made = output.reconstruction
        fake, fake_moments = train(self.discriminator, judge, made, weight)
        terms = losses.terms(x, output, real.features, fake.features, weight)
        seen = Seen(output, terms, moments, real, fake, real_moments, fake_moments)
        return losses.generator(terms, self.weights), seen

    def discriminator_loss(
        self, params: PyTree, networks: Networks, x: Array, made: Array, weight: Array
    ) -> Array:
        """L_D of the discriminator's `params`, real and made in separate passes."""
        network = networks.discriminator._replace(params=params)
        made = jax.lax.stop_gradient(made)
        real, _ = train(self.discriminator, network, x, weight)
        fake, _ = train(self.discriminator, network, made, weight)
        return adversarial.discriminator(real.logit, fake.logit, weight)

    def learn(self, networks: Networks, x: Array, weight: Array) -> StepOutput:
        """Both networks' losses and gradients, of the same old parameters.

        The published code moves the generator first, but judges made samples of before
        that, so nothing is lost.
        """
        of_generator = jax.value_and_grad(self.generator_loss, has_aux=True)
        (loss, seen), grads = of_generator(
            networks.generator.params, networks, x, weight
        )
        judge_loss, judge_grads = jax.value_and_grad(self.discriminator_loss)(
            networks.discriminator.params,
            networks,
            x,
            seen.output.reconstruction,
            weight,
        )
        return StepOutput(seen, loss, grads, judge_loss, judge_grads)

    def move(
        self,
        key: Key,
        networks: Networks,
        output: StepOutput,
        scale: Array | float = 1.0,
    ) -> Networks:
        """Moves both networks.

        The discriminator's running statistics see real, made, real, made, as in the
        published code. When it has won its weights are drawn anew; its moments and
        statistics stay.
        """
        adam = self._adam()
        generator, judge = networks.generator, networks.discriminator
        params, generator_adam = optimizers.apply(
            adam, output.grads, networks.generator_adam, generator.params, scale
        )
        judge_params, discriminator_adam = optimizers.apply(
            adam, output.judge_grads, networks.discriminator_adam, judge.params, scale
        )
        won = output.judge_loss < COLLAPSED
        shape = output.seen.output.reconstruction[:1]
        judge_params = jax.lax.cond(
            won,
            lambda: start(key, self.discriminator, shape).params,
            lambda: judge_params,
        )
        seen, judge_stats = output.seen, judge.stats
        for moments in 2 * (seen.real_moments, seen.fake_moments):
            judge_stats = convolutional.updated(judge_stats, moments)
        return Networks(
            Network(params, convolutional.updated(generator.stats, seen.moments)),
            Network(judge_params, judge_stats),
            generator_adam,
            discriminator_adam,
            networks.resets + won.astype(jnp.int32),
        )

    def metrics(self, output: StepOutput, weight: Array) -> Metrics:
        """What a person watches; `latent_sd` near 0 means that the codes collapsed."""
        seen, row = output.seen, weight[:, None]
        latent, total = seen.output.latent, jnp.maximum(weight.sum(), 1e-9)
        centre = (latent * row).sum(0, keepdims=True) / total
        variance = (jnp.square(latent - centre) * row).sum(0) / total
        verdicts = {"real": seen.real.logit, "fake": seen.fake.logit}
        means = {
            name: (jax.nn.sigmoid(logit) * weight).sum() / total
            for name, logit in verdicts.items()
        }
        return {
            "loss": output.loss,
            "discriminator": output.judge_loss,
            **seen.terms._asdict(),
            **means,
            "resets": (output.judge_loss < COLLAPSED).astype(jnp.float32),
            "latent_sd": jnp.sqrt(variance).mean(),
        }

    def adam_of(self, params: PyTree) -> PyTree:
        """The state of an optimizer of `params` before its first step."""
        return self._adam().init(params)

    def _adam(self) -> Any:
        return optimizers.adam(self.learning_rate, b1=self.beta1)
