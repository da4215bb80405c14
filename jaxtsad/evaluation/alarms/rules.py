"""How scores become events: hysteresis, joining, a shortest length and a cool-down.

Steps whose score is above `closes`, joined where at most `gap` other steps are between
them, are runs. A run is an event if it holds `shortest` consecutive steps above
`opens`; it opens at the last of the first of these. Until `cool_down` steps have passed
after the last step of an event no other opens.

A stream is cut into blocks as they come: `advance` takes one after the other and
carries a small state, `finish` ends what is open. However a stream is cut, the events
are those of `find`, which is given all of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxtsad.validation import Count, Size, config


@config
class Rules:
    """How scores become events, in units of the score and in steps.

    Attributes:
        opens: An event needs scores strictly above this level.
        closes: It goes on while scores are strictly above this level, at most `opens`.
        gap: It is over after more than this many steps that are not above `closes`.
        shortest: Consecutive steps above `opens` that an event needs.
        cool_down: Steps after an event in which no other opens.

    Raises:
        ValueError: If `closes` is above `opens`, or a number is out of range.

    Example:
        >>> find(Rules(opens=3.0, closes=1.0, gap=1), np.array([0, 2, 4, 0, 2, 0, 0]))
        [Alarm(start=1, stop=5, peak=2, score=4.0, opened=2)]
    """

    opens: float
    closes: float
    gap: Count = 0
    shortest: Size = 1
    cool_down: Count = 0

    def __post_init__(self) -> None:
        if self.closes > self.opens:
            raise ValueError(f"closes={self.closes} must be at most opens={self.opens}")


def plain(level: float) -> Rules:
    """Rules by which an event is a maximal run of steps above a level."""
    return Rules(level, level)


class Alarm(NamedTuple):
    """An event as far as it is known.

    Attributes:
        start: First step of its run.
        stop: First step after its last step above the level at which it closes.
        peak: Step of the largest score, the first of equals.
        score: The largest score.
        opened: Step at which it opened.
    """

    start: int
    stop: int
    peak: int
    score: float
    opened: int


class State(NamedTuple):
    """Where a stream stands; plain numbers, which JSON can hold.

    Attributes:
        step: Number of the next step.
        start: First step of the run that goes on; -1 without one.
        last: Its last step above the level at which events close.
        high: Consecutive steps above the level at which they open, up to `last`.
        peak: Step of the largest score of the run.
        score: That score.
        opened: Step at which the run became an event; -1 where it is none.
        muted: Before this step no event opens.
    """

    step: int = 0
    start: int = -1
    last: int = -1
    high: int = 0
    peak: int = -1
    score: float = 0.0
    opened: int = -1
    muted: int = 0

    @property
    def alarm(self) -> Alarm | None:
        """The event that is open, as far as it is known."""
        if self.opened < 0:
            return None
        return Alarm(self.start, self.last + 1, self.peak, self.score, self.opened)


def advance(
    rules: Rules, state: State, scores: np.ndarray
) -> tuple[State, list[Alarm], list[Alarm]]:
    """Goes on by a block of a stream.

    Args:
        rules: How scores become events.
        state: After the steps before; `State()` at the beginning of a stream.
        scores: `[K]` finite, the next steps; K may be 0.

    Returns:
        The state after the block, the events that opened in it, each as it was known
        at the step at which it opened, and those that closed in it. An event may be in
        both.

    Raises:
        ValueError: If the scores are not one-dimensional or one is not finite.

    Example:
        >>> rules = Rules(opens=3.0, closes=1.0, gap=1)
        >>> state, opened, closed = advance(rules, State(), np.array([0.0, 2, 4]))
        >>> opened, closed
        ([Alarm(start=1, stop=3, peak=2, score=4.0, opened=2)], [])
        >>> state, opened, closed = advance(rules, state, np.array([0.0, 2, 0, 0]))
        >>> opened, closed
        ([], [Alarm(start=1, stop=5, peak=2, score=4.0, opened=2)])
    """
    values = np.asarray(scores, np.float64)
    if values.ndim != 1:
        raise ValueError(f"{values.shape=} of scores, expected (steps,)")
    if not np.isfinite(values).all():
        bad = int(np.isfinite(values).argmin())
        raise ValueError(f"scores must be finite, got {values[bad]} at step {bad}")
    opened: list[Alarm] = []
    closed: list[Alarm] = []
    above = (values > rules.closes).nonzero()[0]
    for place, score in zip(above.tolist(), values[above].tolist(), strict=True):
        step = state.step + place
        if state.start >= 0 and step - state.last > rules.gap + 1:
            state = _end(rules, state, closed)
        state = _step(rules, state, step, score)
        if state.opened == step:
            alarm = state.alarm
            assert alarm is not None
            opened.append(alarm)
    state = state._replace(step=state.step + len(values))
    if state.start >= 0 and state.step - state.last > rules.gap + 1:
        state = _end(rules, state, closed)
    return state, opened, closed


def finish(rules: Rules, state: State) -> tuple[State, list[Alarm]]:
    """Ends the run that goes on: at the end of a stream, or where its time jumps.

    Args:
        rules: How scores become events.
        state: After the last step before the jump or the end.

    Returns:
        The state with which the stream may go on, and the event that was open, if one
        was.
    """
    closed: list[Alarm] = []
    return _end(rules, state, closed), closed


def find(rules: Rules, scores: np.ndarray, breaks: Sequence[int] = ()) -> list[Alarm]:
    """The events of a whole series.

    Args:
        rules: How scores become events.
        scores: `[T]` finite, higher is more anomalous.
        breaks: Increasing steps before which time jumps; no event crosses one.

    Returns:
        Events in order of time; the last may be still open.

    Raises:
        ValueError: If the scores are not one-dimensional or one is not finite.
    """
    state = State()
    events: list[Alarm] = []
    for piece in np.split(np.asarray(scores), list(breaks)):
        state, _, closed = advance(rules, state, piece)
        state, last = finish(rules, state)
        events += closed + last
    return events


def _step(rules: Rules, state: State, step: int, score: float) -> State:
    """Goes on by one step above the level at which events close."""
    if state.start < 0:
        state = state._replace(start=step, peak=step, score=-math.inf)
    high = 0
    if score > rules.opens:
        high = state.high + 1 if state.last == step - 1 else 1
    opened = state.opened
    if opened < 0 and high >= rules.shortest and step >= state.muted:
        opened = step
    if score > state.score:
        state = state._replace(peak=step, score=score)
    return state._replace(last=step, high=high, opened=opened)


def _end(rules: Rules, state: State, closed: list[Alarm]) -> State:
    """The state after the run; its event, if it was one, is added to those closed."""
    muted = state.muted
    if state.alarm is not None:
        closed.append(state.alarm)
        muted = state.alarm.stop + rules.cool_down
    return State(step=state.step, muted=muted)
