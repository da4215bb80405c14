"""Names with HTML, quotes, newlines and scripts in every field of every page.

`Opened.close` checks that nothing ran, was asked for or went wrong.
"""

from __future__ import annotations

import json
import pathlib
import re
from typing import Any

import numpy as np
import pytest

from jaxtsad.interactive import Scored, marks, page, pictures, samples
from jaxtsad.reporting import run_directory
from jaxtsad.reporting.pages import comparison, exploration, run_report
from jaxtsad.types import Series
from tests.browser.opened import HOSTILE, Opened
from tests.reporting import example

pytestmark = pytest.mark.browser
NOTE = HOSTILE.replace("\n", " ")
DETECTOR = "<img src=x onerror='window.ran = 4'>"
"""Keys of `scores.npz` are cut at the last two `/`, so a detector has none."""


def poisoned(tree: Any) -> Any:
    """A tree all of whose texts and keys are hostile."""
    if isinstance(tree, dict):
        return {HOSTILE + str(key): poisoned(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [poisoned(each) for each in tree]
    return HOSTILE + tree if isinstance(tree, str) else tree


def test_a_recording_alone(browser, tmp_path):
    rng = np.random.default_rng(0)
    labels = np.zeros(200, np.int8)
    labels[50:60] = 1
    train, test = rng.normal(size=(300, 2)), rng.normal(size=(200, 2))
    series = Series(
        HOSTILE,
        train,
        test,
        labels,
        (HOSTILE, "b"),
        kinds=((50, 60, HOSTILE),),
        metadata={HOSTILE: HOSTILE},
    )
    path = tmp_path / "alone.html"
    exploration.page(series, HOSTILE).save(path)
    opened = Opened(browser, path)
    assert "window.ran" in opened.text("channels")
    opened.close()


def test_a_series_with_scores_and_marks(browser, tmp_path):
    values = np.random.default_rng(1).normal(size=(300, 2))
    seen = {"step": 15, "start": 10, "series": [0.5] * 20, "prior": [0.5] * 20}
    event = {"start": 10, "stop": 20, "channels": [HOSTILE], "shares": [1.0]}
    event["associations"] = seen
    scored = [
        Scored(HOSTILE, np.abs(values[:, 0]), 1.0, option=HOSTILE, events=[event])
    ]
    path = tmp_path / "hostile.html"
    page(
        HOSTILE,
        values,
        [HOSTILE, "b"],
        scored=scored,
        labels=np.arange(300) == 15,
        group=HOSTILE,
        entity=HOSTILE,
    ).save(path)
    opened = Opened(browser, path)
    tab = opened.tab
    assert tab.inner_text("h1").startswith("</script>")
    row = tab.locator("#events tr", has_text="window.ran").first
    row.locator("input").fill(HOSTILE)
    row.locator("select").select_option("anomaly")
    row.locator("td").first.click()
    assert tab.is_visible("#associations canvas")
    for name in ("save-json", "save-csv"):
        [mark] = marks.read(opened.saved(name, tmp_path))
        assert (mark["entity"], mark["note"]) == (HOSTILE, NOTE)
    [given] = tmp_path.glob("*.json")
    content = json.loads(given.read_text())
    content["marks"][0] |= {"mark": HOSTILE, "note": HOSTILE}
    given.write_text(json.dumps(content))
    tab.set_input_files("#read", given)
    tab.wait_for_timeout(100)
    opened.close()


def test_samples_with_marks(browser, tmp_path):
    values = np.random.default_rng(1).random((4, 3, 3, 1))
    seen = pictures(np.arange(4), values, values)
    path = tmp_path / "samples.html"
    samples(HOSTILE, seen, np.arange(4), 2.5, group=HOSTILE, entity=HOSTILE).save(path)
    opened = Opened(browser, path)
    opened.tab.locator("#grid button").first.click()
    opened.tab.locator("#closer select").select_option("anomaly")
    opened.tab.locator("#closer input").fill(HOSTILE)
    opened.tab.keyboard.press("Escape")
    for name in ("save-json", "save-csv"):
        [mark] = marks.read(opened.saved(name, tmp_path))
        assert (mark["entity"], mark["note"]) == (HOSTILE, NOTE)
    opened.close()


@pytest.fixture
def run(tmp_path, monkeypatch) -> pathlib.Path:
    """A run directory in which every text is hostile."""
    monkeypatch.setattr(example, "EVENTS", {HOSTILE: [(300, 340, HOSTILE)]})
    monkeypatch.setattr(example, "DETECTOR", DETECTOR)
    folder = tmp_path / "run"
    detectors = (DETECTOR, "random")
    example.write(folder, steps=600, entities=(HOSTILE,), detectors=detectors)
    report = json.loads((folder / "report.json").read_text())
    for name in ("versions", "checksums", "timings", "device", "git", "config"):
        report[name] = poisoned(report[name]) | report[name]
    for section in report["config"].values():
        if isinstance(section, dict):
            section.update({key: poisoned(value) for key, value in section.items()})
    for row in report["rows"]:
        row["threshold"] = {k: poisoned(v) for k, v in row["threshold"].items()}
        row["validation"] = HOSTILE
    report |= {"name": HOSTILE, "notes": [HOSTILE], "leaks": [HOSTILE]}
    report |= {"verdicts": [HOSTILE], "protocol": HOSTILE, "main": DETECTOR}
    report["entities"][0]["channels"] = [HOSTILE] * 3
    (folder / "report.json").write_text(json.dumps(report))
    events = run_directory.read_events(folder)
    events["channels"] = re.sub(r"([\\;])", r"\\\1", HOSTILE)
    run_directory.write_events(folder, events.to_dict("records"), [*events.columns])
    rows = np.full((1, 2, 8, 8), 0.125)
    inside: dict[str, Any] = {"series": rows, "prior": rows, "step": 303, "start": 300}
    inside |= {"discrepancy": np.ones((1, 8)), "error": np.arange(8), "seed": 0}
    inside |= {"score": np.arange(8), "explain": np.arange(24.0).reshape(8, 3)}
    inside |= {"entity": HOSTILE, "channels": [HOSTILE] * 3}
    arrays = {name: np.asarray(value) for name, value in inside.items()}
    run_directory.write_inspection(folder, arrays)
    return folder


def test_a_run_of_series_and_a_comparison(run, browser):
    run_report.write(run)
    (run / "compare.html").write_text(comparison.page([run, run]))
    for name in ("report.html", "look_0.html", "compare.html"):
        opened = Opened(browser, run / name, "h1")
        assert "window.ran" in opened.tab.inner_text("h1")
        opened.close()


def test_a_run_of_images(run, browser):
    example.as_samples(run)
    run_report.write(run)
    opened = Opened(browser, run / "report.html", "h1")
    link = opened.tab.locator("a", has_text="window.ran")
    assert link.get_attribute("href") == "look_0.html"
    opened.close()
    opened = Opened(browser, run / "look_0.html")
    assert opened.tab.locator("#grid button").count() == 20
    opened.close()
