from __future__ import annotations

import os
import sys

import pytest

from benchmarks.throughput import load
from benchmarks.throughput.load import Reading

IDLE = Reading(wall=10.0, busy=100.0, own=5.0)


@pytest.mark.parametrize(
    ("busy", "own", "cores"), [(4.0, 4.0, 0.0), (5.0, 4.0, 0.5), (3.95, 4.0, 0.0)]
)
def test_others_is_what_was_busy_and_not_ours(busy, own, cores):
    after = Reading(IDLE.wall + 2, IDLE.busy + busy, IDLE.own + own)
    assert load.others(IDLE, after) == pytest.approx(cores)


def test_counters_that_do_not_move_with_our_own_work_tell_nothing():
    assert load.others(IDLE, Reading(12.0, 100.0, 7.0)) is None
    assert load.others(None, IDLE) is None
    assert load.others(IDLE, None) is None


def test_only_the_cores_we_may_run_on_count(tmp_path, monkeypatch):
    stat = tmp_path / "stat"
    stat.write_text(
        "cpu  999 999 999 999 999 999 999 999 0 0\n"
        "cpu0 100 10 40 5000 600 1 2 7 50 0\n"
        "cpu1 999 0 0 0 0 0 0 0 0 0\n"
        "intr 1 2 3\n"
    )
    monkeypatch.setattr(load, "STAT", stat)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0}, raising=False)
    ticks = os.sysconf("SC_CLK_TCK")
    reading = load.read()
    assert reading is not None
    assert reading.busy == pytest.approx((100 + 10 + 40 + 1 + 2 + 7) / ticks)


def test_without_counters_there_is_no_reading(tmp_path, monkeypatch):
    monkeypatch.setattr(load, "STAT", tmp_path / "missing")
    monkeypatch.setitem(sys.modules, "psutil", None)
    assert load.read() is None
