"""Detectors whose score is the squared error of a network's reconstruction."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Protocol

import jax.numpy as jnp

from jaxtsad.models import reconstruction as errors
from jaxtsad.ops.windows import WindowView
from jaxtsad.training import descent, epochs
from jaxtsad.types import Array, Batch, Detector, Key, Metrics, PyTree, State


class Sizes(descent.Rates, Protocol):
    """Options that such a detector has besides those of its descent."""

    @property
    def window(self) -> int:
        """Window length L in steps."""

    @property
    def channels(self) -> int:
        """Number of channels C."""


def detector(
    config: Sizes,
    network: Any,
    run: Callable[[PyTree, Array], Any],
    objective: descent.Objective,
) -> Detector:
    """Descends an objective and scores, validates and explains by the squared error.

    Args:
        config: Sizes, learning rate, clipping and batch size.
        network: The architecture.
        run: `(params, windows [B, L, C])` to the network's output, a NamedTuple with
            `reconstruction` among its fields, without dropout.
        objective: See `descent.descent`.
    """
    trainer = descent.descent(objective, config)

    def init(key: Key, source: WindowView) -> State:
        del source
        windows = jnp.zeros((1, config.window, config.channels))
        return trainer.start(network.init(key, windows)["params"])

    def measure(key: Key, model: PyTree, batch: Batch) -> Metrics:
        del key
        made = run(model, batch.values).reconstruction
        return {"loss": errors.mean_squared_error(made, batch.values, batch.weight)}

    def explain(keys: Array, model: PyTree, batch: Batch) -> Array:
        del keys
        made = run(model, batch.values).reconstruction
        return errors.squared_error(made, batch.values)

    def score(keys: Array, model: PyTree, batch: Batch) -> Array:
        return explain(keys, model, batch).sum(axis=-1)

    def inspect(keys: Array, model: PyTree, batch: Batch) -> dict[str, Array]:
        del keys
        outputs: dict[str, Array] = run(model, batch.values)._asdict()
        return outputs

    return Detector(
        steps=functools.partial(epochs.steps, batch_size=config.batch_size),
        init=init,
        advance=trainer.advance,
        validate=epochs.evaluate(measure, config.batch_size),
        score=score,
        explain=explain,
        inspect=inspect,
        advance_near=trainer.advance_near,
        continues=True,
    )
