"""The page of samples in a real browser, as a person would use it."""

from __future__ import annotations

import numpy as np
import pytest

from jaxtsad.estimator import SampleDetector
from jaxtsad.interactive import chosen, marks, pictures, samples
from tests.browser.opened import HOSTILE, Opened

pytestmark = pytest.mark.browser


def test_samples_are_sorted_enlarged_and_marked(browser, tmp_path):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(90, 6, 6, 1))
    scores = rng.permutation(90).astype(float)
    worst = int(scores.argmax())
    path = tmp_path / "samples.html"
    labels = (scores > 85).astype(int)
    seen = pictures(chosen(values, scores), values[chosen(values, scores)], values)
    samples(HOSTILE, seen, scores, 79.5, labels=labels).save(path)
    opened = Opened(browser, path)
    tab = opened.tab
    assert "10 of 90" in opened.text("counts") and "recall 100 %" in opened.text(
        "counts"
    )
    first = tab.locator("#grid button").first
    assert first.inner_text() == f"Sample {worst}: 89.00, above, anomalous"
    assert first.locator("canvas").count() == 2
    tab.fill("#threshold", "87.5")
    assert "recall 50 %" in opened.text("counts")
    tab.select_option("#filter", "missed")
    assert tab.locator("#grid button").count() == 2
    tab.select_option("#filter", "all")
    tab.select_option("#sort", "low")
    assert tab.locator("#grid button").count() == 60
    tab.click("#more")
    assert tab.locator("#grid button").count() == 90
    tab.locator("#grid button").first.press("Enter")
    assert "its reconstruction" in opened.text("closer")
    tab.locator("#closer select").select_option("anomaly")
    tab.locator("#closer input").fill(HOSTILE)
    tab.keyboard.press("Escape")
    tab.select_option("#filter", "marked")
    assert "marked anomaly" in tab.locator("#grid button").first.inner_text()
    least = int(scores.argmin())
    known = marks.known(opened.saved("save-json", tmp_path))
    assert known == [(least, least + 1)]
    SampleDetector("zscore").fit(values, known)
    tab.reload()
    tab.select_option("#filter", "marked")
    assert tab.locator("#grid button").count() == 1
    opened.close()
