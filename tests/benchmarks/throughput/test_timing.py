from __future__ import annotations

import pytest

from benchmarks.throughput import load, timing
from benchmarks.throughput.load import Reading
from benchmarks.throughput.timing import Contender, Timed, Work


def contender(name, seconds, log):
    """Takes the next of `seconds` for 12 windows; the first run is the warm-up's."""
    left = list(seconds)

    def warm():
        log.append(f"warm {name}")
        return 7.0

    def run():
        log.append(name)
        return Work(12, left.pop(0))

    return Contender(name, warm, run)


def test_contenders_take_turns_and_the_warm_up_does_not_count(monkeypatch):
    monkeypatch.setattr(load, "read", lambda: Reading(0.0, 0.0, 0.0))
    log, lines = [], []
    pair = [
        contender("a", [1.0, 2.0, 3.0, 12.0], log),
        contender("b", [9.0, 6.0, 6.0, 6.0], log),
    ]
    first, second = timing.alternate(pair, 3, lines.append)
    assert log == ["warm a", "a", "warm b", "b", *["a", "b"] * 3]
    assert first.rates == (6.0, 4.0, 1.0)
    assert (first.median, second.median) == (4.0, 2.0)
    assert (first.name, first.warm_s) == ("a", 7.0)
    assert len(lines) == 6
    assert "run 3 of 3, b: 2.00 windows/s" in lines[-1]


def test_every_run_is_told_with_what_others_used(monkeypatch):
    """Readings before and after each run: 2 seconds, 3 busy, 2 of them ours."""
    count = iter(range(100))

    def read():
        place = next(count) % 2
        return Reading(2.0 * place, 3.0 * place, 2.0 * place)

    monkeypatch.setattr(load, "read", read)
    lines = []
    (timed,) = timing.alternate([contender("a", [1.0] * 3, [])], 2, lines.append)
    assert timed.others == (0.5, 0.5)
    assert all(line.endswith("others used 0.50 of a core") for line in lines)


def test_calls_go_on_until_the_time_is_up_and_their_windows_add_up(monkeypatch):
    ticks = iter([10.0, 11.0, 12.0, 13.5])
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(ticks))
    windows = iter([32, 32, 7])
    assert timing.until(3.0, lambda: next(windows)) == Work(71, 3.5)


def test_what_others_used_is_weighted_by_the_length_of_runs():
    timed = Timed("a", 0.0, (1.0, 1.0), (0.0, 1.0), (3.0, 1.0))
    assert timed.foreign == pytest.approx(0.25)
    assert timed._replace(others=(0.0, None)).foreign is None
