"""What stands beside DPLAN: small networks that learn from the same labels.

Pang, Shen and van den Hengel, "Deep Anomaly Detection with Deviation Networks", KDD
2019; Ruff et al., "Deep Semi-Supervised Anomaly Detection", ICLR 2020, which starts
from the encoder of an autoencoder.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.ops.draws import places
from jaxtsad.training import optimizers
from jaxtsad.types import Array, Key, PyTree

MARGIN = 5.0
STEPS = 1000
NAMES = ("deviation", "deep_sad")


def deviation_loss(scores: Array, known: Array, mean: Array, sd: Array) -> Array:
    """Unlabelled scores at the prior's mean, known anomalies five sd above.

    Example:
        >>> scores, known = jnp.array([1.0, 3.0]), jnp.array([0.0, 1.0])
        >>> float(deviation_loss(scores, known, jnp.float32(0), jnp.float32(1)))
        1.5
    """
    apart = (scores - mean) / sd
    above = jnp.maximum(0.0, MARGIN - apart)
    return jnp.where(known > 0, above, jnp.abs(apart)).mean()


def sad_loss(apart: Array, known: Array) -> Array:
    """Squared distances to the centre; of known anomalies their inverse."""
    return jnp.where(known > 0, 1.0 / (apart + 1e-6), apart).mean()


def scores(
    name: str,
    train: Sequence[np.ndarray],
    known: Sequence[np.ndarray],
    test: Sequence[np.ndarray],
    seeds: Sequence[int],
) -> list[np.ndarray]:
    """Trains one network per cut of a table and scores its test rows.

    Args:
        name: `deviation` or `deep_sad`.
        train: `[N, D]` rows in [0, 1] of each cut; all of one size.
        known: `[N]` marks.
        test: `[M, D]` rows of each cut; all of one size.
        seeds: One per cut.

    Raises:
        ValueError: If the name is unknown.
    """
    if name not in NAMES:
        raise ValueError(f"{name=} is unknown; the choices are {', '.join(NAMES)}")
    keys = jax.vmap(jax.random.key)(jnp.asarray(seeds))
    stacked = [jnp.asarray(np.stack(one), jnp.float32) for one in (train, known, test)]
    found = _program(name)(keys, *stacked)
    return list(np.asarray(found))


@functools.cache
def _program(name: str) -> Callable[..., Array]:
    one = _deviation if name == "deviation" else _deep_sad
    return jax.jit(jax.vmap(one))


def _deviation(key: Key, rows: Array, known: Array, test: Array) -> Array:
    start_key, prior_key, step_key = jax.random.split(key, 3)
    params = _layers(start_key, (rows.shape[1], 20, 1), bias=True)
    prior = jax.random.normal(prior_key, (5000,))
    optimizer = optimizers.rmsprop(
        1e-3, decay=0.9, momentum=0.0, eps=1e-7, clip_gradients=1.0
    )

    def loss(params: PyTree, x: Array, marks: Array) -> Array:
        found = _forward(params, x)[:, 0]
        penalty = 0.01 * jnp.square(params[0]["kernel"]).sum()
        return deviation_loss(found, marks, prior.mean(), prior.std()) + penalty

    params = _trained(step_key, params, optimizer, loss, rows, known, 512, True)
    return _forward(params, test)[:, 0]


def _deep_sad(key: Key, rows: Array, known: Array, test: Array) -> Array:
    start_key, made_key, first_key, step_key = jax.random.split(key, 4)
    # Without biases: with them the network could map everything to the centre.
    sizes = (rows.shape[1], 32, 16)
    start = _layers(start_key, sizes, bias=False)
    decoder = _layers(made_key, sizes[::-1], bias=False)
    optimizer = optimizers.adam(1e-3, weight_decay=1e-6)

    def error(both: PyTree, x: Array, marks: Array) -> Array:
        del marks
        made = _forward(both[1], _forward(both[0], x))
        return jnp.square(made - x).mean()

    params, _ = _trained(
        first_key, (start, decoder), optimizer, error, rows, known, 128, False
    )
    middle = _forward(params, rows).mean(axis=0)
    small = jnp.abs(middle) < 0.1
    centre = jnp.where(small, jnp.where(middle < 0, -0.1, 0.1), middle)

    def apart(params: PyTree, x: Array) -> Array:
        return jnp.square(_forward(params, x) - centre[None]).sum(axis=-1)

    def loss(params: PyTree, x: Array, marks: Array) -> Array:
        return sad_loss(apart(params, x), marks)

    params = _trained(step_key, params, optimizer, loss, rows, known, 128, False)
    return apart(params, test)


def _trained(
    key: Key,
    params: PyTree,
    optimizer: Any,
    loss: Callable[[PyTree, Array, Array], Array],
    rows: Array,
    known: Array,
    batch_size: int,
    halves: bool,
) -> PyTree:
    """Some steps on batches of rows, half of them known anomalies or as they come."""
    order = jnp.argsort(known, stable=True)
    count = (known <= 0).sum()

    def step(number: Array, carry: tuple) -> tuple:
        params, state = carry
        uniform = jax.random.uniform(jax.random.fold_in(key, number), (batch_size,))
        index = places(uniform, jnp.int32(len(rows)))
        if halves:
            first = places(uniform, count)
            second = count + places(uniform, len(rows) - count)
            own = jnp.arange(batch_size) % 2 == 0
            index = order[jnp.where(own, first, second)]
        grads = jax.grad(loss)(params, rows[index], known[index])
        return optimizers.apply(optimizer, grads, state, params, 1.0)

    found = jax.lax.fori_loop(0, STEPS, step, (params, optimizer.init(params)))
    return found[0]


def _layers(key: Key, sizes: Sequence[int], bias: bool) -> list[dict[str, Array]]:
    keys = jax.random.split(key, len(sizes) - 1)
    start = jax.nn.initializers.glorot_uniform()
    layers = []
    for own, shape in zip(keys, itertools.pairwise(sizes), strict=True):
        layer = {"kernel": start(own, shape)}
        layers.append(layer | ({"bias": jnp.zeros(shape[1])} if bias else {}))
    return layers


def _forward(params: PyTree, x: Array) -> Array:
    for number, layer in enumerate(params):
        x = jnp.maximum(x, 0.0) if number else x
        x = x @ layer["kernel"]
        if "bias" in layer:
            x = x + layer["bias"][None]
    return x
