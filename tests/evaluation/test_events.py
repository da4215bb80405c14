"""Events: runs, severity, peak and channels."""

from __future__ import annotations

import numpy as np
import pytest

from jaxtsad.evaluation import events, thresholds
from jaxtsad.evaluation.alarms import rules, tail
from tests.evaluation.roles import calibration, unseen

SCORES = np.array([0.0, 3, 5, 5, 0, 0, 9, 2])
ALARMS = rules.find(rules.plain(1.0), SCORES)


def test_runs_peaks_and_severity():
    found = events.events(ALARMS, unseen(SCORES), threshold=1.0, spread=2.0)
    first, second = found
    assert (first.start, first.stop, first.peak, first.score) == (1, 4, 2, 5.0)
    assert (second.start, second.stop, second.peak, second.score) == (6, 8, 6, 9.0)
    assert [event.severity for event in found] == [2.0, 4.0]
    assert first.channels == ()


def test_with_a_fitted_threshold_severity_is_positive():
    random = np.random.default_rng(0)
    fit_scores = calibration(random.gamma(2, size=500))
    test_scores = random.gamma(3, size=500)
    fitted = thresholds.fit("quantile", fit_scores)
    found = events.events(
        rules.find(rules.plain(fitted.value), test_scores),
        test_scores,
        threshold=fitted.value,
        spread=events.spread(fit_scores),
    )
    assert found
    assert all(event.severity > 0 for event in found)
    assert sum(e.stop - e.start for e in found) == fitted.flags(test_scores).sum()


def test_channels_by_mean_contribution_over_the_run():
    contributions = np.zeros((8, 3))
    contributions[1:4] = [[0, 3, 1], [0, 3, 1], [2, 0, 1]]
    contributions[6:8] = [[9, 0, 0], [0, 0, 1]]
    given = {"threshold": 1.0, "spread": 1.0, "contributions": contributions}
    named = events.events(ALARMS, SCORES, **given, channels=["a", "b", "c"], top=2)
    assert [event.channels for event in named] == [("b", "c"), ("a", "c")]
    assert named[0].contributions == pytest.approx((2.0, 1.0))
    unnamed = events.events(ALARMS, SCORES, **given, top=9)
    assert unnamed[1].channels == ("0", "2", "1")


def test_rows():
    found = events.events(
        ALARMS,
        SCORES,
        threshold=1.0,
        spread=1.0,
        contributions=np.arange(16.0).reshape(8, 2),
        channels=["left", "right"],
    )
    rows = events.to_rows(found)
    assert list(rows[0]) == [
        "start",
        "stop",
        "severity",
        "peak",
        "score",
        "channels",
        "contributions",
        "shares",
        "probability",
    ]
    assert rows[0]["channels"] == "right;left"
    assert rows[0]["contributions"] == "5;4"
    assert rows[0]["shares"] == "0.555556;0.444444"
    assert rows[0]["probability"] is None
    assert events.to_rows([]) == []


def test_probability_of_an_event_falls_with_its_peak():
    known = tail.fit(np.random.default_rng(0).exponential(size=50_000))
    scores = np.array([0.0, 6.9, 0, 0, 9.0, 0])
    found = rules.find(known.rules(known.score_of(5e-3)), scores)
    given = {"threshold": 5.0, "spread": 1.0}
    weak, strong = events.events(found, scores, tail=known, **given)
    # Independent exponential scores: one in 1000 is above ln(1000) = 6.9.
    assert weak.probability == pytest.approx(1 - np.exp(-1), abs=0.12)
    assert strong.probability < weak.probability / 2
    assert events.events(found, scores, **given)[0].probability is None


def test_nothing_flagged():
    assert not events.events([], np.ones(3), threshold=2.0, spread=1.0)


def test_spread_and_its_fallbacks():
    assert events.spread(calibration(np.arange(9.0))) == 4.0
    half = np.array([0.0, 0, 0, 0, 0, 0, 0, 4])
    assert events.spread(calibration(half)) == pytest.approx(half.std())
    assert events.spread(calibration(np.full(7, 0.1))) == 1.0
    with pytest.raises(ValueError, match="role fit or validation"):
        events.spread(unseen(half))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"alarms": rules.find(rules.plain(0), np.ones(9))}, "ends at step 9 of 8"),
        ({"spread": 0.0}, r"spread=0\.0"),
        ({"contributions": np.ones((7, 2))}, r"expected \(8, channels\)"),
        ({"contributions": np.ones((8, 2)), "channels": ["a"]}, "each of 2"),
        ({"scores": np.full(8, np.nan)}, "finite"),
    ],
)
def test_bad_input(changed, message):
    given = {"alarms": ALARMS, "scores": SCORES, "threshold": 1.0, "spread": 1.0}
    with pytest.raises(ValueError, match=message):
        events.events(**(given | changed))


@pytest.mark.parametrize(
    "names", [("a;b", "c\\"), (";", "\\;"), ("\\\\;\n", "=1"), ("a",), ()]
)
def test_separators_within_names_are_read_back(names: tuple[str, ...]) -> None:
    rated = events.Event(1, 3, 2.0, 2, 5.0, names, (1.0,) * len(names))
    (row,) = events.to_rows([rated])
    assert events.split_names(row["channels"]) == list(names)
