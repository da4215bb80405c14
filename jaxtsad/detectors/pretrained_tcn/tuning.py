"""Fine-tuning of the gate on a fit part with faults put into copies of its columns.

Before each epoch columns are drawn, faults of the synthetic generator are put into
them, and crops of their features are kept; the epoch's steps descend the cross-entropy
of the gate's logits. Statistics stay those of the fit part without faults.

Shape letters: T steps, K columns, N crops, L their steps, F features, G gates.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.detectors.pretrained_tcn import column_statistics, features
from jaxtsad.detectors.pretrained_tcn.column_statistics import Statistics
from jaxtsad.detectors.pretrained_tcn.network import REACH, Gate
from jaxtsad.training import optimizers
from jaxtsad.types import Array, Clock, Key, Metrics, PyTree, State

COLUMNS, CROPS, LENGTH = 16, 4, 512
"""Columns of an epoch, crops of each, and their most steps."""
BATCH = 8
"""Crops of an optimizer step."""
FAULTS = 3
"""Faults tried in each column."""
LEAST = 64
"""Steps below which no fault is put into a fit part."""
NEAR = 0.75
"""Probability that a crop meets a fault of its column."""
POSITIVE = 2.0
"""Weight of the steps within a fault."""
ADAM = optimizers.adam(2e-4, clip_gradients=1.0)


class Tuning(NamedTuple):
    """What only fine-tuning needs.

    Attributes:
        adam: State of the optimizer.
        seen: `[N, L, F]` features of the crops.
        labels: `[N, L]` 1 within a fault.
        weight: `[N, L]` 0 where there is no step.
    """

    adam: PyTree
    seen: Array
    labels: Array
    weight: Array


def start(gates: PyTree, steps: int) -> Tuning:
    """Before the first epoch; `steps` T are those of the fit part, padded."""
    shape = (COLUMNS * CROPS, max(2 * REACH, min(LENGTH, steps)))
    zeros = jnp.zeros(shape)
    return Tuning(ADAM.init(gates), jnp.zeros((*shape, features.COUNT)), zeros, zeros)


def refresh(key: Key, state: State, values: Array, counted: Array) -> State:
    """Draws an epoch's crops on the host.

    Args:
        key: Of everything drawn.
        state: Of the detector.
        values: `[T, C]` the fit part, padded at its end.
        counted: `[T]` which of its steps count.
    """
    from jaxtsad.datasets.synthetic import faults  # It needs SciPy's statistics.

    rng = np.random.default_rng(int(jax.random.bits(key, (), jnp.uint32)))
    statistics: Statistics = state.model["statistics"]
    few = np.asarray(statistics.constant) + np.asarray(statistics.two_valued)
    varying = np.flatnonzero(few == 0)
    length = int(np.flatnonzero(np.asarray(counted)).max(initial=-1)) + 1
    if length < LEAST or not len(varying):
        return state
    tuning: Tuning = state.train
    drawn = rng.choice(varying, COLUMNS)
    size = tuning.seen.shape[1]
    more = max(size - len(values), 0)
    lines = np.pad(np.array(values[:, drawn].T), ((0, 0), (0, more)), "edge")
    labels = np.zeros(lines.shape, np.float32)
    starts = np.zeros((COLUMNS, CROPS), np.int32)
    for row, other in enumerate(rng.permutation(COLUMNS)):
        lines[row, :length], labels[row, :length] = faults.inject(
            rng,
            "",
            lines[row, :length],
            lines[other, :length],
            length // 4,
            FAULTS,
            longest=min(faults.LONGEST, length // 8),
        )
        starts[row] = _starts(rng, labels[row, :length], size)
    crops = _cropped(
        jax.tree.map(lambda leaf: leaf[drawn], column_statistics.by_column(statistics)),
        lines,
        labels,
        starts,
        jnp.pad(jnp.asarray(counted, jnp.float32), (0, more)),
        jnp.int32(length),
        size,
    )
    return State(state.model, Tuning(tuning.adam, *crops))


def advance(key: Key, state: State, clock: Clock) -> tuple[State, Metrics]:
    """Steps of an epoch, see `types.Detector`; the model's gate alone is changed."""
    tuning: Tuning = state.train
    key = jax.random.fold_in(key, clock.epoch)

    def step(
        number: Array, carry: tuple[PyTree, PyTree, Array]
    ) -> tuple[PyTree, PyTree, Array]:
        gates, adam, total = carry
        chosen = jax.random.choice(
            jax.random.fold_in(key, number), len(tuning.seen), (BATCH,), replace=False
        )
        crops = (tuning.seen[chosen], tuning.labels[chosen], tuning.weight[chosen])
        loss, grads = jax.value_and_grad(_objective)(gates, *crops)
        gates, adam = optimizers.apply(ADAM, grads, adam, gates, clock.scale)
        return gates, adam, total + loss

    begin = (state.model["gate"], tuning.adam, jnp.zeros(()))
    until = clock.first + clock.count
    gates, adam, loss = jax.lax.fori_loop(clock.first, until, step, begin)
    metrics = {"loss": loss, "weight": clock.count.astype(jnp.float32)}
    metrics["diverged"] = (~jnp.isfinite(loss)).astype(jnp.float32)
    model = {**state.model, "gate": gates}
    return State(model, tuning._replace(adam=adam)), metrics


def cross_entropy(
    logits: Array, labels: Array, positive: float, weight: Array | float = 1.0
) -> Array:
    """Weighted mean of the cross-entropy of logits `[B, L]`.

    Args:
        logits: `[B, L]`.
        labels: `[B, L]` bool, true within a fault.
        positive: How much more steps within a fault count.
        weight: `[B, L]`, or 1 for all.
    """
    sign = jnp.where(labels, -1.0, 1.0)
    each = jnp.where(labels, positive, 1.0) * jax.nn.softplus(sign * logits)
    return (weight * each).mean() / jnp.maximum(jnp.mean(weight), 1e-9)


def _objective(gates: PyTree, seen: Array, labels: Array, weight: Array) -> Array:
    """Mean over the gates, each of which is trained for itself."""

    def alone(gate: PyTree) -> Array:
        logits: Array = Gate().apply({"params": gate}, seen)  # type: ignore[assignment]
        return cross_entropy(logits, labels > 0, POSITIVE, weight)

    return jax.vmap(alone)(gates).mean()


def _starts(rng: np.random.Generator, labels: np.ndarray, length: int) -> np.ndarray:
    """First steps of a column's crops; most meet a fault, where there is one."""
    last = max(len(labels) - length, 0)
    starts = rng.integers(last + 1, size=CROPS)
    within = np.flatnonzero(labels)
    if len(within):
        near = rng.choice(within, CROPS) - rng.integers(length, size=CROPS)
        starts = np.where(rng.random(CROPS) < NEAR, near.clip(0, last), starts)
    return starts


@functools.partial(jax.jit, static_argnames="size")
def _cropped(
    statistics: Statistics,
    lines: Array,
    labels: Array,
    starts: Array,
    counted: Array,
    length: Array,
    size: int,
) -> tuple[Array, Array, Array]:
    """Features, labels and weight of crops of `size` steps.

    Args:
        statistics: Of each column alone, `[K, ...]`.
        lines: `[K, T]` columns with faults.
        labels: `[K, T]` 1 within a fault.
        starts: `[K, N / K]` first steps of the crops.
        counted: `[T]` 1 for steps that count.
        length: Steps that the columns have.
        size: L.
    """

    def column(given: tuple[Statistics, Array, Array, Array]) -> tuple[Array, ...]:
        alone, line, marked, first = given
        seen = features.features(alone, line[:, None], length, fitting=True)[:, 0]

        def cut(begin: Array) -> tuple[Array, ...]:
            return tuple(
                jax.lax.dynamic_slice_in_dim(each, begin, size)
                for each in (seen, marked, counted)
            )

        return jax.vmap(cut)(first)

    crops = jax.lax.map(column, (statistics, lines, labels, starts))
    seen, marked, weight = (each.reshape(-1, *each.shape[2:]) for each in crops)
    return seen, marked, weight
