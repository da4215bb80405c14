"""The live page of a real server in a real browser."""

from __future__ import annotations

import json
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest

from jaxtsad.estimator import TimeSeriesDetector
from tests.browser.opened import HOSTILE

pytestmark = pytest.mark.browser
for name in ("starlette", "uvicorn", "prometheus_client"):
    pytest.importorskip(name, reason=f"{name} of jaxtsad[serve] is not installed")


def test_the_page_fills_as_rows_come(browser, tmp_path):
    from tests.serving.test_server import Client

    values = np.random.default_rng(0).normal(size=(300, 2))
    frame = pd.DataFrame(values, columns=[HOSTILE, "load"])
    data = {HOSTILE: frame, "b": frame}
    TimeSeriesDetector("zscore", window=8).fit(data).save(tmp_path / "model")
    (tmp_path / "token").write_text("correct-horse")
    token = ["--token-file", tmp_path / "token"]
    client = Client(tmp_path / "model", *token).ready()
    right = {"Authorization": "Bearer correct-horse"}
    entity = f"/entities/{quote(HOSTILE, safe='')}"

    def send(rows: np.ndarray) -> None:
        body = json.dumps(rows.tolist())
        assert client.ask("POST", f"{entity}/rows", body, **right)[0] == 200

    try:
        context = browser.new_context()
        tab = context.new_page()
        errors: list[str] = []
        urls: list[str] = []
        said: list[str] = []
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.on("request", lambda request: urls.append(request.url))
        own = f"http://127.0.0.1:{client.port}/"
        tab.goto(own + entity[1:])
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
        assert tab.inner_text("#channels").startswith("</script>")
        assert tab.inner_text("h1").startswith("</script>")
        assert tab.evaluate("window.ran") is None
        before = tab.inner_text("#counts")
        tab.fill("#threshold", "1e9")
        assert tab.inner_text("#counts") != before
        assert errors == []
        assert all(url.startswith(own) for url in urls)
        # The first request is refused, for want of a token.
        assert len(said) == 1 and "401" in said[0]
        context.close()
    finally:
        code = client.end()
    assert code == 0
