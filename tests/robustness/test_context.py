"""Short pieces: with the steps before them they are scored as in one pass."""

from __future__ import annotations

import pathlib
import warnings

import numpy as np
import pandas as pd
import pytest

from jaxtsad import TimeSeriesDetector, load
from jaxtsad.datasets.reading.recording import DataWarning

WINDOW = 20


def waves() -> np.ndarray:
    rng = np.random.default_rng(0)
    values = np.sin(np.arange(900) / 4)[:, None] + 0.05 * rng.normal(size=(900, 2))
    values[800:806, 0] += 4
    return values


@pytest.mark.parametrize("name", ["pca", "ar", "knn", "zscore"])
def test_row_by_row_flags_about_as_little_as_one_pass(name: str) -> None:
    values = waves()
    detector = TimeSeriesDetector(name, window=WINDOW).fit(values[:600])
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        flags = [
            detector.predict(values[i : i + 1], context=values[:i])[0]
            for i in range(600, 640)
        ]
        event = detector.predict(values[800:806], context=values[:800])
    one_pass = detector.predict(values[600:700])[:40]
    assert np.mean(flags) <= one_pass.mean() + 0.15 and event.all()


def test_windows_that_are_the_same_give_the_same_scores() -> None:
    values = waves()
    detector = TimeSeriesDetector("pca", window=WINDOW, score_stride=1)
    detector.fit(values[:600])
    whole = detector.decision_function(values[600:700])[60:]
    alone = detector.decision_function(values[660:700], context=values[600:660])
    np.testing.assert_allclose(alone, whole, rtol=1e-5)
    explained = detector.explain(values[660:700], context=values[600:660])
    np.testing.assert_allclose(explained.sum(axis=1), alone, rtol=1e-4)


def test_without_context_a_short_piece_is_told() -> None:
    values = waves()
    detector = TimeSeriesDetector("pca", window=WINDOW).fit(values[:600])
    with pytest.warns(DataWarning, match="shorter than one window of 20.*context="):
        assert len(detector.decision_function(values[600:603])) == 3


@pytest.mark.parametrize("name", ["pca", "knn", "zscore", "ar"])
@pytest.mark.parametrize("steps", [1, 3, 10])
def test_without_context_normal_rows_are_few_and_spikes_are_flagged(
    name: str, steps: int
) -> None:
    values = waves()
    detector = TimeSeriesDetector(name, window=WINDOW).fit(values[:600])
    several = [values[at : at + steps] for at in range(600, 760, 8)]
    spiked = [one.copy() for one in several]
    for one in spiked:
        one[-1, 0] += 4
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        flags = np.concatenate([detector.predict(one) for one in several])
        last = [detector.predict(one)[-1] for one in spiked]
    assert flags.mean() < (0.3 if name == "ar" else 0.1)
    assert all(last)


def test_what_precedes_short_pieces_is_saved_and_was_normal(
    tmp_path: pathlib.Path,
) -> None:
    values, known = waves(), np.zeros(900)
    values[300:310] += 50
    known[300:310] = 1
    detector = TimeSeriesDetector("pca", window=WINDOW).fit(values, known)
    [history] = detector.fitted_.history
    assert len(history) == 410 and np.abs(history).max() < 10
    detector.save(tmp_path / "saved")
    with pytest.warns(DataWarning, match="shorter than one window"):
        np.testing.assert_array_equal(
            load(tmp_path / "saved").decision_function(values[600:603]),
            detector.decision_function(values[600:603]),
        )


def test_context_has_the_shape_of_what_is_scored() -> None:
    values = waves()
    frame = pd.DataFrame(values, columns=["a", "b"])
    detector = TimeSeriesDetector("zscore", window=WINDOW).fit(frame[:600])
    several, earlier = [frame[600:610]] * 2, [frame[500:600]] * 2
    scores = detector.decision_function(several, context=earlier)
    swapped = detector.decision_function(
        frame[600:610][["b", "a"]], context=frame[500:600]
    )
    np.testing.assert_array_equal(scores[0], swapped)
    for wrong in (frame[500:600], earlier[:1], {"a": frame[500:600]}):
        with pytest.raises(ValueError, match="context holds 1 series, 2"):
            detector.decision_function(several, context=wrong)
    with pytest.raises(ValueError, match="c"):
        detector.predict(frame[:5], context=frame[:5].rename(columns={"a": "c"}))


def test_events_are_of_the_steps_to_score() -> None:
    values = waves()
    detector = TimeSeriesDetector("zscore", window=WINDOW).fit(values[:600])
    events = detector.events(values[790:], context=values[:790])
    table = detector.scores(values[790:], context=values[:790])
    # Steps shortly before, above the level at which events close, belong to it.
    spans = events[["start", "stop"]].to_numpy().tolist()
    assert any(7 <= start <= 10 and stop == 16 for start, stop in spans)
    assert len(table) == 110 and table["flag"][10:16].all()
