from __future__ import annotations

import numpy as np
import pandas as pd

from jaxtsad.reporting.plots import learning
from tests.reporting import example
from tests.reporting.page_reader import drawn


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
