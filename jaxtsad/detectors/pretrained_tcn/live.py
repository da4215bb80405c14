"""The score of a step when it comes, in constant time.

What is known of a step is as if the series ended with it: windows around it go on with
its values, and the gate sees its features go on. Features and evidence are kept as they
were when their step came, while the score of a whole series knows what came after each.
Principal axes and nearest windows, which only look at whole windows, are those of the
series cut at the step.

A buffer is filled with the first step before there are as many. Rings have their rows
at the clock's place, so that nothing is moved.

Shape letters: M entities, C columns, N steps of a buffer, F features, W widths.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.detectors.pretrained_tcn import answers, features, neighbours, network
from jaxtsad.detectors.pretrained_tcn import evidence as parts
from jaxtsad.detectors.pretrained_tcn.column_statistics import LENGTH, Statistics
from jaxtsad.detectors.pretrained_tcn.config import Config
from jaxtsad.detectors.pretrained_tcn.relations import HIGHEST, Relations, near_window
from jaxtsad.evaluation.scoring import combine
from jaxtsad.ops import fleets
from jaxtsad.types import Array, Live, PyTree

MOST = max(parts.WIDTHS) + 1
"""Steps of evidence that are smoothed over."""


class Gate(NamedTuple):
    """What the gate carries.

    Attributes:
        values: `[M, N, C]` the last steps, the newest last.
        trails: What each of the gates carries.
    """

    values: Array
    trails: tuple[network.Trail, ...]


class State(NamedTuple):
    """What goes on from one step to the next.

    Attributes:
        gate: What the gate carries; empty without one.
        values: `[M, N, C]` the last steps, the newest last.
        evidence: `[M, MOST, C]` ring of the last steps' gated evidence.
        wide: `[M, N, C]` sums of squared residuals over the windows so far that cover a
            step, the newest last; of a single column none.
        seen: `[M]` int32, steps so far, up to as many as are smoothed over.
    """

    gate: Any
    values: Array
    evidence: Array
    wide: Array
    seen: Array


def live(config: Config) -> Live:
    """How the scores of a series go on."""
    several = config.channels > 1

    def start(models: PyTree, values: Array) -> State:
        def one(model: PyTree, values: Array) -> tuple[Array, Array, Array, Array]:
            width = model["relations"].wide.shape[0]
            last = width if several else neighbours.LENGTH
            steps = max(last, near_window(config.channels), *answers.WIDTHS)
            rows = max(width, max(parts.WIDE_WIDTHS) + 1) if several else 0
            buffer = jnp.tile(values[None], (steps, 1))
            blank = [jnp.zeros((size, *values.shape)) for size in (MOST, rows)]
            return buffer, *blank, jnp.int32(0)

        gate: Any = ()
        if config.gate:
            gate = start_gate(models["gate"], models["statistics"], values)
        return State(gate, *fleets.each(one, models, values))

    def step(
        models: PyTree, state: State, values: Array, clock: Array
    ) -> tuple[State, Array]:
        gate, logits = state.gate, None
        if config.gate:
            gate, logits = step_gate(
                models["gate"], models["statistics"], gate, values, clock
            )
        rest = (state.values, state.evidence, state.wide, state.seen)
        one = functools.partial(_step, config, clock)
        rest, scores = fleets.each(one, models, rest, values, logits)
        return State(gate, *rest), scores

    def choose(which: Array, new: State, old: State) -> State:
        gate = choose_gate(which, new.gate, old.gate) if config.gate else ()
        rest = fleets.choose(which, new[1:], old[1:])
        return State(gate, *rest)

    return Live(start, step, choose, math.lcm(MOST, network.PERIOD))


def _step(
    config: Config,
    clock: Array,
    model: PyTree,
    known: tuple[Array, Array, Array, Array],
    values: Array,
    logit: Array | None,
) -> tuple[tuple[Array, Array, Array, Array], Array]:
    """The next step of one entity, of which the gate's logit `[C]` is known."""
    buffer, evidence, wide, seen = known
    statistics: Statistics = model["statistics"]
    buffer = _pushed(buffer, values)
    z, there = parts.standardized(statistics, buffer)
    axes, others = _near(model["relations"], z)
    moves = parts.switches(statistics, buffer, there)
    unanswered = answers.newest(model["answers"], z[-1], moves)
    each_kind = (one[None] for one in (values, axes, others, unanswered))
    both = parts.ungated(statistics, *each_kind)
    now = parts.gated(config, *both, None if logit is None else logit[None])[0]
    evidence = jax.lax.dynamic_update_index_in_dim(evidence, now, clock % MOST, 0)
    seen = jnp.minimum(seen + 1, MOST)
    age = (clock - jnp.arange(MOST)) % MOST
    weights = jnp.asarray(_weights(parts.WIDTHS, MOST))[seen][:, age]
    smoothed = jnp.matmul(weights, evidence, precision=HIGHEST) ** config.power
    shares = {"evidence": smoothed.sum(axis=0)[None] / config.channels}
    if config.channels > 1:
        wide = _with_window(model["relations"], wide, z)
        shares["wide"] = _smoothed(model["relations"], wide, there, seen)[None]
    else:
        apart = _apart(model["neighbours"], z[:, 0], config.neighbour)
        shares["neighbours"] = apart[:, None]
    score = parts.score(model, parts.parts(shares, there.sum()))[0]
    return (buffer, evidence, wide, seen), score


def start_gate(gates: PyTree, statistics: Statistics, values: Array) -> Gate:
    """What the gates carry of series that always had some values `[M, C]`.

    Args:
        gates: Parameters `[M, G, ...]`, or `[1, G, ...]` of all.
        statistics: Of the fit parts, `[M, ...]` or `[1, ...]`.
        values: Scaled values.
    """
    buffer = jnp.repeat(values[:, None], max(LENGTH, features.SEEN), axis=1)
    seen = fleets.each(_features, statistics, buffer)
    return Gate(buffer, tuple(network.trail(gate, seen) for gate in _listed(gates)))


def step_gate(
    gates: PyTree, statistics: Statistics, state: Gate, values: Array, clock: Array
) -> tuple[Gate, Array]:
    """The gates' mean logits `[M, C]` of the next step, whose values are `[M, C]`.

    Args:
        gates: As for `start_gate`.
        statistics: As for `start_gate`.
        state: After the step before.
        values: Scaled values of the step.
        clock: int32, the step's number modulo `network.PERIOD` or a multiple of it.
    """
    buffer = jax.vmap(_pushed)(state.values, values)
    seen = fleets.each(_features, statistics, buffer)
    both = [
        network.last_logit(gate, trail, seen, clock % network.PERIOD)
        for gate, trail in zip(_listed(gates), state.trails, strict=True)
    ]
    logits = jnp.stack([logit for _, logit in both]).mean(axis=0)
    return Gate(buffer, tuple(trail for trail, _ in both)), logits


def choose_gate(which: Array, new: Gate, old: Gate) -> Gate:
    """What the gates carry, of entities where `which [M]` says so the new."""
    trails = tuple(
        network.Trail(
            fleets.choose(which, fresh.features, before.features),
            fleets.choose(which, fresh.layers, before.layers, axis=1),
        )
        for fresh, before in zip(new.trails, old.trails, strict=True)
    )
    return Gate(fleets.choose(which, new.values, old.values), trails)


def _listed(gates: PyTree) -> list[PyTree]:
    """The parameters `[M, ...]` of each gate."""
    number = jax.tree.leaves(gates)[0].shape[1]
    return [jax.tree.map(lambda leaf, g=g: leaf[:, g], gates) for g in range(number)]


def _features(statistics: Statistics, buffer: Array) -> Array:
    """Features `[C, F]` of a buffer's newest step, as if the series ended with it."""
    z = features.standardized(statistics, buffer[-LENGTH:])
    distance = _to_reference(statistics, z)
    return features.newest(statistics, buffer[-features.SEEN :], distance)


@functools.lru_cache(maxsize=8)
def _weights(widths: tuple[int, ...], most: int) -> np.ndarray:
    """How much a step of some age counts in the newest smoothed value.

    Returns:
        `[most + 1, W, most]`, by the number of steps that there are, width and age.
    """

    def newest(length: Array) -> Array:
        rows = [combine.smooth(jnp.eye(most), w, length)[length - 1] for w in widths]
        by_age = (length - 1 - jnp.arange(most)) % most
        there = jnp.arange(most) < length
        return jnp.where(there[None], jnp.stack(rows)[:, by_age], 0.0)

    with jax.ensure_compile_time_eval():
        return np.asarray(jax.lax.map(newest, jnp.arange(most + 1)))


def _pushed(buffer: Array, values: Array) -> Array:
    """A buffer that ends with a step."""
    return jnp.concatenate([buffer[1:], values[None]])


def _smoothed(relations: Relations, wide: Array, live: Array, seen: Array) -> Array:
    """The newest step's smoothed mean `[C]` over the windows that cover a step."""
    rows, channels = wide.shape
    weights = jnp.asarray(_weights(parts.WIDE_WIDTHS, rows))
    weights = weights[jnp.minimum(seen, rows)].sum(axis=0)[::-1]
    covering = jnp.minimum(jnp.arange(rows, 0, -1), relations.wide.shape[0])
    means = jnp.matmul(weights / covering, wide, precision=HIGHEST)
    return live * means / channels


def _to_reference(statistics: Statistics, z: Array) -> Array:
    """Distance `[C]` of one window `[L, C]` to the nearest reference, at least 0."""
    window = jnp.clip(z, -20, 20)
    references = statistics.references
    # Half the squared distance, less half the window's own square, as in `nearest`.
    half = 0.5 * (references**2).sum(axis=-1)
    half = jnp.where(statistics.places[None] < 0, jnp.inf, half)
    product = jnp.einsum("cnl,lc->cn", references, window, precision=HIGHEST)
    squares = 2 * (half - product).min(axis=1) + (window**2).sum(axis=0)
    return jnp.sqrt(jnp.maximum(squares, 0.0) / LENGTH)


def _near(relations: Relations, z: Array) -> tuple[Array, Array]:
    """The newest step's squared residuals: outside of the axes, given the others."""
    width, channels = relations.near.shape[0], z.shape[1]
    index = len(z) - 1 - width // 2 + jnp.arange(width)
    window = z[jnp.minimum(index, len(z) - 1)]
    maps = relations.near.reshape(width * channels, 2 * channels)
    near = jnp.matmul(window.reshape(-1), maps, precision=HIGHEST)
    near = near - relations.near_offset
    axes = (near[:channels] / relations.near_scale[:channels]) ** 2
    return axes, near[channels:] ** 2 / relations.near_scale[channels:]


def _with_window(relations: Relations, wide: Array, z: Array) -> Array:
    """Sums of squared residuals, the newest window's among them."""
    width, channels = relations.wide.shape[:2]
    maps = relations.wide.reshape(width * channels, width * channels)
    residual = jnp.matmul(z[-width:].reshape(-1), maps, precision=HIGHEST)
    squares = (residual - relations.wide_offset).reshape(width, channels) ** 2
    longer = jnp.concatenate([wide[1:], jnp.zeros_like(wide[:1])])
    return longer.at[len(wide) - width :].add(squares)


def _apart(known: neighbours.Neighbours, z: Array, k: int) -> Array:
    """Distance `[1]` of the window that ends with the newest step."""
    length, size = neighbours.LENGTH, known.steps[0]
    index = len(z) - size + jnp.arange(length)
    window = jnp.where(
        jnp.arange(length) < size, z[jnp.minimum(index, len(z) - 1)], 0.0
    )
    return neighbours.nearest(known, window[None], k, jnp.zeros((1, 1), bool))
