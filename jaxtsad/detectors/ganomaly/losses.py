"""GANomaly's three losses of the generator, and its scores.

Akcay et al., 2018, in the form of the published code: means of squared differences
where the paper writes norms. Nothing is stopped in the encoder loss; the generator is
taught by the discriminator's features, never by its verdict.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

import jax.numpy as jnp

from jaxtsad.detectors.ganomaly.network import Output
from jaxtsad.models.reconstruction import mean
from jaxtsad.types import Array

ScoreNorm: TypeAlias = Literal["mse", "l1"]


class Weights(NamedTuple):
    """Weights of the generator's losses."""

    adversarial: float = 1.0
    contextual: float = 50.0
    encoder: float = 1.0


class Terms(NamedTuple):
    """The generator's losses.

    Attributes:
        adversarial: L_adv, mean squared difference of the discriminator's features.
        contextual: L_con, mean absolute difference of sample and reconstruction.
        encoder: L_enc, mean squared difference of the two codes.
    """

    adversarial: Array
    contextual: Array
    encoder: Array


def terms(
    x: Array,
    output: Output,
    real_features: Array,
    fake_features: Array,
    weight: Array,
) -> Terms:
    """The three losses of a batch, weighted means over rows."""
    return Terms(
        mean(_per_row(jnp.square(real_features - fake_features)), weight),
        mean(_per_row(jnp.abs(x - output.reconstruction)), weight),
        mean(_per_row(jnp.square(output.latent - output.latent_again)), weight),
    )


def generator(terms: Terms, weights: Weights) -> Array:
    """L_G, the weighted sum.

    Example:
        >>> one = jnp.float32(1)
        >>> float(generator(Terms(one, one, one), Weights()))
        52.0
    """
    return (
        weights.adversarial * terms.adversarial
        + weights.contextual * terms.contextual
        + weights.encoder * terms.encoder
    )


def latent_score(output: Output, norm: ScoreNorm = "mse") -> Array:
    """A(x) `[B]`: how far the reconstruction's code is from the sample's.

    The published code takes the mean squared difference, the paper an L1 norm.
    """
    difference = output.latent - output.latent_again
    if norm == "l1":
        return jnp.abs(difference).sum(axis=-1)
    return jnp.square(difference).mean(axis=-1)


def residual(x: Array, output: Output) -> Array:
    """Mean absolute error over channels, `[B, S..]`."""
    return jnp.abs(x - output.reconstruction).mean(axis=-1)


def rescaled(scores: Array) -> Array:
    """Scores mapped to [0, 1] over the whole set, as the published code does.

    It needs all test scores and changes no ranking; only the paper protocol uses it.
    Equal scores give zeros.

    Example:
        >>> rescaled(jnp.asarray([1.0, 3.0, 2.0])).tolist()
        [0.0, 1.0, 0.5]
    """
    low, high = scores.min(), scores.max()
    spread = jnp.where(high > low, high - low, 1.0)
    return (scores - low) / spread


def _per_row(values: Array) -> Array:
    return values.mean(axis=tuple(range(1, values.ndim)))
