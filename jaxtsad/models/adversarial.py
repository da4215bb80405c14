"""Losses of generators against discriminators and critics.

Goodfellow et al., "Generative Adversarial Nets", 2014; Gulrajani et al., "Improved
Training of Wasserstein GANs", 2017. All are descended; means are weighted by row.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxtsad.models.reconstruction import mean
from jaxtsad.types import Array

LOWEST_LOG = -100.0
"""Logarithms of probabilities are cut here, as PyTorch's binary cross-entropy does."""


def cross_entropy(logit: Array, real: bool, weight: Array) -> Array:
    """Binary cross-entropy of `sigmoid(logit [B])` against 1 or 0.

    Example:
        >>> round(float(cross_entropy(jnp.zeros(3), True, jnp.ones(3))), 6)
        0.693147
    """
    log = jax.nn.log_sigmoid(logit if real else -logit)
    return -mean(jnp.maximum(log, LOWEST_LOG), weight)


def discriminator(real: Array, fake: Array, weight: Array) -> Array:
    """Half the sum of the cross-entropies on real and made samples, from logits `[B]`.

    Example:
        >>> half = jnp.zeros(4)
        >>> round(float(discriminator(half, half, jnp.ones(4))), 6)
        0.693147
    """
    return 0.5 * (
        cross_entropy(real, True, weight) + cross_entropy(fake, False, weight)
    )


def generator(fake: Array, weight: Array) -> Array:
    """The non-saturating loss: made samples shall pass for real."""
    return cross_entropy(fake, True, weight)


def critic(real: Array, fake: Array, weight: Array) -> Array:
    """The Wasserstein critic's loss, its penalty apart: -(E C(x) - E C(G(z)))."""
    return mean(fake, weight) - mean(real, weight)


def critic_generator(fake: Array, weight: Array) -> Array:
    """The generator's loss against a critic: -E C(G(z))."""
    return -mean(fake, weight)


def gradient_penalty(
    judge: Callable[[Array], Array],
    real: Array,
    fake: Array,
    share: Array,
    weight: Array,
) -> Array:
    """How far the critic's slope is from 1 between real and made samples.

    Args:
        judge: `[B, ...] -> [B]`, each row judged by itself.
        real: `[B, ...]`.
        fake: `[B, ...]`.
        share: `[B]` uniform in [0, 1], the share of the real sample in the mixture.
        weight: `[B]`.

    Returns:
        The weighted mean of `(norm of the gradient - 1) ** 2`.

    Example:
        >>> x, row = jnp.zeros((2, 4)), jnp.ones(2)
        >>> steep = lambda x: x @ jnp.full(4, 1.5)
        >>> float(gradient_penalty(steep, x, x, row, row))
        4.0
    """
    mix = share.reshape(-1, *(1,) * (real.ndim - 1))
    between = mix * real + (1 - mix) * fake
    slope = jax.grad(lambda x: judge(x).sum())(between)
    squares = jnp.square(slope).sum(tuple(range(1, slope.ndim)))
    return mean(jnp.square(jnp.sqrt(squares + 1e-12) - 1), weight)
