"""Updates: what every detector promises, memory, fleets, the guard, going back."""

from __future__ import annotations

import copy
import functools
import pathlib
import warnings
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxtsad import detectors, load
from jaxtsad.estimator import TimeSeriesDetector
from jaxtsad.pipeline.memory import Steps, thinned
from jaxtsad.types import DataWarning
from tests.detectors import tiny

OLD, NEW = 0.0, 3.0


def waves(steps: int, channels: int, level: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    phase = 2 * np.arange(channels)[None]
    wave = np.sin(np.arange(steps)[:, None] * 2 * np.pi / 12 + phase)
    return level + wave + 0.1 * rng.normal(size=(steps, channels))


@functools.cache
def first_fit(name: str, **more: Any) -> TimeSeriesDetector:
    channels = detectors.module(name).TINY.channels
    return tiny.estimator(name, **more).fit(waves(tiny.STEPS, channels, OLD))


def updated(name: str, **more: Any) -> tuple[TimeSeriesDetector, TimeSeriesDetector]:
    """A fitted detector, and a copy that went on to another level."""
    before = first_fit(name, **more)
    after = copy.deepcopy(before)
    after.partial_fit(waves(400, before.n_features_in_, NEW, 1), tolerance=None)
    return before, after


@pytest.mark.parametrize("name", tiny.each(detectors.available()))
def test_contract_an_update_can_be_saved_and_taken_back(
    name: str, tmp_path: pathlib.Path
) -> None:
    before, after = updated(name)
    test = waves(100, before.n_features_in_, OLD, 2)
    old, new = before.decision_function(test), after.decision_function(test)
    assert np.isfinite(new).all()
    threshold = after.threshold_
    after.save(tmp_path / "model")
    for one in (after, load(tmp_path / "model")):
        np.testing.assert_array_equal(one.decision_function(test), new)
        assert one.threshold_ == threshold
        one.rollback()
        np.testing.assert_array_equal(one.decision_function(test), old)
        assert one.threshold_ == before.threshold_
        with pytest.raises(ValueError, match="no version before"):
            one.rollback()


@pytest.mark.parametrize("name", ["zscore", "pca", "knn", "ar"])
def test_both_the_old_and_the_new_are_normal_afterwards(name: str) -> None:
    before, after = updated(name)
    old = waves(200, before.n_features_in_, OLD, 3)
    new = waves(200, before.n_features_in_, NEW, 3)
    assert before.predict(new).mean() > 0.5
    assert after.predict(new).mean() < 0.1
    assert after.predict(old).mean() < 0.1


def test_a_network_goes_on_from_its_parameters() -> None:
    before = first_fit("lstm_autoencoder")
    data = waves(400, before.n_features_in_, NEW, 1)
    still = copy.deepcopy(before).partial_fit(data, epochs=0, tolerance=None)
    moved = copy.deepcopy(before).partial_fit(data, epochs=1, tolerance=None)
    again = copy.deepcopy(before).partial_fit(data, epochs=1, tolerance=None)

    def leaves(detector: TimeSeriesDetector) -> list[np.ndarray]:
        return [np.asarray(leaf) for leaf in jax.tree.leaves(detector.fitted_.model)]

    for old, same, new, other in zip(
        *map(leaves, (before, still, moved, again)), strict=True
    ):
        np.testing.assert_array_equal(old, same)
        np.testing.assert_array_equal(new, other)
    # The same epoch again from where it went: errors become smaller.
    for _ in range(2):
        again.partial_fit(data, epochs=1, tolerance=None)
    errors = [one.decision_function(data).mean() for one in (still, moved, again)]
    assert errors[0] > errors[1] > errors[2]
    assert not np.array_equal(leaves(before)[0], leaves(moved)[0])
    assert still.threshold_ != before.threshold_


def test_what_was_first_is_remembered_after_several_updates() -> None:
    detector = copy.deepcopy(first_fit("zscore"))
    channels = detector.n_features_in_
    for turn in range(1, 4):
        data = waves(600, channels, 10.0 * turn, turn)
        detector.partial_fit(data, tolerance=None)
    [memory] = detector.fitted_.memory
    for steps in memory:
        levels = steps.values.mean(axis=1)
        shares = [np.mean(np.abs(levels - 10.0 * turn) < 5) for turn in range(4)]
        assert min(shares) > 0.05
        assert len(levels) <= 2048


def test_entities_that_are_not_given_stay_as_they_are() -> None:
    names = ["a", "b", "c"]
    data = {name: waves(400, 2, OLD, seed) for seed, name in enumerate(names)}
    detector = TimeSeriesDetector("pca", window=10).fit(data)
    test = {name: waves(80, 2, OLD, 9) for name in names}
    old = detector.decision_function(test)
    detector.partial_fit({"b": waves(400, 2, NEW, 7)}, tolerance=None)
    new = detector.decision_function(test)
    np.testing.assert_array_equal(old["a"], new["a"])
    np.testing.assert_array_equal(old["c"], new["c"])
    assert not np.array_equal(old["b"], new["b"])
    alone = TimeSeriesDetector("pca", window=10).fit({"b": data["b"]})
    alone.partial_fit({"b": waves(400, 2, NEW, 7)}, tolerance=None)
    np.testing.assert_allclose(
        alone.decision_function({"b": test["b"]})["b"], new["b"], rtol=1e-5
    )
    detector.partial_fit({"a": waves(400, 2, NEW, 8)}, tolerance=None)
    assert detector.events(test) is not None


def test_pooled_entities_are_remembered_alike() -> None:
    data = [waves(3000, 2, 10.0 * level, level) for level in range(4)]
    detector = TimeSeriesDetector("zscore", window=10, pooling="pooled").fit(data)
    [memory] = detector.fitted_.memory
    levels = memory.fit.values.mean(axis=1)
    shares = [np.mean(np.abs(levels - 10.0 * level) < 5) for level in range(4)]
    np.testing.assert_allclose(shares, 0.25, atol=0.03)


@pytest.mark.parametrize("more", [{"pooling": "pooled"}, {"head": "evidence"}])
def test_pooled_models_and_heads_are_updated_too(more: dict[str, Any]) -> None:
    detector = TimeSeriesDetector("pca", window=10, **more)
    data = {name: waves(400, 2, OLD, n) for n, name in enumerate("ab")}
    detector.fit(data)
    new = {name: waves(400, 2, NEW, 5 + n) for n, name in enumerate("ab")}
    assert detector.predict(new)["a"].mean() > 0.5
    detector.partial_fit(new, tolerance=None)
    assert detector.predict(new)["a"].mean() < 0.1


def poisoned(channels: int) -> np.ndarray:
    values = waves(600, channels, OLD, 4)
    rng = np.random.default_rng(5)
    places = rng.integers(0, len(values), 120)
    values[places] += rng.normal(0, 30, (120, channels))
    return values


@pytest.mark.parametrize("name", ["zscore", "pca", "lstm_autoencoder"])
def test_the_guard_refuses_what_was_poisoned(name: str) -> None:
    detector = copy.deepcopy(first_fit(name))
    test = waves(100, detector.n_features_in_, OLD, 2)
    before = detector.decision_function(test), detector.threshold_
    with pytest.raises(ValueError, match=r"^the update is refused, it is worse on"):
        detector.partial_fit(poisoned(detector.n_features_in_))
    np.testing.assert_array_equal(detector.decision_function(test), before[0])
    assert detector.threshold_ == before[1]
    detector.partial_fit(waves(600, detector.n_features_in_, OLD, 6))
    [comparison] = detector.updates_
    assert comparison.vus_pr.low <= comparison.vus_pr.high
    assert "VUS-PR" in comparison.words


def test_the_guard_refuses_one_entity_of_several() -> None:
    data = {name: waves(500, 2, OLD, n) for n, name in enumerate("ab")}
    detector = TimeSeriesDetector("zscore", window=10).fit(data)
    before = detector.decision_function(data)
    with pytest.warns(DataWarning, match="1 of 2 updates are refused"):
        detector.partial_fit({"a": waves(500, 2, OLD, 7), "b": poisoned(2)})
    after = detector.decision_function(data)
    assert not np.array_equal(before["a"], after["a"])
    np.testing.assert_array_equal(before["b"], after["b"])


def test_known_anomalies_of_new_data_are_left_out() -> None:
    values = waves(500, 2, OLD, 3)
    values[100:110] += 1000
    known = [(100, 110)]
    detector = TimeSeriesDetector("zscore", window=10).fit(waves(500, 2, OLD))
    spoilt = copy.deepcopy(detector).partial_fit(values, tolerance=None)
    detector.partial_fit(values, known, tolerance=None)
    scale = detector.fitted_.scalers[0].scale
    assert (scale < 2).all() and (spoilt.fitted_.scalers[0].scale > 10).all()


def test_a_stream_of_what_was_updated_equals_its_causal_scores() -> None:
    _, after = updated("pca")
    test = waves(60, after.n_features_in_, NEW, 8)
    stream = after.stream()
    made = np.concatenate([stream.update(row[None]).scores for row in test])
    offline = after.decision_function(test, causal=True)
    np.testing.assert_allclose(made, offline, atol=1e-6)


def test_bad_updates_are_one_line() -> None:
    detector = copy.deepcopy(first_fit("zscore"))
    channels = detector.n_features_in_
    with pytest.raises(ValueError, match="an update needs about"):
        detector.partial_fit(waves(detector.window + 2, channels, OLD))
    with pytest.raises(ValueError, match="channels"):
        detector.partial_fit(waves(300, channels + 1, OLD))
    new = TimeSeriesDetector("zscore", window=10)
    assert new.partial_fit(waves(300, 2, OLD)).predict(waves(30, 2, OLD)).shape == (30,)


@given(
    st.integers(1, 300),
    st.integers(1, 120),
    st.integers(1, 20),
    st.sets(st.integers(1, 299), max_size=5),
)
def test_thinned_steps_keep_their_order_and_their_breaks(
    length: int, most: int, block: int, jumps: set[int]
) -> None:
    inner = sorted(jump for jump in jumps if jump < length)
    given_ = Steps(
        np.arange(length, dtype=np.float32)[:, None],
        np.arange(length) % 3 > 0,
        np.array(inner, np.int32),
    )
    values, counted, breaks = thinned(given_, most, block)
    steps = values.ravel().astype(int)
    assert 0 < len(steps) <= max(most, block, 1)
    assert (np.diff(steps) > 0).all()
    np.testing.assert_array_equal(counted, steps % 3 > 0)
    expected = [
        place
        for place in range(1, len(steps))
        if steps[place] != steps[place - 1] + 1 or steps[place] in inner
    ]
    assert breaks.tolist() == expected


def test_no_warning_where_nothing_is_refused() -> None:
    detector = copy.deepcopy(first_fit("zscore"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        detector.partial_fit(waves(500, detector.n_features_in_, OLD, 11))
