"""The interactive page: what it embeds, sizes, and names that stay text."""

from __future__ import annotations

import base64
import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxtsad import cli
from jaxtsad.estimator import TimeSeriesDetector
from jaxtsad.interactive import Scored, marks, page, pyramid

HOSTILE = "</script><script>alert(1)</script>\"'\n<img src=x onerror=alert(2)>\u2028"


def embedded(text: str) -> dict:
    [content] = re.findall(r'id="about">(.*?)</script>', text, re.DOTALL)
    return json.loads(content)


def decoded(row: dict) -> np.ndarray:
    codes = np.frombuffer(base64.b64decode(row["data"]), "<u2").astype(float)
    span = row["high"] - row["low"] or 1.0
    values = row["low"] + codes / pyramid.LAST * span
    return np.where(codes == pyramid.MISSING, np.nan, values)


@given(st.integers(1, 300), st.integers(0, 3), st.floats(-1e12, 1e12))
def test_buckets_hold_the_least_and_the_greatest(
    steps: int, power: int, offset: float
) -> None:
    values = np.random.default_rng(steps).normal(size=steps) + offset
    values[::7] = np.nan
    bucket = 2**power
    row = pyramid.row(values, bucket)
    made, step = decoded(row), (row["high"] - row["low"]) / pyramid.LAST
    if bucket == 1:
        np.testing.assert_array_equal(np.isnan(made), np.isnan(values))
        np.testing.assert_allclose(made, values, atol=step + 1e-9 * abs(offset))
        return
    for place, (low, high) in enumerate(made.reshape(-1, 2)):
        part = values[place * bucket : (place + 1) * bucket]
        part = part[np.isfinite(part)]
        if not len(part):
            assert np.isnan(low) and np.isnan(high)
            continue
        tolerance = step + 1e-9 * abs(offset)
        assert abs(low - part.min()) <= tolerance
        assert abs(high - part.max()) <= tolerance


def test_a_million_steps_are_under_three_megabytes() -> None:
    values = np.random.default_rng(0).normal(size=(1_000_000, 5))
    scored = [Scored("d", values[:, 0], 3.0)]
    text = page("long", values, list("abcde"), scored=scored).text
    assert len(text) < 3e6
    assert embedded(text)["bucket"] == 16


def test_nothing_is_loaded_and_hostile_names_stay_text() -> None:
    values = np.zeros((50, 1))
    event = {"start": 1, "stop": 3, "channels": [HOSTILE], "shares": [1.0]}
    scored = [Scored(HOSTILE, values[:, 0], 1.0, events=[event])]
    made = page(HOSTILE, values, [HOSTILE], scored=scored)
    assert "<script>alert" not in made.text and "<img src=x" not in made.text
    assert embedded(made.text)["channels"][0]["name"] == HOSTILE
    assert "default-src 'none'" in made.text and "unsafe" not in made.text
    assert "<script>alert" not in made._repr_html_()
    assert not re.search(r'(src|href)="http', made.text)


def test_bad_shapes_are_one_line() -> None:
    values = np.zeros((50, 1))
    with pytest.raises(ValueError, match=r"scores of d are \(3,\), expected \(50,\)"):
        page("p", values, ["a"], scored=[Scored("d", np.zeros(3), 1.0)])
    with pytest.raises(ValueError, match="labels are"):
        page("p", values, ["a"], labels=np.zeros(3))


def test_a_detector_draws_its_scores_and_events() -> None:
    rng = np.random.default_rng(0)
    train, test = rng.normal(size=(500, 2)), rng.normal(size=(200, 2))
    test[120:125] += 9
    detector = TimeSeriesDetector("zscore", window=20).fit(train)
    about = embedded(detector.plot(test, [(120, 125)]).text)
    assert about["labels"] == [[120, 125]]
    [scored] = about["scored"]
    assert scored["threshold"] == detector.threshold_
    starts = [event["start"] for event in scored["events"]]
    assert starts == detector.events(test)["start"].tolist()
    assert max(scored["events"], key=lambda e: e["severity"])["start"] in (120, 121)
    with pytest.raises(ValueError, match="a page shows one series, got 2"):
        detector.plot([test, test])


def test_marks_become_known_anomalies(tmp_path, capsys) -> None:
    path = tmp_path / "marks.json"
    chosen = [
        {"start": 10, "stop": 20, "mark": "anomaly", "note": ""},
        {"start": 30, "stop": 40, "mark": "normal", "note": "pump, test"},
    ]
    path.write_text(json.dumps({"marks": chosen}))
    assert marks.known(path) == [(10, 20)]
    table = tmp_path / "marks.csv"
    table.write_text(
        'start,stop,mark,note\n"10","20","anomaly",""\n"30","40","normal","a ""b"""\n'
    )
    assert marks.known(table) == [(10, 20)]
    assert marks.read(table)[1]["note"] == 'a "b"'
    values = np.random.default_rng(0).normal(size=(300, 2))
    values[10:20] += 1000
    np.savetxt(tmp_path / "x.csv", values, delimiter=",", header="a,b", comments="")
    fit = ["fit", str(tmp_path / "x.csv"), "--detector", "zscore", "--out"]
    own = [*fit, str(tmp_path / "m"), "--labels", str(path)]
    assert cli.main(own) == 0
    from jaxtsad import load

    assert (load(tmp_path / "m").fitted_.scalers[0].scale < 2).all()
    for content, line in (
        ("{}", "holds no marks of a page"),
        ('{"marks": [{"start": 5, "stop": 2}]}', "an event from 5 to 2"),
        ('{"marks": [{"start": 5, "stop": 9, "mark": "bad"}]}', "is none of"),
        ('{"marks": [{"start": 5, "stop": 999, "mark": "anomaly"}]}', "up to step 999"),
    ):
        path.write_text(content)
        assert cli.main([*fit, str(tmp_path / "n"), "--labels", str(path)]) == 2
        assert line in capsys.readouterr().err
