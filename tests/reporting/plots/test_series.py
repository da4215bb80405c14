from __future__ import annotations

import re

import matplotlib
import numpy as np
import pytest

from jaxtsad.reporting.plots import distributions, series, svg
from tests.reporting.page_reader import drawn


def test_a_series_has_lanes_events_score_and_threshold(scored):
    values, _, score = scored
    figure = series.series(
        score,
        values=values,
        names=["pressure", "a $b$ & <c>"],
        true_events=np.array([[700, 760]]),
        flagged=np.array([[705, 740], [1200, 1201]]),
        threshold=0.4,
    )
    assert len(figure.axes) == series.LANES + 2
    last = figure.axes[-1]
    assert last.lines[0].get_ydata().max() == score.max()
    assert last.lines[1].get_ydata()[0] == 0.4
    text = drawn(figure)
    assert "a $b$ &amp; &lt;c&gt;" in text and "channel 5" in text
    assert "threshold 0.4" in text


def test_a_window_shows_only_its_steps(scored):
    values, _, score = scored
    figure = series.series(score, values=values[:, :1], window=(680, 780))
    assert figure.axes[-1].get_xlim() == (680, 780)
    line = figure.axes[0].lines[0]
    assert line.get_xdata()[0] == 680 and len(line.get_xdata()) == 100
    np.testing.assert_array_equal(line.get_ydata(), values[680:780, 0])


def test_a_million_steps_are_a_small_drawing():
    generator = np.random.default_rng(2)
    score = generator.gamma(2.0, 1.0, 1_000_000)
    values = generator.standard_normal((1_000_000, 4)).astype(np.float32)
    score[123_456] = 90.0
    flags = np.flatnonzero(score > 8)
    figure = series.series(
        score,
        values=values,
        true_events=np.array([[100_000, 140_000]]),
        flagged=np.stack([flags, flags + 1], axis=1),
        threshold=8.0,
    )
    assert figure.axes[-1].lines[0].get_ydata().max() == 90.0
    assert len(drawn(figure)) < 200_000


@pytest.mark.parametrize(
    "score",
    [np.zeros(5), np.ones(1), np.array([1e-9, 1e-9, 1e-9, 1e3]), -np.arange(4.0)],
)
def test_odd_scores_are_drawn(score):
    values = np.full((len(score), 1), np.nan)
    drawn(
        series.series(score, values=values, true_events=np.zeros((0, 2)), threshold=0.0)
    )
    drawn(distributions.histogram(score, None, threshold=None))


def test_drawing_changes_no_global_setting(scored):
    _, _, score = scored
    before = dict(matplotlib.rcParams)
    drawn(series.series(score))
    assert dict(matplotlib.rcParams) == before


def test_names_of_any_alphabet_and_control_characters_are_drawn(scored):
    values, _, score = scored
    names = ["\u6e29\u5ea6", "bell\x07\x00", "\U0001f6f0"]
    text = drawn(series.series(score, values=values[:, :3], names=names), "a\x00b")
    assert "\u6e29\u5ea6" in text and "bell" in text


def test_colors_follow_the_page(scored):
    text = drawn(series.series(scored[2], threshold=0.5))
    found = set(re.findall(r"#[0-9a-f]{6}", text))
    assert found <= set(svg.PALETTE.values())
    assert f"var(--score, {svg.PALETTE['score']})" in text
