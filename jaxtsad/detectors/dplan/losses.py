"""DPLAN's rewards and its temporal-difference loss.

Pang, van den Hengel, Shen and Cao, "Toward Deep Supervised Anomaly Detection:
Reinforcement Learning from Partially Labeled Anomaly Data", KDD 2021. Rewards are of
the state and the action taken in it, not of the state that follows.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import jax.numpy as jnp

from jaxtsad.types import Array

Intrinsic: TypeAlias = Literal["always", "a1_unlabelled", "none"]
INTRINSICS: tuple[Intrinsic, ...] = get_args(Intrinsic)
TdLoss: TypeAlias = Literal["huber", "squared"]


def external(known: Array, action: Array) -> Array:
    """What the labels say of an action, `[...]`.

    1 for calling a known anomaly anomalous, 0 for calling an unlabelled row normal, -1
    for either mistake.

    Example:
        >>> known, action = jnp.array([1.0, 1, 0, 0]), jnp.array([1, 0, 1, 0])
        >>> external(known, action).tolist()
        [1.0, -1.0, -1.0, 0.0]
    """
    anomalous = action == 1
    return jnp.where(anomalous == (known > 0), jnp.where(anomalous, 1.0, 0.0), -1.0)


def reward(
    known: Array, action: Array, isolation: Array, intrinsic: Intrinsic = "always"
) -> Array:
    """External plus intrinsic reward, in [-1, 2].

    Under `always` the intrinsic part is the same for both actions: it cannot change
    which of them is greedy in one step, and acts through the value of what follows.

    Args:
        known: 1 where the state is a known anomaly.
        action: 1 for calling it anomalous.
        isolation: Isolation score of the state's representation, in [0, 1].
        intrinsic: `always`, only for `a1_unlabelled`, or `none`.

    Example:
        >>> one = (jnp.array([0.0]), jnp.array([1]), jnp.array([0.25]))
        >>> reward(*one).tolist(), reward(*one, "none").tolist()
        ([-0.75], [-1.0])
    """
    by_label = external(known, action)
    if intrinsic == "none":
        return by_label
    if intrinsic == "always":
        return by_label + isolation
    return by_label + jnp.where((action == 1) & (known <= 0), isolation, 0.0)


def rescaled(scores: Array, weight: Array) -> Array:
    """Scores mapped to [0, 1] over the rows of weight above 0; equal ones to zeros.

    Example:
        >>> rescaled(jnp.array([3.0, 1, 2, 9]), jnp.array([1.0, 1, 1, 0])).tolist()
        [1.0, 0.0, 0.5, 0.0]
    """
    real = weight > 0
    low = jnp.where(real, scores, jnp.inf).min()
    spread = jnp.where(real, scores, -jnp.inf).max() - low
    varied = jnp.isfinite(spread) & (spread > 0)
    scaled = (scores - low) / jnp.where(varied, spread, 1.0)
    return jnp.where(real & varied, scaled, 0.0)


def td_target(rewards: Array, next_q: Array, discount: float) -> Array:
    """`r + discount max_a Q(s', a)`; no state is an end.

    Example:
        >>> round(float(td_target(jnp.array([1.0]), jnp.array([[0.0, 2]]), 0.99)[0]), 6)
        2.98
    """
    return rewards + discount * next_q.max(axis=-1)


def td_loss(q: Array, target: Array, kind: TdLoss = "huber") -> Array:
    """Mean over the batch of the Huber (delta 1) or half the squared difference.

    Example:
        >>> q, target = jnp.array([0.5, 3.0]), jnp.zeros(2)
        >>> float(td_loss(q, target)), float(td_loss(q, target, "squared"))
        (1.3125, 2.3125)
    """
    error = jnp.abs(q - target)
    squared = 0.5 * error**2
    if kind == "squared":
        return squared.mean()
    return jnp.where(error <= 1, squared, error - 0.5).mean()
