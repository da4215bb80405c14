"""Fitted members as a scorer of steps that come: scaling, gaps, blocks, the state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.datasets import preprocessing
from jaxtsad.ops import fleets, windows
from jaxtsad.pipeline import heads
from jaxtsad.pipeline.members import Fitted, keys_of
from jaxtsad.streaming import programs, storage
from jaxtsad.streaming.steps import Models, Spec, State


class Scorer:
    """Scores steps of M entities, in order, by fitted members.

    Args:
        fitted: As many members as entities, or one that all share.
        entities: Number M of entities.

    Attributes:
        state: What goes on from one step to the next, on the device.
        last: `[M, C]` float64, the last known value of each channel.
        fresh: `[M]` bool, entities whose next step is their first, or after a gap.

    Raises:
        ValueError: If the detector scores whole series and does not say how they go on.
    """

    def __init__(self, fitted: Fitted, entities: int) -> None:
        self.fitted, self.entities = fitted, entities
        self.spec, self.models = _spec(fitted, entities), _models(fitted)
        self._scaler = _joined(fitted.scalers)
        self.last = self._middle()
        blank = jnp.zeros(self.last.shape)
        self.state: State = programs.starting(self.spec)(self.models, blank)
        self.fresh = np.ones(entities, bool)

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything that goes on from one step to the next, by name."""
        leaves = storage.leaves("state", self.state)
        return {**leaves, "last": self.last, "fresh": self.fresh}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Goes on from what `arrays` gave.

        Raises:
            ValueError: If they are not of such a scorer.
        """
        self.state = storage.tree("state", self.state, arrays)
        self.last, self.fresh = arrays["last"].copy(), arrays["fresh"].copy()

    @property
    def channels(self) -> int:
        """Number of channels C."""
        return self.fitted.layout.channels

    def scores(self, values: np.ndarray, jumps: np.ndarray | None = None) -> np.ndarray:
        """Scores `[K, M]` of the next steps.

        Args:
            values: `[K, M, C]` in units of the data; what is not finite is missing and
                counts as the last known value, at the start as the middle of the
                training values.
            jumps: `[K, M]` bool, steps before which time jumps; None for none.
        """
        return self.outputs("step", self.scaled(values), jumps=jumps)

    def scaled(self, values: np.ndarray) -> np.ndarray:
        """Steps `[K, M, C]` without missing values, scaled, as float32."""
        known = np.isfinite(values)
        if not known.all():
            values = np.concatenate([self.last[None], values])
            known = np.concatenate([np.ones((1, *self.last.shape), bool), known])
            steps = np.arange(len(values))[:, None, None]
            where = np.maximum.accumulate(np.where(known, steps, 0))
            values = np.take_along_axis(values, where, axis=0)[1:]
        if len(values):
            self.last = np.array(values[-1], np.float64)
        scaler, shape = self._scaler, values.shape
        if len(self.fitted.members) > 1:
            values = values.reshape(len(values), -1)
        return scaler.transform(values, clip=scaler.clip_test).reshape(shape)

    def outputs(
        self,
        stage: str,
        values: np.ndarray,
        given: np.ndarray | None = None,
        jumps: np.ndarray | None = None,
    ) -> np.ndarray:
        """What a stage of the program gives of scaled steps (see `programs.block`).

        Args:
            stage: `step`, `contributions` or `combined`.
            values: `[K, M, C]`.
            given: For `combined`, what the detector gives, `[K, M, D]`.
            jumps: As for `scores`.
        """
        arrays = (values,) if given is None else (given, values)
        made, begin = [], 0
        for stop in self._stops(len(values), jumps):
            which = self.fresh if jumps is None else self.fresh | jumps[begin]
            if which.any():
                self._restart(which, values[begin])
            made += self._run(stage, [each[begin:stop] for each in arrays])
            begin = stop
        return np.concatenate(made) if made else np.zeros((0, self.entities))

    def _stops(self, steps: int, jumps: np.ndarray | None) -> list[int]:
        """Ends of the stretches that no jump is in."""
        if not steps or jumps is None:
            return [steps] if steps else []
        return [*(np.flatnonzero(jumps[1:].any(axis=1)) + 1).tolist(), steps]

    def _run(self, stage: str, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        program, rows = programs.block(self.spec, stage), self.spec.rows
        made = []
        for at in range(0, len(arrays[0]), rows):
            pieces = [array[at : at + rows] for array in arrays]
            padded = [_padded(piece, rows) for piece in pieces]
            count = len(pieces[0])
            self.state, out = program(self.models, self.state, np.int32(count), *padded)
            made.append(np.asarray(out)[:count])
        return made

    def _restart(self, which: np.ndarray, first: np.ndarray) -> None:
        """Puts before a first step what preceded the step most like it in fitting."""
        length = self.spec.window
        steps = np.zeros((self.entities, length, self.channels), np.float32)
        for entity in np.flatnonzero(which):
            history = None
            if self.fitted.history:
                history = self.fitted.history[entity % len(self.fitted.history)]
            step = first[entity][None]
            steps[entity] = windows.extend(step, length, history)
        restart = programs.restarting(self.spec)
        self.state = restart(self.models, self.state, jnp.asarray(which), steps)
        self.fresh = np.zeros(self.entities, bool)

    def _middle(self) -> np.ndarray:
        middle = self._scaler.middle.reshape(-1, self.channels)
        return np.array(np.broadcast_to(middle, (self.entities, self.channels)))


def _padded(values: np.ndarray, rows: int) -> np.ndarray:
    if len(values) == rows:
        return np.ascontiguousarray(values, np.float32)
    padded = np.zeros((rows, *values.shape[1:]), np.float32)
    padded[: len(values)] = values
    return padded


def _joined(scalers: Sequence[preprocessing.Scaler]) -> preprocessing.Scaler:
    """The scalers of all members as one, of all their channels side by side."""
    first = scalers[0]
    if len(scalers) == 1:
        return first
    names = ("shift", "scale", "low", "high")
    each = {name: [getattr(scaler, name) for scaler in scalers] for name in names}
    joined = {name: np.concatenate(arrays) for name, arrays in each.items()}
    return preprocessing.Scaler(first.kind, clip_test=first.clip_test, **joined)


def _spec(fitted: Fitted, entities: int) -> Spec:
    setup, detector, head = fitted.setup, fitted.detector, fitted.head
    if detector.series is not None and detector.live is None:
        raise ValueError(
            f"detector={setup.detector!r} scores whole series and does not say how "
            "they go on step by step; it cannot score a stream"
        )
    groups: dict[tuple[int, ...], list[int]] = {}
    if head is not None:
        shared = len(head.widths) == 1
        rows = np.repeat(head.widths, entities, axis=0) if shared else head.widths
        for entity, widths in enumerate(rows.tolist()):
            groups.setdefault(tuple(widths), []).append(entity)
    return Spec(
        detector,
        fitted.layout.window,
        fitted.layout.channels,
        setup.aggregate == "spread",
        heads.source(setup),
        entities,
        len(fitted.members) == 1,
        None if head is None else setup.head_settings,
        tuple((widths, tuple(some)) for widths, some in groups.items()),
    )


def _models(fitted: Fitted) -> Models:
    head = fitted.head
    keys = jax.vmap(lambda key: jax.random.fold_in(key, 1))(keys_of(fitted.members))
    parts: dict[str, Any] = {}
    if head is not None:
        names = ("calibration", "channels", "gate")
        parts = {name: getattr(head, name) for name in names}
    made = jax.tree.map(jnp.asarray, Models(keys, fitted.model, **parts))
    if fitted.detector.live is None:
        return made
    return made._replace(detector=fleets.common(made.detector))
