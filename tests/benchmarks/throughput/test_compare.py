from __future__ import annotations

import pytest

from benchmarks.throughput import compare, load
from benchmarks.throughput.timing import Timed


def timed(name, rates, others=0.0):
    return Timed(name, 1.0, rates, (others,) * len(rates), (2.0,) * len(rates))


JAX = timed("JAX", (30.0, 10.0, 20.0))
ONE = timed("PyTorch, 1 thread", (5.0, 8.0, 6.0))
TWO = timed("PyTorch, 2 threads", (9.0, 4.0, 5.0))


def test_the_ratio_is_of_medians_and_the_faster_threads_win():
    row = compare.outcome([JAX, ONE, TWO])
    assert row["ratio"] == pytest.approx(20 / 6)
    assert row["torch_side"] == "PyTorch, 1 thread"
    assert row["runs_windows_per_s"]["PyTorch, 2 threads"] == [9.0, 4.0, 5.0]


@pytest.mark.parametrize("disturbed", range(3))
def test_no_ratio_while_others_use_the_cores(disturbed):
    sides = [JAX, ONE, TWO]
    sides[disturbed] = timed(sides[disturbed].name, (1.0,), load.LIMIT + 0.01)
    row = compare.outcome(sides)
    assert "other processes used 0.31 of a core" in row["refused"]
    assert sides[disturbed].name in row["refused"]
    assert not {"ratio", "jax_windows_per_s", "torch_windows_per_s"} & set(row)


def test_up_to_the_limit_there_is_a_ratio():
    assert "ratio" in compare.outcome([timed("JAX", (2.0,), load.LIMIT), ONE])


def test_no_ratio_where_the_load_is_unknown():
    row = compare.outcome([JAX, timed("PyTorch, 1 thread", (1.0,), None)])
    assert "could not be measured" in row["refused"]
    assert "ratio" not in row
