"""The interactive page in a real browser, as a person would use it."""

from __future__ import annotations

import json
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jaxtsad.estimator import TimeSeriesDetector
from jaxtsad.evaluation.alarms.rules import Rules
from jaxtsad.interactive import Scored, marks, page, samples
from jaxtsad.reporting.pages import comparison, exploration, run_report
from jaxtsad.types import Series
from tests.reporting import example

pytestmark = pytest.mark.browser
sync_api = pytest.importorskip(
    "playwright.sync_api", reason="playwright of jaxtsad[browser] is not installed"
)
DRAWN = "#score canvas, #channels canvas, #grid canvas"
CHROMIUM = shutil.which("chromium")
HOSTILE = (
    "</script><script>window.ran = 1</script>\"'<img src=x onerror='window.ran=2'>"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no chromium is installed")
    with sync_api.sync_playwright() as driver:
        made = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"], headless=True
        )
        yield made
        made.close()


class Opened:
    """A page in a tab, and what went wrong in it."""

    def __init__(self, browser: Any, path: pathlib.Path, ready: str = DRAWN) -> None:
        self.context = browser.new_context(accept_downloads=True)
        self.tab = self.context.new_page()
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.tab.on("console", lambda m: self.errors.append(f"{m.type}: {m.text}"))
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tab.on("request", lambda request: self.requests.append(request.url))
        self.path = path
        self.tab.goto(path.as_uri())
        self.tab.wait_for_selector(ready)

    def text(self, name: str) -> str:
        return self.tab.inner_text(f"#{name}")

    def close(self) -> None:
        assert self.errors == []
        loaded = [
            url for url in self.requests if not url.startswith(("data:", "blob:"))
        ]
        assert set(loaded) == {self.path.as_uri()}
        self.context.close()


@pytest.fixture(scope="module")
def data() -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    names = ["heat", "load", "speed"]
    train = pd.DataFrame(rng.normal(size=(1000, 3)), columns=names)
    test = pd.DataFrame(rng.normal(size=(2000, 3)), columns=names)
    labels = np.zeros(2000, np.int8)
    for first, size in ((300, 8.0), (900, 12.0), (1500, 30.0)):
        test.iloc[first : first + 20, 1] += size
        labels[first : first + 20] = 1
    test.index = pd.date_range("2026-01-01", periods=2000, freq="min")
    return train, test, labels


@pytest.fixture
def opened(browser, data, tmp_path) -> Iterator[Opened]:
    train, test, labels = data
    detector = TimeSeriesDetector("zscore", window=20, threshold="budget").fit(train)
    path = tmp_path / "page.html"
    detector.plot(test, labels).save(path)
    made = Opened(browser, path)
    made.events = detector.events(test)  # type: ignore[attr-defined]
    yield made
    made.close()


def test_what_is_shown_at_first_is_what_the_library_says(opened):
    events = opened.events
    assert opened.text("counts").startswith(f"{len(events)} events")
    assert "recall 100 % (3 of 3)" in opened.text("counts")
    assert opened.text("range") == "2026-01-01 00:00:00 to 2026-01-02 09:19:00"
    first = opened.tab.inner_text("#events tr:first-child")
    assert "load" in first
    strongest = events.sort_values("score").iloc[-1]
    start = strongest["start_time"].strftime("%Y-%m-%d %H:%M:%S")
    assert first.startswith(start)


def test_zoom_pan_and_everything(opened):
    tab, whole = opened.tab, opened.text("range")
    box = tab.locator("#score .u-over").bounding_box()
    tab.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 10)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 10, steps=4)
    tab.mouse.up()
    tab.wait_for_timeout(100)
    zoomed = opened.text("range")
    assert zoomed.startswith("2026-01-01 13:") and zoomed != whole
    tab.keyboard.press("ArrowRight")
    tab.wait_for_timeout(100)
    assert opened.text("range") > zoomed
    tab.keyboard.press("0")
    tab.wait_for_timeout(100)
    assert opened.text("range") == whole
    tab.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 20)
    tab.mouse.wheel(0, -300)
    tab.wait_for_timeout(100)
    assert opened.text("range") != whole
    box = tab.locator("#overview .u-over").bounding_box()
    tab.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 10)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 10, steps=4)
    tab.mouse.up()
    tab.wait_for_timeout(100)
    assert opened.text("range").startswith("2026-01-01 23:")


def test_the_threshold_is_dragged_and_counts_follow(opened):
    tab, before = opened.tab, opened.text("counts")
    value = float(tab.input_value("#threshold"))
    box = tab.locator("#score .u-over").bounding_box()
    # The dashed line is found as a person finds it: where the cursor changes.
    for y in range(2, int(box["height"]), 3):
        tab.mouse.move(box["x"] + 60, box["y"] + y)
        if tab.evaluate("document.querySelector('#score .u-over').style.cursor") == (
            "ns-resize"
        ):
            break
    else:
        pytest.fail("the threshold cannot be taken hold of")
    tab.mouse.down()
    tab.mouse.move(box["x"] + 60, box["y"] + 12, steps=5)
    tab.mouse.up()
    tab.wait_for_timeout(100)
    moved = float(tab.input_value("#threshold"))
    assert moved > value and opened.text("counts") != before
    assert opened.text("option").split()[1] == tab.input_value("#threshold")
    tab.fill("#threshold", "1e9")
    assert opened.text("counts").startswith("0 events")
    tab.fill("#threshold", str(value))
    assert opened.text("counts") == before


def test_a_budget_and_a_gap_are_set_and_their_option_makes_the_same_events(
    opened, data, tmp_path
):
    tab, count = opened.tab, lambda: int(opened.text("counts").split()[0])
    tab.fill("#budget", "5")
    assert 4 <= count() <= 10
    at_budget, many = tab.input_value("#threshold"), count()
    tab.fill("#gap", "400")
    assert count() < many
    words = opened.text("option").split()
    assert words[::2] == ["--opens", "--closes", "--gap"] and words[5] == "400"
    assert words[1] == at_budget
    tab.fill("#budget", "0")
    assert count() == 0
    tab.fill("#gap", "2")
    tab.fill("#threshold", "3")
    rules = Rules(*map(float, opened.text("option").split()[1:5:2]), gap=2)
    train, test, _ = data
    detector = TimeSeriesDetector("zscore", window=20, threshold="budget").fit(train)
    assert count() == len(detector.events(test, rules=rules))


def test_a_recording_alone_is_looked_at_and_marked(browser, tmp_path):
    rng = np.random.default_rng(0)
    labels = np.zeros(200, np.int8)
    labels[50:60] = 1
    train, test = rng.normal(size=(300, 2)), rng.normal(size=(200, 2))
    path = tmp_path / "alone.html"
    exploration.page(
        Series(HOSTILE, train, test, labels, (HOSTILE, "b")), HOSTILE
    ).save(path)
    opened = Opened(browser, path)
    tab = opened.tab
    assert tab.is_hidden("#scores") and "test data from 300 on" in opened.text(
        "summary"
    )
    row = tab.locator("#events tr").first
    assert row.inner_text().split()[:4] == ["350", "359", "10", "true"]
    row.locator("td").first.click()
    tab.wait_for_timeout(100)
    assert opened.text("range") == "310 to 399"
    tab.click("#mark")
    assert tab.locator("#events tr").count() == 2
    with tab.expect_download() as download:
        tab.click("#save-csv")
    download.value.save_as(tmp_path / "marks.csv")
    assert marks.known(tmp_path / "marks.csv") == [(310, 400)]
    assert tab.evaluate("window.ran") is None
    opened.close()


def test_samples_are_sorted_enlarged_and_marked(browser, tmp_path):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(90, 6, 6, 1))
    scores = rng.permutation(90).astype(float)
    worst = int(scores.argmax())
    path = tmp_path / "samples.html"
    labels = (scores > 85).astype(int)
    samples(HOSTILE, values, scores, 79.5, labels=labels, made=values).save(path)
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
    with tab.expect_download() as download:
        tab.click("#save-json")
    download.value.save_as(tmp_path / "marks.json")
    least = int(scores.argmin())
    assert marks.known(tmp_path / "marks.json") == [(least, least + 1)]
    assert tab.evaluate("window.ran") is None
    opened.close()


def test_an_event_is_shown_marked_saved_and_fitted_with(opened, data, tmp_path):
    tab, whole = opened.tab, opened.text("range")
    row = tab.locator("#events tr").first
    row.locator("td").first.click()
    tab.wait_for_timeout(100)
    assert opened.text("range") != whole
    row.locator("select").select_option("anomaly")
    row.locator("input").fill('real; the "pump"')
    for name in ("json", "csv"):
        with tab.expect_download() as download:
            tab.click(f"#save-{name}")
        download.value.save_as(tmp_path / f"marks.{name}")
    content = json.loads((tmp_path / "marks.json").read_text())
    [mark] = content["marks"]
    assert (mark["mark"], mark["note"]) == ("anomaly", 'real; the "pump"')
    known = marks.known(tmp_path / "marks.json")
    assert known == marks.known(tmp_path / "marks.csv")
    assert known == [(mark["start"], mark["stop"])]
    _, test, _ = data
    TimeSeriesDetector("zscore", window=20).fit(test, known)
    tab.reload()
    tab.wait_for_selector("#score canvas")
    again = tab.locator("#events tr").first
    assert again.locator("select").input_value() == "anomaly"
    # Marks of a file come back, and their events are listed.
    tab.evaluate("localStorage.clear()")
    tab.reload()
    tab.set_input_files("#read", tmp_path / "marks.json")
    tab.wait_for_timeout(200)
    assert (
        tab.locator("#events tr").first.locator("input").input_value() == mark["note"]
    )


def test_detectors_are_toggled_and_channels_searched(browser, tmp_path):
    values = np.random.default_rng(1).normal(size=(300, 5))
    scored = [Scored(name, np.abs(values[:, n]), 2.0) for n, name in enumerate("ab")]
    path = tmp_path / "two.html"
    page("two", values, [f"c{n}" for n in range(5)], scored=scored).save(path)
    opened = Opened(browser, path)
    series = "charts[0].series.length"
    assert opened.tab.evaluate(series) == 3
    opened.tab.locator("#detectors input").nth(1).click()
    assert opened.tab.evaluate(series) == 2
    assert opened.text("matching") == "3 of 5 channels"
    opened.tab.fill("#search", "c4")
    assert opened.text("matching") == "1 of 1 channels"
    assert opened.text("channels").startswith("c4")
    opened.tab.click("#theme")
    assert opened.tab.evaluate("document.documentElement.className") == "dark"
    opened.close()


def test_hostile_names_do_not_run(browser, tmp_path):
    values = np.random.default_rng(1).normal(size=(300, 2))
    seen = {"step": 15, "start": 10, "series": [0.5] * 20, "prior": [0.5] * 20}
    event = {"start": 10, "stop": 20, "channels": [HOSTILE], "shares": [1.0]}
    event["associations"] = seen
    scored = [
        Scored(HOSTILE, np.abs(values[:, 0]), 1.0, option=HOSTILE, events=[event])
    ]
    path = tmp_path / "hostile.html"
    made = page(
        HOSTILE,
        values,
        [HOSTILE, "b"],
        scored=scored,
        labels=np.arange(300) == 15,
        group=HOSTILE,
        entity=HOSTILE,
    )
    made.save(path)
    opened = Opened(browser, path)
    tab = opened.tab
    assert tab.inner_text("h1").startswith("</script>")
    row = tab.locator("#events tr", has_text="window.ran").first
    row.locator("input").fill(HOSTILE)
    row.locator("select").select_option("anomaly")
    row.locator("td").first.click()
    assert tab.is_visible("#associations canvas")
    for name in ("json", "csv"):
        with tab.expect_download() as download:
            tab.click(f"#save-{name}")
        download.value.save_as(tmp_path / f"marks.{name}")
        [mark] = marks.read(tmp_path / f"marks.{name}")
        assert (mark["entity"], mark["note"]) == (HOSTILE, HOSTILE)
    tab.set_input_files("#read", tmp_path / "marks.json")
    tab.wait_for_timeout(100)
    assert tab.evaluate("window.ran") is None
    opened.close()


def test_reports_and_comparisons_hold_hostile_names(browser, tmp_path, monkeypatch):
    name = HOSTILE + "\n`"
    monkeypatch.setattr(example, "EVENTS", {name: [(300, 340, name)]})
    detector = "<img src=x onerror='window.ran = 3'>"  # The file's names end at a /.
    monkeypatch.setattr(example, "DETECTOR", detector)
    run, detectors = tmp_path / "run", (detector, "random")
    example.write(run, steps=600, entities=(name,), detectors=detectors)
    report = json.loads((run / "report.json").read_text())
    report["name"] = report["config"]["name"] = report["git"] = name
    report["notes"] = report["leaks"] = [name]
    report["entities"][0]["channels"] = [name, "b", "c"]
    (run / "report.json").write_text(json.dumps(report))
    run_report.write(run)
    (run / "compare.html").write_text(comparison.page([run, run]))
    for page_ in ("report.html", "look_0.html", "compare.html"):
        opened = Opened(browser, run / page_, "h1")
        assert "window.ran" in opened.tab.inner_text("h1")
        assert opened.tab.evaluate("window.ran") is None
        opened.close()


def test_a_million_steps_are_quick(browser, tmp_path):
    values = np.random.default_rng(0).normal(size=(1_000_000, 25)).cumsum(axis=0)
    scored = [Scored("d", np.abs(values[:, 0]), 500.0)]
    path = tmp_path / "long.html"
    names = [f"c{n}" for n in range(25)]
    page("long", values, names, scored=scored).save(path)
    opened = Opened(browser, path)
    measured = "performance.getEntriesByName('{}', 'measure').map((m) => m.duration)"
    [load] = opened.tab.evaluate(measured.format("load"))
    for press in ("+", "+", "ArrowLeft", "+", "0"):
        opened.tab.keyboard.press(press)
        opened.tab.wait_for_timeout(60)
    redraws = opened.tab.evaluate(measured.format("redraw"))
    assert (
        load < 10_000 and max(redraws) < 1000
    )  # Figures: benchmarks/results/pages.md.
    print(f"load {load:.0f} ms, redraw {np.median(redraws):.0f} ms")
    opened.close()
