"""The gate: dilated convolutions over one column's features to a logit per step.

Bai, Kolter, Koltun, "An Empirical Evaluation of Generic Convolutional and Recurrent
Networks for Sequence Modeling", 2018, with windows that look both ways.

Shape letters: B columns, T steps, F features, D width.
"""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp

from jaxtsad.types import Array

DILATIONS = (1, 2, 4, 8, 16, 32, 64)
REACH = sum(DILATIONS)
"""Steps before and after a step that its logit depends on."""


class Gate(nn.Module):
    """Residual blocks of dilated convolutions over three steps.

    Attributes:
        width: Channels D of every block.
        dilations: Distance of the steps that each block sees.
    """

    width: int = 24
    dilations: tuple[int, ...] = DILATIONS

    @nn.compact
    def __call__(self, features: Array) -> Array:
        """Logits `[B, T]` of `features [B, T, F]`, zeros outside of the T steps."""
        dense = nn.Dense
        hidden = nn.gelu(dense(self.width, name="embed")(0.5 * features))
        for number, dilation in enumerate(self.dilations):
            seen = _normalized(hidden)
            seen = jnp.concatenate(
                [_shifted(seen, side * dilation) for side in (-1, 0, 1)], axis=-1
            )
            seen = nn.gelu(dense(self.width, name=f"spread_{number}")(seen))
            hidden = hidden + dense(self.width, name=f"mix_{number}")(seen)
        return dense(1, name="logit")(_normalized(hidden))[..., 0]


def _shifted(steps: Array, by: int) -> Array:
    """The values `by` steps later, zeros where there are none."""
    if by > 0:
        return jnp.pad(steps[:, by:], ((0, 0), (0, by), (0, 0)))
    if by < 0:
        return jnp.pad(steps[:, :by], ((0, 0), (-by, 0), (0, 0)))
    return steps


def _normalized(hidden: Array) -> Array:
    """Mean 0 and variance 1 over the channels of a step."""
    middle = hidden - hidden.mean(axis=-1, keepdims=True)
    return middle / jnp.sqrt((middle**2).mean(axis=-1, keepdims=True) + 1e-3)
