"""The live page of a real server in a real browser."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from jaxtsad.estimator import TimeSeriesDetector

pytestmark = pytest.mark.browser
sync_api = pytest.importorskip(
    "playwright.sync_api", reason="playwright of jaxtsad[browser] is not installed"
)
for name in ("starlette", "uvicorn", "prometheus_client"):
    pytest.importorskip(name, reason=f"{name} of jaxtsad[serve] is not installed")
CHROMIUM = shutil.which("chromium")
HOSTILE = "<img src=x onerror='window.ran = 1'>"


def test_the_page_fills_as_rows_come(tmp_path):
    if CHROMIUM is None:
        pytest.skip("no chromium is installed")
    from tests.serving.test_server import Client

    values = np.random.default_rng(0).normal(size=(300, 2))
    frame = pd.DataFrame(values, columns=[HOSTILE, "load"])
    TimeSeriesDetector("zscore", window=8).fit(frame).save(tmp_path / "model")
    (tmp_path / "token").write_text("correct-horse")
    token = ["--token-file", tmp_path / "token"]
    client = Client(tmp_path / "model", *token).ready()
    right = {"Authorization": "Bearer correct-horse"}

    def send(rows: np.ndarray) -> None:
        body = json.dumps(rows.tolist())
        assert client.ask("POST", "/rows", body, **right)[0] == 200

    try:
        with sync_api.sync_playwright() as driver:
            browser = driver.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox"], headless=True
            )
            tab = browser.new_page()
            errors: list[str] = []
            urls: list[str] = []
            tab.on("pageerror", lambda error: errors.append(str(error)))
            tab.on("request", lambda request: urls.append(request.url))
            own = f"http://127.0.0.1:{client.port}/"
            tab.goto(own)
            tab.wait_for_selector("#token:not([hidden])")
            tab.fill("#token input", "correct-horse")
            tab.click("#token button")
            send(values[:50])
            tab.wait_for_selector("#score canvas")
            tab.wait_for_function("about.steps === 50")
            rows = values[50:60].copy()
            rows[5] += 40
            send(rows)
            tab.wait_for_function("about.steps === 60")
            assert tab.inner_text("#status").startswith("Step 59")
            assert "opened" in tab.inner_text("#alarms")
            assert tab.inner_text("#channels").startswith(HOSTILE)
            assert tab.evaluate("window.ran") is None
            before = tab.inner_text("#counts")
            tab.fill("#threshold", "1e9")
            assert tab.inner_text("#counts") != before
            assert errors == []
            assert all(url.startswith(own) for url in urls)
            browser.close()
    finally:
        code = client.end()
    assert code == 0
