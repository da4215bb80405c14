"""Ensembles: members as if alone, joined as tail probabilities, explained, saved."""

from __future__ import annotations

import dataclasses
import functools
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxtsad import files
from jaxtsad.detectors import ensemble
from jaxtsad.estimator import SampleDetector, TimeSeriesDetector, load
from jaxtsad.evaluation.scoring import tail
from jaxtsad.pipeline import ensembles, members, scoring
from jaxtsad.pipeline.chunked import ChunkedScores
from jaxtsad.pipeline.setup import Setup
from jaxtsad.types import Role

MEMBERS: list[Any] = [
    "pca",
    {"detector": "knn", "window": 12, "score_stride": 1},
    {"detector": "zscore", "scaler": "minmax", "head": "smooth"},
]


def sines(steps: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    phase = np.arange(3)
    wave = np.sin(np.arange(steps)[:, None] * 2 * np.pi / 24 + phase[None])
    values: np.ndarray = wave + 0.05 * rng.normal(size=wave.shape)
    return values


@functools.cache
def fitted(join: str = "mean") -> TimeSeriesDetector:
    options = {"members": MEMBERS, "join": join}
    return TimeSeriesDetector("ensemble", window=8, options=options).fit(sines(400))


def scores_of(component: members.Fitted, values: np.ndarray) -> np.ndarray:
    part = members.test_part(component, 0, "series", values)
    return scoring.aggregated(component, [part])[0]


def test_a_member_scores_as_if_it_were_alone() -> None:
    test = sines(200, seed=1)
    test[90, 1] += 3
    alone = [
        TimeSeriesDetector("pca", window=8),
        TimeSeriesDetector("knn", window=12, score_stride=1),
        TimeSeriesDetector("zscore", window=8, scaler="minmax", head="smooth"),
    ]
    for component, detector in zip(fitted().fitted_.components, alone, strict=True):
        detector.fit(sines(400))
        assert component.setup == detector.fitted_.setup
        np.testing.assert_array_equal(
            scores_of(component, test), detector.decision_function(test)
        )


@pytest.mark.parametrize("join", ["mean", "max"])
def test_scores_are_joined_tail_levels(join: str) -> None:
    test, made = sines(200, seed=1), fitted(join)
    each = [
        tail.calibrated(
            tail.calibrate(component.calibration[0].values, len(own)),
            scores_of(component, test),
        )
        for component in made.fitted_.components
        for own in [component.calibration[0]]
    ]
    joined = np.mean(each, axis=0) if join == "mean" else np.max(each, axis=0)
    np.testing.assert_allclose(made.decision_function(test), joined, rtol=1e-4)


@pytest.mark.parametrize("join", ["mean", "max"])
def test_explanations_sum_to_the_score_and_name_the_channel(join: str) -> None:
    test = sines(200, seed=1)
    test[90:93, 1] += 3
    detector = fitted(join)
    shares, scores = detector.explain(test), detector.decision_function(test)
    np.testing.assert_allclose(shares.sum(axis=1), scores, rtol=1e-5)
    assert shares[91].argmax() == 1
    events = detector.events(test)
    worst = events.loc[events["severity"].idxmax()]
    assert worst["start"] <= 91 < worst["stop"]
    assert worst["channels"].startswith("channel_1")


def test_weights_and_shares_by_hand() -> None:
    levels = [np.array([1.0, 2.0]), np.array([3.0, 0.0])]
    config = ensemble.Config(4, 2, members=("pca", "knn"), weights=(1, 3))
    np.testing.assert_allclose(ensembles.joined(config, levels), [2.5, 0.5])
    explained = [np.array([[1.0, 1.0], [0.0, 2.0]]), None]
    shares = ensembles.joined_shares(config, levels, explained)
    np.testing.assert_allclose(shares, [[1.25, 1.25], [0, 0.5]])
    explained[1] = np.array([[4.0, 0.0], [0.0, 0.0]])
    shares = ensembles.joined_shares(config, levels, explained)
    np.testing.assert_allclose(shares, [[2.375, 0.125], [0, 0.5]])


@given(st.lists(st.floats(0, 50), min_size=2, max_size=2), st.floats(0, 20))
def test_a_higher_level_never_lowers_the_score(levels: Any, more: float) -> None:
    for join in ("mean", "max"):
        config = ensemble.Config(4, 2, members=("pca", "knn"), join=join)
        low, high = (
            ensembles.joined(config, [np.array([levels[0] + d]), np.array([levels[1]])])
            for d in (0.0, more)
        )
        assert high >= low


def test_a_fleet_scores_each_of_its_series_as_alone() -> None:
    options = {"members": MEMBERS[:2]}
    first, second = sines(400), sines(300, seed=3)
    fleet = TimeSeriesDetector("ensemble", window=8, options=options)
    both = fleet.fit({"a": first, "b": second})
    alone = TimeSeriesDetector("ensemble", window=8, options=options).fit(second)
    test = sines(150, seed=4)
    scores = both.decision_function({"b": test})["b"]
    np.testing.assert_allclose(scores, alone.decision_function(test), rtol=1e-3)
    assert both.threshold_["b"] == pytest.approx(alone.threshold_, rel=1e-3)


def test_thresholds_are_set_on_steps_that_all_members_held_out() -> None:
    y = np.zeros(400, int)
    y[370] = 1
    options = {"members": MEMBERS[:2]}
    for pooling, data, known in (
        ("per_entity", sines(400), y),
        ("pooled", [sines(400), sines(300, seed=2)], [y, np.zeros(300, int)]),
    ):
        detector = TimeSeriesDetector(
            "ensemble", window=8, options=options, pooling=pooling
        ).fit(data, known)
        [scores] = detector.fitted_.calibration
        # Held out from step 331 on by windows of 12; those near step 370 do not count.
        steps = 400 - 331 - 23 + (300 - 251 if pooling == "pooled" else 0)
        assert scores.role is Role.VALIDATION and len(scores) == steps


def test_chunks_and_copies_score_like_the_whole(tmp_path: Any) -> None:
    test, detector = sines(500, seed=7), fitted()
    whole = detector.decision_function(test)
    chunked = ChunkedScores(detector.fitted_, 0)
    pieces = [chunked.add(test[at : at + 70]) for at in range(0, 500, 70)]
    pieces.append(chunked.finish())
    np.testing.assert_allclose(np.concatenate(pieces), whole, rtol=1e-4, atol=1e-5)
    detector.save(tmp_path / "saved")
    again = load(tmp_path / "saved")
    np.testing.assert_array_equal(again.decision_function(test), whole)
    np.testing.assert_array_equal(again.explain(test), detector.explain(test))
    assert again.threshold_ == detector.threshold_
    assert again.get_params(deep=False) == detector.get_params(deep=False)


def test_a_saved_ensemble_whose_members_were_changed_is_refused(tmp_path: Any) -> None:
    detector = TimeSeriesDetector(
        "ensemble", window=8, options={"members": MEMBERS[:2]}
    ).fit(sines(200))
    detector.save(tmp_path / "saved")
    path = tmp_path / "saved" / "estimator.json"
    record = files.unsealed(path.read_bytes())
    for change in (
        {"components": record["components"][:1]},
        {"components": record["components"][::-1]},
    ):
        path.write_bytes(files.sealed(record | change))
        with pytest.raises(ValueError, match="cannot be read: ") as error:
            load(tmp_path / "saved")
        assert "\n" not in str(error.value)
    path.write_bytes(files.sealed(record))
    assert json.loads(path.read_text()) and load(tmp_path / "saved")


def test_samples_are_joined_too() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(300, 4))
    options = {"members": ["pca", "iforest"]}
    detector = SampleDetector("ensemble", options=options).fit(values)
    test = rng.normal(size=(50, 4))
    test[7] += 9
    assert detector.decision_function(test).argmax() == 7
    shares = detector.explain(test)
    np.testing.assert_allclose(
        shares.sum(axis=1), detector.decision_function(test), rtol=1e-4
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"members": []}, r"members=\(\) must be a list of at least one member"),
        ({"members": ["pcaa"]}, r"members\[0\]: detector='pcaa' is unknown"),
        ({"members": ["ensemble"]}, r"members\[0\].detector='ensemble' must be"),
        (
            {"members": [{"detector": "pca", "rnk": 1}]},
            r"members\[0\].rnk is no option",
        ),
        (
            {"members": ["pca", {"detector": "pca", "options": {"rank": 0}}]},
            r"members\[1\]: rank=0 must be",
        ),
        ({"members": ["pca"], "weights": [1, 2]}, r"must be 1 numbers"),
        ({"members": ["pca"], "weights": [0]}, r"not all 0"),
        ({"members": ["pca"], "weights": [1], "join": "max"}, r"are of join='mean'"),
        (
            {"members": [{"detector": "iforest", "head": "gated"}]},
            r"members\[0\]: head=",
        ),
        (
            {"members": [{"detector": "pca", "score_stride": 9}]},
            r"members\[0\]: score_stride=9 must be",
        ),
    ],
)
def test_bad_options_are_one_line(options: dict[str, Any], message: str) -> None:
    detector = TimeSeriesDetector("ensemble", window=8, options=options)
    with pytest.raises(ValueError, match=message) as error:
        detector.fit(sines(100))
    assert "\n" not in str(error.value)


def test_a_member_takes_what_it_does_not_say_from_the_ensemble() -> None:
    setup = Setup(
        "ensemble",
        {"members": [{"detector": "pca", "head": "smooth", "epochs": 3}, "knn"]},
        window=10,
        batch_size=16,
        head="evidence",
        head_options={"power": 0.5},
    )
    first, second = ensembles.setups(setup)
    assert first.options == {"batch_size": 16} and first.plan.epochs == 3
    assert (first.head, first.head_options) == ("smooth", {})
    # Nearest windows have no option of that name.
    assert second == dataclasses.replace(setup, detector="knn", options={})
