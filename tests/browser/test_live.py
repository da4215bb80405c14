"""The live page of a real server in a real browser."""

from __future__ import annotations

import json
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest

from jaxtsad.estimator import TimeSeriesDetector
from tests.browser.opened import HOSTILE, until

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
        until(tab, "about.steps === 50")
        rows = values[50:60].copy()
        rows[5] += 40
        send(rows)
        until(tab, "about.steps === 60")
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


def test_events_are_the_alarms_of_the_server(browser, tmp_path):
    from tests.serving.test_server import Client

    noise = np.random.default_rng(0).normal(size=(1007, 2))
    smooth = sum(noise[i : i + 1000] for i in range(8)) / np.sqrt(8)
    detector = TimeSeriesDetector("zscore", window=8, shortest=2)
    detector.fit(pd.DataFrame(smooth, columns=["speed", "load"]))
    detector.save(tmp_path / "model")
    client = Client(tmp_path / "model").ready()
    quiet, low, high = 0.0, 2.0, 9.0
    calm = [quiet] * 6
    through_low = [high, high, low, high, high]
    through_quiet = [high, high, quiet, high, high]
    rows = [*calm, *through_low, *calm, *through_quiet, *calm, high, *calm]
    first = len(calm) + 3  # Within an alarm.

    def send(levels: list[float]) -> list[int]:
        body = json.dumps([[level, level] for level in levels])
        status, answer = client.ask("POST", "/rows", body)
        assert status == 200
        return answer["flags"]

    try:
        tab = browser.new_page()
        tab.goto(f"http://127.0.0.1:{client.port}/")
        flags = send(rows[:first])
        until(tab, f"about.steps === {first}")
        flags += send(rows[first:])
        alarms = client.ask("GET", "/events")[1]["alarms"]
        closed = [[a["start"], a["stop"]] for a in alarms if a["alarm"] == "closed"]
        assert len(closed) == 2
        # By the threshold alone there are five.
        assert np.sum(np.diff([0, *flags]) == 1) == 5
        for _ in range(2):
            until(tab, f"about.steps === {len(rows)}")
            shown = "state.events.map((each) => [each.start, each.stop])"
            assert tab.evaluate(shown) == closed
            assert tab.inner_text("#counts").startswith("2 events")
            assert tab.locator("#events tr").count() == 2
            tab.reload()
        tab.close()
    finally:
        code = client.end()
    assert code == 0


def test_alarms_end_at_jumps_of_time_as_on_the_server(browser, tmp_path):
    from tests.serving.test_server import Client

    noise = np.random.default_rng(0).normal(size=(400, 2))
    index = pd.date_range("2025-12-01", periods=400, freq="min")
    frame = pd.DataFrame(noise, index=index, columns=["speed", "load"])
    detector = TimeSeriesDetector("zscore", window=8, max_gap="5min").fit(frame)
    detector.save(tmp_path / "model")
    client = Client(tmp_path / "model").ready()
    minutes = np.arange(60) + np.where(np.arange(60) >= 30, 600, 0)
    stamps = pd.Timestamp("2026-01-01") + pd.to_timedelta(minutes, "min")
    levels = [30.0 if 28 <= step < 32 or step == 50 else 0.0 for step in range(60)]

    def send(first: int, stop: int) -> None:
        rows = [
            {"time": stamps[i].isoformat(), "speed": levels[i], "load": levels[i]}
            for i in range(first, stop)
        ]
        status, _ = client.ask("POST", "/rows", json.dumps(rows))
        assert status == 200

    try:
        tab = browser.new_page()
        tab.goto(f"http://127.0.0.1:{client.port}/")
        send(0, 30)
        until(tab, "about.steps === 30")
        send(30, 60)
        alarms = client.ask("GET", "/events")[1]["alarms"]
        closed = [[a["start"], a["stop"]] for a in alarms if a["alarm"] == "closed"]
        assert closed == [[28, 30], [30, 32], [50, 51]]
        for _ in range(2):
            until(tab, "about.steps === 60")
            shown = "state.events.map((each) => [each.start, each.stop])"
            assert tab.evaluate(shown) == closed
            tab.reload()
        tab.fill("#threshold", "1e9")
        assert tab.inner_text("#counts").startswith("0 events")
        tab.close()
    finally:
        code = client.end()
    assert code == 0
