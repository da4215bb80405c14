"""Event rules: hand cases, a second definition, and what holds for any scores."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxtsad.evaluation.alarms import rules as alarms
from jaxtsad.evaluation.alarms.rules import Alarm, Rules, State
from jaxtsad.evaluation.segments import flags_of, segments

SERIES = st.lists(st.integers(0, 6), max_size=60).map(lambda v: np.array(v, float))
CUTS = st.lists(st.integers(0, 60), max_size=12).map(sorted)


@st.composite
def some_rules(draw, cool_down: bool = True) -> Rules:
    opens = draw(st.integers(0, 6))
    return Rules(
        opens=opens,
        closes=draw(st.integers(0, opens)),
        gap=draw(st.integers(0, 4)),
        shortest=draw(st.integers(1, 4)),
        cool_down=draw(st.integers(0, 8)) if cool_down else 0,
    )


def by_definition(rules: Rules, scores: np.ndarray) -> list[Alarm]:
    """Events of a series by runs of steps, without any state."""
    low = scores > rules.closes
    quiet = segments(~low)
    joined = low.copy()
    for start, stop in quiet:
        if 0 < start and stop < len(scores) and stop - start <= rules.gap:
            joined[start:stop] = True
    events: list[Alarm] = []
    muted = 0
    for start, stop in segments(joined):
        for step in range(max(start + rules.shortest - 1, muted), stop):
            if (scores[step - rules.shortest + 1 : step + 1] > rules.opens).all():
                peak = start + int(np.argmax(scores[start:stop]))
                events.append(Alarm(start, stop, peak, scores[peak], step))
                muted = stop + rules.cool_down
                break
    return events


def in_blocks(
    rules: Rules, scores: np.ndarray, cuts: list[int]
) -> tuple[list[Alarm], list[Alarm], State]:
    state, opened, closed = State(), [], []
    for block in np.split(scores, [c for c in cuts if c <= len(scores)]):
        state, new, over = alarms.advance(rules, state, block)
        opened += new
        closed += over
        state = State(**json.loads(json.dumps(state._asdict())))
    state, last = alarms.finish(rules, state)
    return opened, closed + last, state


def test_hysteresis_and_gap() -> None:
    scores = np.array([0, 2, 4, 2, 0, 2, 0, 0, 2, 0, 4], float)
    rules = Rules(opens=3, closes=1, gap=1)
    assert alarms.find(rules, scores) == [
        Alarm(1, 6, 2, 4.0, 2),
        Alarm(8, 11, 10, 4.0, 10),
    ]
    # With a longer gap the second event belongs to the first.
    assert alarms.find(Rules(3, 1, gap=2), scores) == [Alarm(1, 11, 2, 4.0, 2)]


def test_shortest() -> None:
    scores = np.array([4, 0, 4, 4, 0, 4, 2, 4], float)
    assert alarms.find(Rules(3, 1, shortest=2), scores) == [Alarm(2, 4, 2, 4.0, 3)]


def test_cool_down_opens_late_where_scores_are_still_high() -> None:
    scores = np.array([4, 0, 4, 0, 4, 5, 6, 0], float)
    rules = Rules(3, 3, cool_down=4)
    assert alarms.find(rules, scores) == [
        Alarm(0, 1, 0, 4.0, 0),
        Alarm(4, 7, 6, 6.0, 5),
    ]


def test_live_alarms_are_raised_and_closed_at_once() -> None:
    rules = Rules(opens=3, closes=1, gap=2, shortest=2)
    state = State()
    seen = []
    for score in [0.0, 2, 4, 5, 2, 0, 0, 0, 0]:
        state, opened, closed = alarms.advance(rules, state, np.array([score]))
        seen.append((len(opened), len(closed), state.alarm is not None))
    opens, closes = (3, [1, 0, True]), (7, [0, 1, False])
    assert [i for i, each in enumerate(seen) if each[0]] == [opens[0]]
    assert [i for i, each in enumerate(seen) if each[1]] == [closes[0]]
    assert [i for i, each in enumerate(seen) if each[2]] == [3, 4, 5, 6]


def test_no_event_crosses_a_break() -> None:
    scores = np.array([0, 4, 4, 4, 0], float)
    found = alarms.find(Rules(3, 3, gap=3), scores, breaks=[2])
    assert [(a.start, a.stop) for a in found] == [(1, 2), (2, 4)]


def test_bad_input() -> None:
    with pytest.raises(ValueError, match=r"closes=2.0 must be at most opens=1.0"):
        Rules(1, 2)
    with pytest.raises(ValueError, match=r"gap=-1 must be a whole number of at least"):
        Rules(1, 1, gap=-1)
    with pytest.raises(ValueError, match=r"must be finite, got nan at step 1"):
        alarms.find(alarms.plain(1), np.array([0, np.nan]))
    with pytest.raises(ValueError, match=r"expected \(steps,\)"):
        alarms.advance(alarms.plain(1), State(), np.zeros((2, 2)))


@settings(deadline=None, max_examples=300)
@given(some_rules(), SERIES, CUTS)
def test_live_equals_offline_equals_the_definition(rules, scores, cuts) -> None:
    opened, closed, state = in_blocks(rules, scores, cuts)
    assert closed == alarms.find(rules, scores) == by_definition(rules, scores)
    assert state.step == len(scores)
    assert [a.opened for a in opened] == [a.opened for a in closed]
    for early, late in zip(opened, closed, strict=True):
        assert early.stop == early.opened + 1 <= late.stop
        assert early.start == late.start
        assert early.score == scores[early.start : early.stop].max() <= late.score


@settings(deadline=None)
@given(SERIES, st.integers(0, 6))
def test_plain_rules_give_the_runs_of_flagged_steps(scores, level) -> None:
    runs = [(a.start, a.stop) for a in alarms.find(alarms.plain(level), scores)]
    assert runs == [tuple(run) for run in segments(scores > level).tolist()]


@settings(deadline=None)
@given(some_rules(cool_down=False), SERIES)
def test_merging_loses_no_flagged_step(rules, scores) -> None:
    rules = Rules(rules.opens, rules.closes, rules.gap)
    found = [(a.start, a.stop) for a in alarms.find(rules, scores)]
    covered = flags_of(np.array(found), len(scores))
    assert covered[scores > rules.opens].all()


@settings(deadline=None)
@given(some_rules(cool_down=False), SERIES, st.integers(0, 3), st.integers(0, 3))
def test_stricter_rules_never_give_more_events(rules, scores, more, longer) -> None:
    fields = vars(rules) | {"opens": rules.opens + more}
    fields |= {"shortest": rules.shortest + longer}
    strict = [a[:4] for a in alarms.find(Rules(**_fields(fields)), scores)]
    lax = [a[:4] for a in alarms.find(rules, scores)]
    assert set(strict) <= set(lax)
    wider = Rules(**_fields(vars(rules) | {"gap": rules.gap + longer}))
    assert len(alarms.find(wider, scores)) <= len(lax)


@settings(deadline=None)
@given(some_rules(), SERIES, st.integers(0, 5))
def test_a_longer_cool_down_never_gives_more_events(rules, scores, more) -> None:
    longer = Rules(**_fields(vars(rules) | {"cool_down": rules.cool_down + more}))
    assert len(alarms.find(longer, scores)) <= len(alarms.find(rules, scores))


def _fields(values: dict) -> dict:
    return {name: values[name] for name in Rules.__dataclass_fields__}
