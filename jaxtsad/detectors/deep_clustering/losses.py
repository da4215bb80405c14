"""Losses of deep clustering: soft assignments, their targets, and hard distances.

Xie, Girshick and Farhadi, "Unsupervised Deep Embedding for Clustering Analysis", ICML
2016; Aljalbout et al., "Clustering with Deep Learning: Taxonomy and New Methods", 2018.

Shape letters: N samples, Z latent width, K clusters.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxtsad.models.reconstruction import mean
from jaxtsad.types import Array


def squared_distances(latent: Array, centres: Array) -> Array:
    """Squared distances `[N, K]` of `latent [N, Z]` to `centres [K, Z]`.

    Example:
        >>> squared_distances(jnp.array([[3.0, 4.0]]), jnp.zeros((1, 2))).tolist()
        [[25.0]]
    """
    return jnp.square(latent[:, None] - centres[None]).sum(axis=-1)


def soft_assignment(latent: Array, centres: Array, freedom: float = 1.0) -> Array:
    """q: how much each sample belongs to each cluster, by Student's t.

    Args:
        latent: `[N, Z]`.
        centres: `[K, Z]`.
        freedom: Degrees of freedom.

    Returns:
        `[N, K]`, rows sum to 1.

    Example:
        >>> latent = jnp.array([[0.0, 0.0], [1.0, 0.0]])
        >>> centres = jnp.array([[0.0, 0.0], [2.0, 0.0]])
        >>> soft_assignment(latent, centres).round(4).tolist()[1]
        [0.5, 0.5]
    """
    distance = squared_distances(latent, centres)
    logits = -0.5 * (freedom + 1) * jnp.log1p(distance / freedom)
    return jax.nn.softmax(logits, axis=-1)


def target_distribution(q: Array, frequency: Array) -> Array:
    """p: the assignments sharpened, and large clusters made lighter.

    Args:
        q: `[N, K]` soft assignments.
        frequency: `[K]` sums of q over the whole data set.

    Returns:
        `[N, K]`, rows sum to 1; it carries no gradient.

    Example:
        >>> q = jnp.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
        >>> p = target_distribution(q, q.sum(axis=0))
        >>> [round(float(number), 4) for number in p[0]]
        [0.9841, 0.0159]
    """
    weighted = jnp.square(q) / jnp.maximum(frequency, 1e-30)[None]
    target = weighted / weighted.sum(axis=-1, keepdims=True)
    return jax.lax.stop_gradient(target)


def hardening(p: Array, q: Array) -> Array:
    """KL divergence `[N]` of each sample's q from its target p."""
    return jax.scipy.special.rel_entr(p, jnp.maximum(q, 1e-30)).sum(axis=-1)


def to_centres(
    latent: Array,
    centres: Array,
    weight: Array,
    squared: bool = True,
    assigned: Array | None = None,
) -> Array:
    """k-means loss: mean distance to a centre, which does not move.

    Args:
        latent: `[N, Z]`.
        centres: `[K, Z]`.
        weight: `[N]`, 0 for padding.
        squared: Whether distances are squared.
        assigned: `[N]` each sample's centre; None for the nearest.
    """
    distances = squared_distances(latent, jax.lax.stop_gradient(centres))
    if assigned is None:
        distance = distances.min(axis=-1)
    else:
        distance = jnp.take_along_axis(distances, assigned[:, None], axis=-1)[:, 0]
    return mean(distance if squared else jnp.sqrt(distance + 1e-12), weight)
