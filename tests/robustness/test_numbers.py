"""Numbers as people have them: any unit, large offsets, fill values, told anomalies."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxtsad import SampleDetector, TimeSeriesDetector
from jaxtsad.types import DataWarning

SERIES = ("zscore", "pca", "ar", "knn")
ROWS = ("zscore", "pca", "iforest")
BURST = slice(250, 256)
few = settings(max_examples=4, deadline=None, derandomize=True)
units = st.lists(st.integers(-12, 12), min_size=2, max_size=2)
huge = st.sampled_from([1e19, -9.96921e36, 3.4e38, 1e155, -1.7e308])


def waves(steps: int = 900, seed: int = 0) -> np.ndarray:
    """Two noisy sines with a burst in the last 300 steps."""
    rng = np.random.default_rng(seed)
    made = np.sin(np.arange(steps) / 4)[:, None] + 0.05 * rng.normal(size=(steps, 2))
    made[-300:][BURST, 0] += 4
    return made


def fitted(values: Any, name: str = "zscore", y: Any = None, **options: Any) -> Any:
    return TimeSeriesDetector(name, window=20, **options).fit(values, y)


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("scaler", ["zscore", "minmax"])
@few
@given(powers=units, clip=st.sampled_from([None, 5.0]), pooled=st.booleans())
def test_a_change_of_unit_changes_no_flag(
    name: str, scaler: str, powers: list[int], clip: float | None, pooled: bool
) -> None:
    values, unit = waves(), 10.0 ** np.array(powers)
    options = {"scaler": scaler, "clip_values": clip}
    if pooled:
        options["pooling"] = "pooled"

    def flags(factor: Any) -> np.ndarray:
        train = values[:600] * factor
        given_ = [train[:300], train[300:]] if pooled else train
        return fitted(given_, name, **options).predict(values[600:] * factor)

    before, after = flags(1.0), flags(unit)
    np.testing.assert_array_equal(after, before)
    assert before[BURST].all()


@pytest.mark.parametrize("name", ROWS)
@few
@given(powers=st.lists(st.integers(-12, 12), min_size=3, max_size=3))
def test_a_change_of_unit_changes_no_flag_of_rows(name: str, powers: list[int]) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 1)) @ [[1.0, -2.0, 3.0]] + rng.normal(size=(300, 3))
    rows[250:255] += [9.0, 9.0, 0.0]
    unit = 10.0 ** np.array(powers)

    def flags(factor: Any) -> np.ndarray:
        return SampleDetector(name).fit(rows[:200] * factor).predict(rows * factor)

    before = flags(1.0)
    np.testing.assert_array_equal(flags(unit), before)
    assert before[250:255].all()


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("offset", [1e9, -3e12])
def test_a_large_offset_hides_nothing(name: str, offset: float) -> None:
    values = waves() + offset
    assert fitted(values[:600], name).predict(values[600:])[BURST].all()


def test_a_constant_channel_with_a_large_value_counts_nothing() -> None:
    values = np.hstack([waves(), np.full((900, 1), 3e8 + 0.1)])
    detector = fitted(values[:600])
    assert detector.fitted_.scalers[0].scale[2] == 1
    scaled = detector.fitted_.scalers[0].transform(values[600:])
    np.testing.assert_array_equal(scaled[:, 2], 0)


@pytest.mark.parametrize("scaler", ["zscore", "minmax", "none"])
@pytest.mark.parametrize("name", [*SERIES, "iforest"])
@few
@given(spike=huge, step=st.integers(0, 299), channel=st.integers(0, 1))
def test_a_spike_of_any_size_is_flagged_and_the_rest_is_judged(
    name: str, scaler: str, spike: float, step: int, channel: int
) -> None:
    values = waves()
    detector = fitted(values[:600], name, scaler=scaler)
    test = values[600:].copy()
    test[step, channel] = spike
    scores, flags = detector.decision_function(test), detector.predict(test)
    assert np.isfinite(scores).all() and flags[step] == 1


@pytest.mark.parametrize("name", [*ROWS, "knn"])
@few
@given(spike=huge, row=st.integers(0, 99), column=st.integers(0, 2))
def test_a_row_of_a_spike_of_any_size_is_flagged(
    name: str, spike: float, row: int, column: int
) -> None:
    rows = np.random.default_rng(0).normal(size=(300, 3))
    detector = SampleDetector(name).fit(rows[:200])
    test = rows[200:].copy()
    test[row, column] = spike
    scores, flags = detector.decision_function(test), detector.predict(test)
    assert np.isfinite(scores).all() and flags[row] == 1


def test_rows_of_a_likely_fill_value_are_said() -> None:
    rows = np.random.default_rng(0).normal(size=(300, 3))
    rows[[5, 9], 1] = -999
    frame = pd.DataFrame(rows, columns=["flow", "level", "speed"])
    with pytest.warns(DataWarning, match="column level holds -999 2 times, far from"):
        SampleDetector("zscore").fit(frame)


@pytest.mark.parametrize("name", SERIES)
@few
@given(
    first=st.integers(0, 590),
    length=st.integers(1, 30),
    value=st.floats(-1e6, 1e6),
    validation=st.sampled_from([0.0, 0.2]),
)
def test_told_anomalies_enter_nothing_that_is_fitted(
    name: str, first: int, length: int, value: float, validation: float
) -> None:
    train = waves()[:600]
    told = [(first, min(600, first + length))]
    other = train.copy()
    other[told[0][0] : told[0][1]] += value

    def learned(values: np.ndarray) -> Any:
        made = fitted(values, name, told, validation=validation).fitted_
        scaler = made.scalers[0]
        return made.model, made.thresholds[0].value, scaler.shift, scaler.scale

    before, after = learned(train), learned(other)
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a, b), before, after)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("pretrained_tcn", {}),
        ("zscore", {"head": "smooth"}),
        ("pca", {"head": "evidence"}),
    ],
)
@pytest.mark.parametrize("first", [200, 530])
def test_told_anomalies_enter_no_score_beside_them(
    name: str, options: dict[str, str], first: int
) -> None:
    """Such scores see more than the windows that meet a told anomaly."""
    train, told = waves()[:600], [(first, first + 20)]
    other = train.copy()
    other[first : first + 20] += [1e6, -2000.0]
    before, after = (
        fitted(values, name, told, **options).fitted_ for values in (train, other)
    )
    assert before.thresholds == after.thresholds
    jax.tree.map(
        lambda a, b: np.testing.assert_array_equal(a, b),
        (before.model, before.head, before.history, before.calibration_steps),
        (after.model, after.head, after.history, after.calibration_steps),
    )
    flags = fitted(other, name, told, **options).predict(waves()[600:])
    assert flags[BURST].all()


def test_values_that_float32_cannot_hold_raise_no_warning() -> None:
    values = waves() * [1e150, 1.0]
    assert fitted(values[:600]).predict(values[600:])[BURST].all()
