"""Variational objectives: reconstruction plus the divergence of the code, and collapse.

    KL(q(z|x) || N(0, I)) = -1/2 sum_d (1 + logv_d - mu_d^2 - exp(logv_d))

Three weightings of the two terms, beta multiplying the divergence:

- `strict`: mean over windows, steps and channels of the squared error; mean over
  windows of the divergence.
- `as_run`: the divergence is summed over the batch while the error is a mean, so that
  beta in effect grows with the batch size; collapse is close to certain.
- `elbo_sum`: both summed within a window and averaged over windows, where beta has the
  meaning of Higgins et al., "beta-VAE", ICLR 2017.

Shape letters: B windows, L steps, C channels, Z latents.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args

import jax.numpy as jnp

from jaxtsad.models import reconstruction as errors
from jaxtsad.types import Array, Metrics

Kind: TypeAlias = Literal["strict", "as_run", "elbo_sum"]
KINDS: tuple[Kind, ...] = get_args(Kind)
ACTIVE = 0.01


def divergence(mean: Array, log_variance: Array) -> Array:
    """Each latent's divergence `[B, Z]` from the standard normal, never negative.

    Example:
        >>> mean = jnp.asarray([[1.0, 0.0]])
        >>> float(divergence(mean, jnp.log(jnp.asarray([[1.0, 4.0]]))).sum())
        1.3068528175354004
    """
    return 0.5 * (jnp.square(mean) + jnp.expm1(log_variance) - log_variance)


def loss(
    kind: Kind,
    reconstruction: Array,
    windows: Array,
    divergences: Array,
    weight: Array,
    *,
    beta: Array | float,
    free_bits: float = 0.0,
) -> tuple[Array, Metrics]:
    """The objective of a batch.

    Args:
        kind: `strict`, `as_run` or `elbo_sum`.
        reconstruction: `[B, L, C]`.
        windows: `[B, L, C]`.
        divergences: `[B, Z]`, see `divergence`.
        weight: `[B]`, 0 for padding.
        beta: Weight of the divergence.
        free_bits: Divergence of a latent (mean over the batch, in nats) below which
            it costs no more and has no gradient (Kingma et al., 2016).

    Returns:
        The loss, and it with its terms "mse" and "kl" (sum over latents of the mean
        over windows, free bits not applied).

    Raises:
        ValueError: If the kind is unknown.
    """
    mse = errors.mean_squared_error(reconstruction, windows, weight)
    latents = errors.mean(divergences, weight)
    cost = jnp.maximum(latents, free_bits).sum() if free_bits else latents.sum()
    if kind == "strict":
        total = mse + beta * cost
    elif kind == "as_run":
        total = mse + beta * cost * weight.sum()
    elif kind == "elbo_sum":
        total = mse * windows[0].size + beta * cost
    else:
        raise ValueError(f"{kind=} is unknown; the choices are {', '.join(KINDS)}")
    return total, {"loss": total, "mse": mse, "kl": latents.sum()}


def warmed(beta: float, epoch: Array, warmup_epochs: int) -> Array | float:
    """Beta rising linearly from 0 to its value over the first epochs.

    Example:
        >>> [round(float(warmed(0.1, jnp.int32(e), 10)), 3) for e in (0, 5, 10, 99)]
        [0.0, 0.05, 0.1, 0.1]
    """
    if not warmup_epochs:
        return beta
    return beta * jnp.minimum(epoch.astype(jnp.float32) / warmup_epochs, 1.0)


def activity(mean: Array, square: Array, kl: Array) -> Metrics:
    """What shows collapse, over a whole set of windows.

    Args:
        mean: `[Z]`, mean over windows of mu.
        square: `[Z]`, mean over windows of mu squared.
        kl: Sum over latents of the mean divergence.

    Returns:
        "active_latents", the share of latents with Var(mu) > 0.01, and
        "kl_per_latent" in nats.

    Reference:
        Burda, Grosse, Salakhutdinov, "Importance Weighted Autoencoders", ICLR 2016.
    """
    active = square - jnp.square(mean) > ACTIVE
    return {"active_latents": active.mean(), "kl_per_latent": kl / len(mean)}


def collapsed(metrics: Mapping[str, float]) -> str | None:
    """A warning where no latent is active in validation, else None.

    The decoder then gives every window the same reconstruction, and the score is the
    window's distance from it.

    Example:
        >>> collapsed({"active_latents": 0.25, "kl_per_latent": 0.3}) is None
        True
    """
    if float(metrics["active_latents"]) > 0:
        return None
    return (
        f"posterior collapse: no latent varies between windows (Var(mu) <= {ACTIVE}, "
        f"kl_per_latent={float(metrics['kl_per_latent']):.2g}); lower beta, warm it up "
        "or use free bits"
    )
