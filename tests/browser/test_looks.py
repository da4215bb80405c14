"""Every page in both themes, narrow and wide: no text is cut or too pale."""

from __future__ import annotations

import pathlib

import numpy as np
import pandas as pd
import pytest

from jaxtsad.estimator import TimeSeriesDetector
from jaxtsad.interactive import pictures, samples
from jaxtsad.reporting.pages import comparison, exploration, run_report
from jaxtsad.types import Series
from tests.browser.opened import Opened
from tests.reporting import example

pytestmark = pytest.mark.browser
FAULTS = pathlib.Path(__file__).with_name("faults.js").read_text("utf-8")
UNFOLDED = "document.querySelectorAll('details').forEach((one) => { one.open = true })"
LONG = "temperature_of_the_second_pump_behind_the_main_valve_of_hall_12"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> pathlib.Path:
    """A folder with a page of each kind, with long names and large numbers."""
    folder = tmp_path_factory.mktemp("looks")
    rng = np.random.default_rng(0)
    values = rng.normal(size=(900, 3)) * [1, 1e7, 1e-7] + [0, 4e8, 0]
    values[700:720] *= 3
    names = ["command_12", LONG, "u"]
    labels = (np.arange(300) // 20 == 5).astype(np.int8)
    series = Series("hall", values[:600], values[600:], labels, tuple(names))
    exploration.page(series, "hall.csv").save(folder / "explore.html")
    time = pd.date_range("2026-01-01", periods=900, freq="min")
    frame = pd.DataFrame(values, columns=names, index=time)
    detector = TimeSeriesDetector("zscore", window=20).fit(frame[:600])
    detector.plot(frame[600:], labels, title=LONG).save(folder / "plot.html")
    images = rng.random((70, 8, 8, 1))
    seen = pictures(np.arange(70), images, images)
    page = samples(LONG, seen, np.arange(70) / 7, 8.0, labels=np.arange(70) > 60)
    page.save(folder / "samples.html")
    run = folder / "run"
    example.write(run, steps=2000)
    run_report.write(run)
    (folder / "compare.html").write_text(comparison.page([run, run]))
    return folder


PAGES = "explore", "plot", "samples", "run/report", "run/look_0", "compare"


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_is_cut_or_too_pale(browser, made, theme, width):
    found = {}
    for name in PAGES:
        opened = Opened(
            browser,
            made / f"{name}.html",
            "h1",
            color_scheme=theme,
            viewport={"width": width, "height": 900},
        )
        opened.tab.evaluate(UNFOLDED)
        found[name] = opened.tab.evaluate(FAULTS)
        opened.close()
    assert found == {name: [] for name in PAGES}
