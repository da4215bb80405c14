"""The attention layer of the Anomaly Transformer and the learned width of its prior.

Shape letters: B batch, L window length, D width, H heads, K head width.
"""

from __future__ import annotations

import functools
import math
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxtsad.models.layers import Affine, Factors, joined
from jaxtsad.ops.attention import association
from jaxtsad.ops.attention import dispatch as attention
from jaxtsad.ops.attention.association import Direction, Epsilon
from jaxtsad.ops.attention.dispatch import Implementation
from jaxtsad.ops.products import Precision
from jaxtsad.types import Array, Key, PyTree

PriorParam: TypeAlias = Literal[
    "dynamic", "dynamic_bounded", "dynamic_wide", "head", "position"
]
PRIOR_PARAMS: tuple[PriorParam, ...] = get_args(PriorParam)
LEAST_SIGMA = 1e-3


class Settings(NamedTuple):
    """Everything that shapes anomaly attention.

    Attributes:
        length: L.
        width: D, a multiple of `heads`.
        heads: H.
        prior_param: What the prior's width is made of: the input (`dynamic`, as
            published; `dynamic_bounded`, within 0.98 to 2; `dynamic_wide`, without the
            ceiling of 2), or a parameter per `head`, or per head and `position`.
        sigma_cap: Largest width of `dynamic_wide` in steps; 0 for no limit.
        dropout: Share of the series association that is dropped in training.
        epsilon: How logarithms are kept finite (see `association.kl`).
        series_direction: Direction of the divergence that moves the series.
        prior_direction: Direction of the divergence that moves the prior.
        dropped_divergence: Whether divergences see the series after dropout, as
            published.
        prior_in_output: Whether the prior's density mixes values too.
        precision: Of all products (see `products.einsum`); parameters, softmax,
            divergences and sums are float32 whatever it is. Activations between layers
            are of the type `products.stored` names.
        implementation: See `attention.anomaly_attention`.
    """

    length: int
    width: int
    heads: int
    prior_param: PriorParam = "dynamic"
    sigma_cap: float = 0.0
    dropout: float = 0.0
    epsilon: Epsilon = "additive"
    series_direction: Direction = "symmetric"
    prior_direction: Direction = "symmetric"
    dropped_divergence: bool = True
    prior_in_output: bool = False
    precision: Precision = "float32"
    implementation: Implementation = "auto"


class Associations(NamedTuple):
    """Both associations, for people to look at.

    Attributes:
        series: `[B, H, L, L]`, of all layers `[B, N, H, L, L]`.
        prior: The same shape.
        sigma: `[B, H, L]` or `[B, N, H, L]`, width of the prior in steps.
    """

    series: Array
    prior: Array
    sigma: Array


class AnomalyAttention(nn.Module):
    """Self-attention that is compared with a Gaussian prior of learned width."""

    settings: Settings

    def setup(self) -> None:
        """Names the maps; what makes sigma is called `sigma` or `rho`, nothing else."""
        length, width, heads, prior_param = self.settings[:4]
        affine = functools.partial(Affine, precision=self.settings.precision)
        self.query = affine(width, width)
        # A constant added to a row of scores changes no softmax: the gradient of the
        # key's bias is 0, and Adam would turn its rounding errors into full steps.
        self.key = affine(width, width, held=True)
        self.value = affine(width, width)
        self.output = affine(width, width)
        self.drop = nn.Dropout(self.settings.dropout)
        if prior_param in ("head", "position"):
            shape = (heads,) if prior_param == "head" else (heads, length)
            start = math.log(math.expm1(max(1.0, length / 10) - LEAST_SIGMA))
            self.rho = self.param("rho", nn.initializers.constant(start), shape)
        else:
            wide = prior_param == "dynamic_wide"
            self.sigma = affine(width, heads, math.log(math.e - 1) if wide else None)

    def __call__(
        self,
        x: Array,
        *,
        train: bool = False,
        associations: bool = False,
        factors: Factors | None = None,
    ) -> tuple[Array, Array, Array, Associations | None]:
        """Attends within the window.

        Args:
            x: `[B, L, D]`.
            train: Whether dropout is on.
            associations: Whether both associations are given, too.
            factors: What `x` was made of, if it shall be mapped through them.

        Returns:
            `[B, L, D]`; the divergences `[B, H, L]` that move the series and the prior;
            the associations or None.
        """
        settings = self.settings
        query, key, value, sigma = self._project(x, factors)
        mask = None
        if train and settings.dropout:
            shape = (*sigma.shape, settings.length)
            mask = self.drop(jnp.ones(shape), deterministic=False)
        attended = attention.anomaly_attention(
            query,
            key,
            value,
            sigma,
            epsilon=settings.epsilon,
            series_direction=settings.series_direction,
            prior_direction=settings.prior_direction,
            mask=mask,
            mask_divergence=settings.dropped_divergence,
            precision=settings.precision,
            implementation=settings.implementation,
        )
        mixed = attended.values.astype(x.dtype)
        if settings.prior_in_output:
            density = association.prior_density(sigma)
            mixed = mixed + jnp.einsum("bhij,bjhk->bihk", density, value)
        seen = None
        if associations:
            series = association.series(query, key, settings.precision)
            seen = Associations(series, association.prior(sigma), sigma)
        out = self.output(mixed.reshape(x.shape))
        return out, attended.series, attended.prior, seen

    def _project(
        self, x: Array, factors: Factors | None
    ) -> tuple[Array, Array, Array, Array]:
        """Query, key and value `[B, L, H, K]` and sigma `[B, H, L]`."""
        length, width, heads, prior_param = self.settings[:4]
        maps = [self.query, self.key, self.value]
        if prior_param in ("head", "position"):
            sigma = jax.nn.softplus(self.rho)
            if prior_param == "head":
                sigma = sigma[:, None] + LEAST_SIGMA
            sigma = jnp.broadcast_to(sigma, (x.shape[0], heads, length))
        else:
            # The few columns of sigma would leave the joined product's width odd,
            # which costs it more than a product of their own.
            raw = self.sigma(x.astype(jnp.float32)).swapaxes(1, 2)
            if prior_param == "dynamic":
                sigma = association.dynamic_sigma(raw)
            elif prior_param == "dynamic_bounded":
                sigma = association.bounded_sigma(raw)
            else:
                sigma = association.wide_sigma(raw, self.settings.sigma_cap or None)
        by_head = (*x.shape[:-1], heads, width // heads)
        parts = joined(x, *maps, factors=factors)
        query, key, value = (part.reshape(by_head) for part in parts)
        return query, key, value, sigma


class Output(NamedTuple):
    """What a network of such layers gives.

    Attributes:
        reconstruction: `[B, L, C]`.
        series: `[B, N, H, L]`, or `[B, N, L]` as means over heads: divergence whose
            gradient moves the series only, or everything but the prior.
        prior: The same divergence, whose gradient moves the prior only.
        associations: Of every layer, or None where they were not asked for.
    """

    reconstruction: Array
    series: Array
    prior: Array
    associations: Associations | None


def forward(
    network: nn.Module,
    params: PyTree,
    x: Array,
    *,
    dropout_key: Key | None = None,
    associations: bool = False,
) -> Output:
    """Applies a network whose output is an `Output`.

    Args:
        network: The network.
        params: Its parameters.
        x: `[B, L, C]`.
        dropout_key: Turns dropout on.
        associations: Whether the associations of all layers are given, too.
    """
    rngs = {} if dropout_key is None else {"dropout": dropout_key}
    output: Any = network.apply(
        {"params": params},
        x,
        train=dropout_key is not None,
        associations=associations,
        rngs=rngs,
    )
    return output
