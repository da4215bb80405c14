"""Deep clustering: a sample far from every cluster of codes is anomalous.

Aljalbout, Golkov, Siddiqui, Strobel and Cremers, "Clustering with Deep Learning:
Taxonomy and New Methods", 2018. An autoencoder is trained to reconstruct; k-means on
its codes starts the clusters; then reconstruction and a clustering loss are trained
together; one more epoch, without steps, runs k-means on the final codes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax.numpy as jnp

from jaxtsad.detectors.deep_clustering import clusters, losses, training
from jaxtsad.detectors.deep_clustering.clusters import Clusters
from jaxtsad.detectors.deep_clustering.config import Config
from jaxtsad.detectors.deep_clustering.training import Model
from jaxtsad.models import network
from jaxtsad.models.conv_autoencoder import Output
from jaxtsad.training import epochs
from jaxtsad.types import Array, Batch, Detector


@functools.lru_cache(maxsize=64)
def build(config: Config) -> Detector:
    """Builds the detector; equal configs give the same functions, compiled once.

    Example:
        >>> build(Config(8, 3)) is build(Config(window=8, channels=3))
        True
    """
    return Detector(
        steps=functools.partial(epochs.steps, batch_size=config.batch_size),
        init=functools.partial(training.start, config),
        advance=functools.partial(training.advance, config),
        score=functools.partial(score, config),
        refresh=functools.partial(training.refresh, config),
        inspect=functools.partial(inspect, config),
        small_products=True,
        in_turn=config.images,
    )


def score(config: Config, keys: Array, model: Model, batch: Batch) -> Array:
    """Score `[B]` of the kind that the config asks for."""
    del keys
    x, output = reconstruct(config, model, batch)
    residual = training.error(x, output)
    return score_of_codes(config, model.clusters, output.latent, residual)


def inspect(
    config: Config, keys: Array, model: Model, batch: Batch
) -> dict[str, Array]:
    """Codes, reconstructions, clusters and everything that a score can be made of."""
    del keys
    x, output = reconstruct(config, model, batch)
    distance, nearest = clusters.distances(model.clusters, output.latent)
    q = losses.soft_assignment(output.latent, model.clusters.centres)
    made = output.reconstruction
    return {
        "latent": output.latent,
        "reconstruction": 2 * made - 1 if config.images else made,
        "cluster": nearest,
        "likeliest": q.argmax(axis=-1),
        "assignment": q,
        "distance": distance,
        "residual": training.error(x, output),
        "entropy": clusters.entropy(model.clusters, output.latent),
    }


def reconstruct(config: Config, model: Model, batch: Batch) -> tuple[Array, Output]:
    """Samples as the autoencoder sees them, and what it makes of them."""
    x = training.unit(config, batch.values)
    output: Output = network.run(config.module(), model.network, x)
    return x, output


def score_of_codes(
    config: Config, known: Clusters, codes: Array, residual: Array
) -> Array:
    """Score `[B]` of codes and reconstruction errors.

    Args:
        config: Says which score.
        known: The clusters.
        codes: `[B, Z]`.
        residual: `[B]`.
    """
    distance, nearest = clusters.distances(known, codes)
    relative = distance / known.radius[nearest]
    if config.score == "combined":
        by_distance, by_residual = (
            clusters.rank(values, quantiles) + clusters.excess(values, quantiles)
            for values, quantiles in (
                (relative, known.relative),
                (residual, known.residual),
            )
        )
        return (by_distance + by_residual) / 2
    choices: dict[str, Callable[[], Array]] = {
        "relative": lambda: relative,
        "distance": lambda: distance,
        "mahalanobis": lambda: clusters.mahalanobis(known, codes),
        "entropy": lambda: clusters.entropy(known, codes),
        "residual": lambda: residual,
        "small": lambda: -jnp.log(known.share[nearest]),
    }
    return choices[config.score]()
