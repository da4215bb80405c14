"""Streams that step together have the events that each has alone."""

from __future__ import annotations

import numpy as np
import pytest

from jaxtsad.evaluation.alarms import rules as alarms
from jaxtsad.evaluation.alarms.rules import Rules, State
from jaxtsad.evaluation.alarms.together import Together

STEPS, STREAMS = 120, 6


def drawn(rng: np.random.Generator) -> Rules:
    closes = rng.uniform(0.2, 1.0)
    return Rules(
        closes + rng.uniform(0, 1),
        closes,
        gap=int(rng.integers(4)),
        shortest=int(rng.integers(1, 4)),
        cool_down=int(rng.integers(12)),
    )


def known(states: dict[int, State]) -> dict[int, State]:
    """States without cool-downs that are over."""
    return {
        i: state._replace(muted=state.muted * (state.muted > state.step))
        for i, state in states.items()
    }


@pytest.mark.parametrize("seed", range(20))
def test_streams_that_step_together_have_the_events_of_each_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    each = [drawn(rng) for _ in range(STREAMS)]
    # Few values, so that scores are as large as levels and as each other.
    scores = rng.choice([0.0, 0.5, 1.0, each[0].opens, 2.0, 2.5], (STEPS, STREAMS))
    breaks = rng.random((STEPS, STREAMS)) < 0.03
    saved = int(rng.integers(STEPS))
    together = Together(each)
    states = [State() for _ in each]
    for step in range(STEPS):
        cut = np.flatnonzero(breaks[step])
        closed = {i: together.alarm(i) for i in cut.tolist() if together.alarm(i)}
        together.end(cut)
        _, _, opening = together.advance(scores[step])
        opened = {i: together.alarm(i) for i in opening.tolist()}
        over = together.over()
        late = {i: together.alarm(i) for i in over.tolist() if together.alarm(i)}
        together.end(over)
        for i, own in enumerate(each):
            if breaks[step, i]:
                states[i], last = alarms.finish(own, states[i])
                assert last == [alarm for place, alarm in closed.items() if place == i]
            block = scores[step : step + 1, i]
            states[i], new, gone = alarms.advance(own, states[i], block)
            assert new == [alarm for place, alarm in opened.items() if place == i]
            assert gone == [alarm for place, alarm in late.items() if place == i]
        remembered = {
            i: state
            for i, state in enumerate(states)
            if state.start >= 0 or state.muted > state.step
        }
        assert known(together.states) == known(remembered)
        if step == saved:
            kept = together.states
            together = Together(each)
            together.restore(step + 1, kept)


def test_a_step_below_every_level_changes_nothing() -> None:
    together = Together([Rules(2.0, 1.0), Rules(3.0, 3.0)])
    above, peaks, opening = together.advance(np.array([1.0, 3.0]))
    assert not len(above) and not len(peaks) and not len(opening)
    assert together.step == 1 and together.states == {}
