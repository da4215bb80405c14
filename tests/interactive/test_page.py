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
from jaxtsad.estimator import SampleDetector, TimeSeriesDetector
from jaxtsad.evaluation.alarms.rules import Rules
from jaxtsad.interactive import (
    Scored,
    chosen,
    marks,
    page,
    pictures,
    pyramid,
    samples,
)
from jaxtsad.pipeline import inspection

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


def test_one_entity_of_several_is_explored_with_its_labels(tmp_path) -> None:
    rng = np.random.default_rng(0)
    data = {name: rng.normal(size=(300, 2)) for name in "ab"}
    TimeSeriesDetector("zscore", window=20).fit(data).save(tmp_path / "m")
    lines = ["machine,u,v,label"]
    for name in "ab":
        rows = enumerate(data[name])
        lines += [f"{name},{u},{v},{int(5 <= step < 9)}" for step, (u, v) in rows]
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n")
    words = ["explore", str(tmp_path / "x.csv"), "b", "--model", str(tmp_path / "m")]
    words += ["--entity-column", "machine", "--label-column", "label"]
    assert cli.main([*words, "--out", str(tmp_path / "b.html")]) == 0
    about = embedded((tmp_path / "b.html").read_text())
    assert about["title"] == "b" and len(about["scored"]) == 1


def test_rules_of_a_page_make_its_events(tmp_path, capsys) -> None:
    rng = np.random.default_rng(0)
    train, test = rng.normal(size=(500, 2)), rng.normal(size=(200, 2))
    test[[50, 54, 120]] += 9
    detector = TimeSeriesDetector("zscore", window=20, cool_down=3).fit(train)
    made = detector.events(test, rules=Rules(40.0, 30.0, gap=5))
    assert made[["start", "stop"]].to_numpy().tolist() == [[50, 55], [120, 121]]
    detector.save(tmp_path / "m")
    np.savetxt(tmp_path / "x.csv", test, delimiter=",", header="a,b", comments="")
    words = ["events", str(tmp_path / "m"), str(tmp_path / "x.csv")]
    words += ["--out", str(tmp_path / "e.csv")]
    assert cli.main([*words, "--opens", "40", "--closes", "30", "--gap", "5"]) == 0
    assert len((tmp_path / "e.csv").read_text().splitlines()) == 3
    assert cli.main([*words, "--gap", "5"]) == 2
    assert "go with --opens" in capsys.readouterr().err


def test_events_of_an_anomaly_transformer_show_associations() -> None:
    values = np.random.default_rng(0).normal(size=(120, 2))
    options = {"width": 8, "heads": 2, "layers": 1, "hidden": 8}
    detector = TimeSeriesDetector(
        "anomaly_transformer", options=options, window=20, epochs=1
    ).fit(values)
    member, part = 0, detector._parts(values)[2][0]
    [one, last] = inspection.associations(detector.fitted_, member, part, [60, 119])
    assert (one["step"], one["start"], last["start"]) == (60, 50, 100)
    whole = detector.inspect(values, 60)
    expected = whole["series"].mean((0, 1))[60 - int(whole["start"])]
    np.testing.assert_allclose(one["series"], expected, atol=1e-4)
    assert sum(one["prior"]) == pytest.approx(1, abs=1e-2)


def test_samples_are_drawn_beside_their_reconstructions() -> None:
    rng = np.random.default_rng(0)
    train, test = rng.normal(size=(80, 4, 4, 1)), rng.normal(size=(9, 4, 4, 1))
    test[5] += 9
    labels = np.eye(9, dtype=int)[5]
    detector = SampleDetector("zscore").fit(train)
    about = embedded(detector.plot(test, labels, title=HOSTILE).text)
    assert about["title"] == HOSTILE and about["labels"][5] == 1
    assert int(np.argmax(about["scores"])) == 5 == about["pictures"]["places"][0]
    assert about["threshold"] == pytest.approx(detector.threshold_)
    places = np.arange(9)
    seen = pictures(places, test, test * 0)
    shown = embedded(samples("s", seen, labels, 0.5).text)["pictures"]
    size = [len(base64.b64decode(shown[name])) for name in ("given", "made")]
    assert size == [9 * 16, 9 * 16]
    with pytest.raises(ValueError, match=r"made is \(1,\), expected \(9, 4, 4, 1\)"):
        pictures(places, test, np.zeros(1))
    with pytest.raises(ValueError, match=r"labels are \(9,\), expected \(3,\)"):
        samples("s", seen, np.zeros(3), 0.5, labels=labels)
    with pytest.raises(ValueError, match="a picture of sample 8, 3 have scores"):
        samples("s", seen, np.zeros(3), 0.5)


def test_of_many_samples_the_highest_are_shown_and_others_evenly() -> None:
    rng = np.random.default_rng(0)
    many = rng.normal(size=(3000, 128, 128, 4)).astype(np.float32)[:, ::2]
    places = chosen(many, np.arange(3000.0))
    assert places[0] == 2999 and places[-1] == 0 and 50 < len(places) < 1000
    half = len(places) // 2
    assert places[:half].tolist() == list(range(2999, 2999 - half, -1))
    seen = pictures(places, many[places], many[places])
    assert seen.given.shape == seen.made.shape == (len(places), 32, 64, 3)
    text = samples("s", seen, np.arange(3000.0), 2e3).text
    assert len(embedded(text)["scores"]) == 3000 and len(text) < 2e6


def test_samples_marked_in_a_page_are_left_out_of_the_next_fit(tmp_path) -> None:
    rng = np.random.default_rng(0)
    train = rng.normal(size=(80, 4))
    train[3:5] += 1000
    path = tmp_path / "marks.csv"
    path.write_text("start,stop,mark,note\n3,4,anomaly,\n4,5,anomaly,\n9,10,normal,\n")
    known = marks.known(path)
    detector = SampleDetector("zscore").fit(train, known)
    labels = np.zeros(80, int)
    labels[3:5] = 1
    other = SampleDetector("zscore").fit(train, labels)
    assert detector.threshold_ == other.threshold_ < 1000
    with pytest.raises(ValueError, match="is not within its 80"):
        detector.fit(train, [(79, 81)])


def test_marks_of_several_entities_become_known_anomalies(tmp_path, capsys) -> None:
    path = tmp_path / "marks.csv"
    path.write_text(
        'entity,start,stop,mark,note\n"\'-a","10","20","anomaly","two\nlines"\n'
        '"b","1","2","normal",""\n'
    )
    assert marks.by_entity(path) == {"-a": [(10, 20)]}
    assert marks.read(path)[0]["note"] == "two\nlines"
    rng = np.random.default_rng(0)
    lines = ["machine,u"]
    for name in ("-a", "b"):
        lines += [
            f"{name},{u + 1000 * (10 <= i < 20)}"
            for i, u in enumerate(rng.normal(size=200))
        ]
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n")
    fit = ["fit", str(tmp_path / "x.csv"), "--entity-column", "machine", "--detector"]
    own = ["--out", str(tmp_path / "m"), "--labels", str(path)]
    assert cli.main([*fit, "zscore", *own]) == 0
    from jaxtsad import load

    scales = [
        float(np.max(each.scale)) for each in load(tmp_path / "m").fitted_.scalers
    ]
    assert scales[0] < 2 < 100 < scales[1]
    path.write_text("entity,start,stop,mark\nnobody,1,2,anomaly\n")
    assert cli.main([*fit, "zscore", *own]) == 2
    assert "has marks of 'nobody'; the entities are -a, b" in capsys.readouterr().err
    path.write_text("start,stop,mark\n1,2,anomaly\n")
    assert cli.main([*fit, "zscore", *own]) == 2
    assert "names no entity" in capsys.readouterr().err


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


@pytest.mark.slow
def test_dplan_learns_from_marks(tmp_path) -> None:
    from jaxtsad import load

    values = np.random.default_rng(0).normal(size=(60, 1))
    np.savetxt(tmp_path / "x.csv", values, header="u", comments="")
    fit = ["fit", str(tmp_path / "x.csv"), "--detector", "dplan", "--window", "10"]
    sizes = "block=50", "warm_up=10", "capacity=100", "subset=20", "trees=5"
    fit += [word for size in sizes for word in ("--option", size)]
    scores = []
    for kind in ("anomaly", "normal"):
        path = tmp_path / f"{kind}.csv"
        path.write_text(f"start,stop,mark,note\n10,20,{kind},\n")
        own = ["--epochs", "1", "--labels", str(path), "--out", str(tmp_path / kind)]
        assert cli.main([*fit, *own]) == 0
        scores.append(load(tmp_path / kind).decision_function(values))
    # A known anomaly is learned from; a range marked as normal is not one.
    assert not np.allclose(*scores)
