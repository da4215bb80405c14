from __future__ import annotations

import re
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pandas as pd
import pytest

from jaxtsad.evaluation.metrics import point
from jaxtsad.reporting import (
    bars,
    curves,
    diagnostics,
    distributions,
    learning,
    plots,
    svg,
)
from tests.reporting import example


def drawn(figure, label="a plot"):
    text = svg.render(figure, label)
    ElementTree.fromstring(text)
    return text


@pytest.fixture(scope="module")
def recording():
    generator = np.random.default_rng(1)
    label = np.zeros(1500, np.int8)
    label[700:760] = 1
    score = example.score_of(generator, label, example.DETECTOR).astype(np.float64)
    return example.values_of(generator, label, 8), label, score


def test_a_series_has_lanes_events_score_and_threshold(recording):
    values, _, score = recording
    figure = plots.series(
        score,
        values=values,
        names=["pressure", "a $b$ & <c>"],
        truth=np.array([[700, 760]]),
        found=np.array([[705, 740], [1200, 1201]]),
        threshold=0.4,
    )
    assert len(figure.axes) == plots.LANES + 2
    last = figure.axes[-1]
    assert last.lines[0].get_ydata().max() == score.max()
    assert last.lines[1].get_ydata()[0] == 0.4
    text = drawn(figure)
    assert "a $b$ &amp; &lt;c&gt;" in text and "channel 5" in text
    assert "threshold 0.4" in text


def test_a_window_shows_only_its_steps(recording):
    values, _, score = recording
    figure = plots.series(score, values=values[:, :1], window=(680, 780))
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
    figure = plots.series(
        score,
        values=values,
        truth=np.array([[100_000, 140_000]]),
        found=np.stack([flags, flags + 1], axis=1),
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
    drawn(plots.series(score, values=values, truth=np.zeros((0, 2)), threshold=0.0))
    drawn(distributions.histogram(score, None, threshold=None))


def test_curves_end_where_they_must(recording):
    _, label, score = recording
    for x, y in (curves.roc(label, score), curves.precision_recall(label, score)):
        assert (np.diff(x) >= 0).all()
        assert x[0] == 0 and x[-1] == 1
        assert y.min() >= 0 and y.max() <= 1
    x, y = curves.roc(label, score)
    area = float(np.trapezoid(y, x))
    assert area == pytest.approx(point.auc_roc(label, score), abs=1e-12)
    recall, precision = curves.precision_recall(label, score)
    area = float((np.diff(recall) * precision[1:]).sum())
    assert area == pytest.approx(point.auc_pr(label, score), abs=1e-12)


def test_curves_name_areas_and_chance(recording):
    _, label, score = recording
    line = diagnostics.Curve("mine", *curves.roc(label, score), 0.8765, True)
    other = line._replace(name="pca", area=float("nan"), main=False)
    text = drawn(diagnostics.roc([line, other]))
    assert "mine  0.876" in text and ">pca<" in text and "chance" in text
    text = drawn(diagnostics.precision_recall([line], 0.04))
    assert "chance  0.040" in text


def test_random_flags_stand_beside_adjusted_curves():
    percents = np.array([0.0, 50.0, 100.0])
    line = diagnostics.Curve("mine", percents, np.array([1.0, 0.5, 0.2]), 0.5, True)
    text = drawn(diagnostics.adjustment([line], percents, np.array([0.8, 0.2, 0.0])))
    assert "random flags  0.300" in text


def test_confusion_says_its_counts():
    text = drawn(distributions.confusion(point.Confusion(3, 1234, 1, 98_765)))
    for words in (">3<", ">1,234<", ">1<", ">98,765<", "hit  75.0%", "missed  25.0%"):
        assert words in text


def test_the_threshold_plot_holds_the_best_f1(recording):
    _, label, score = recording
    figure = distributions.by_threshold(label, score, 0.3)
    f1 = next(line for line in figure.axes[0].lines if line.get_label() == "F1")
    oracle = point.oracle_f1(label, score).value
    assert max(f1.get_ydata()) == pytest.approx(oracle)


def test_histograms_are_shares_of_their_class(recording):
    _, label, score = recording
    figure = distributions.histogram(
        score, label, threshold=0.3, calibration=score[:99]
    )
    heights = [patch.get_data().values for patch in figure.axes[0].patches]
    assert [height.sum() for height in heights] == pytest.approx([1, 1, 1])


def test_learning_curves_draw_every_member():
    generator = np.random.default_rng(3)
    lines = [
        line
        for entity in "ab"
        for seed in (0, 1)
        for line in example.history_of(generator, entity, seed, 5)
    ]
    figure = learning.curves(pd.DataFrame(lines))
    assert len(figure.axes[0].lines) == 8
    text = drawn(figure)
    for name in ("loss", "scale", "reconstruction", "discrepancy", "validation"):
        assert name in text
    alone = pd.DataFrame(lines[:1]).drop(columns=["validation_loss", "scale"])
    assert "validation" not in drawn(learning.curves(alone))


def test_bars_are_in_order_of_the_metric():
    figure = bars.entity_bars(
        ["low", "none", "high"], [0.2, np.nan, 0.9], [0.1, 0.1, 0.1], metric="VUS-PR"
    )
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names == ["high", "low", "none"]
    drawn(figure)


def test_drawing_changes_no_global_setting(recording):
    _, _, score = recording
    before = dict(matplotlib.rcParams)
    drawn(plots.series(score))
    assert dict(matplotlib.rcParams) == before


def test_names_of_any_alphabet_and_control_characters_are_drawn(recording):
    values, _, score = recording
    names = ["\u6e29\u5ea6", "bell\x07\x00", "\U0001f6f0"]
    text = drawn(plots.series(score, values=values[:, :3], names=names), "a\x00b")
    assert "\u6e29\u5ea6" in text and "bell" in text


def test_colours_follow_the_page(recording):
    text = drawn(plots.series(recording[2], threshold=0.5))
    found = set(re.findall(r"#[0-9a-f]{6}", text))
    assert found <= set(svg.PALETTE.values())
    assert f"var(--score, {svg.PALETTE['score']})" in text
