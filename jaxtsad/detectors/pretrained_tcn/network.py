"""The gate: dilated convolutions over one column's features to a logit per step.

Bai, Kolter, Koltun, "An Empirical Evaluation of Generic Convolutional and Recurrent
Networks for Sequence Modeling", 2018, with windows that look both ways. Four steps are
embedded together and seen at a quarter of the resolution, which costs a quarter; every
position gives the logits of its four steps. A logistic regression on the step's own
features, trained jointly, is added.

Shape letters: B columns, T steps, F features, D width, S stride.
"""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp

from jaxtsad.types import Array, PyTree

STRIDE = 4
DILATIONS = (1, 2, 4, 8, 16)
REACH = STRIDE * (sum(DILATIONS) + 1)
"""Most steps before and after a step that its logit depends on; a multiple of the
stride, so that repeating the ends this often keeps steps at their place within four.
"""
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


def last_logit(parameters: PyTree, features: Array, phase: Array) -> Array:
    """The logit `[B]` of the last step alone, whose features go on after it.

    Of each layer only the positions that the last logit depends on are made: half as
    many as of the layer below.

    Args:
        parameters: Of a `Gate`.
        features: `[B, T, F]` of the last steps, four times two to the power of the
            number of layers.
        phase: int32, the last step's place among those embedded together.
    """
    columns, steps, count = features.shape
    layers = len(DILATIONS)
    seen = 0.5 * features
    last = jnp.minimum(jnp.arange(steps) + STRIDE - 1 - phase, steps - 1)
    positions = seen[:, last].reshape(columns, -1, STRIDE * count)
    after = jnp.tile(seen[:, -1:], (1, 1, STRIDE))
    after = jnp.tile(after, (1, 2**layers - 1, 1))
    hidden = nn.relu(
        _dense(parameters["embed"], jnp.concatenate([positions, after], 1))
    )
    for number in range(layers):
        near = _normalized(hidden)
        near = jnp.concatenate(
            [near[:, :-2:2], near[:, 1:-1:2], near[:, 2::2]], axis=-1
        )
        near = nn.relu(_dense(parameters[f"spread_{number}"], near))
        hidden = hidden[:, 1:-1:2] + _dense(parameters[f"mix_{number}"], near)
    logits = _dense(parameters["logit"], _normalized(hidden))[:, 0]
    direct = _alone(seen[:, -1]) @ parameters["direct"]["kernel"]
    return logits[:, phase] + direct[:, 0]


def _alone(seen: Array) -> Array:
    """What the logistic part sees of a step's own features `[..., F]`."""
    varying = seen[..., :VARYING]
    return jnp.concatenate([seen, jnp.abs(varying), 0.25 * varying**2], axis=-1)


def _dense(layer: PyTree, values: Array) -> Array:
    bias = layer["bias"].reshape(*(1 for _ in values.shape[1:]), -1)
    out: Array = values @ layer["kernel"] + bias
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
