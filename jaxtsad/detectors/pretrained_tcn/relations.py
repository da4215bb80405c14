"""How columns hang together, as linear maps of windows: principal axes and regressions.

All maps are fitted on the fit part. Windows of W steps are taken around each step;
beyond the ends the first and the last step are repeated.

Shape letters: T steps, C columns, W steps of a window.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxtsad.evaluation.scoring import sliding
from jaxtsad.ops import factorizations
from jaxtsad.types import Array

NEAR = 10
"""Steps of the windows that a step is predicted from."""
VARIANCE = 0.9
"""Share of the variance that the principal axes kept hold."""
RIDGE = 0.1
MOST = 700
"""Most values of a window of `NEAR` steps; where columns are many it is shorter."""
MOST_WIDE = 512
"""Most values of a window whose whole residual is taken."""
FEW = 4
"""Columns that are enough where no more are live: maps of the others are zeros."""
BLOCK = 1024
HIGHEST = jax.lax.Precision.HIGHEST


class Relations(NamedTuple):
    """Linear maps of windows, in the order step of the window, column.

    Attributes:
        near: `[W, C, 2 C]` of windows around a step: to the step's residual outside of
            the principal axes, and to its residual given the other columns.
        near_offset: `[2 C]` what is subtracted of both.
        near_scale: `[2 C]` deviation of the first, mean square of the second.
        wide: `[W, C, W C]` of longer windows to their residual outside of the axes.
        wide_offset: `[W C]`.
    """

    near: Array
    near_offset: Array
    near_scale: Array
    wide: Array
    wide_offset: Array


class Residuals(NamedTuple):
    """Residuals `[T, C]`, squared.

    Attributes:
        axes: Of a step, outside of the principal axes of windows around it, in units of
            the fit part's deviation.
        others: Of a step given the other columns, in units of the fit part's mean.
        wide: Of the longer windows that cover a step, their mean.
    """

    axes: Array
    others: Array
    wide: Array


def near_window(channels: int) -> int:
    """Steps of the windows that a step is predicted from."""
    return max(1, min(NEAR, MOST // channels))


def wide_window(channels: int, window: int) -> int:
    """Steps of the windows whose whole residual is taken."""
    return max(1, min(window, MOST_WIDE // channels))


def template(channels: int, window: int) -> Relations:
    """The shapes of the maps."""
    near, wide = near_window(channels), wide_window(channels, window)
    shapes = (
        (near, channels, 2 * channels),
        (2 * channels,),
        (2 * channels,),
        (wide, channels, wide * channels),
        (wide * channels,),
    )
    leaves: list[Any] = [jax.ShapeDtypeStruct(each, "float32") for each in shapes]
    return Relations(*leaves)


def fit(z: Array, counted: Array, window: int, live: Array) -> Relations:
    """Fits the maps.

    Args:
        z: `[T, C]` standardized values of the fit part, 0 in columns left out.
        counted: `[T]` bool, steps that count.
        window: Steps of the longer windows at most.
        live: `[C]` 1 for columns that are not left out, else 0.
    """
    channels = z.shape[1]
    widths = near_window(channels), wide_window(channels, window)
    if channels <= FEW:
        return _fit(z, counted, *widths)

    def of_few() -> Relations:
        order = _first(live)
        made = _fit(z[:, order], counted, *widths)
        near, wide = (_pairs(order, channels, times) for times in (2, widths[1]))
        nothing = jax.tree.map(
            lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), template(channels, window)
        )
        return Relations(
            nothing.near.at[:, order[:, None], near[None]].set(made.near),
            nothing.near_offset.at[near].set(made.near_offset),
            (nothing.near_scale + 1).at[near].set(made.near_scale),
            nothing.wide.at[:, order[:, None], wide[None]].set(made.wide),
            nothing.wide_offset.at[wide].set(made.wide_offset),
        )

    def of_all() -> Relations:
        return _fit(z, counted, *widths)

    made: Relations = jax.lax.cond(live.sum() <= FEW, of_few, of_all)
    return made


def _first(live: Array) -> Array:
    """`FEW` columns, the live ones among them where they are as few."""
    return jnp.argsort(1 - live, stable=True)[:FEW]


def _pairs(order: Array, channels: int, times: int) -> Array:
    """Where these columns are among `times` repetitions of all `channels`."""
    return (jnp.arange(times)[:, None] * channels + order[None]).reshape(-1)


def _fit(z: Array, counted: Array, near_width: int, wide_width: int) -> Relations:
    channels, width = z.shape[1], near_width
    mean, covariance = _moments(z, counted, width)
    kept = _axes(covariance)
    near = jnp.eye(len(mean)) - kept @ kept.T
    middle = width // 2
    axes = near.reshape(-1, width, channels)[:, middle]
    others = _given_others(covariance, width, channels)
    maps = jnp.concatenate([axes, others], axis=1)
    offset = jnp.einsum("i,ij->j", mean, maps, precision=HIGHEST)
    near = maps.reshape(width, channels, 2 * channels)
    found = _apply(z, near, offset)
    inside = sliding.clean(counted, width)[:, None]
    number = jnp.maximum(inside.sum(), 1)
    level = jnp.where(inside, found, 0.0).sum(axis=0) / number
    squares = jnp.where(inside, found**2, 0.0).sum(axis=0) / number
    deviation = jnp.sqrt(jnp.maximum(squares - level**2, 0.0))
    scale = jnp.concatenate(
        [
            jnp.maximum(deviation[:channels], 0.1),
            jnp.maximum(squares[channels:], 0.01),
        ]
    )
    width = wide_width
    mean, covariance = _moments(z, counted, width)
    kept = _axes(covariance)
    wide = jnp.eye(len(mean)) - jnp.matmul(kept, kept.T, precision=HIGHEST)
    wide_offset = jnp.matmul(mean, wide, precision=HIGHEST)
    shape = (width, channels, width * channels)
    return Relations(near, offset, scale, wide.reshape(shape), wide_offset)


def residuals(
    relations: Relations, z: Array, length: Array | int, live: Array
) -> Residuals:
    """Squared residuals of every step and column.

    Args:
        relations: Fitted maps.
        z: `[T, C]` standardized values, 0 in columns left out.
        length: Steps that the series has, the first of the T.
        live: `[C]` 1 for columns that are not left out, else 0.
    """
    channels = z.shape[1]
    if channels <= FEW:
        return _residuals(relations, z, length)

    def of_few() -> Residuals:
        order, all_of = _first(live), relations
        width = all_of.wide.shape[0]
        near, wide = (_pairs(order, channels, times) for times in (2, width))
        few = Relations(
            all_of.near[:, order[:, None], near[None]],
            all_of.near_offset[near],
            all_of.near_scale[near],
            all_of.wide[:, order[:, None], wide[None]],
            all_of.wide_offset[wide],
        )
        made = _residuals(few, z[:, order], length)
        return Residuals(*(jnp.zeros_like(z).at[:, order].set(each) for each in made))

    def of_all() -> Residuals:
        return _residuals(relations, z, length)

    made: Residuals = jax.lax.cond(live.sum() <= FEW, of_few, of_all)
    return made


def _residuals(relations: Relations, z: Array, length: Array | int) -> Residuals:
    channels, z = z.shape[1], sliding.held(z, length)
    near = _apply(z, relations.near, relations.near_offset)
    axes, others = near[:, :channels], near[:, channels:]
    axes = (axes / relations.near_scale[None, :channels]) ** 2
    others = others**2 / relations.near_scale[None, channels:]
    return Residuals(axes, others, _wide(relations, z, length))


def _wide(relations: Relations, z: Array, length: Array | int) -> Array:
    """The mean over all windows within the series that cover a step."""
    steps, channels = z.shape
    width = relations.wide.shape[0]
    begun = jnp.arange(steps) <= jnp.maximum(jnp.asarray(length) - width, 0)
    padded = jnp.pad(z, ((0, width - 1), (0, 0)), mode="edge")
    whole = _convolved(padded, relations.wide) - relations.wide_offset[None]
    squares = jnp.where(begun[:, None], whole**2, 0.0).reshape(steps, width, channels)
    squares = jnp.pad(squares, ((width - 1, 0), (0, 0), (0, 0)))

    def add(step: Array, total: Array) -> Array:
        start = (width - 1 - step, step, 0)
        part = jax.lax.dynamic_slice(squares, start, (steps, 1, channels))
        return total + part[:, 0]

    total = jax.lax.fori_loop(0, width, add, jnp.zeros_like(z))
    step, last = jnp.arange(steps), jnp.maximum(jnp.asarray(length) - width, 0)
    number = jnp.minimum(step, last) - jnp.maximum(step - width + 1, 0) + 1
    return total / jnp.maximum(number, 1)[:, None]


def _apply(z: Array, maps: Array, offset: Array) -> Array:
    """A map of the window around each step, `[T, ...]`."""
    width = maps.shape[0]
    before, after = width // 2, width - 1 - width // 2
    padded = jnp.pad(z, ((before, after), (0, 0)), mode="edge")
    return _convolved(padded, maps) - offset[None]


def _convolved(padded: Array, maps: Array) -> Array:
    """A map of every window of `padded`."""
    out: Array = jax.lax.conv_general_dilated(
        padded[None],
        maps,
        window_strides=(1,),
        padding="VALID",
        dimension_numbers=("NWC", "WIO", "NWC"),
        precision=HIGHEST,
    )[0]
    return out


def _moments(z: Array, counted: Array, width: int) -> tuple[Array, Array]:
    """Mean `[W C]` and covariance `[W C, W C]` of the windows around counted steps."""
    steps, channels = z.shape
    weight = sliding.clean(counted, width).astype(z.dtype)
    blocks = -(-steps // BLOCK)
    padding = (width // 2, width - 1 - width // 2 + blocks * BLOCK - steps)
    padded = jnp.pad(z, (padding, (0, 0)), mode="edge")
    weight = jnp.pad(weight, (0, blocks * BLOCK - steps))
    number = jnp.maximum(weight.sum(), 1.0)
    index = jnp.arange(BLOCK)[:, None] + jnp.arange(width)[None]

    def rows(block: Array) -> tuple[Array, Array]:
        part = jax.lax.dynamic_slice_in_dim(padded, block * BLOCK, BLOCK + width - 1)
        windows = part[index].reshape(BLOCK, width * channels)
        return windows, jax.lax.dynamic_slice_in_dim(weight, block * BLOCK, BLOCK)

    def add(block: Array, total: Array) -> Array:
        windows, share = rows(block)
        return total + share @ windows

    mean = jax.lax.fori_loop(0, blocks, add, jnp.zeros(width * channels)) / number

    def add_squares(block: Array, total: Array) -> Array:
        windows, share = rows(block)
        centered = (windows - mean[None]) * share[:, None]
        return total + jnp.matmul(centered.T, windows - mean[None], precision=HIGHEST)

    nothing = jnp.zeros((width * channels,) * 2)
    covariance = jax.lax.fori_loop(0, blocks, add_squares, nothing) / number
    return mean, covariance


def _axes(covariance: Array) -> Array:
    """Principal axes as columns; those beyond the share of variance are 0."""
    values, vectors = factorizations.eigh(covariance)
    values, vectors = jnp.maximum(values[::-1], 0.0), vectors[:, ::-1]
    total = jnp.maximum(values.sum(), 1e-12)
    before = (jnp.cumsum(values) - values) / total
    kept = (before < VARIANCE) & (values > 1e-7 * total)
    return vectors * kept[None]


def _given_others(covariance: Array, width: int, channels: int) -> Array:
    """Maps windows to a column's middle step less what the others say of it.

    Gaussian conditioning with a ridge; a column's own steps are not used. The windows
    are those of an odd number of steps around the middle.
    """
    skipped = 1 - width % 2
    odd = width - skipped
    blocks = covariance.reshape(width, channels, width, channels)
    blocks = blocks[skipped:, :, skipped:].reshape(odd * channels, odd * channels)
    precision = factorizations.inverse(blocks + RIDGE * jnp.eye(odd * channels))
    precision = precision.reshape(odd, channels, odd, channels)
    own = jnp.einsum("kclc->ckl", precision)
    middle = factorizations.inverse(own)[:, :, odd // 2]
    maps = jnp.einsum("kdlc,cl->kdc", precision, middle, precision=HIGHEST)
    maps = jnp.pad(maps, ((skipped, 0), (0, 0), (0, 0)))
    return maps.reshape(width * channels, channels)
