"""Scores of whole series: no leakage, the same wherever they are cut."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad import TimeSeriesDetector, datasets, types
from jaxtsad.detectors.pretrained_tcn import detector as pretrained
from jaxtsad.evaluation import segments
from jaxtsad.ops import windows
from jaxtsad.pipeline import chunked, scoring

CHANNELS, STEPS = 4, 2600


def waves(steps: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    cause = np.sin(np.arange(steps) / 9) + 0.3 * np.sin(np.arange(steps) / 41)
    switch, constant = (cause > 1).astype(float), np.full(steps, 7.3)
    columns = [cause, 0.5 * cause + 1, switch, constant]
    noise = 0.05 * rng.normal(size=(steps, CHANNELS)) * [1, 1, 0, 0]
    return np.stack(columns, axis=1) + noise


@pytest.fixture(scope="module")
def fitted() -> TimeSeriesDetector:
    return TimeSeriesDetector("pretrained_tcn").fit(waves(900, 0))


def test_leakage_noise_after_a_step_leaves_earlier_scores_bit_equal(
    fitted: TimeSeriesDetector,
) -> None:
    reach = fitted.fitted_.detector.reach
    assert reach == pretrained.REACH_OF_SCORE
    values = waves(STEPS, 1)
    first = fitted.decision_function(values)
    for step in (reach, 1500):
        noise = values.copy()
        noise[step:] = 9 * np.random.default_rng(2).normal(size=noise[step:].shape)
        second = fitted.decision_function(noise)
        np.testing.assert_array_equal(first[: step - reach], second[: step - reach])
        assert (first[step:] != second[step:]).all()


def test_leakage_nothing_is_fitted_on_what_is_scored(
    fitted: TimeSeriesDetector,
) -> None:
    values = waves(STEPS, 1)
    before = fitted.decision_function(values)
    fitted.decision_function(values * 100)
    np.testing.assert_array_equal(before, fitted.decision_function(values))


def test_scores_do_not_depend_on_where_a_long_series_is_cut(
    fitted: TimeSeriesDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = waves(12_000, 3)
    values[7000:7050, 0] += 4
    whole = fitted.decision_function(values)
    monkeypatch.setattr(scoring, "CELLS", 1)
    np.testing.assert_allclose(
        fitted.decision_function(values), whole, rtol=1e-4, atol=1e-5
    )
    assert 6950 < whole.argmax() < 7100


def test_scores_of_chunks_are_those_of_the_whole(fitted: TimeSeriesDetector) -> None:
    values = waves(STEPS, 4)
    scores = chunked.ChunkedScores(fitted.fitted_, 0)
    made = [scores.add(part) for part in np.split(values, [700, 1333, 2100])]
    together = np.concatenate([*made, scores.finish()])
    whole = fitted.decision_function(values)
    np.testing.assert_allclose(together, whole, rtol=1e-4, atol=1e-5)


def test_the_gate_and_a_broken_relation_find_what_magnitude_does_not() -> None:
    train, test = waves(900, 0), waves(STEPS, 5)
    test[1000:1080, 1] = 2 - test[1000:1080, 1]
    detector = TimeSeriesDetector("pretrained_tcn").fit(train)
    scores = detector.decision_function(test)
    assert 900 < scores.argmax() < 1180
    shares = detector.explain(test)
    assert shares[1000:1080].mean(axis=0).argmax() != 2
    np.testing.assert_allclose(shares.sum(axis=1), scores, rtol=1e-4)


def test_of_a_long_fit_part_the_last_values_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = waves(900, 0)
    monkeypatch.setattr(pretrained, "MOST", 256 * CHANNELS)
    pretrained.build.cache_clear()
    latest = TimeSeriesDetector("pretrained_tcn", validation=0.0).fit(values)
    alone = TimeSeriesDetector("pretrained_tcn", validation=0.0).fit(values[-256:])
    statistics = latest.fitted_.model["statistics"]
    pretrained.build.cache_clear()
    low = latest.fitted_.scalers[0].transform(values[-256:]).min(axis=0)
    np.testing.assert_allclose(statistics.low[0], low, rtol=1e-6)
    test = waves(500, 8)
    np.testing.assert_allclose(
        latest.decision_function(test), alone.decision_function(test), rtol=0.02
    )


@pytest.mark.parametrize("steps", [1, 2, 39, 300])
def test_any_length_is_scored(fitted: TimeSeriesDetector, steps: int) -> None:
    scores = fitted.decision_function(waves(steps, 7))
    assert scores.shape == (steps,)
    assert np.isfinite(scores).all()
    assert (scores >= 0).all()


@pytest.mark.parametrize("channels", [1, 3, 40])
def test_shapes_are_told_without_tracing(channels: int) -> None:
    detector = pretrained.build(pretrained.Config(window=20, channels=channels))
    values = jnp.zeros((64, channels))
    source = windows.view([types.cut_test(np.asarray(values))], 20, 1)
    told, traced = (
        jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), tree)
        for tree in (
            detector.template(),
            jax.eval_shape(detector.init, jax.random.key(0), source).model,
        )
    )
    assert told == traced


def test_all_events_of_the_bundled_recordings_are_found_with_few_false_ones() -> None:
    series = datasets.load("demo")
    detector = TimeSeriesDetector().fit({one.name: one.train for one in series})
    found = detector.events({one.name: one.test for one in series})
    spans = list(zip(found["entity"], found["start"], found["stop"], strict=True))
    true = [
        (one.name, start, stop)
        for one in series
        for start, stop in segments.segments(one.labels)
    ]

    def meet(one: tuple[str, int, int], other: tuple[str, int, int]) -> bool:
        return one[0] == other[0] and one[1] < other[2] and other[1] < one[2]

    assert len(true) == 7
    assert all(any(meet(event, span) for span in spans) for event in true)
    assert sum(not any(meet(event, span) for event in true) for span in spans) <= 2


@pytest.mark.parametrize("channels", [1, 3])
def test_what_never_changes_is_never_flagged(channels):
    constant = np.full((500, channels), 3.0)
    detector = TimeSeriesDetector().fit(constant)
    scores = detector.decision_function(constant)
    assert np.ptp(scores) == 0
    assert not detector.predict(constant).any()
