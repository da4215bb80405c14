from __future__ import annotations

import numpy as np

from jaxtsad.reporting.plots import bars
from tests.reporting.page_reader import drawn


def test_bars_are_in_order_of_the_metric():
    figure = bars.entities(
        ["low", "none", "high"], [0.2, np.nan, 0.9], [0.1, 0.1, 0.1], metric="VUS-PR"
    )
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names == ["high", "low", "none"]
    drawn(figure)
