"""The score of a step when it comes, in constant time.

What is known of a step is as if the series ended with it: windows around it go on with
its values, and the gate sees its features go on. Features of the last steps, which a
later step changes, are made again with every step. The evidence of a step, once gated,
is kept: means over it are of what was known when each step came, while the score of a
whole series weighs every step with what came after it. Principal axes and nearest
windows, which only look at whole windows, are those of the series cut at the step.

Buffers end with the newest step; before there are as many steps they are filled with
the first.

Shape letters: C columns, N steps of a buffer, F features, P positions of the gate.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxtsad.detectors.pretrained_tcn import answers, features, neighbours, network
from jaxtsad.detectors.pretrained_tcn import evidence as parts
from jaxtsad.detectors.pretrained_tcn.column_statistics import LAGS, LENGTH, Statistics
from jaxtsad.detectors.pretrained_tcn.config import Config
from jaxtsad.detectors.pretrained_tcn.relations import HIGHEST, Relations, near_window
from jaxtsad.evaluation.scoring import combine
from jaxtsad.types import Array, Live, PyTree

VALUES = 2 * features.BEFORE + LAGS
"""Steps that the features of the last `CHANGING` steps are made of."""
CHANGING = features.AFTER + 1
"""Steps whose features may change with the newest."""
SEEN = network.STRIDE * 2 ** len(network.DILATIONS)
"""Steps whose features the gate sees, the newest among them."""


class Gate(NamedTuple):
    """What the gate carries.

    Attributes:
        values: `[N, C]` the last steps.
        distance: `[N, C]` of the windows that begin at these to the nearest reference.
        features: `[SEEN, C, F]`.
        phase: int32, the newest step's place among those that are embedded together;
            -1 before the first.
    """

    values: Array
    distance: Array
    features: Array
    phase: Array


class State(NamedTuple):
    """What goes on from one step to the next.

    Attributes:
        gate: What the gate carries; empty without one.
        values: `[N, C]` the last steps.
        evidence: `[N, C]` the last steps' gated evidence.
        wide: `[N, C]` sums of squared residuals over the windows so far that cover a
            step; of a single column none.
        seen: int32, steps so far, up to as many as are smoothed over.
    """

    gate: Any
    values: Array
    evidence: Array
    wide: Array
    seen: Array


def live(config: Config) -> Live:
    """How the scores of a series go on."""
    most = max(parts.WIDTHS) + 1

    def start(model: PyTree) -> State:
        blank = jnp.zeros_like(model["statistics"].mean)[None]
        width = model["relations"].wide.shape[0]
        near = near_window(config.channels)
        steps = max(width, near, neighbours.LENGTH, *answers.WIDTHS)
        gate = start_gate(model["statistics"]) if config.gate else ()
        return State(
            gate,
            jnp.tile(blank, (steps, 1)),
            jnp.tile(blank, (most, 1)),
            jnp.tile(blank, (max(width, max(parts.WIDE_WIDTHS) + 1), 1)),
            jnp.int32(0),
        )

    def step(model: PyTree, state: State, values: Array) -> tuple[State, Array]:
        statistics: Statistics = model["statistics"]
        buffer = _pushed(state.values, values, state.seen == 0)
        z, there = parts.standardized(statistics, buffer)
        axes, others = _near(model["relations"], z)
        moves = parts.switches(statistics, buffer, there)
        unanswered = answers.newest(model["answers"], z[-1], moves)
        each_kind = (one[None] for one in (values, axes, others, unanswered))
        both = parts.ungated(statistics, *each_kind)
        gate, logit = state.gate, None
        if config.gate:
            gate, logit = step_gate(model["gate"], statistics, gate, values)
            logit = logit[None]
        now = parts.gated(config, *both, logit)[0]
        each = jnp.concatenate([state.evidence[1:], now[None]])
        seen = jnp.minimum(state.seen + 1, most)
        smoothed = combine.powers(
            _from_first(each, seen), parts.WIDTHS, config.power, seen
        )
        shares = {"evidence": smoothed[seen - 1][None]}
        wide = state.wide
        if config.channels > 1:
            wide = _with_window(model["relations"], wide, z)
            known = jnp.minimum(seen, len(wide))
            covering = jnp.minimum(
                jnp.arange(len(wide), 0, -1), model["relations"].wide.shape[0]
            )
            means = there[None] * (wide / covering[:, None]) / config.channels
            means = _from_first(means, known)
            each_width = [combine.smooth(means, w, known) for w in parts.WIDE_WIDTHS]
            shares["wide"] = sum(each_width[1:], each_width[0])[known - 1][None]
        else:
            apart = _apart(model["neighbours"], z[:, 0], config.neighbour)
            shares["neighbours"] = apart[:, None]
        score = parts.score(model, parts.parts(shares, there.sum()))[0]
        return State(gate, buffer, each, wide, seen), score

    return Live(start, step)


def start_gate(statistics: Statistics) -> Gate:
    """What the gate carries before the first step."""
    blank = jnp.zeros_like(statistics.mean)
    return Gate(
        jnp.zeros((VALUES, *blank.shape)),
        jnp.zeros((VALUES, *blank.shape)),
        jnp.zeros((SEEN, *blank.shape, features.COUNT)),
        jnp.int32(-1),
    )


def step_gate(
    gates: PyTree, statistics: Statistics, state: Gate, values: Array
) -> tuple[Gate, Array]:
    """The gates' mean logit `[C]` of the next step, whose values are `[C]`.

    Args:
        gates: Parameters stacked `[G, ...]`.
        statistics: Of the fit part.
        state: After the step before.
        values: Scaled values of the step.
    """
    first = state.phase < 0
    buffer = _pushed(state.values, values, first)
    z = features.standardized(statistics, buffer)
    newest = _to_reference(statistics, z[-LENGTH:])
    at = VALUES - LENGTH
    distance = jnp.concatenate(
        [state.distance[1 : at + 1], jnp.tile(newest, (VALUES - at, 1))]
    )
    distance = jnp.where(first, newest[None], distance)
    made = features.beside(statistics, buffer, VALUES, distance)[-CHANGING:]
    seen = jnp.concatenate([state.features[1 : SEEN - CHANGING + 1], made])
    seen = jnp.where(first, made[-1:], seen)
    phase = (state.phase + 1) % network.STRIDE
    columns = seen.transpose(1, 0, 2)
    each = jax.vmap(network.last_logit, in_axes=(0, None, None))
    logit = each(gates, columns, phase).mean(axis=0)
    return Gate(buffer, distance, seen, phase), logit


def _pushed(buffer: Array, values: Array, first: Array) -> Array:
    """A buffer that ends with a step, filled with it where it is the first."""
    longer = jnp.concatenate([buffer[1:], values[None]])
    return jnp.where(first, values[None], longer)


def _from_first(values: Array, seen: Array) -> Array:
    """A buffer `[N, C]` whose first row is the first of the last `seen` steps."""
    steps = len(values)
    return values[jnp.minimum(steps - seen + jnp.arange(steps), steps - 1)]


def _to_reference(statistics: Statistics, z: Array) -> Array:
    """Distance `[C]` of one window `[L, C]` to the nearest reference, at least 0."""
    window = jnp.clip(z, -20, 20).T
    apart = ((statistics.references - window[:, None]) ** 2).sum(axis=-1)
    apart = jnp.where(statistics.places[None] < 0, jnp.inf, apart)
    return jnp.sqrt(apart.min(axis=1) / LENGTH)


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
