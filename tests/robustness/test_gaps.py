"""Gaps and uneven steps: windows keep out of gaps, scores stay at their steps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jaxtsad import TimeSeriesDetector
from jaxtsad.ops import windows
from jaxtsad.types import DataWarning, cut_test, cut_train

WINDOW = 20


def series(steps: int, seed: int = 0, start: str = "2024-03-01") -> pd.DataFrame:
    step = np.arange(steps)[:, None]
    noise = np.random.default_rng(seed).normal(size=(steps, 2))
    index = pd.date_range(start, periods=steps, freq="min")
    values = np.sin(step / (4 + np.arange(2))) + 0.05 * noise
    return pd.DataFrame(values, index, ["a", "b"])


def with_gap(frame: pd.DataFrame, *steps: int, hours: int = 3) -> pd.DataFrame:
    """The same rows, with time jumping before some steps."""
    jumps = np.zeros(len(frame), int)
    jumps[list(steps)] = hours
    return frame.set_axis(frame.index + pd.to_timedelta(np.cumsum(jumps), "h"))


def test_no_window_crosses_a_break() -> None:
    part = cut_test(np.zeros((100, 1)), breaks=(10, 45))
    assert part.pieces == [(0, 10), (10, 45), (45, 100)]
    starts = np.asarray(windows.view(part, WINDOW, 7).starts)
    assert starts.tolist() == [10, 17, 24, 25, 45, 52, 59, 66, 73, 80]
    assert part.map(lambda v: v + 1).breaks == (10, 45)
    longer, own = windows.extend_part(part, WINDOW)
    assert len(longer) == 110 and longer.breaks == (20, 55)
    assert own.tolist() == list(range(10, 110))
    fit, held_out = cut_train(np.zeros((300, 1)), window=WINDOW, breaks=(50, 240, 279))
    assert held_out is not None
    assert fit.breaks == (50,) and held_out.breaks == (20,)
    _, none = cut_train(np.zeros((300, 1)), window=WINDOW, breaks=(270, 285))
    assert none is None


def test_pieces_are_scored_as_if_they_came_alone() -> None:
    detector = TimeSeriesDetector("pca", window=WINDOW, max_gap="5min")
    detector.fit(series(400))
    test = with_gap(series(200, seed=1), 70, 150)
    with pytest.warns(DataWarning, match="cut into 3 pieces at gaps longer than 5min"):
        scores = detector.decision_function(test)
    alone = [test[:70], test[70:150], test[150:]]
    each = [detector.decision_function(piece) for piece in alone]
    np.testing.assert_allclose(scores, np.concatenate(each), rtol=1e-4, atol=1e-6)
    short = with_gap(series(60, seed=1), 3, 50)
    with pytest.warns(DataWarning, match="cut into 3 pieces"):
        assert np.isfinite(detector.decision_function(short)).all()


def test_earlier_steps_beyond_a_gap_are_no_context() -> None:
    detector = TimeSeriesDetector("pca", window=WINDOW, max_gap="5min")
    detector.fit(series(400))
    test = series(100, seed=1)
    near, far = test[:50], with_gap(test, 50)[:50]
    far.index -= pd.Timedelta("3h")
    alone = detector.decision_function(test[50:])
    beyond = detector.decision_function(test[50:], context=far)
    np.testing.assert_allclose(beyond, alone, rtol=1e-4, atol=1e-6)
    beside = detector.decision_function(test[50:], context=near)
    whole = detector.decision_function(test)[50:]
    np.testing.assert_allclose(beside[WINDOW:], whole[WINDOW:], rtol=1e-3, atol=1e-4)
    assert np.abs(beside - alone)[:5].max() > 1e-3


def test_a_jump_over_a_gap_is_no_anomaly_where_windows_keep_out_of_it() -> None:
    """Values differ on both sides: a window over the gap sees a step of its own."""
    test = with_gap(series(200, seed=1), 100)
    test.iloc[100:] = test.iloc[20:120].to_numpy()
    spanning = TimeSeriesDetector("pca", window=WINDOW).fit(series(400))
    with pytest.warns(DataWarning, match="1 gap in time, the longest 03:01:00"):
        seen = spanning.decision_function(test)
    apart = TimeSeriesDetector("pca", window=WINDOW, max_gap="1h").fit(series(400))
    with pytest.warns(DataWarning, match="cut into 2 pieces"):
        cut = apart.decision_function(test)
    near = slice(90, 110)
    assert seen[near].max() > 2 * cut[near].max()


def test_fitting_keeps_out_of_gaps() -> None:
    train = series(600)
    train.iloc[300:] += 50.0
    gap = with_gap(train, 300)
    with pytest.warns(DataWarning, match="cut into 2 pieces"):
        detector = TimeSeriesDetector("pca", window=WINDOW, max_gap="1h").fit(gap)
    view = windows.view(cut_train(np.zeros((600, 2)), window=WINDOW, breaks=(300,))[0],
                        WINDOW, 1)  # fmt: skip
    starts = np.asarray(view.starts)
    assert not ((starts < 300) & (starts + WINDOW > 300)).any()
    assert np.isfinite(detector.threshold_)
    many = with_gap(series(200), *range(10, 200, 10))
    with (
        pytest.warns(DataWarning, match="cut into 20 pieces"),
        pytest.raises(ValueError, match="at most 10 steps to fit on between gaps"),
    ):
        TimeSeriesDetector("pca", window=WINDOW, max_gap="1h").fit(many)


def test_resampling_makes_even_steps_and_gives_each_row_its_score() -> None:
    fine = series(2400)
    fine.index = pd.date_range("2024-03-01", periods=2400, freq="15s")
    detector = TimeSeriesDetector("zscore", window=WINDOW, resample="1min")
    with pytest.warns(DataWarning, match="resampled from 2400 to 600 steps"):
        detector.fit(fine)
    with pytest.warns(DataWarning, match="resampled from 2400 to 600"):
        scores = detector.decision_function(fine)
    assert scores.shape == (2400,)
    np.testing.assert_array_equal(scores[::4], scores[3::4])
    by_hand = fine.resample("1min").mean()
    expected = detector.decision_function(by_hand)
    np.testing.assert_allclose(scores[::4], expected, rtol=1e-5, atol=1e-6)
    uneven = fine.iloc[np.sort(np.random.default_rng(0).permutation(2400)[:1800])]
    with pytest.warns(DataWarning, match="steps, 1 without data|resampled from 1800"):
        assert len(detector.decision_function(uneven)) == 1800
    table = detector.scores(by_hand)
    assert list(table.columns) == ["time", "step", "score", "flag"]


def test_steps_within_a_gap_do_not_exist() -> None:
    test = with_gap(series(200, seed=1), 100, hours=30)
    detector = TimeSeriesDetector(
        "zscore", window=WINDOW, resample="1min", max_gap="10min"
    ).fit(series(400))
    with pytest.warns(DataWarning, match="cut into 2 pieces at gaps longer than 10min"):
        table = detector.scores(test)
    assert table["time"].tolist() == test.index.tolist()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"resample": "soon"}, "resample='soon' must be a span of time above 0"),
        ({"max_gap": 5}, "max_gap=5.* must be a span of time above 0"),
        ({"resample": ""}, "resample='' must be a span of time above 0"),
        ({"max_gap": "-5min"}, "must be a span of time above 0"),
        ({"duplicates": "last"}, "duplicates='last'"),
        ({"time_format": 7}, "time_format=7 must be text"),
    ],
)
def test_bad_options_are_one_line(option: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TimeSeriesDetector("zscore", window=WINDOW, **option).fit(series(100))


def test_spans_of_time_may_be_objects() -> None:
    test = with_gap(series(100, seed=1), 50)
    for span in ("5min", pd.Timedelta("5min"), np.timedelta64(5, "m")):
        detector = TimeSeriesDetector("zscore", window=WINDOW, max_gap=span)
        detector.fit(series(200))
        with pytest.warns(DataWarning, match="cut into 2 pieces"):
            detector.predict(test)


def test_gaps_need_time_stamps_and_resampling_has_a_limit() -> None:
    detector = TimeSeriesDetector("zscore", window=WINDOW, max_gap="5min")
    with pytest.raises(ValueError, match="max_gap='5min' needs time stamps"):
        detector.fit(series(100).to_numpy())
    far = series(100)
    far.index = [pd.Timestamp("1970-01-01"), *far.index[1:]]
    with pytest.raises(ValueError, match="is a time stamp wrong"):
        TimeSeriesDetector("zscore", window=WINDOW, resample="1min").fit(far)
