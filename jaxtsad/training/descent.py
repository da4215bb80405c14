"""Adam on one objective: the optimizer state and `Detector.advance` from a loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import jax

from jaxtsad.training import epochs, optimizers
from jaxtsad.types import Array, Batch, Clock, Key, Metrics, PyTree, State

Objective = Callable[[PyTree, Key, Batch, Array], tuple[Array, Metrics]]
Transform = Any
"""An optimizer of `training.optimizers`."""


class Rates(Protocol):
    """Options every detector trained by descent has."""

    @property
    def learning_rate(self) -> float:
        """Of Adam."""

    @property
    def clip_gradients(self) -> float:
        """Largest global norm of the gradient; 0 does not clip."""

    @property
    def batch_size(self) -> int:
        """Windows per step."""


class Descent(NamedTuple):
    """How parameters move.

    Attributes:
        start: `(params) -> State` before the first step.
        advance: See `types.Detector`.
        advance_near: See `types.Detector`.
    """

    start: Callable[[PyTree], State]
    advance: Callable[[Key, State, Any, Clock], tuple[State, Metrics]]
    advance_near: Callable[..., tuple[State, Metrics]]


def descent(
    objective: Objective, config: Rates, transform: Transform | None = None
) -> Descent:
    """Makes Adam descend an objective, a batch per step.

    Args:
        objective: `(params, key, batch, epoch) -> (loss, metrics)`, weighted means.
        config: Learning rate, clipping and batch size.
        transform: Another optimizer than Adam with that rate and clipping.
    """
    if transform is None:
        transform = optimizers.adam(
            config.learning_rate, clip_gradients=config.clip_gradients
        )

    def start(params: PyTree) -> State:
        return State(params, transform.init(params))

    def run(
        key: Key,
        state: State,
        source: Any,
        clock: Clock,
        pull: Callable[[PyTree, PyTree], PyTree],
    ) -> tuple[State, Metrics]:
        def step(
            key: Key, state: State, batch: Batch, scale: Array
        ) -> tuple[State, Metrics]:
            grads, metrics = jax.grad(objective, has_aux=True)(
                state.model, key, batch, clock.epoch
            )
            grads = pull(grads, state.model)
            return State(
                *optimizers.apply(transform, grads, state.train, state.model, scale)
            ), metrics

        return epochs.minibatches(step, config.batch_size)(key, state, source, clock)

    def advance(
        key: Key, state: State, source: Any, clock: Clock
    ) -> tuple[State, Metrics]:
        return run(key, state, source, clock, lambda grads, params: grads)

    def advance_near(
        key: Key, state: State, source: Any, clock: Clock, anchor: PyTree, weight: float
    ) -> tuple[State, Metrics]:
        def pull(grads: PyTree, params: PyTree) -> PyTree:
            return jax.tree.map(
                lambda grad, here, there: grad + weight * (here - there),
                grads,
                params,
                anchor,
            )

        return run(key, state, source, clock, pull)

    return Descent(start, advance, advance_near)
