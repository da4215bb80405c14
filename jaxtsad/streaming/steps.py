"""One step of many entities as a pure function: scores, and what goes on to the next.

The causal score of a step is made of the steps up to it and never changes. Of a
detector of windows it is that of the last step of the window that ends there (with
`aggregate="spread"`, of its mean); a detector of whole series says how its score goes
on (`Detector.live`). A score head is as if the series ended with the step: what it
smooths is cut there.

Shape letters: M entities, K steps of a block, L window length, C channels, D parts of a
score (C, or 1), R steps that a score head looks back.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxtsad.detectors.pretrained_tcn import live as gates
from jaxtsad.detectors.pretrained_tcn import network, weights
from jaxtsad.evaluation.scoring import head, options, tail
from jaxtsad.ops import fleets
from jaxtsad.types import Array, Batch, Detector, Key, PyTree

CELLS = 2**16
"""Values of a block at most, and of one step at least."""
ROWS = 256
"""Steps of a block at most."""


class Spec(NamedTuple):
    """What a program is compiled for.

    Attributes:
        detector: Whose scores.
        window: Window length L.
        channels: Number of channels C.
        whole: Whether a step has its window's mean, not the score of the last step.
        output: What the detector is asked for, `score` or `explain`.
        entities: Number M of entities.
        shared: Whether all have one model; else each has its own.
        head: Options of the score head; None without one.
        groups: Widths of the head's means, and the entities that have these.
    """

    detector: Detector
    window: int
    channels: int
    whole: bool
    output: str
    entities: int
    shared: bool
    head: options.Smooth | None
    groups: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = ()

    @property
    def rows(self) -> int:
        """Steps K of a block."""
        most = max(1, CELLS // (self.entities * self.channels))
        return int(min(ROWS, 1 << (most.bit_length() - 1)))

    @property
    def before(self) -> int:
        """Steps R that the head looks at, the newest among them."""
        if self.head is None:
            return 1
        each = [options.reach(self.head, widths)[0] for widths, _ in self.groups]
        return max(each) + 1

    @property
    def period(self) -> int:
        """Steps after which the clock begins anew; 1 where nothing goes by it."""
        live = self.detector.live
        period = 1 if live is None else live.period
        return math.lcm(period, network.PERIOD) if self.gated else period

    @property
    def gated(self) -> bool:
        """Whether a gate weighs the evidence."""
        return isinstance(self.head, options.Gated)


class Models(NamedTuple):
    """What scores are made with, stacked `[M, ...]`, or `[1, ...]` where it is shared.

    Attributes:
        key: Keys of detectors that draw numbers to score.
        detector: Models.
        calibration: Of score heads; None without.
        channels: What is normal for each channel; None of a head without evidence.
        gate: Statistics of the fit part; None of a head without a gate.
    """

    key: Key
    detector: PyTree
    calibration: tail.Calibration | None = None
    channels: head.Channels | None = None
    gate: Any = None


class State(NamedTuple):
    """What goes on from one step to the next, `[M, ...]`.

    Attributes:
        windows: `[M, L, C]` the last steps; None of a detector of whole series.
        series: What such a detector carries; None of one of windows.
        evidence: `[M, R, D]` what the head smooths, the newest last; None without.
        gate: What the head's gate carries; None without.
        seen: `[M]` int32, how much of the evidence there is.
        clock: int32, the number of the next step modulo the spec's period.
    """

    windows: Array | None
    series: PyTree
    evidence: Array | None
    gate: PyTree
    seen: Array | None
    clock: Array


def start(spec: Spec, models: Models, values: Array) -> State:
    """The state before any step, as if there always had been some values.

    Args:
        spec: What the program is for.
        models: Models.
        values: `[M, C]` scaled values.
    """
    parts = spec.channels if spec.output == "explain" else 1
    windows = series = evidence = gate = seen = None
    if spec.detector.live is None:
        windows = jnp.repeat(values[:, None], spec.window, axis=1)
    else:
        series = spec.detector.live.start(models.detector, values)
    if spec.head is not None:
        evidence = jnp.zeros((spec.entities, spec.before, parts))
        seen = jnp.zeros(spec.entities, jnp.int32)
    if spec.gated:
        gate = gates.start_gate(_gate_weights(), models.gate, values)
    return State(windows, series, evidence, gate, seen, jnp.int32(0))


def restart(
    spec: Spec, models: Models, state: State, which: Array, steps: Array
) -> State:
    """Forgets what some entities have seen, as at the start or after a gap in time.

    Args:
        spec: What the program is for.
        models: Models.
        state: The state.
        which: `[M]` bool, entities that start anew.
        steps: `[M, L, C]` scaled values: what stands for the steps before, and the next
            step.
    """
    new = start(spec, models, steps[:, 0])
    if new.windows is not None:
        windows = jnp.concatenate([new.windows[:, :1], steps[:, :-1]], axis=1)
        new = new._replace(windows=windows)
    begin = (state.clock - (spec.window - 1)) % spec.period
    new = new._replace(clock=begin)

    def prime(number: Array, state: State) -> State:
        values = jax.lax.dynamic_index_in_dim(steps, number, axis=1, keepdims=False)
        if spec.detector.live is not None:
            state, _ = _outputs(spec, models, state, values)
        if spec.gated:
            state, _ = _gates(spec, models, state, values)
        return ticked(spec, state)

    if spec.period > 1:
        new = jax.lax.fori_loop(0, spec.window - 1, prime, new)

    series, gate = new.series, new.gate
    if spec.detector.live is not None:
        series = spec.detector.live.choose(which, series, state.series)
    if spec.gated:
        gate = gates.choose_gate(which, gate, state.gate)
    rest = ("windows", "evidence", "seen")
    chosen = {
        name: fleets.choose(which, getattr(new, name), getattr(state, name))
        for name in rest
    }
    return State(series=series, gate=gate, clock=state.clock, **chosen)


def ticked(spec: Spec, state: State) -> State:
    """The state when the clock has gone on by a step."""
    return state._replace(clock=(state.clock + 1) % spec.period)


def contributions(
    spec: Spec, models: Models, state: State, values: Array
) -> tuple[State, Array]:
    """What the detector gives `[M, D]` of the next step `[M, C]` of every entity."""
    return _outputs(spec, models, state, values)


def combined(
    spec: Spec, models: Models, state: State, given: Array, values: Array
) -> tuple[State, Array]:
    """The head's scores `[M]`, not calibrated, of what a detector gives `[M, D]`."""
    how, before, seen = spec.head, state.evidence, state.seen
    assert how is not None and before is not None and seen is not None
    each = given
    if models.channels is not None:
        each = fleets.each(_evidence, models.channels, given, values)
    if isinstance(how, options.Gated):
        state, logits = _gates(spec, models, state, values)
        each = each * jax.nn.sigmoid(logits) ** how.gate_power
    evidence = jnp.concatenate([before[:, 1:], each[:, None]], axis=1)
    seen = jnp.minimum(seen + 1, spec.before)
    state = state._replace(evidence=evidence, seen=seen)
    live = None if models.channels is None else models.channels.live
    scores = jnp.zeros(spec.entities)
    for widths, members in spec.groups:
        index = jnp.array(members)
        some = live if live is None or len(live) == 1 else live[index]
        one = functools.partial(_last, how, widths)
        made = fleets.each(one, some, evidence[index], seen[index])
        scores = scores.at[index].set(made)
    return state, scores


def step(
    spec: Spec, models: Models, state: State, values: Array
) -> tuple[State, Array]:
    """Scores `[M]` of the next step of every entity, scaled `[M, C]`."""
    state, given = _outputs(spec, models, state, values)
    if spec.head is None:
        return state, given.sum(axis=-1)
    state, scores = combined(spec, models, state, given, values)
    return state, fleets.each(_level, models.calibration, scores)


def _level(known: tail.Calibration, score: Array) -> Array:
    return tail.calibrated(known, score[None])[0]


def _evidence(channels: head.Channels, given: Array, values: Array) -> Array:
    return head.evidence(channels, given[None], values[None])[0]


def _last(
    how: options.Smooth,
    widths: tuple[int, ...],
    live: Array | None,
    evidence: Array,
    seen: Array,
) -> Array:
    """The score of the last step of evidence `[R, D]`, of which `seen` steps count."""
    steps = len(evidence)
    index = jnp.minimum(steps - seen + jnp.arange(steps), steps - 1)
    if live is None:
        live = jnp.ones(evidence.shape[-1], bool)
    scores, _ = head.combined(evidence[index], seen, live, widths, how)
    return scores[seen - 1]


def _outputs(
    spec: Spec, models: Models, state: State, values: Array
) -> tuple[State, Array]:
    live = spec.detector.live
    if live is not None:
        series, given = live.step(models.detector, state.series, values, state.clock)
        given = given if spec.output == "explain" else given.sum(-1, keepdims=True)
        return state._replace(series=series), given
    assert state.windows is not None
    windows = jnp.concatenate([state.windows[:, 1:], values[:, None]], axis=1)
    return state._replace(windows=windows), _of_windows(spec, models, windows)


def _of_windows(spec: Spec, models: Models, windows: Array) -> Array:
    """What the detector gives `[M, D]` of the last step of windows `[M, L, C]`."""
    function = getattr(spec.detector, spec.output)

    def together(key: Array, model: PyTree, some: Array) -> Array:
        number = len(some)
        zeros = jnp.zeros(number)
        batch = Batch(some, zeros + 1, zeros.astype(jnp.int32), zeros)
        out: Array = function(jnp.broadcast_to(key, (number,)), model, batch)
        if out.ndim == 1:
            return out[:, None]
        last = out.mean(axis=1) if spec.whole else out[:, -1]
        return last if spec.output == "explain" else last[:, None]

    if spec.shared:
        model = jax.tree.map(lambda leaf: leaf[0], models.detector)
        return together(models.key[0], model, windows)
    return jax.vmap(together)(models.key, models.detector, windows[:, None])[:, 0]


def _gates(
    spec: Spec, models: Models, state: State, values: Array
) -> tuple[State, Array]:
    gate, logits = gates.step_gate(
        _gate_weights(), models.gate, state.gate, values, state.clock
    )
    return state._replace(gate=gate), logits


def _gate_weights() -> PyTree:
    """The gates' parameters, `[1, ...]` for all entities."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], weights.load())
