"""Scores of whole series: gated evidence plus what breaks between columns.

    z       values in deviations of the fit part; live columns vary there and take more
            than two values
    e       evidence of magnitude: z^2 + novelty^2 + squared residual outside of the
            principal axes of short windows + 1; of other columns novelty^2 alone
    r       evidence of broken relations: squared residual given the other columns, and
            given what columns of two values did lately
    G       probability that the pre-trained gate gives a step of a column
    q       (e + r) G^g + share r
    A       log of sum over widths of mean over columns of smoothed q^power
    B       several columns: log of the smoothed squared residual of longer windows
            outside of their principal axes
    N       one column: log of the distance to the k-th nearest window of the fit part
    score   mean of those of A, B and N that exist, each in deviations from the median
            of the fit part; then softplus, which keeps the order and is positive

Everything is fitted on the fit part, of which the last `MOST` values count; the gate
was pre-trained once, on synthetic columns (see `MODEL_CARD.md`), and with `fine_tuning`
goes on training on the fit part.

Shape letters: T steps, C channels, B windows.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

from jaxtsad.detectors.pretrained_tcn import (
    answers,
    column_statistics,
    features,
    live,
    neighbours,
    relations,
    tuning,
    weights,
)
from jaxtsad.detectors.pretrained_tcn.column_statistics import Statistics
from jaxtsad.detectors.pretrained_tcn.config import Config
from jaxtsad.detectors.pretrained_tcn.evidence import (
    WIDE_WIDTHS,
    WIDTHS,
    Parts,
    gated,
    magnitude,
    parts,
    score,
    standardized,
    switches,
    ungated,
)
from jaxtsad.detectors.pretrained_tcn.network import REACH, STRIDE
from jaxtsad.evaluation.scoring import combine, sliding
from jaxtsad.ops.windows import ALIGNED, WindowView
from jaxtsad.training import closed_form
from jaxtsad.types import (
    Array,
    Batch,
    Clock,
    Detector,
    Key,
    Metrics,
    PyTree,
    State,
)

FLOORS = {"evidence": 0.05, "wide": 0.05, "neighbours": 0.5}
"""Least deviation of a part on the fit part."""
MOST = 2**22
"""Values that are fitted on, of a longer fit part the last ones: memory is bounded."""


@functools.lru_cache(maxsize=64)
def build(config: Config) -> Detector:
    """Builds the detector; it takes no steps."""

    def init(key: Key, source: WindowView) -> State:
        del key
        values, counted = _latest(source.values, source.covered() > 0)
        statistics = features.fit(values, counted)
        z, there = standardized(statistics, values)
        gate = jax.tree.map(jnp.asarray, weights.load())
        model = {"statistics": statistics, "gate": gate}
        if config.channels == 1:
            model["neighbours"] = neighbours.fit(z[:, 0], counted)
        model["relations"] = relations.fit(z, counted, config.window, there)
        moves = switches(statistics, values, there)
        model["answers"] = answers.fit(z, moves, counted)
        model["calibration"] = _calibrated(config, model, values, counted)
        tuned = config.fine_tuning > 0
        return State(model, tuning.start(gate, len(values)) if tuned else ())

    def refresh(key: Key, state: State, source: WindowView) -> State:
        return tuning.refresh(key, state, *_latest(source.values, source.covered() > 0))

    def advance(
        key: Key, state: State, source: WindowView, clock: Clock
    ) -> tuple[State, Metrics]:
        state, metrics = tuning.advance(key, state, clock)
        values, counted = _latest(source.values, source.covered() > 0)
        calibration = _calibrated(config, state.model, values, counted)
        return State({**state.model, "calibration": calibration}, state.train), metrics

    def series(model: PyTree, values: Array, length: Array) -> Array:
        return score(model, _parts(config, model, values, length, fitting=False))

    def explain(keys: Array, model: PyTree, batch: Batch) -> Array:
        del keys
        length = jnp.int32(batch.values.shape[1])
        return jax.vmap(lambda values: series(model, values, length))(batch.values)

    def template() -> PyTree:
        channels, each = config.channels, _shape((1,))
        gate = jax.tree.map(lambda leaf: _shape(leaf.shape), weights.load())
        last = {"neighbours": neighbours.template()} if channels == 1 else {}
        names = ("evidence", "wide" if channels > 1 else "neighbours")
        return {
            "statistics": column_statistics.template(channels),
            "gate": gate,
            **last,
            "relations": relations.template(channels, config.window),
            "answers": answers.template(channels),
            "calibration": {name: combine.Calibration(each, each) for name in names},
        }

    detector = closed_form.solved(init, explain)
    if config.fine_tuning:
        detector = detector._replace(
            steps=lambda source: config.fine_tuning, refresh=refresh, advance=advance
        )
    return detector._replace(
        series=series,
        reach=REACH_OF_SCORE,
        latest=MOST,
        units=("calibration",),
        live=live.live(config),
        template=template,
    )


def _calibrated(
    config: Config, model: PyTree, values: Array, counted: Array
) -> dict[str, combine.Calibration]:
    """Middle and deviation of each part of the score on the fit part."""
    made = _parts(config, model, values, sliding.end(counted), fitting=True)
    return {
        name: combine.calibrate(each, counted, FLOORS[name])
        for name, each in made.log.items()
    }


def _shape(sizes: tuple[int, ...]) -> Any:
    return jax.ShapeDtypeStruct(sizes, "float32")


def _latest(values: Array, counted: Array) -> tuple[Array, Array]:
    """The last `MOST` values of a fit part that is longer, and which steps count."""
    steps = min(len(values), max(MOST // values.shape[1], 1))
    start = jnp.clip(sliding.end(counted) - steps, 0)
    cut = jax.lax.dynamic_slice_in_dim
    return cut(values, start, steps), cut(counted, start, steps)


def _parts(
    config: Config, model: PyTree, values: Array, length: Array | int, *, fitting: bool
) -> Parts:
    statistics = model["statistics"]
    z, there = standardized(statistics, values)
    residuals = relations.residuals(model["relations"], z, length, there)
    moves = switches(statistics, values, there)
    unanswered = answers.broken(model["answers"], z, moves, length)
    evidence, broken = ungated(
        statistics, values, residuals.axes, residuals.others, unanswered
    )
    logit = None
    if config.gate:
        novelty = features.outside(statistics, values)
        still = column_statistics.still(statistics) & (novelty == 0).all(axis=0)
        needed = (magnitude(statistics) > 0) & ~still | (novelty > 0).any(axis=0)
        logit = _logits(model, values, length, needed, fitting=fitting)
    each = gated(config, evidence, broken, logit)
    shares = {"evidence": combine.powers(each, WIDTHS, config.power, length)}
    if config.channels > 1:
        wide = there[None] * residuals.wide / config.channels
        smoothed = [combine.smooth(wide, width, length) for width in WIDE_WIDTHS]
        shares["wide"] = jnp.asarray(sum(smoothed))
    else:
        apart = neighbours.distance(
            model["neighbours"], z[:, 0], length, config.neighbour, fitting=fitting
        )
        shares["neighbours"] = apart[:, None]
    return parts(shares, there.sum())


def _logits(
    model: PyTree, values: Array, length: Array | int, needed: Array, *, fitting: bool
) -> Array:
    """What the gate says of each step, `[T, C]`.

    Column by column, so that what it takes stays in the cache. In columns that are not
    needed, which of telemetry are most, it is what the gate says of a constant.
    """
    seen = jnp.broadcast_to(features.STILL, (STRIDE, 1, features.COUNT))
    # One number, not one for each place in a stride: scores of constants are constant.
    still = jnp.full(len(values), weights.logits(model["gate"], seen, STRIDE).mean())

    def column(given: tuple[Array, Array, Statistics]) -> Array:
        line, needed, statistics = given

        def logits() -> Array:
            seen = features.features(statistics, line[:, None], length, fitting=fitting)
            logit = weights.logits(model["gate"], seen, length)[:, 0]
            # Bit for bit what it is in a column that nothing happens to later.
            unmoved = (jnp.abs(seen[:, 0] - features.STILL[None]) < 1e-4).all(axis=-1)
            return jnp.where(sliding.clean(unmoved, 2 * REACH + 1), still, logit)

        return jax.lax.cond(needed, logits, lambda: still)

    each = (values.T, needed, column_statistics.by_column(model["statistics"]))
    return jax.lax.map(column, each).T


NEAR = max(
    features.BEFORE,
    column_statistics.LAGS,
    column_statistics.LENGTH // 2,
    neighbours.LENGTH,
)
REACH_OF_SCORE = -(-(REACH + NEAR + 2 * max(WIDTHS)) // ALIGNED) * ALIGNED
"""Steps before and after a step that its score depends on, at most; a multiple of what
the gate sees at a time, so that a series cut by it has the same scores."""
