"""Windows: which there are, what they hold, and that none crosses a border."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxtsad import types
from jaxtsad.ops import windows


def test_counts_of_the_specification() -> None:
    assert len(windows.starts_of(100, 10, 5)) == 19
    assert windows.starts_of(103, 10, 5)[-1] == 93
    assert windows.starts_of(103, 10, 5, tail=False)[-1] == 90
    assert len(windows.starts_of(8505, 10, 5, tail=False)) == 1700
    assert len(windows.starts_of(2277, 10, 5, tail=False)) == 454
    assert len(windows.starts_of(10, 10, 5)) == 1


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 90))
def test_starts_cover_every_step(length: int, stride: int, extra: int) -> None:
    steps, stride = length + extra, min(stride, length)
    starts = windows.starts_of(steps, length, stride)
    covered = np.zeros(steps, bool)
    for start in starts:
        covered[start : start + length] = True
    assert covered.all() and (np.diff(starts) > 0).all()
    assert starts[-1] + length == steps


def test_windows_are_slices_and_never_cross_entities() -> None:
    first = np.arange(12.0)[:, None]
    second = 100 + np.arange(9.0)[:, None]
    parts = [types.cut_test(first), types.cut_test(second)]
    view = windows.view(parts, 4, 3)
    batch = jax.jit(lambda v, i: v.take(i))(view, jnp.arange(view.size))
    expected = [first[s : s + 4] for s in (0, 3, 6, 8)]
    expected += [second[s : s + 4] for s in (0, 3, 5)]
    np.testing.assert_array_equal(batch.values, np.stack(expected))
    np.testing.assert_array_equal(view.covered(), np.ones(21))


def test_padding_covers_nothing() -> None:
    view = windows.view(types.cut_test(np.ones((10, 1))), 4, 4, tail=False)
    padded = view.with_arrays(weight=jnp.array([1.0, 0.0]))
    np.testing.assert_array_equal(padded.covered(), [1, 1, 1, 1, 0, 0, 0, 0, 0, 0])


def test_bad_views_are_refused() -> None:
    short = types.cut_test(np.ones((3, 2)), entity="pump")
    with pytest.raises(ValueError, match=r"'pump'.*shorter than one window"):
        windows.view(short, 4, 1)
    with pytest.raises(ValueError, match="stride=0"):
        windows.view(short, 2, 0)
    with pytest.raises(ValueError, match="equally many channels"):
        windows.view([short, types.cut_test(np.ones((3, 1)))], 2, 1)
    fit, _ = types.cut_train(np.ones((3, 2)), window=2)
    with pytest.raises(ValueError, match="one role"):
        windows.view([short, fit], 2, 1)
    with pytest.raises(ValueError, match="at least one"):
        windows.view([], 2, 1)
