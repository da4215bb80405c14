"""Optimizers: Adam with clipping, partitions by parameter name, and scaled updates.

Signs live in the objectives: every optimizer here descends.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import jax
import optax

from jaxtsad.types import Array, PyTree

Transform: TypeAlias = optax.GradientTransformation


def adam(
    learning_rate: float,
    *,
    clip_gradients: float = 0.0,
    weight_decay: float = 0.0,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
) -> Transform:
    """Adam, optionally after clipping the gradient's global norm.

    Args:
        learning_rate: Step size before any schedule.
        clip_gradients: Largest global norm of the gradient; 0 does not clip.
        weight_decay: L2 term added to the gradient (PyTorch's `Adam(weight_decay)`).
        b1: Decay of the first moment.
        b2: Decay of the second moment.
        eps: Added to the root of the second moment.

    Reference:
        Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015.
    """
    parts = [optax.adam(learning_rate, b1=b1, b2=b2, eps=eps)]
    if weight_decay:
        parts.insert(0, optax.add_decayed_weights(weight_decay))
    if clip_gradients:
        parts.insert(0, optax.clip_by_global_norm(clip_gradients))
    return optax.chain(*parts)


def sgd(learning_rate: float) -> Transform:
    """Plain steps down the gradient."""
    return optax.sgd(learning_rate)


def nesterov(learning_rate: float, momentum: float = 0.9) -> Transform:
    """Steps down the gradient with Nesterov's momentum."""
    return optax.sgd(learning_rate, momentum=momentum, nesterov=True)


def rmsprop(
    learning_rate: float,
    *,
    decay: float = 0.95,
    momentum: float = 0.95,
    eps: float = 0.01,
    clip_gradients: float = 0.0,
) -> Transform:
    """RMSprop as deep Q-learning uses it: with momentum, `eps` below the root.

    Args:
        learning_rate: Step size before any schedule.
        decay: Of the mean squared gradient.
        momentum: Of the steps.
        eps: Added to the mean squared gradient.
        clip_gradients: Largest global norm of the gradient; 0 does not clip.

    Reference:
        Mnih et al., "Human-level control through deep reinforcement learning", 2015.
    """
    steps = optax.rmsprop(learning_rate, decay=decay, eps=eps, momentum=momentum)
    if not clip_gradients:
        return steps
    return optax.chain(optax.clip_by_global_norm(clip_gradients), steps)


def frozen() -> Transform:
    """Leaves its parameters where they are; unlike a zero gradient under Adam."""
    return optax.set_to_zero()


def partition(transforms: Mapping[str, Transform], labels: PyTree) -> Transform:
    """One transformation per label; each has its own state.

    Args:
        transforms: Label to transformation.
        labels: Tree of labels with the structure of the parameters.
    """
    return optax.multi_transform(dict(transforms), labels)


def label_leaves(
    params: PyTree, rules: Mapping[str, tuple[str, ...]], default: str
) -> PyTree:
    """Labels every leaf by the first rule that matches a part of its path.

    Args:
        params: Parameter tree.
        rules: Label to path parts (`"query"` matches a leaf below a key `query`).
        default: Label of a leaf that no rule matches.

    Returns:
        A tree of labels with the structure of `params`.

    Example:
        >>> rules = {"prior": ("sigma",)}
        >>> label_leaves({"a": {"sigma": 0.0}, "b": 1.0}, rules, default="other")
        {'a': {'sigma': 'prior'}, 'b': 'other'}
    """

    def label(path: tuple, leaf: object) -> str:
        del leaf
        names = {str(getattr(key, "key", getattr(key, "name", key))) for key in path}
        for name, parts in rules.items():
            if names & set(parts):
                return name
        return default

    return jax.tree_util.tree_map_with_path(label, params)


def apply(
    transform: Transform,
    grads: PyTree,
    opt_state: PyTree,
    params: PyTree,
    scale: Array | float,
) -> tuple[PyTree, PyTree]:
    """Takes one step; every update is multiplied by `scale` (schedule, plateau).

    Returns:
        The new parameters and the new optimizer state.
    """
    updates, opt_state = transform.update(grads, opt_state, params)
    updates = jax.tree.map(lambda update: update * scale, updates)
    return optax.apply_updates(params, updates), opt_state
