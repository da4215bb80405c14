"""Clusters of codes: k-means on the host, and scores by them."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import threadpoolctl

from jaxtsad.detectors.deep_clustering import losses
from jaxtsad.types import Array

QUANTILES = 256
SHRINK = 1e-3
COLLAPSED = 0.95


class Clusters(NamedTuple):
    """Clusters and what is usual of their members in the fit part.

    Attributes:
        centres: `[K, Z]`.
        radius: `[K]`, 95th percentile of the members' distances.
        share: `[K]`, share of the fit part in each.
        whiten: `[K, Z, Z]`, the inverse Cholesky factor of the members' covariance.
        relative: `[Q]` quantiles of the distances by radius.
        residual: `[Q]` quantiles of the reconstruction errors.
    """

    centres: Array
    radius: Array
    share: Array
    whiten: Array
    relative: Array
    residual: Array


def blank(clusters: int, latent: int) -> Clusters:
    """Clusters before anything is known, all at 0."""
    line = jnp.linspace(0.0, 1.0, QUANTILES)
    return Clusters(
        jnp.zeros((clusters, latent)),
        jnp.ones(clusters),
        jnp.full(clusters, 1.0 / clusters),
        jnp.tile(jnp.eye(latent)[None], (clusters, 1, 1)),
        line,
        jnp.copy(line),
    )


def kmeans(
    codes: np.ndarray, clusters: int, seed: int, restarts: int, start: np.ndarray | None
) -> np.ndarray:
    """Centres `[K, Z]` of the best of a few runs, one thread, so that it repeats.

    Args:
        codes: `[N, Z]` with N of at least K.
        clusters: Number of clusters K.
        seed: Of the k-means++ starts.
        restarts: Runs from different starts.
        start: Centres to go on from, which keep their numbers; then one run.
    """
    from sklearn import cluster, exceptions  # Importing them takes seconds.

    runs = cluster.KMeans(
        clusters,
        init="k-means++" if start is None else start,
        n_init=restarts if start is None else 1,
        random_state=seed,
    )
    with threadpoolctl.threadpool_limits(1), warnings.catch_warnings():
        # Fewer distinct codes than clusters: some centres then coincide.
        warnings.simplefilter("ignore", exceptions.ConvergenceWarning)
        centres: np.ndarray = runs.fit(codes).cluster_centers_
    return centres.astype(np.float32)


def described(centres: np.ndarray, codes: np.ndarray, residual: np.ndarray) -> Clusters:
    """Clusters around centres with what is usual of them.

    Args:
        centres: `[K, Z]`.
        codes: `[N, Z]` of the fit part.
        residual: `[N]` reconstruction errors.
    """
    distance, nearest = _nearest(centres, codes)
    overall = max(float(np.quantile(distance, 0.95)), 1e-6)
    radius = np.full(len(centres), overall, np.float32)
    for number in range(len(centres)):
        members = distance[nearest == number]
        if len(members) > 1:
            radius[number] = max(np.quantile(members, 0.95), 1e-3 * overall)
    share = np.bincount(nearest, minlength=len(centres)) / len(codes)
    arrays = (
        centres,
        radius,
        np.maximum(share, 0.5 / len(codes)),
        np.stack([_whiten(codes, nearest == n) for n in range(len(centres))]),
        _quantiles(distance / radius[nearest]),
        _quantiles(residual),
    )
    return Clusters(*(jnp.asarray(array, jnp.float32) for array in arrays))


def warn_if_collapsed(clusters: Clusters) -> None:
    """Warns where one cluster holds nearly everything."""
    largest = float(clusters.share.max())
    if len(clusters.share) > 1 and largest > COLLAPSED:
        warnings.warn(
            f"deep clustering has collapsed: one of {len(clusters.share)} clusters "
            f"holds {largest:.0%} of the fit part; lower alpha or train longer",
            RuntimeWarning,
            stacklevel=2,
        )


def distances(clusters: Clusters, codes: Array) -> tuple[Array, Array]:
    """Distance `[B]` to the nearest centre and its number."""
    distance = losses.squared_distances(codes, clusters.centres)
    return jnp.sqrt(distance.min(axis=-1)), distance.argmin(axis=-1)


def mahalanobis(clusters: Clusters, codes: Array) -> Array:
    """Distance `[B]` to the nearest centre in units of its members' covariance.

    The covariance is shrunk, `S + 0.001 trace(S) / Z`, and that of all samples where a
    cluster has no more members than the code has numbers.
    """

    def squared(centre: Array, whiten: Array) -> Array:
        return jnp.square((codes - centre[None]) @ whiten.T).sum(axis=-1)

    return jnp.sqrt(jax.vmap(squared)(clusters.centres, clusters.whiten).min(axis=0))


def entropy(clusters: Clusters, codes: Array) -> Array:
    """Doubt `[B]` in [0, 1] about the cluster.

    It is high between centres, but low far away in the direction of one, and high
    again infinitely far away: never to be the only score.
    """
    q = losses.soft_assignment(codes, clusters.centres)
    total = -(q * jnp.log(jnp.maximum(q, 1e-30))).sum(axis=-1)
    return total / jnp.log(float(max(2, len(clusters.centres))))


def rank(scores: Array, quantiles: Array) -> Array:
    """Share of the fit part below each score, in [0, 1].

    Beyond the largest of the fit part it still grows, towards 1.

    Example:
        >>> rank(jnp.array([-1.0, 0.5, 1.0, 2.0]), jnp.linspace(0, 1, 3)).tolist()
        [0.0, 0.375, 0.75, 0.875]
    """
    step = 1.0 / (len(quantiles) + 1)
    levels = jnp.linspace(0.0, 1.0 - step, len(quantiles))
    within = jnp.interp(scores, quantiles, levels)
    top = jnp.maximum(quantiles[-1], 1e-12)
    beyond = 1.0 - step * top / jnp.maximum(scores, top)
    return jnp.where(scores > quantiles[-1], beyond, within)


def excess(scores: Array, quantiles: Array) -> Array:
    """Logarithm of how many times a score is the fit part's largest; 0 below that.

    Ranks end at 1: of two samples beyond all of the fit part in one view, ranks alone
    cannot tell the one just beyond from the one far out.

    Example:
        >>> excess(jnp.array([0.5, 2.0, 4.0]), jnp.linspace(0, 2, 3)).round(3).tolist()
        [0.0, 0.0, 0.6930000185966492]
    """
    top = jnp.maximum(quantiles[-1], 1e-12)
    return jnp.log(jnp.maximum(scores, top) / top)


def _quantiles(values: np.ndarray) -> np.ndarray:
    """`[Q]` quantiles of `[N]`, between two of which lie four values or more.

    Of finer ones some would be as close as rounding, and ranks between them would jump.
    """
    known = np.linspace(0, 1, min(QUANTILES, max(2, len(values) // 4)))
    at = np.linspace(0, 1, QUANTILES)
    quantiles: np.ndarray = np.interp(at, known, np.quantile(values, known))
    return quantiles


def _whiten(codes: np.ndarray, members: np.ndarray) -> np.ndarray:
    """`W [Z, Z]` with `W' W` the inverse of the members' shrunk covariance."""
    width = codes.shape[1]
    rows = codes[members] if members.sum() > width else codes
    covariance = np.atleast_2d(np.cov(rows, rowvar=False, bias=True)).astype(np.float64)
    shrunk = SHRINK * max(np.trace(covariance) / width, 1e-9)
    whiten: np.ndarray = np.linalg.inv(
        np.linalg.cholesky(covariance + shrunk * np.eye(width))
    )
    return whiten


def _nearest(centres: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    squared = (codes**2).sum(1)[:, None] - 2 * codes @ centres.T
    squared = squared + (centres**2).sum(1)[None]
    return np.sqrt(np.maximum(squared.min(axis=1), 0)), squared.argmin(axis=1)
