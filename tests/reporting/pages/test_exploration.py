"""The page of a recording: what is counted, drawn and said, whatever is in the data."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from jaxtsad.reporting import statistics
from jaxtsad.reporting.pages import exploration
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
    text = exploration.page(telemetry(), "smap").text
    page = Page(text)
    said = " ".join(page.text().split())
    assert "smap · 4 channels: 1 with values, 1 0/1 commands, 2 constant" in said
    assert "training part 600 no labels" in said and "10 to 14" in said
    assert "605 25.2083% 600 2 600" in said and "10.00%" in said
    assert "2 constant channels" in said
    assert "<b>speed</b>" in page.text(within="td") and page.count("b") == 0
    [content] = re.findall(r'id="about">(.*?)</script>', text, re.DOTALL)
    about = json.loads(content)
    assert about["borders"] == [600] and about["steps"] == 1200
    assert about["labels"][0] == [650, 660] and about["scored"] == []
    assert [one["name"] for one in about["channels"]] == list(telemetry().channels)


def test_events_are_listed_with_their_last_step() -> None:
    said = Page(exploration.page(telemetry(2), "smap").text).text(within="td")
    assert "50 59 10 50 <point> 150 160 11 90 <point>" in said


@pytest.mark.parametrize(
    ("series", "said"),
    [
        (Series("a", np.zeros((3, 1))), "no labels"),
        (
            Series("a", np.zeros((3, 1)), np.ones((2, 1)), np.zeros(2, np.int8)),
            "test part 2 0",
        ),
        (Series("a", np.full((3, 2), np.nan)), "longest gap"),
        (
            Series("a", np.eye(3), metadata={"train_labels": np.array([0, 1, 1])}),
            "labeled anomalous",
        ),
    ],
)
def test_odd_recordings_are_drawn_too(series: Series, said: str) -> None:
    page = Page(exploration.page(series, "mine.csv").text)
    assert said in " ".join(page.text().split())
