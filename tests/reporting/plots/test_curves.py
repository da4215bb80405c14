from __future__ import annotations

import numpy as np
import pytest

from jaxtsad.evaluation.metrics import point
from jaxtsad.reporting.plots import curves
from tests.reporting.page_reader import drawn


def test_curves_end_where_they_must(scored):
    _, label, score = scored
    for x, y in (
        curves.roc_points(label, score),
        curves.precision_recall_points(label, score),
    ):
        assert (np.diff(x) >= 0).all()
        assert x[0] == 0 and x[-1] == 1
        assert y.min() >= 0 and y.max() <= 1
    x, y = curves.roc_points(label, score)
    area = float(np.trapezoid(y, x))
    assert area == pytest.approx(point.auc_roc(label, score), abs=1e-12)
    recall, precision = curves.precision_recall_points(label, score)
    area = float((np.diff(recall) * precision[1:]).sum())
    assert area == pytest.approx(point.auc_pr(label, score), abs=1e-12)


def test_curves_name_areas_and_chance(scored):
    _, label, score = scored
    line = curves.Curve("mine", *curves.roc_points(label, score), 0.8765, True)
    other = line._replace(name="pca", area=float("nan"), main=False)
    text = drawn(curves.roc([line, other]))
    assert "mine  0.876" in text and ">pca<" in text and "chance" in text
    text = drawn(curves.precision_recall([line], 0.04))
    assert "chance  0.040" in text


def test_random_flags_are_drawn_with_adjusted_curves():
    percents = np.array([0.0, 50.0, 100.0])
    line = curves.Curve("mine", percents, np.array([1.0, 0.5, 0.2]), 0.5, True)
    text = drawn(curves.pa_k([line], percents, np.array([0.8, 0.2, 0.0])))
    assert "random flags  0.300" in text
