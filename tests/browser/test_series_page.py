"""The page of a series in a real browser, as a person would use it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from jaxtsad.estimator import TimeSeriesDetector
from jaxtsad.evaluation.alarms.rules import Rules, find
from jaxtsad.interactive import Scored, marks, page
from jaxtsad.reporting.pages import exploration
from jaxtsad.types import DataWarning, Series
from tests.browser.opened import Opened, until

pytestmark = pytest.mark.browser


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


def test_events_are_those_of_the_library_for_any_rules_and_jumps(opened):
    rng = np.random.default_rng(0)
    cases, expected = [], []
    for _ in range(300):
        scores = rng.integers(0, 10, size=rng.integers(1, 60)).astype(float)
        closes = int(rng.integers(0, 8))
        opens = int(rng.integers(closes, 9))
        gap, shortest, pause = rng.integers([0, 1, 0], [4, 4, 9]).tolist()
        jumps = np.flatnonzero(rng.random(len(scores)) < 0.1)[1:].tolist()
        cases.append([scores.tolist(), opens, closes, gap, shortest, pause, jumps])
        events = find(Rules(opens, closes, gap, shortest, pause), scores, jumps)
        expected.append([[one.start, one.stop, one.peak] for one in events])
    script = """(cases) => cases.map((each) => {
      const [high, opens, closes, gap, shortest, pause, jumps] = each;
      about.steps = high.length;
      about.jumps = jumps;
      state.gap = gap;
      const row = { levels: [{ high, size: 1 }], closes, shortest, pause };
      return eventsOf(row, opens).map((each) => [each.start, each.stop, each.peak]);
    })"""
    assert opened.tab.evaluate(script, cases) == expected
    assert sum(map(len, expected)) > 300


def test_events_of_a_page_end_at_jumps_of_time(browser, tmp_path):
    minutes = np.arange(60) + np.where(np.arange(60) >= 30, 600, 0)
    stamps = pd.Timestamp("2026-01-01") + pd.to_timedelta(minutes, "min")
    values = np.random.default_rng(0).normal(size=(60, 2))
    values[28:32] += 30
    frame = pd.DataFrame(values, index=stamps, columns=["speed", "load"])
    train = np.random.default_rng(1).normal(size=(400, 2))
    index = pd.date_range("2025-12-01", periods=400, freq="min")
    detector = TimeSeriesDetector("zscore", window=8, max_gap="5min")
    detector.fit(pd.DataFrame(train, index=index, columns=["speed", "load"]))
    path = tmp_path / "page.html"
    with pytest.warns(DataWarning, match="cut into 2 pieces"):
        detector.plot(frame).save(path)
        events = detector.events(frame)
    assert events[["start", "stop"]].to_numpy().tolist() == [[28, 30], [30, 32]]
    made = Opened(browser, path)
    try:
        assert made.text("counts").startswith("2 events")
        shown = "state.events.map((each) => [each.start, each.stop])"
        assert made.tab.evaluate(shown) == [[28, 30], [30, 32]]
    finally:
        made.close()


def select(tab, chart, begin, end):
    """Drags over a part of a chart, in shares of its width; the chart's box."""
    box = tab.locator(f"{chart} .u-over").bounding_box()
    tab.mouse.move(box["x"] + begin * box["width"], box["y"] + 10)
    tab.mouse.down()
    tab.mouse.move(box["x"] + end * box["width"], box["y"] + 10, steps=4)
    tab.mouse.up()
    tab.wait_for_timeout(100)
    return box


def test_zoom_pan_and_everything(opened):
    tab, whole = opened.tab, opened.text("range")
    box = select(tab, "#score", 0.4, 0.5)
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
    select(tab, "#overview", 0.7, 0.9)
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


def test_an_event_is_shown_marked_saved_and_fitted_with(opened, data, tmp_path):
    tab, whole = opened.tab, opened.text("range")
    row = tab.locator("#events tr").first
    row.locator("td").first.click()
    tab.wait_for_timeout(100)
    assert opened.text("range") != whole
    row.locator("select").select_option("anomaly")
    row.locator("input").fill('real; the "pump"')
    saved, table = (opened.saved(name, tmp_path) for name in ("save-json", "save-csv"))
    content = json.loads(saved.read_text())
    [mark] = content["marks"]
    assert (mark["mark"], mark["note"]) == ("anomaly", 'real; the "pump"')
    known = marks.known(saved)
    assert known == marks.known(table)
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
    tab.set_input_files("#read", saved)
    tab.wait_for_timeout(200)
    assert (
        tab.locator("#events tr").first.locator("input").input_value() == mark["note"]
    )


def test_a_recording_alone_is_looked_at_and_marked(browser, tmp_path):
    rng = np.random.default_rng(0)
    labels = np.zeros(200, np.int8)
    labels[50:60] = 1
    train, test = rng.normal(size=(300, 2)), rng.normal(size=(200, 2))
    path = tmp_path / "alone.html"
    exploration.page(Series("a", train, test, labels, ("u", "v")), "x.csv").save(path)
    opened = Opened(browser, path)
    tab = opened.tab
    assert tab.is_hidden("#scores")
    assert "test data from 300 on" in opened.text("summary")
    row = tab.locator("#events tr").first
    assert row.inner_text().split()[:4] == ["350", "359", "10", "true"]
    row.locator("td").first.click()
    tab.wait_for_timeout(100)
    assert opened.text("range") == "310 to 399"
    tab.click("#mark")
    assert tab.locator("#events tr").count() == 2
    assert marks.known(opened.saved("save-csv", tmp_path)) == [(310, 400)]
    opened.close()


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


def test_channels_are_in_order_of_contribution_and_constant_ones_last(
    browser, tmp_path
):
    values = np.random.default_rng(1).normal(size=(300, 3))
    values[:, 0] = 1
    event = {"start": 9, "stop": 20, "channels": ["still", "most"], "shares": [0, 1]}
    scored = [Scored("a", np.abs(values[:, 1]), 2.0, events=[event])]
    path = tmp_path / "order.html"
    page("order", values, ["still", "other", "most"], scored=scored).save(path)
    opened = Opened(browser, path)
    assert opened.tab.locator("#channels .u-title").all_inner_texts() == [
        "most",
        "other",
        "still",
    ]
    opened.close()


def test_axes_name_small_numbers_and_the_overview_shows_the_range(browser, tmp_path):
    steps = np.arange(400.0)
    values = np.sin(steps / 9)[:, None] * [4e-7, 0.004, 4.0]
    scored = [Scored("zscore", np.abs(values[:, 2]) * 4, 9.0)]
    names = ["tiny", "small", "plain"]
    page("sizes", values, names, scored=scored).save(tmp_path / "page.html")
    made = Opened(browser, tmp_path / "page.html")
    shown = "charts.map((one) => one.axes[1]._values.filter((text) => text !== null))"
    score, *channels = made.tab.evaluate(shown)
    titles = made.tab.locator(".u-title").all_inner_texts()
    numbers = dict(zip(titles, channels, strict=True))
    for name, column in zip(names, values.T, strict=True):
        ticks = np.array([float(text.replace(",", "")) for text in numbers[name]])
        assert len(ticks) > 2
        apart = np.diff(ticks)
        np.testing.assert_allclose(apart, apart[0], rtol=1e-9)
        assert 0.4 * np.max(column) < np.max(ticks) < 3 * np.max(column)
    # The next tick of logarithmic ones, 10, would be upon it.
    assert "9" in score and "10" not in score
    width = "document.querySelector('#overview .u-select').clientWidth"
    whole = made.tab.evaluate(width)
    made.tab.click("#in")
    until(made.tab, f"{width} < {0.6 * whole}")
    part = made.tab.evaluate(width)
    made.tab.click("#theme")
    until(made.tab, f"{width} > 0")
    assert made.tab.evaluate(width) == part
    made.close()


def test_on_paper_a_page_is_light_and_fits(browser, tmp_path):
    values = np.random.default_rng(1).normal(size=(300, 2))
    scored = [Scored("a", np.abs(values[:, 0]), 2.0)]
    path = tmp_path / "paper.html"
    page("paper", values, ["u", "v"], scored=scored).save(path)
    wide = {"viewport": {"width": 1400, "height": 900}}
    opened = Opened(browser, path, color_scheme="dark", **wide)
    tab = opened.tab
    width = "document.querySelector('#score canvas').clientWidth"
    assert tab.evaluate(width) > 1000
    tab.evaluate(
        "window.addEventListener('beforeprint', () => { window.seen = "
        f"[document.documentElement.className, {width}]; }})"
    )
    tab.pdf()
    dark, drawn = tab.evaluate("window.seen")
    assert dark == "" and drawn <= 700
    assert tab.evaluate("document.documentElement.className") == "dark"
    assert tab.evaluate(width) > 1000
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
