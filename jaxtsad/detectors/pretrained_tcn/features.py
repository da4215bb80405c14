"""What the gate sees of a column: 14 numbers per step, relative to the fit part.

Every column is seen alone, in units of its own fit part, so that one network serves any
column of any recording. `fit` takes statistics of the fit part, and nothing else;
`features` is one compiled program over all columns. A feature of step t depends on the
steps from t - `BEFORE` to t + `AFTER` alone.

Shape letters: T steps, C columns, F features, N reference windows, P lags.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.detectors.pretrained_tcn.column_statistics import (
    LAGS,
    LENGTH,
    LEVELS,
    REFERENCES,
    Statistics,
    by_column,
)
from jaxtsad.evaluation.scoring import sliding
from jaxtsad.ops import factorizations
from jaxtsad.types import Array

BLOCK = 1024
"""Windows compared with the references at a time; what a cache holds."""
BEFORE = AFTER = 2 ** max(LEVELS) // 2
SEEN = max(BEFORE, LAGS) + 1
"""Steps that the features of a last step are made of."""
COUNT = 14
STILL = np.array([0.0] * (COUNT - 4) + [1.0, 0.0, 0.0, 1.0], np.float32)
"""Features of a column that is constant and stays so."""
TINY = 1e-6
"""A deviation at most this share of a column's magnitude is none."""


def fit(values: Array, counted: Array) -> Statistics:
    """Statistics of a fit part.

    Args:
        values: `[T, C]`.
        counted: `[T]` 1 for the steps that count; others (known anomalies, padding at
            the end) enter nothing.
    """
    steps = len(values)
    real = counted > 0
    length = sliding.end(real)
    total = jnp.maximum(real.sum(), 1).astype(values.dtype)
    weight = real[:, None]

    def average(each: Array, where: Array, number: Array) -> Array:
        return jnp.where(where, each, 0.0).sum(axis=-2) / jnp.maximum(number, 1)

    mean = average(values, weight, total)
    deviation = jnp.sqrt(average((values - mean[None]) ** 2, weight, total))
    constant = deviation <= TINY * jnp.abs(mean)
    scale = jnp.where(constant, 1.0, deviation)
    low = jnp.where(weight, values, jnp.inf).min(axis=0)
    high = jnp.where(weight, values, -jnp.inf).max(axis=0)
    taken = jnp.sort(jnp.where(weight, values, jnp.inf), axis=0)
    different = (taken[1:] != taken[:-1]) & jnp.isfinite(taken[1:])
    variety = 1 + different.sum(axis=0)
    z = jnp.clip((values - mean[None]) / scale[None], -1e4, 1e4)
    z = jnp.where(weight, z, 0.0)

    def moments(each: Array, where: Array) -> tuple[Array, Array]:
        number = where.sum()
        middle = average(each, where, number)
        return middle, jnp.sqrt(average((each - middle[None]) ** 2, where, number))

    levels, spreads = [], []
    for level, (middle, log_deviation) in zip(LEVELS, _local(z), strict=True):
        where = sliding.clean(real, 2**level)[:, None]
        levels.append(moments(middle, where))
        spreads.append(moments(log_deviation, where))
    _, step_scale = moments(_steps(z), weight)
    prediction, lagged = _predict(z, real)
    _, prediction_scale = moments(_unpredicted(_lagged(z), prediction), lagged)
    squared = average(z**2, weight, total)
    product = average(z[1:] * z[:-1], weight[1:], total - 1)
    windows = jnp.maximum(length - LENGTH + 1, 1)
    places, there = sliding.even(windows, REFERENCES)
    places = jnp.where(there, places, -(10**9)).astype(jnp.int32)
    padded = jnp.pad(jnp.clip(z, -20, 20), ((0, LENGTH), (0, 0)), mode="edge")
    index = jnp.maximum(places, 0)[:, None] + jnp.arange(LENGTH)[None]
    references = padded[index].transpose(2, 0, 1)
    clean = jnp.pad(real, (0, LENGTH))[index].all(axis=1)
    places = jnp.where(clean, places, -(10**9))
    partial = Statistics(
        mean,
        scale,
        low,
        high,
        constant.astype(values.dtype),
        (variety == 2).astype(values.dtype),
        jnp.log(variety.astype(values.dtype)),
        jnp.where(constant, 1.0, product / jnp.maximum(squared, 1e-9)),
        jnp.stack([level for level, _ in levels]),
        jnp.stack([jnp.maximum(s, 0.05) for _, s in levels]),
        jnp.stack([spread for spread, _ in spreads]),
        jnp.stack([s + 0.3 for _, s in spreads]),
        jnp.maximum(step_scale, 0.02),
        prediction,
        jnp.maximum(prediction_scale, 0.02),
        references,
        places,
        jnp.zeros_like(mean),
    )
    inside = (jnp.arange(steps) < windows) & real

    def typical(given: tuple[Array, Array, Statistics]) -> Array:
        line, constant, alone = given

        def quantile() -> Array:
            apart = nearest(alone, line[:, None], length, fitting=True)
            measured = jnp.isfinite(apart) & inside[:, None]
            return _quantile(apart, measured, 0.9)[0]

        return jax.lax.cond(constant, lambda: jnp.zeros((), line.dtype), quantile)

    distance = jax.lax.map(typical, (z.T, constant, by_column(partial)))
    return partial._replace(distance=distance)


def features(
    statistics: Statistics,
    values: Array,
    length: Array | int,
    *,
    fitting: bool = False,
) -> Array:
    """Features of every step and column.

    Args:
        statistics: Of the fit part.
        values: `[T, C]` in the units of the fit part.
        length: Steps that the series has, the first of the T.
        fitting: Whether the series is the fit part itself: a window is then not
            compared with references that it overlaps by half.

    Returns:
        `[T, C, F]`; what lies after `length` means nothing.
    """
    s, steps = statistics, len(values)
    raw = standardized(s, values)
    z = sliding.held(raw, length)
    distance = nearest(s, z, length, fitting=fitting)
    last = jnp.maximum(length - LENGTH, 0)
    window = jnp.clip(jnp.arange(steps) - LENGTH // 2, 0, last)
    error = _unpredicted(_lagged(z), s.prediction)
    novelty = outside(s, values)
    return _stacked(s, raw, novelty, _local(z), _steps(z), error, distance[window])


def newest(statistics: Statistics, values: Array, distance: Array) -> Array:
    """Features `[C, F]` of the last step of a series that ends with it.

    Args:
        statistics: Of the fit part.
        values: `[SEEN, C]` the last steps, in the units of the fit part.
        distance: `[C]` of the last window to its nearest reference.
    """
    s, now = statistics, values[-1:]
    z = standardized(s, values)
    local = [_held_local(z, 2**level) for level in LEVELS]
    clipped = jnp.clip(z[::-1], -20, 20)
    error = _unpredicted([each[None] for each in clipped[: LAGS + 1]], s.prediction)
    step = z[-1:] - z[-2:-1]
    return _stacked(s, z[-1:], outside(s, now), local, step, error, distance[None])[0]


def _stacked(
    s: Statistics,
    z: Array,
    novelty: Array,
    local: list[tuple[Array, Array]],
    steps: Array,
    error: Array,
    distance: Array,
) -> Array:
    """Features `[T, C, F]` of what is known of each step, `[T, C]` each."""
    novelty = jnp.clip(novelty, 0, 1e4)
    columns = [jnp.arcsinh(z), jnp.log1p(novelty), (novelty > 0).astype(z.dtype)]
    for place, (level, _) in enumerate(local):
        columns.append(
            jnp.arcsinh((level - s.level[place][None]) / s.level_scale[place][None])
        )
    for place, (_, spread) in enumerate(local):
        spread = (spread - s.spread[place][None]) / s.spread_scale[place][None]
        columns.append(jnp.clip(spread, -8, 8))
    columns.append(jnp.arcsinh(steps / s.step_scale[None]))
    columns.append(jnp.arcsinh(error / s.prediction_scale[None]))
    distance = jnp.where(jnp.isfinite(distance), distance, s.distance[None])
    distance = jnp.log((distance + 0.05) / (s.distance[None] + 0.05))
    columns.append(jnp.clip(distance, -5, 8))
    shares = (s.constant, s.two_valued, s.variety / 7, s.autocorrelation)
    columns += [jnp.broadcast_to(each[None], z.shape) for each in shares]
    return jnp.stack(columns, axis=-1)


def standardized(statistics: Statistics, values: Array) -> Array:
    """Values `[T, C]` in deviations from the mean of the fit part."""
    return jnp.clip(
        (values - statistics.mean[None]) / statistics.scale[None], -1e4, 1e4
    )


def outside(statistics: Statistics, values: Array) -> Array:
    """How far values `[T, C]` lie outside the range of the fit part, in deviations."""
    high, low = statistics.high[None], statistics.low[None]
    over = jnp.maximum(values - high, low - values)
    return jnp.maximum(over, 0.0) / statistics.scale[None]


def nearest(
    statistics: Statistics,
    z: Array,
    length: Array | int,
    *,
    fitting: bool,
) -> Array:
    """Distance of the window that begins at each step to its nearest reference.

    Args:
        statistics: Of the fit part.
        z: `[T, C]` standardized values.
        length: Steps that the series has.
        fitting: See `features`.

    Returns:
        `[T, C]`, root mean square over the window's steps; inf where there is none.
        What lies after `length` means nothing.
    """
    steps = len(z)
    blocks = -(-steps // BLOCK)
    clipped = sliding.held(jnp.clip(z, -20, 20), length)
    padded = jnp.pad(clipped, ((0, blocks * BLOCK + LENGTH - steps), (0, 0)), "edge")
    places = statistics.places

    def column(pair: tuple[Array, Array]) -> Array:
        line, references = pair
        # Half the squared distance, less half the window's own square, as one product.
        half = 0.5 * (references**2).sum(axis=1)
        half = jnp.where(places < 0, jnp.inf, half)
        extended = jnp.concatenate([-references, half[:, None]], axis=1)

        def compared(begin: Array) -> Array:
            part = jax.lax.dynamic_slice_in_dim(line, begin, BLOCK + LENGTH - 1)
            windows = [part[k : k + BLOCK] for k in range(LENGTH)]
            stacked = jnp.stack([*windows, jnp.ones_like(windows[0])])
            apart = jnp.matmul(extended, stacked, precision=jax.lax.Precision.HIGHEST)
            if fitting:
                step = begin + jnp.arange(BLOCK)
                near = jnp.abs(step[None] - places[:, None]) <= LENGTH // 2
                apart = jnp.where(near, jnp.inf, apart)
            squares = 2 * apart.min(axis=0) + (stacked[:-1] ** 2).sum(axis=0)
            return jnp.sqrt(jnp.maximum(squares, 0.0) / LENGTH)

        def block(number: Array) -> Array:
            begin = number * BLOCK
            padding = jnp.zeros(BLOCK, line.dtype)
            return jax.lax.cond(begin < length, compared, lambda _: padding, begin)

        return jax.lax.map(block, jnp.arange(blocks)).reshape(-1)[:steps]

    return jax.lax.map(column, (padded.T, statistics.references)).T


def _local(z: Array) -> list[tuple[Array, Array]]:
    """Sliding means, and logarithms of sliding deviations, by level."""
    means = sliding.doubled(z, max(LEVELS))
    spreads = sliding.doubled(jnp.clip(z, -50, 50), max(LEVELS))
    return [
        (means[level - 1][0], jnp.log(spreads[level - 1][1] + 0.05)) for level in LEVELS
    ]


def _held_local(z: Array, width: int) -> tuple[Array, Array]:
    """What `_local` gives of the last step `[1, C]`, which goes on, for one width."""
    half = width // 2

    def mean(each: Array) -> Array:
        return 0.5 * (each[-half - 1 : -1].mean(axis=0) + each[-1])

    middle = mean(z)
    cut = jnp.clip(z, -50, 50)
    deviation = jnp.sqrt(mean((cut - mean(cut)[None]) ** 2))
    return middle[None], jnp.log(deviation + 0.05)[None]


def _steps(z: Array) -> Array:
    """Differences of neighbouring steps, 0 at the first."""
    return jnp.diff(z, axis=0, prepend=z[:1])


def _lagged(z: Array) -> list[Array]:
    """The values so many steps before, `[T, C]` each, from 0 on.

    Before there are any it is the first one.
    """
    steps = len(z)
    before = jnp.pad(jnp.clip(z, -20, 20), ((LAGS, 0), (0, 0)), mode="edge")
    return [before[LAGS - lag : LAGS - lag + steps] for lag in range(LAGS + 1)]


def _unpredicted(lagged: list[Array], prediction: Array) -> Array:
    """Values less their linear prediction, `[T, C]`, of what `_lagged` gives."""
    now, *earlier = lagged
    each = enumerate(earlier)
    return now - sum(prediction[:, lag][None] * values for lag, values in each)


def _predict(z: Array, counted: Array) -> tuple[Array, Array]:
    """Weights `[C, P]` of the linear prediction; the steps `[T, 1]` it is fitted on.

    Yule-Walker equations with a ridge.
    """
    steps = len(z)
    where = sliding.clean(counted, 2 * LAGS + 1)
    where = (where & (jnp.arange(steps) >= LAGS))[:, None]
    lagged = jnp.stack(_lagged(z))
    now = jnp.where(where, lagged[0], 0.0)
    highest = jax.lax.Precision.HIGHEST
    products = jnp.einsum("ptc,tc->cp", lagged, now, precision=highest)
    covariance = products / jnp.maximum(where.sum(), 1)
    apart = jnp.abs(jnp.arange(LAGS)[:, None] - jnp.arange(LAGS)[None])
    gram = covariance[:, apart] + 0.05 * jnp.eye(LAGS)[None]
    right = covariance[:, 1:, None]
    return factorizations.solve(gram, right)[..., 0], where


def _quantile(values: Array, where: Array, share: float) -> Array:
    """The quantile `[C]` of those of `values [T, C]` that count, interpolated."""
    ordered = jnp.sort(jnp.where(where, values, jnp.inf), axis=0)
    place = share * jnp.maximum(where.sum(axis=0) - 1, 0)
    below = jnp.floor(place).astype(jnp.int32)
    low = jnp.take_along_axis(ordered, below[None], axis=0)[0]
    high = jnp.take_along_axis(ordered, jnp.ceil(place).astype(jnp.int32)[None], axis=0)
    quantile = low + (place - below) * (high[0] - low)
    return jnp.where(where.any(axis=0), quantile, 0.0)
