"""A fitted detector that watches: a step or a block in, scores and alarms out."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd

from jaxtsad import files
from jaxtsad.datasets.reading import clock, columns
from jaxtsad.evaluation.alarms.rules import Rules, State
from jaxtsad.evaluation.thresholds import Threshold
from jaxtsad.pipeline import alarms, saving
from jaxtsad.pipeline.members import Fitted
from jaxtsad.streaming import causal, storage
from jaxtsad.streaming.watching import LiveAlarm, Watcher

DETECTOR, STATE = "detector", "stream.safetensors"


@dataclasses.dataclass(frozen=True, eq=False)
class Update:
    """What came of the steps that were handed over.

    Attributes:
        scores: `[]` or `[K]`, of a fleet `[M]` or `[M, K]`; higher is more anomalous.
        flags: The same shape, 1 where the score is above the threshold.
        opened: Alarms that opened, as they were known then, in order.
        closed: Alarms that closed; one may be in both.
        first: Number of the first of these steps in the stream, counted from 0.
        time: `[K]` stamps as they were read, or None.
        jumps: `[K]` bool, steps before which a new piece begins (`max_gap`), where no
            alarm goes on.
    """

    scores: np.ndarray
    flags: np.ndarray
    opened: list[LiveAlarm]
    closed: list[LiveAlarm]
    first: int
    time: np.ndarray | None
    jumps: np.ndarray


class Stream:
    """Scores steps as they come; made by `TimeSeriesDetector.stream`.

    The scores are those of `decision_function(X, causal=True)`, however the steps are
    cut into blocks and wherever the stream was saved and loaded between.

    Args:
        detector: The members as they were fitted, which are saved.
        fitted: What `causal.causal` gives of them: one member that all entities share,
            or one each.
        parameters: The estimator's parameters.
        channels: Names of the C channels.
        entities: Names of the M entities; None for a single series.
        rules: How scores of each become alarms; None for the members' own.

    Attributes:
        entities: Names of the entities.
        delay: Steps after a step at which its score is known: 0.
        step: Number of the next step.
    """

    delay = 0

    def __init__(
        self,
        detector: Fitted,
        fitted: Fitted,
        parameters: Mapping[str, Any],
        channels: Sequence[str],
        entities: Sequence[str] | None = None,
        rules: Sequence[Rules] | None = None,
    ) -> None:
        if parameters.get("resample") is not None:
            raise ValueError(
                f"resample={parameters['resample']!r}: a stream takes even steps as "
                "they come; hand over resampled ones to a detector without resample="
            )
        self.single = entities is None
        self.entities = ("series",) if entities is None else tuple(entities)
        self.channels = tuple(channels)
        number = len(self.entities)
        self.detector, self.fitted = detector, fitted
        self.parameters = dict(parameters)
        self.scorer = causal.scorer(fitted, number)
        each = [0] * number if len(fitted.members) == 1 else list(range(number))
        self._thresholds = np.array([fitted.thresholds[i].value for i in each])
        if rules is None:
            rules = [alarms.rules_of(fitted, i) for i in each]
        self.watcher = Watcher(self.entities, rules, [fitted.spreads[i] for i in each])
        self.last_time: Any = None

    @property
    def step(self) -> int:
        """Number of the next step, counted from 0."""
        return self.watcher.step

    def update(self, x: Any, time: Any = None) -> Update:
        """Takes the next step or steps.

        Args:
            x: `[C]` or `[K, C]`, of a fleet `[M, C]` or `[M, K, C]`, in units of the
                data; a data frame's columns are taken by name. What is not finite is
                missing and counts as the last known value.
            time: Stamp of the step, or stamps `[K]`, later than those before; None
                where steps have none. Where more than the detector's `max_gap` passes,
                a new piece begins, as for a whole series.

        Returns:
            Scores, flags and alarms.

        Raises:
            ValueError: If the shape does not fit or stamps do not increase; the stream
                is as it was.

        Example:
            >>> from jaxtsad import TimeSeriesDetector
            >>> values = np.random.default_rng(0).normal(size=(300, 2))
            >>> stream = TimeSeriesDetector("zscore", window=8).fit(values).stream()
            >>> stream.update([0.1, 9.0]).flags
            array(1, dtype=int8)
        """
        values, alone = self._steps(x)
        stamps = None if time is None else _stamps(time, len(values))
        jumps = self._jumps(stamps, len(values))
        first = self.step
        made = self.scorer.scores(values, jumps)
        wide = made.astype(np.float64)
        opened, closed = self.watcher.advance(wide, jumps, stamps)
        flags = (wide > self._thresholds[None]).astype(np.int8)
        if stamps is not None and len(stamps):
            self.last_time = stamps[-1]
        shown, flagged = self._as_given(made, alone), self._as_given(flags, alone)
        apart = np.zeros(len(values), bool) if jumps is None else jumps[:, 0]
        return Update(shown, flagged, opened, closed, first, stamps, apart)

    def finish(self) -> list[LiveAlarm]:
        """Closes the alarms that are open, at the end of the stream."""
        return self.watcher.finish()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Saves detector and state to a folder; `Stream.load` goes on exactly.

        Raises:
            ValueError: If the folder cannot be written.
        """
        folder = pathlib.Path(path)
        files.check_folder(folder, STATE, "saved stream", (DETECTOR,))
        saving.save(folder / DETECTOR, self.detector, self.parameters, self.channels)
        files.write_bytes(folder / STATE, self.dump())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Loads what `save` wrote.

        Raises:
            ValueError: If files are missing, damaged or do not fit together.
        """
        folder = pathlib.Path(path)
        if not (folder / STATE).is_file():
            raise ValueError(f"{str(path)!r} holds no saved stream: no {STATE} in it")
        fitted, parameters, channels = saving.load(folder / DETECTOR)
        stream, _ = cls.restored(
            fitted, parameters, channels, storage.read(folder / STATE)
        )
        return stream

    def dump(self, more: Mapping[str, Any] | None = None) -> bytes:
        """The state as the bytes of a file, without the detector.

        Args:
            more: What JSON can hold, to be kept with it.
        """
        scorer, watcher = self.scorer, self.watcher
        arrays = {
            **{f"scorer/{name}": a for name, a in scorer.arrays().items()},
            **storage.leaves("known", _known(self.fitted)),
        }
        stamps = {
            str(entity): {str(s): storage.stamp_out(t) for s, t in known.items()}
            for entity, known in watcher.stamps.items()
        }
        record = {
            "model": storage.fingerprint(self.fitted.model),
            "entities": None if self.single else list(self.entities),
            "thresholds": [dataclasses.asdict(t) for t in self.fitted.thresholds],
            "spreads": list(self.fitted.spreads),
            "rules": [dataclasses.asdict(rules) for rules in watcher.rules],
            "step": watcher.step,
            "alarms": {str(e): list(state) for e, state in watcher.states.items()},
            "stamps": stamps,
            "last_time": storage.stamp_out(self.last_time),
            "more": dict(more or {}),
        }
        return storage.pack(arrays, record)

    @classmethod
    def restored(
        cls,
        fitted: Fitted,
        parameters: Mapping[str, Any],
        channels: Sequence[str],
        content: tuple[Mapping[str, np.ndarray], Any],
    ) -> tuple[Self, dict[str, Any]]:
        """The stream that `dump` was of, and what was kept with it.

        Args:
            fitted: The members of its detector.
            parameters: The estimator's parameters.
            channels: Names of the channels.
            content: Arrays and record, from `storage.read`.

        Raises:
            ValueError: If it is the state of another detector's stream.
        """
        arrays, record = content
        if record["model"] != storage.fingerprint(fitted.model):
            raise ValueError(
                "the stream's state is of another detector than this one; name another "
                "place for the state"
            )
        known = _with_known(
            dataclasses.replace(
                fitted,
                thresholds=tuple(Threshold(**each) for each in record["thresholds"]),
                spreads=tuple(record["spreads"]),
                tails=(),
            ),
            storage.tree("known", _known(fitted), arrays),
        )
        rules = [Rules(**each) for each in record["rules"]]
        stream = cls(fitted, known, parameters, channels, record["entities"], rules)
        own = "scorer/"
        stream.scorer.restore(
            {n.removeprefix(own): a for n, a in arrays.items() if n.startswith(own)}
        )
        stream.watcher.restore(
            record["step"],
            {int(e): State(*s) for e, s in record["alarms"].items()},
            {
                int(entity): {int(s): storage.stamp_in(t) for s, t in known.items()}
                for entity, known in record["stamps"].items()
            },
        )
        stream.last_time = storage.stamp_in(record["last_time"])
        return stream, record["more"]

    def _steps(self, x: Any) -> tuple[np.ndarray, bool]:
        """Steps `[K, M, C]`, and whether one was given bare."""
        if isinstance(x, pd.DataFrame | pd.Series):
            missing = [c for c in self.channels if c not in x.keys()]
            if missing:
                raise ValueError(f"x lacks the channel {missing[0]!r}")
            x = x[list(self.channels)]
        values = np.asarray(x, np.float64)
        number, channels = len(self.entities), self.scorer.channels
        ranks = (1, 2) if self.single else (2, 3)
        heads = () if self.single else (number,)
        fits = values.ndim in ranks and values.shape[-1] == channels
        if not fits or values.shape[: len(heads)] != heads:
            shape = ", ".join(map(str, heads))
            one = f"[{shape}{', ' if heads else ''}{channels}]"
            many = f"[{shape}{', ' if heads else ''}steps, {channels}]"
            raise ValueError(f"x has shape {values.shape}, expected {one} or {many}")
        missing_values = self.parameters.get("missing_values")
        if missing_values is not None:
            values = columns.without(values, np.atleast_1d(missing_values).tolist())
        alone = values.ndim == ranks[0]
        if self.single:
            values = values.reshape(-1, 1, channels)
        elif alone:
            values = values[None]
        else:
            values = values.transpose(1, 0, 2)
        return values, alone

    def _as_given(self, made: np.ndarray, alone: bool) -> np.ndarray:
        if self.single:
            return made[0, 0:1].reshape(()) if alone else made[:, 0]
        return made[0] if alone else made.T

    def _jumps(self, stamps: np.ndarray | None, steps: int) -> np.ndarray | None:
        """Steps `[K, M]` before which more time passes than a window may span."""
        if stamps is None or not steps:
            return None
        known = stamps
        if self.last_time is not None:
            if np.asarray(self.last_time).dtype.kind != stamps.dtype.kind:
                raise ValueError(
                    f"time={stamps[0]} is of another kind than {self.last_time}, the "
                    "stamp before it"
                )
            known = np.concatenate([[self.last_time], stamps])
        late = np.flatnonzero(known[1:] <= known[:-1])
        if len(late):
            before, now = known[late[0]], known[late[0] + 1]
            raise ValueError(f"time={now} is not later than {before}, that before it")
        gap = self.parameters.get("max_gap")
        if gap is None or len(known) < 2:
            return None
        jumps = np.zeros((steps, len(self.entities)), bool)
        jumps[np.array(clock.breaks_of(known, gap), int) - (len(known) - steps)] = True
        return jumps


def _known(fitted: Fitted) -> Any:
    """What else causal scores are made with: heads, and of ensembles their joint."""
    return [one.head for one in fitted.single], fitted.joint


def _with_known(fitted: Fitted, known: Any) -> Fitted:
    heads, joint = known
    if not fitted.components:
        return dataclasses.replace(fitted, head=heads[0])
    pairs = zip(fitted.components, heads, strict=True)
    components = tuple(dataclasses.replace(one, head=head) for one, head in pairs)
    return dataclasses.replace(fitted, components=components, joint=joint)


def _stamps(time: Any, steps: int) -> np.ndarray:
    """Stamps `[K]` as datetime64 in UTC or as numbers."""
    given = np.atleast_1d(np.asarray(time))
    if given.shape != (steps,):
        raise ValueError(f"time has shape {given.shape}, expected ({steps},)")
    if given.dtype.kind in "iuf":
        stamps = given.astype(np.float64)
        if not np.isfinite(stamps).all():
            raise ValueError("time holds a number that is not finite")
        return stamps
    try:
        dates = pd.DatetimeIndex(pd.to_datetime(given, utc=True))
    except (ValueError, TypeError) as error:
        line = " ".join(str(error).split())
        raise ValueError(f"time={given[0]!r} is no time stamp: {line}") from None
    if dates.hasnans:
        raise ValueError("time holds a stamp that is missing")
    return dates.tz_localize(None).to_numpy().astype("datetime64[ns]")
