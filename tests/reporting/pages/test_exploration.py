"""The page of a recording: what is counted, drawn and said, whatever is in the data."""

from __future__ import annotations

import numpy as np
import pytest

from jaxtsad.reporting import statistics
from jaxtsad.reporting.pages import exploration
from jaxtsad.reporting.plots import channels
from jaxtsad.types import Series
from tests.reporting.page_reader import Page


def telemetry(events: int = 5) -> Series:
    """Values, a command, a constant and an empty channel, with holes and events."""
    rng = np.random.default_rng(0)
    train, test = (rng.normal(size=(600, 4)).astype(np.float32) for _ in range(2))
    for part in (train, test):
        part[:, 1] = rng.random(600) < 0.05
        part[:, 2] = 7.0
        part[:, 3] = np.nan
    train[100:104, 0] = np.nan
    train[300, 0] = np.inf
    labels = np.zeros(600, np.int8)
    kinds = []
    for number in range(events):
        start = 50 + 100 * number
        labels[start : start + 10 + number] = 1
        kinds.append((start, start + 10 + number, "<point>"))
    test[labels > 0, 0] += 20
    names = ("<b>speed</b>", "command_1", "level", "nothing")
    return Series("A & B", train, test, labels, names, tuple(kinds), {"craft": "SMAP"})


def test_what_is_missing_is_counted_by_gap() -> None:
    series = telemetry()
    assert statistics.missing(series.train[:, :1]) == (5, 5, 4, 1)
    assert statistics.missing(series.train).channels == 2
    first, command, level, nothing = statistics.statistics(series.train)
    assert first.missing == 5 and abs(first.mean) < 0.2
    assert (command.low, command.high, level.sd, nothing.missing) == (0, 1, 0, 600)
    assert np.isnan(nothing.mean)
    kinds = statistics.kinds(series)
    assert kinds == ["values", "command", "constant", "constant"]
    assert statistics.outside(series)[0] == pytest.approx(60 / 600, abs=0.01)


def test_the_page_says_what_the_recording_holds() -> None:
    page = Page(exploration.page(telemetry(), "smap"))
    said = " ".join(page.text().split())
    assert "smap · 4 channels: 1 with values, 1 0/1 commands, 2 constant" in said
    assert "605 cells missing" in said and "10 to 14 steps long" in said
    assert "60 of 600 steps" in said and "2 constant channels" in said
    # Two parts, the lengths of the events and one distribution.
    assert page.count("svg") == 4
    assert "<b>speed</b>" in page.text(within="td") and page.count("b") == 0
    fetched = {"src", "href", "onload"}
    kept = [name for _, own in page.attributes for name in own if name in fetched]
    assert [name for name in kept if name != "href"] == []
    assert page.count("script") == 0


def test_events_are_listed_with_their_last_step() -> None:
    said = Page(exploration.page(telemetry(2), "smap")).text(within="td").split()
    assert said[:5] == ["50", "59", "10", "50", "<point>"]
    assert said[5:10] == ["150", "160", "11", "90", "<point>"]


@pytest.mark.parametrize(
    ("series", "said"),
    [
        (Series("a", np.zeros((3, 1))), "There are no labels."),
        (
            Series("a", np.zeros((3, 1)), np.ones((2, 1)), np.zeros(2, np.int8)),
            "No step is labeled anomalous.",
        ),
        (Series("a", np.full((3, 2), np.nan)), "longest gap"),
        (
            Series("a", np.eye(3), metadata={"train_labels": np.array([0, 1, 1])}),
            "labeled anomalous",
        ),
    ],
)
def test_odd_recordings_are_drawn_too(series: Series, said: str) -> None:
    assert said in Page(exploration.page(series, "mine.csv")).text()


def test_many_channels_and_commands_are_left_out_and_said() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(50, 9)) * np.arange(1, 10)[None]
    commands = (rng.random((50, 30)) < 0.5).astype(float)
    series = Series("wide", np.concatenate([values, commands], axis=1))
    said = " ".join(Page(exploration.page(series, "wide.npy")).text().split())
    assert "the 6 of 9 channels that vary most" in said
    assert f"the {channels.COMMANDS} most frequent of 30 commands" in said
