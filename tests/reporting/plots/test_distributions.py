from __future__ import annotations

import pytest

from jaxtsad.evaluation.metrics import point
from jaxtsad.reporting.plots import distributions
from tests.reporting.page_reader import drawn


def test_confusion_says_its_counts():
    text = drawn(distributions.confusion(point.Confusion(3, 1234, 1, 98_765)))
    for words in (">3<", ">1,234<", ">1<", ">98,765<", "hit  75.0%", "missed  25.0%"):
        assert words in text


def test_the_threshold_plot_holds_the_best_f1(scored):
    _, label, score = scored
    figure = distributions.by_threshold(label, score, 0.3)
    f1 = next(line for line in figure.axes[0].lines if line.get_label() == "F1")
    oracle = point.oracle_f1(label, score).value
    assert max(f1.get_ydata()) == pytest.approx(oracle)


def test_histograms_are_shares_of_their_class(scored):
    _, label, score = scored
    figure = distributions.histogram(
        score, label, threshold=0.3, calibration=score[:99]
    )
    heights = [patch.get_data().values for patch in figure.axes[0].patches]
    assert [height.sum() for height in heights] == pytest.approx([1, 1, 1])
