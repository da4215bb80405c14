"""The interactive page: its size, how long it is made, loaded and redrawn.

Times in the browser are the page's own marks (`performance.measure`): `load_s` from its
first script to the first charts, `redraw_ms` the median after zooms and pans. They need
Chromium and playwright (`jaxtsad[browser]`), without which they are left out.
"""

from __future__ import annotations

import importlib.util
import pathlib
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator

import numpy as np

from benchmarks.throughput.options import Options, Row
from jaxtsad.interactive import Scored, page

SIZES = ((10_000, 5), (100_000, 25), (1_000_000, 5), (1_000_000, 25))
PRESSED = ("+", "+", "ArrowLeft", "+", "ArrowRight", "-", "0", "+", "+", "0")
MEASURED = "performance.getEntriesByName('{}', 'measure').map((m) => m.duration)"


def measure(options: Options) -> Iterator[Row]:
    """Measures pages of random walks with the scores of one detector.

    Raises:
        ValueError: If the command line asks for sizes, fleets or a comparison.
    """
    options.refuse("pages", "detector", "sizes", "members", "against")
    browser = shutil.which("chromium")
    if browser is None or importlib.util.find_spec("playwright") is None:
        lacking = "chromium" if browser is None else "playwright of jaxtsad[browser]"
        options.show(f"{lacking} is not installed: pages are made, not opened")
        browser = None
    for steps, channels in SIZES[:1] if options.quick else SIZES:
        yield _row(steps, channels, browser)


def _row(steps: int, channels: int, browser: str | None) -> Row:
    values = np.random.default_rng(0).normal(size=(steps, channels)).cumsum(axis=0)
    scores = np.abs(values[:, 0])
    scored = [Scored("score", scores, float(np.quantile(scores, 0.99)))]
    began = time.perf_counter()
    made = page("walk", values, [f"c{n}" for n in range(channels)], scored=scored)
    seconds = time.perf_counter() - began
    row: Row = {
        "suite": "pages",
        "case": f"{steps:,} steps, {channels} channels",
        "size_mb": len(made.text) / 1e6,
        "made_s": seconds,
        "made_steps_per_s": steps / seconds,
    }
    return row if browser is None else row | _opened(made.text, browser)


def _opened(text: str, browser: str) -> Row:
    from playwright import sync_api

    with tempfile.TemporaryDirectory() as folder, sync_api.sync_playwright() as driver:
        path = pathlib.Path(folder) / "page.html"
        path.write_text(text)
        opened = driver.chromium.launch(
            executable_path=browser, args=["--no-sandbox"], headless=True
        )
        tab = opened.new_page(viewport={"width": 1400, "height": 1000})
        tab.goto(path.as_uri())
        tab.wait_for_selector("#score canvas")
        for key in PRESSED:
            tab.keyboard.press(key)
            tab.wait_for_timeout(100)
        [load] = tab.evaluate(MEASURED.format("load"))
        redraws = tab.evaluate(MEASURED.format("redraw"))
        opened.close()
    return {"load_s": load / 1000, "redraw_ms": statistics.median(redraws)}
