"""The gate: dilated convolutions over one column's features to a logit per step.

Bai, Kolter, Koltun, "An Empirical Evaluation of Generic Convolutional and Recurrent
Networks for Sequence Modeling", 2018, with windows that look both ways. Four steps are
embedded together and seen at a quarter of the resolution, which costs a quarter; every
position gives the logits of its four steps. A logistic regression on the step's own
features, trained jointly, is added.

Shape letters: B or C columns, T steps, F features, D width, S stride, M entities.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxtsad.types import Array, PyTree

STRIDE = 4
DILATIONS = (1, 2, 4, 8, 16)
REACH = STRIDE * (sum(DILATIONS) + 1)
"""Most steps before and after a step that its logit depends on; a multiple of the
stride, so that repeating the ends this often keeps steps at their place within four.
"""
RINGS = (*(2 ** (number + 1) + 1 for number in range(len(DILATIONS) - 1)), 2)
"""Positions that `last_logit` keeps of every layer but the last."""
PERIOD = STRIDE * math.lcm(*RINGS)
"""Steps after which the places in the rings begin anew."""
VARYING = 10
"""Features that vary in time come first; the others tell one column from another."""


class Gate(nn.Module):
    """Residual blocks of dilated convolutions over three positions.

    Attributes:
        width: Channels D of every block.
        stride: Steps S that are seen together.
        dilations: Distance of the positions that each block sees.
    """

    width: int = 32
    stride: int = STRIDE
    dilations: tuple[int, ...] = DILATIONS

    @nn.compact
    def __call__(self, features: Array) -> Array:
        """Logits `[B, T]` of `features [B, T, F]`, zeros outside of the T steps."""
        columns, steps, count = features.shape
        seen = 0.5 * features
        filled = jnp.pad(seen, ((0, 0), (0, -steps % self.stride), (0, 0)), "edge")
        positions = filled.reshape(columns, -1, self.stride * count)
        hidden = nn.relu(nn.Dense(self.width, name="embed")(positions))
        for number, dilation in enumerate(self.dilations):
            near = _normalized(hidden)
            near = jnp.concatenate(
                [_shifted(near, side * dilation) for side in (-1, 0, 1)], axis=-1
            )
            near = nn.relu(nn.Dense(self.width, name=f"spread_{number}")(near))
            mix = nn.Dense(self.width, name=f"mix_{number}", kernel_init=_small(0.09))
            hidden = hidden + mix(near)
        last = nn.Dense(
            self.stride,
            name="logit",
            kernel_init=_small(0.01),
            bias_init=nn.initializers.constant(-3.0),
        )
        logits = last(_normalized(hidden)).reshape(columns, -1)[:, :steps]
        direct = nn.Dense(
            1, use_bias=False, name="direct", kernel_init=nn.initializers.zeros
        )
        return logits + direct(_alone(seen))[..., 0]


class Trail(NamedTuple):
    """What the last logit needs of the positions before, of one gate.

    Positions are counted, and each ring keeps the last ones of a layer whose values no
    later step changes, at their number modulo its length.

    Attributes:
        features: `[M, C, S, F]` of the steps of the newest position; the last one's
            are held where there are no more.
        layers: Rings `[N, M, C, D]` of every layer but the last, the embedding first.
    """

    features: Array
    layers: tuple[Array, ...]


def trail(parameters: PyTree, features: Array) -> Trail:
    """The trail of series that always had these features `[M, C, F]`."""
    held = jnp.repeat(features[:, :, None], STRIDE, axis=2)
    layers = _always(parameters, _embedded(parameters, held))[:-1]
    rings = zip(layers, RINGS, strict=True)
    return Trail(held, tuple(jnp.repeat(one[None], n, axis=0) for one, n in rings))


def last_logit(
    parameters: PyTree, before: Trail, features: Array, clock: Array
) -> tuple[Trail, Array]:
    """The logits `[M, C]` of the next step, whose features go on after it.

    It is the logit that `Gate` gives the last step of a series whose features before
    were these, and which are held after it. In constant time: what positions before
    the newest give, and no later one changes, is kept.

    Args:
        parameters: Of a `Gate`, `[M, ...]`, or `[1, ...]` for all.
        before: After the step before.
        features: `[M, C, F]` of the step.
        clock: int32, the step's number modulo `PERIOD`.
    """
    phase, position = clock % STRIDE, clock // STRIDE
    later = (jnp.arange(STRIDE) >= phase)[None, None, :, None]
    held = jnp.where(later, features[:, :, None], before.features)
    rings = before.layers
    known = [_known(ring, n, position) for n, ring in enumerate(rings)]
    newest = _embedded(parameters, held)
    after = jnp.broadcast_to(features[:, :, None], held.shape)
    after = _embedded(parameters, after)
    always = _always(parameters, after)
    hidden = newest
    for number, (earlier, *_) in enumerate(known):
        hidden = _block(parameters, number, earlier, hidden, always[number])
    logits = _dense(parameters["logit"], _normalized(hidden))[..., phase]
    direct = _alone(0.5 * features) @ parameters["direct"]["kernel"]

    def settled() -> list[Array]:
        values = [newest]
        for number, (_, earlier, middle) in enumerate(known[:-1]):
            values.append(_block(parameters, number, earlier, middle, values[-1]))
        return values

    # What is written depends on all that is read, so that rings are changed in place.
    complete = phase == STRIDE - 1
    values = jax.lax.cond(complete, settled, lambda: [hidden for _ in rings])
    layers = tuple(
        jax.lax.dynamic_update_index_in_dim(ring, value, _settles(n, position), 0)
        for n, (ring, value) in enumerate(zip(rings, values, strict=True))
    )
    return Trail(held, layers), logits + direct[..., 0]


def _settles(layer: int, position: Array) -> Array:
    """The place in a layer's ring of what is settled once a position is complete.

    It is so many positions before as the layers up to it look ahead. Until the position
    is complete something else is there, which nobody reads.
    """
    return (position - (2**layer - 1)) % RINGS[layer]


def _known(ring: Array, layer: int, position: Array) -> list[Array]:
    """What the layer above needs of a ring `[N, M, C, D]`: `[M, C, D]` each.

    Of the newest position the one before; of the one that is settled next, but for the
    last layer, the one before and itself.
    """
    step = 2**layer
    settled = position - (step - 1) - step
    places = [position - step, settled - step, settled]
    places = places[:1] if layer == len(RINGS) - 1 else places
    return [
        jax.lax.dynamic_index_in_dim(ring, place % len(ring), 0, keepdims=False)
        for place in places
    ]


def _embedded(parameters: PyTree, held: Array) -> Array:
    """A position's embedding `[M, C, D]` of its steps' features `[M, C, S, F]`."""
    position = 0.5 * held.reshape(*held.shape[:2], -1)
    return nn.relu(_dense(parameters["embed"], position))


def _always(parameters: PyTree, hidden: Array) -> list[Array]:
    """Each layer's value `[M, C, D]` where all positions have one embedding."""
    layers = [hidden]
    for number in range(len(DILATIONS)):
        spread = parameters[f"spread_{number}"]
        # The three positions that a block sees are one.
        kernel = spread["kernel"]
        kernel = kernel.reshape(len(kernel), 3, hidden.shape[-1], -1).sum(axis=1)
        near = _dense({**spread, "kernel": kernel}, _normalized(hidden))
        hidden = hidden + _dense(parameters[f"mix_{number}"], nn.relu(near))
        layers.append(hidden)
    return layers


def _block(
    parameters: PyTree, number: int, before: Array, now: Array, after: Array
) -> Array:
    """A residual block's value `[M, C, D]` of the three positions that it sees."""
    near = jnp.concatenate([_normalized(one) for one in (before, now, after)], axis=-1)
    near = nn.relu(_dense(parameters[f"spread_{number}"], near))
    return now + _dense(parameters[f"mix_{number}"], near)


def _alone(seen: Array) -> Array:
    """What the logistic part sees of a step's own features `[..., F]`."""
    varying = seen[..., :VARYING]
    return jnp.concatenate([seen, jnp.abs(varying), 0.25 * varying**2], axis=-1)


def _dense(layer: PyTree, values: Array) -> Array:
    out: Array = values @ layer["kernel"] + layer["bias"][:, None]
    return out


def _small(scale: float) -> nn.initializers.Initializer:
    """Normal weights of a variance that is a share of the inputs' inverse number."""
    return nn.initializers.variance_scaling(scale, "fan_in", "normal")


def _shifted(positions: Array, by: int) -> Array:
    """The values `by` positions later, zeros where there are none."""
    if by > 0:
        return jnp.pad(positions[:, by:], ((0, 0), (0, by), (0, 0)))
    if by < 0:
        return jnp.pad(positions[:, :by], ((0, 0), (-by, 0), (0, 0)))
    return positions


def _normalized(hidden: Array) -> Array:
    """Mean 0 and variance 1 over the channels of a position."""
    middle = hidden - hidden.mean(axis=-1, keepdims=True)
    return middle / jnp.sqrt((middle**2).mean(axis=-1, keepdims=True) + 1e-3)
