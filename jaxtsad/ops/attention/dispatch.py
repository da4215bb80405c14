"""Anomaly attention: mixed values and association divergences, in few passes.

`definition` is the readable reference, in the words of `association`. `xla` computes
the same in blocks, with one logarithm per entry and a backward pass written by hand.
`kernels` holds experimental Pallas kernels for GPU (Mosaic) and TPU.

On an H100 the GPU's kernels agree with the definition and are faster forward than what
XLA makes, slower backward (benchmarks/results/gpu-nvidia-h100-jax-0.11.2.md); the TPU's
have run on no device. `auto` does not choose them: they have to be asked for by name.

Shape letters: B batch, L window length (i query, j key), H heads, K head width.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias, get_args

import jax
import jax.numpy as jnp

from jaxtsad.ops import products
from jaxtsad.ops.attention import association, xla
from jaxtsad.ops.attention.association import Direction, Epsilon
from jaxtsad.ops.attention.definition import definition
from jaxtsad.ops.attention.kernels import launch
from jaxtsad.ops.attention.rows import DivergenceSpec
from jaxtsad.ops.products import Precision
from jaxtsad.types import Array

Implementation: TypeAlias = Literal["auto", "definition", "xla", "mosaic"]
IMPLEMENTATIONS: tuple[Implementation, ...] = get_args(Implementation)


class Attended(NamedTuple):
    """What anomaly attention gives.

    Attributes:
        values: `[B, L, H, K]`, values mixed by the series association.
        series: `[B, H, L]`, divergence whose gradient reaches query and key only.
        prior: `[B, H, L]`, divergence whose gradient reaches sigma only.
    """

    values: Array
    series: Array
    prior: Array


def anomaly_attention(
    query: Array,
    key: Array,
    value: Array,
    sigma: Array,
    *,
    epsilon: Epsilon = "additive",
    series_direction: Direction = "symmetric",
    prior_direction: Direction = "symmetric",
    mask: Array | None = None,
    mask_divergence: bool = True,
    precision: Precision = "default",
    implementation: Implementation = "auto",
) -> Attended:
    """Mixes values by attention and measures it against a Gaussian prior.

    Softmax and divergences are float32 whatever the inputs are. Both divergences are
    per head and step; they differ in who receives their gradient, and in direction
    where that is asked for.

    Args:
        query: `[B, L, H, K]`.
        key: `[B, L, H, K]`.
        value: `[B, L, H, K]`.
        sigma: `[B, H, L]` width of the prior in steps.
        epsilon: How logarithms are kept finite (see `association.kl`).
        series_direction: Direction of the divergence that moves the series.
        prior_direction: Direction of the divergence that moves the prior.
        mask: `[B, H, L, L]` multiplier of the series association (dropout), or None.
            With a mask the definition runs.
        mask_divergence: Whether the divergences see the masked association.
        precision: Of the products (see `products.einsum`); `bfloat16` rounds query, key
            and value to it.
        implementation: `definition`; `xla`, which is what `auto` takes; `mosaic`
            (experimental kernels for the GPU or TPU at hand, without one interpreted
            where JAX can). Nothing else is accepted.

    Raises:
        ValueError: If a choice is unknown, or kernels cannot run here.

    Example:
        >>> x = jnp.ones((1, 5, 2, 3))
        >>> out = anomaly_attention(x, x, x, jnp.ones((1, 2, 5)))
        >>> out.values.shape, [round(float(d), 4) for d in out.series[0, 0, :2]]
        ((1, 5, 2, 3), [2.5555, 1.1028])

    Reference:
        Xu et al., "Anomaly Transformer", ICLR 2022, equations 2 to 4.
    """
    for name, choice, choices in (
        ("epsilon", epsilon, association.EPSILONS),
        ("series_direction", series_direction, association.DIRECTIONS),
        ("prior_direction", prior_direction, association.DIRECTIONS),
        ("precision", precision, products.PRECISIONS),
        ("implementation", implementation, IMPLEMENTATIONS),
    ):
        if choice not in choices:
            raise ValueError(
                f"{name}={choice!r} is unknown; the choices are {', '.join(choices)}"
            )
    if precision == "bfloat16":
        query, key, value = (x.astype(jnp.bfloat16) for x in (query, key, value))
    spec = DivergenceSpec(epsilon, series_direction, prior_direction, precision)
    operands = (query, key, value, sigma)
    if mask is not None or implementation == "definition":
        return Attended(*definition(*operands, spec, mask, mask_divergence))
    if implementation == "mosaic":
        run = launch.how_to_run(jax.default_backend(), precision)
        return Attended(*launch.kernels(*operands, spec, run))
    return Attended(*xla.attend(*operands, spec))
