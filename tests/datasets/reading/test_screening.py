from __future__ import annotations

import hypothesis
import hypothesis.extra.numpy as arrays
import hypothesis.strategies as st
import numpy as np
import pytest

from jaxtsad.datasets.reading import screening

NAN = np.nan


def test_a_clean_series_is_returned_as_it_is() -> None:
    values = np.ones((5, 2), np.float32)
    filled, record = screening.screen(values)
    assert filled is values
    assert record == (5, 10, 0, (), 0)
    assert record.fraction == 0 and not record.excessive


def test_missing_cells_take_the_last_value_before_them() -> None:
    values = np.array([[1.0, 5.0], [NAN, 6.0], [-np.inf, 7.0], [9.0, np.inf]])
    filled, record = screening.screen(values)
    np.testing.assert_array_equal(filled, [[1, 5], [1, 6], [1, 7], [9, 7]])
    assert record.missing == 3 and record.channels == (0, 1) and record.backward == 0
    assert record.fraction == 3 / 8 and record.excessive


def test_only_the_very_start_is_filled_backward() -> None:
    values = np.array([[NAN], [NAN], [3.0], [NAN], [100.0]])
    filled, record = screening.screen(values)
    np.testing.assert_array_equal(filled.ravel(), [3, 3, 3, 3, 100])
    assert record.backward == 2


def test_what_came_before_fills_the_start() -> None:
    values = np.array([[NAN, 1.0], [2.0, NAN]], np.float32)
    filled, record = screening.screen(values, before=np.array([7.0, 8.0]))
    np.testing.assert_array_equal(filled, [[7, 1], [2, 1]])
    assert filled.dtype == np.float32 and record.backward == 0
    filled, _ = screening.screen(np.full((2, 1), NAN), before=np.array([4.0]))
    np.testing.assert_array_equal(filled, [[4], [4]])


def test_a_channel_without_any_value_is_filled_throughout() -> None:
    values = np.array([[1.0, NAN], [2.0, np.inf]])
    filled, record = screening.screen(values)
    np.testing.assert_array_equal(filled, [[1, 0], [2, 0]])
    assert record.missing == 2 and record.channels == (1,)
    filled, _ = screening.screen(values, fill=np.array([7.0, 8.0]))
    np.testing.assert_array_equal(filled, [[1, 8], [2, 8]])


def test_the_input_is_not_changed() -> None:
    values = np.array([[1.0], [NAN]])
    screening.screen(values)
    assert np.isnan(values[1, 0])


def test_the_limit_is_one_cell_in_ten_thousand() -> None:
    values = np.zeros((10_000, 1))
    values[5] = NAN
    assert not screening.screen(values)[1].excessive
    values[6] = NAN
    assert screening.screen(values)[1].excessive


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([[NAN, NAN], [NAN, np.inf]]), "'pump' holds no finite value"),
        (np.ones(3), "expected \\[steps, channels\\]"),
        (np.ones((0, 3)), "not empty"),
        (np.ones((3, 0)), "not empty"),
        (np.ones((3, 1, 1)), "expected \\[steps, channels\\]"),
    ],
)
def test_what_cannot_be_screened_is_one_clear_line(
    values: np.ndarray, message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        screening.screen(values, name="pump")
    assert "\n" not in str(caught.value)


def test_what_came_before_must_be_finite() -> None:
    with pytest.raises(ValueError, match="must be finite"):
        screening.screen(np.array([[NAN], [1.0]]), before=np.array([NAN]))


cells = st.one_of(st.floats(-9, 9), st.sampled_from([NAN, np.inf, -np.inf]))


@hypothesis.given(
    arrays.arrays(np.float64, (12, 2), elements=cells), st.integers(1, 11)
)
def test_no_later_value_is_used(values: np.ndarray, step: int) -> None:
    values[0] = 0.5
    whole, _ = screening.screen(values)
    past, _ = screening.screen(values[:step])
    np.testing.assert_array_equal(whole[:step], past)
    assert np.isfinite(whole).all()
    known = np.isfinite(values)
    np.testing.assert_array_equal(whole[known], values[known])
