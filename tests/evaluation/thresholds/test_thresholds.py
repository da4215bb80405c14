"""The fitted kinds: values by hand, options, and what may not be fitted on."""

from __future__ import annotations

import dataclasses
import json

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies
from hypothesis.extra import numpy as arrays

from jaxtsad import types
from jaxtsad.evaluation import thresholds
from jaxtsad.evaluation.alarms import tail
from tests.evaluation.roles import calibration, unseen, validation

NORMAL = np.random.default_rng(0).gamma(2.0, size=2000)
every_kind = pytest.mark.parametrize("kind", thresholds.KINDS)


@every_kind
def test_result_says_what_it_is(kind):
    found = thresholds.fit(kind, validation(NORMAL))
    assert found.kind == kind
    assert found.fitted_on == "validation"
    assert dict(found.options) == thresholds.choices(kind)
    assert found.value < NORMAL.max() * 2
    assert json.loads(json.dumps(dataclasses.asdict(found)))["value"] == found.value
    assert hash(found) == hash(thresholds.fit(kind, validation(NORMAL)))
    assert thresholds.fit(kind, calibration(NORMAL)).fitted_on == "fit"


@every_kind
def test_test_scores_are_refused(kind):
    with pytest.raises(ValueError, match=r"role fit or validation.*'test'"):
        thresholds.fit(kind, unseen(NORMAL))
    smoothed = unseen(NORMAL).map(lambda scores: scores * 2)
    with pytest.raises(ValueError, match=r"role fit or validation.*'test'"):
        thresholds.fit(kind, smoothed)


@every_kind
@pytest.mark.parametrize("bare", [NORMAL, list(NORMAL), None])
def test_scores_without_a_role_are_refused(kind, bare):
    with pytest.raises(TypeError, match=r"types\.Scores"):
        thresholds.fit(kind, bare)


def test_role_cannot_be_changed():
    scores = unseen(NORMAL)
    with pytest.raises(AttributeError, match="cannot be relabeled"):
        scores.role = types.Role.FIT
    with pytest.raises(TypeError, match="cannot be made by hand"):
        types.Scores(scores.values, types.Role.FIT, "series")
    with pytest.raises(ValueError, match="one role"):
        types.Scores.join([calibration(NORMAL), scores])
    with pytest.raises(ValueError, match="'test'"):
        thresholds.fit("quantile", types.Scores.join([scores, scores]))


def test_unknown_kind_and_option_list_the_choices():
    with pytest.raises(
        ValueError, match=r"'percentile' is unknown; .* quantile, .*pot"
    ):
        thresholds.fit("percentile", calibration(NORMAL))
    with pytest.raises(
        ValueError, match=r"z=3 is no option of threshold 'quantile'; .* q$"
    ):
        thresholds.fit("quantile", calibration(NORMAL), z=3)
    with pytest.raises(
        ValueError, match=r"q=0.9 is no option of threshold 'mad'; .* are k$"
    ):
        thresholds.fit("mad", calibration(NORMAL), q=0.9)


@pytest.mark.parametrize(
    ("kind", "option", "value"),
    [
        ("quantile", "q", 1.0),
        ("quantile", "q", 99.0),
        ("gaussian", "k", 0.0),
        ("mad", "k", -1.0),
        ("iqr", "k", float("nan")),
        ("pot", "q", 0.0),
        ("pot", "q", 0.5),
        ("pot", "level", 1.0),
        ("pot", "level", 0.2),
    ],
)
def test_values_out_of_range(kind, option, value):
    with pytest.raises(ValueError, match=f"^{option}="):
        thresholds.fit(kind, calibration(NORMAL), **{option: value})


def test_by_hand():
    nine = calibration(np.arange(1.0, 10.0))
    assert thresholds.fit("mad", nine).value == pytest.approx(15.3782)
    assert thresholds.fit("iqr", nine).value == pytest.approx(7 + 1.5 * 4)
    assert thresholds.fit("quantile", nine, q=0.9).value == pytest.approx(8.2)
    spread = np.sqrt(60 / 9)
    assert thresholds.fit("gaussian", nine).value == pytest.approx(5 + 3 * spread)


def test_zero_median_deviation_falls_back_to_the_mean_deviation():
    found = thresholds.fit("mad", calibration(np.array([0.0, 0, 0, 0, 5])))
    assert found.value == pytest.approx(3.5 * 1.2533 * 1.0)


@every_kind
@pytest.mark.parametrize("count", [1, 3, 500])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_constant_scores_give_that_constant_and_flag_none(kind, count, dtype):
    constant = np.full(count, 0.1, dtype)
    found = thresholds.fit(kind, calibration(constant))
    # A budget leaves room for rounding.
    above = 1 + tail.ALIKE * (kind == "budget")
    assert found.value == pytest.approx(above * constant[0], rel=1e-12)
    assert not found.flags(constant).any()


def test_no_scores():
    with pytest.raises(ValueError, match="T > 0"):
        thresholds.fit("quantile", calibration(np.empty(0)))


def test_flags_are_strictly_above():
    found = thresholds.Threshold("quantile", 1.0, "fit")
    flags = found.flags(unseen(np.array([1.0, np.nextafter(1, 2), 0.5, 3.0])))
    assert flags.dtype == np.int8
    np.testing.assert_array_equal(flags, [0, 1, 0, 1])
    with pytest.raises(ValueError, match="1 of 2"):
        found.flags(np.array([np.nan, 1.0]))


def test_float32_scores_are_compared_exactly():
    """Half way between two float32 numbers lies above the lower of them."""
    low = np.float32(0.1)
    high = np.nextafter(low, np.float32(1))
    middle = (float(low) + float(high)) / 2
    found = thresholds.Threshold("quantile", middle, "fit")
    np.testing.assert_array_equal(found.flags(np.array([low, high])), [0, 1])


@hypothesis.given(
    arrays.arrays(
        np.float64, 60, elements=strategies.floats(0, 100, width=32), unique=True
    ),
    strategies.sampled_from(["quantile", "gaussian", "mad", "iqr"]),
    strategies.floats(0.01, 100),
    strategies.floats(-100, 100),
)
def test_thresholds_move_with_the_scores(scores, kind, scale, shift):
    before = thresholds.fit(kind, calibration(scores)).value
    after = thresholds.fit(kind, calibration(scale * scores + shift)).value
    np.testing.assert_allclose(after, scale * before + shift, rtol=1e-9, atol=1e-7)


@hypothesis.given(strategies.permutations(range(30)))
def test_order_of_the_scores_does_not_matter(order):
    for kind in ("quantile", "mad", "iqr"):
        shuffled = thresholds.fit(kind, calibration(NORMAL[:30][list(order)]))
        assert shuffled.value == thresholds.fit(kind, calibration(NORMAL[:30])).value
