"""Score heads as functions of arrays: what must not and what must change a score."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxtsad.evaluation.scoring import head, options, sliding, smoothing, tail
from jaxtsad.evaluation.scoring.options import Evidence, Smooth

T, C = 48, 5
WIDTHS = (3, 8)
HOW = Evidence(widths=WIDTHS)
FIT = np.random.default_rng(0).normal(size=(T, C)).astype(np.float32)
FIT[:, 3] = 0.5
FIT[:, 4] = np.arange(T) % 2
NORMAL = np.random.default_rng(1).gamma(2.0, size=(T, C)).astype(np.float32)
seeds = st.integers(0, 2**16)


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Contributions and values of a series to score."""
    rng = np.random.default_rng(seed)
    given = rng.gamma(1.0, 3.0, size=(T, C)).astype(np.float32)
    values = FIT + rng.normal(size=(T, C)).astype(np.float32) * (rng.random(C) < 0.5)
    return given, values.astype(np.float32)


@jax.jit
def channels_of(fit: Any, normal: Any) -> head.Channels:
    return head.fit_channels(fit, T, normal, T, floor=0.1)


@jax.jit
def scored(channels: head.Channels, given: Any, values: Any) -> tuple[Any, Any]:
    each = head.evidence(channels, given, values)
    return head.combined(each, T, channels.live, WIDTHS, HOW)


def scores(given: Any, values: Any, fit: Any = FIT, normal: Any = NORMAL) -> np.ndarray:
    return np.asarray(scored(channels_of(fit, normal), given, values)[0])


def test_channels_are_told_apart() -> None:
    channels = channels_of(FIT, NORMAL)
    assert channels.live.tolist() == [True, True, True, False, False]
    np.testing.assert_allclose(channels.deviation[:3], FIT[:, :3].std(0), rtol=1e-5)
    assert channels.deviation[3] == 1 and channels.deviation[4] == 0.5
    means = NORMAL.mean(0)
    np.testing.assert_allclose(
        channels.scale, means + 0.1 * means[:3].mean(), rtol=1e-5
    )
    two = head.fit_channels(FIT[:, 3:], T, NORMAL[:, 3:], T, floor=0.1)
    assert two.live.tolist() == [False, True]
    none = head.fit_channels(FIT[:, 3:4], T, NORMAL[:, 3:4] * 0, T, floor=0.1)
    assert none.live.tolist() == [False] and none.scale.tolist() == [1.0]


def test_rounding_is_no_variation_but_small_units_are() -> None:
    small = FIT[:, :1] * 1e-7
    around = head.fit_channels(small + 1, T, NORMAL[:, :1], T, floor=0.1)
    assert around.live.tolist() == [False]
    scaled = head.fit_channels(small, T, NORMAL[:, :1], T, floor=0.1)
    raw = head.fit_channels(small, T, NORMAL[:, :1], T, floor=0.1, unit=0.0)
    assert scaled.live.tolist() == [False] and raw.live.tolist() == [True]


def test_evidence_is_magnitude_of_live_channels_and_novelty_of_all() -> None:
    channels = channels_of(FIT, NORMAL)
    given, values = np.ones((T, C), np.float32), FIT.copy()
    values[7, 0] = channels.high[0] + 2 * channels.deviation[0]
    values[7, 3], values[7, 4] = 3.5, -1.0
    found = np.asarray(head.evidence(channels, given, values))
    size = 1 + 1 / np.asarray(channels.scale)
    np.testing.assert_allclose(found[0], [*size[:3], 0, 0], rtol=1e-6)
    np.testing.assert_allclose(found[7], [size[0] + 4, *size[1:3], 9, 4], rtol=1e-5)


def test_contributions_below_zero_count_from_their_least() -> None:
    lower = NORMAL - 5
    channels = channels_of(FIT, lower)
    np.testing.assert_allclose(channels.least, lower.min(0))
    found = head.evidence(channels, lower - 100, FIT)
    assert np.asarray(found)[:, :3].tolist() == [[1.0] * 3] * T


@given(seeds, st.integers(0, C - 1), st.floats(0.1, 100))
def test_more_of_a_contribution_is_never_a_lower_score(
    seed: int, channel: int, more: float
) -> None:
    given, values = drawn(seed)
    raised = given.copy()
    raised[20:30, channel] += np.float32(more)
    before, after = scores(given, values), scores(raised, values)
    assert (after >= before).all()
    live = channel < 3
    assert (after[20:30] > before[20:30]).all() == live


@given(seeds)
def test_the_order_of_channels_changes_nothing(seed: int) -> None:
    given, values = drawn(seed)
    order = np.random.default_rng(seed).permutation(C)
    found = scores(given[:, order], values[:, order], FIT[:, order], NORMAL[:, order])
    np.testing.assert_allclose(found, scores(given, values), rtol=1e-5, atol=1e-5)


@given(seeds, st.integers(-6, 6), st.integers(-6, 6))
def test_units_change_nothing(seed: int, score: int, channel: int) -> None:
    """Of the detector's score, and of a channel that varies."""
    given, values = drawn(seed)
    unit = np.float32(2.0**score)
    np.testing.assert_array_equal(
        scores(given * unit, values, FIT, NORMAL * unit), scores(given, values)
    )
    units = np.float32(2.0) ** np.array([channel, 0, 0, 0, channel], np.float32)
    found = scores(given, values * units, FIT * units)
    np.testing.assert_array_equal(found, scores(given, values))


combined = jax.jit(head.combined, static_argnums=(3, 4))


@given(seeds, st.sampled_from(["mean", "groups", "top", "max"]))
def test_channels_are_combined_as_said(seed: int, combine: str) -> None:
    given, values = drawn(seed)
    how = Evidence(widths=(1,), power=0.5, combine=combine, top=2)
    channels = channels_of(FIT, NORMAL)
    each = jax.jit(head.evidence)(channels, given, values)
    found, shares = combined(each, T, channels.live, (1,), how)
    parts = np.sqrt(np.asarray(each))
    expected = {
        "mean": parts.mean(1),
        "groups": (parts[:, :3].mean(1) + parts[:, 3:].mean(1)) / 2,
        "top": np.sort(parts, 1)[:, -2:].mean(1),
        "max": parts.max(1),
    }[combine]
    np.testing.assert_allclose(np.exp(found), expected + head.OFFSET, rtol=1e-4)
    np.testing.assert_allclose(np.asarray(shares).sum(1), 1, rtol=1e-5)
    assert (np.asarray(shares) >= 0).all()


mean = jax.jit(sliding.mean, static_argnums=(1, 3))


@given(st.sampled_from([1, 2, 7, 60]), st.integers(1, 40), st.booleans(), seeds)
def test_the_sliding_mean_is_that_of_the_steps_there_are(
    width: int, length: int, centered: bool, seed: int
) -> None:
    values = np.random.default_rng(seed).normal(size=(40, 2)).astype(np.float32)
    found = mean(values, width, length, centered)
    expected = smoothing.moving_average(values[:length], width, centered=centered)
    np.testing.assert_allclose(found[:length], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("centered", [True, False])
def test_a_score_depends_on_the_steps_within_reach_alone(centered: bool) -> None:
    how = Smooth(widths=WIDTHS, centered=centered)
    before, after = options.reach(how, WIDTHS)
    assert (before, after) == ((8, 6) if centered else (14, 0))
    given = NORMAL[:, :1]
    live = jnp.ones(1, bool)
    whole = np.asarray(combined(given, T, live, WIDTHS, how)[0])
    for change in (given[20:21] + 1e6, np.full((1, 1), 7.0, np.float32)):
        other = given.copy()
        other[20] = change
        found = np.asarray(combined(other, T, live, WIDTHS, how)[0])
        changed = np.flatnonzero(found != whole)
        assert changed.min() == 20 - after and changed.max() == 20 + before
    padded = np.concatenate([given, np.full((30, 1), 1e9, np.float32)])
    found = np.asarray(combined(padded, T, live, WIDTHS, how)[0])
    np.testing.assert_array_equal(found[:T], whole)


@jax.jit
def whole(normal: Any, given: Any, values: Any) -> tuple[Any, Any, Any]:
    found, shares = scored(channels_of(FIT, normal), given, values)
    return found, shares, tail.calibrated(tail.calibrate(found, T, 0.05), found)


def test_members_together_equal_members_alone() -> None:
    given, values = np.stack([drawn(0), drawn(1), drawn(2)], axis=1)
    normal = np.stack([NORMAL, NORMAL * 2, NORMAL + 1])
    together = jax.jit(jax.vmap(whole))(normal, given, values)
    for i in range(3):
        alone = whole(normal[i], given[i], values[i])
        for all_of_them, each in zip(together, alone, strict=True):
            np.testing.assert_allclose(all_of_them[i], each, rtol=1e-4, atol=1e-5)


REFUSED = [
    (
        "loud",
        {},
        "head='loud' is unknown; the choices are none, smooth, evidence, gated",
    ),
    ("none", {"power": 1}, "power=1 is no option of head 'none', which has none"),
    ("smooth", {"power": 1}, "power=1 is no option of head 'smooth'"),
    ("smooth", {"widths": ()}, "widths"),
    ("smooth", {"widths": "period"}, "widths"),
    ("smooth", {"widths": (0,)}, "widths"),
    ("smooth", {"passes": 5}, "passes=5 must be"),
    ("evidence", {"power": 1.5}, "power=1.5 must be"),
    ("evidence", {"combine": "sum"}, "combine='sum' is unknown; the choices are mean"),
    ("evidence", {"floor": 0}, "floor=0 must be"),
]


@pytest.mark.parametrize(("kind", "given", "line"), REFUSED)
def test_bad_options_are_one_line(kind: str, given: dict[str, Any], line: str) -> None:
    with pytest.raises(ValueError, match=line.partition(";")[0]) as error:
        options.make(kind, given)
    assert "\n" not in str(error.value) and line in str(error.value)
