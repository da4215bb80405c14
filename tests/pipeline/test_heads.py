"""Score heads in the pipeline: fitted on calibration data, the same however run."""

from __future__ import annotations

import copy
import functools
import json
import pathlib
import pickle
import tomllib
from typing import Any

import numpy as np
import pytest

import jaxtsad
from jaxtsad import cli, types
from jaxtsad.evaluation.scoring import options, smoothing
from jaxtsad.experiments import toml
from jaxtsad.pipeline import fitting, gates, heads, members, scoring
from jaxtsad.pipeline.chunked import ChunkedScores
from jaxtsad.pipeline.members import Fitted, subset
from jaxtsad.pipeline.setup import Setup
from jaxtsad.training import arrays
from tests.detectors.test_contract import sines
from tests.pipeline.test_saving import changed_array, changed_record, nan, rewrite

WINDOW, CHANNELS = 8, 3
WIDTHS: dict[str, Any] = {"widths": (4, 10)}
DETECTORS = ("zscore", "pca")
HEADS = ("smooth", "evidence")


def series(steps: int, seed: int) -> np.ndarray:
    """Waves, the last channel a switch."""
    values = sines(steps, CHANNELS, seed)
    values[:, 2] = values[:, 2] > 0
    return values


TRAIN, TEST = series(200, 0), series(150, 1)
TEST[90:96, 1] += 2.0


@functools.cache
def fitted(name: str, head: str, **changes: Any) -> jaxtsad.TimeSeriesDetector:
    changes = {k: dict(v) if isinstance(v, tuple) else v for k, v in changes.items()}
    given = {"window": WINDOW, "head_options": WIDTHS, "epochs": 1} | changes
    return jaxtsad.TimeSeriesDetector(name, head=head, **given).fit(TRAIN)


each = pytest.mark.parametrize(
    ("name", "head"), [(name, head) for name in DETECTORS for head in HEADS]
)


@each
def test_scores_are_calibrated_and_explained(name: str, head: str) -> None:
    detector = fitted(name, head)
    scores = detector.decision_function(TEST)
    assert scores.shape == (len(TEST),) and (scores > 0).all()
    assert 85 <= scores.argmax() <= 100
    shares = detector.explain(TEST)
    assert shares.shape == TEST.shape and (shares >= 0).all()
    np.testing.assert_allclose(shares.sum(axis=1), scores, rtol=1e-4)
    assert shares[scores.argmax()].argmax() == 1
    [event] = detector.events(TEST[80:110]).itertuples()
    assert event.channels.startswith("channel_1")


@each
def test_a_saved_pickled_or_copied_one_scores_the_same(
    name: str, head: str, tmp_path: pathlib.Path
) -> None:
    detector = fitted(name, head)
    scores = detector.decision_function(TEST)
    detector.save(tmp_path / "m")
    loaded = jaxtsad.load(tmp_path / "m")
    assert loaded.head == head and tuple(loaded.head_options["widths"]) == (4, 10)
    for other in (
        loaded,
        pickle.loads(pickle.dumps(detector)),
        copy.deepcopy(detector),
    ):
        np.testing.assert_array_equal(other.decision_function(TEST), scores)


BAD = {
    "deviation": changed_array("calibration/.deviation", np.zeros_like),
    "knots": changed_array("calibration/.knots", np.ones_like),
    "slope": changed_array("calibration/.slope", nan),
    "scale": changed_array("channels/.scale", np.zeros_like),
    "live": changed_array("channels/.live", lambda a: a.astype(np.float32)),
    "low": changed_array("channels/.low", lambda a: a - np.inf),
    "widths": changed_array("head/.widths", np.zeros_like),
    "more widths": changed_array("head/.widths", lambda a: np.tile(a, 2)),
    "another head": changed_record(lambda r: r["setup"].update(head="smooth")),
}


@pytest.mark.parametrize("change", BAD.values(), ids=BAD)
def test_a_saved_head_that_cannot_be_one_is_refused(
    change: Any, tmp_path: pathlib.Path
) -> None:
    fitted("zscore", "evidence").save(tmp_path / "m")
    rewrite(tmp_path / "m", change)
    with pytest.raises(ValueError, match=r"the detector saved in .*") as error:
        jaxtsad.load(tmp_path / "m")
    assert "\n" not in str(error.value)


@each
def test_later_steps_change_no_score_before_the_reach(name: str, head: str) -> None:
    """Windows look ahead by their length, the head by what its options say."""
    for centered in (True, False):
        how = {**WIDTHS, "centered": centered}
        detector = fitted(name, head, head_options=tuple(how.items()))
        after = options.reach(options.Smooth(**how), WIDTHS["widths"])[1]
        assert after == (8 if centered else 0)
        ahead = WINDOW - 1 + after
        noise = TEST.copy()
        noise[100:] = np.random.default_rng(0).normal(size=noise[100:].shape) * 50
        before, later = (detector.decision_function(each) for each in (TEST, noise))
        np.testing.assert_array_equal(before[: 100 - ahead], later[: 100 - ahead])
        assert (before[100:] != later[100:]).mean() > 0.9


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("pooling", ["per_entity", "pooled"])
def test_a_member_of_a_fleet_is_as_if_alone(head: str, pooling: str) -> None:
    data = [("a", TRAIN), ("b", series(210, 5) * 3)]
    setup = Setup(
        "zscore", window=WINDOW, head=head, head_options=WIDTHS, pooling=pooling
    )
    together = fitting.fit(setup, data)
    if pooling == "pooled":
        assert len(together.members) == 1
        [calibration] = together.calibration
        assert len(calibration) == 33 + 35
        return
    parts = [members.test_part(together, i, "test", TEST) for i in range(2)]
    scores = scoring.score(together, parts)
    for place, one in enumerate(data):
        alone = fitting.fit(setup, [one])
        [expected] = scoring.score(alone, [parts[place]])
        for found, other in (
            (together.calibration[place], alone.calibration[0]),
            (scores[place], expected),
        ):
            np.testing.assert_allclose(found.values, other.values, rtol=1e-4)


@pytest.mark.parametrize("head", HEADS)
def test_scores_do_not_depend_on_pieces(
    head: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = fitted("zscore", head)
    whole = detector.decision_function(TEST)
    monkeypatch.setattr(scoring, "CHUNK", 64)
    np.testing.assert_array_equal(detector.decision_function(TEST), whole)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("sizes", [(1, 2, 40, 7, 60), (20,) * 7, (5,)])
def test_a_series_in_chunks_has_the_scores_of_the_whole(
    head: str, sizes: tuple[int, ...]
) -> None:
    detector = fitted("zscore", head)
    chunks = ChunkedScores(detector.fitted_, 0)
    cuts = np.split(TEST, np.cumsum(sizes))
    scores = [chunks.add(cut) for cut in cuts] + [chunks.finish()]
    assert sum(map(len, scores[:-1])) == len(TEST) - WINDOW - 8
    np.testing.assert_allclose(
        np.concatenate(scores), detector.decision_function(TEST), rtol=1e-4
    )


@pytest.mark.parametrize("head", HEADS)
def test_earlier_steps_are_those_that_a_head_looks_back_to(head: str) -> None:
    detector = fitted("zscore", head)
    expected = detector.decision_function(TEST[:110])[100:]
    found = detector.decision_function(TEST[100:110], context=TEST[:100])
    np.testing.assert_array_equal(found, expected)
    assert (detector.decision_function(TEST[100:110]) != expected).any()


LONG = series(250, 2)
LONG[90:96, 1] += 5.0


def test_a_gate_weighs_evidence(tmp_path: pathlib.Path) -> None:
    """What holds of other heads; all in one test, as its programs are costly."""
    detector = fitted("zscore", "gated")
    scores, shares = detector.decision_function(LONG), detector.explain(LONG)
    assert (scores > 0).all() and (shares >= 0).all()
    np.testing.assert_allclose(shares.sum(axis=1), scores, rtol=1e-4)
    ungated = fitted(
        "zscore", "gated", head_options=(*WIDTHS.items(), ("gate_power", 0))
    )
    evidence = fitted("zscore", "evidence").decision_function(LONG)
    np.testing.assert_allclose(ungated.decision_function(LONG), evidence, rtol=1e-4)
    assert np.abs(scores - evidence).max() > 0.1
    state = detector.fitted_
    assert state.head is not None
    [(before, after)] = heads.reach(state.setup, state.head)
    assert (before, after) == (10 + gates.REACH, 8 + gates.REACH)
    noise = LONG.copy()
    noise[240:] = np.random.default_rng(0).normal(size=noise[240:].shape) * 50
    later = detector.decision_function(noise)
    first = 240 - (WINDOW - 1 + after)
    np.testing.assert_array_equal(later[:first], scores[:first])
    assert (later[first:240] != scores[first:240]).any()
    chunks = ChunkedScores(state, 0)
    parts = [chunks.add(cut) for cut in np.split(LONG, [180, 200, 230])]
    assert [len(part) for part in parts[:2]] == [180 - WINDOW - after, 20]
    joined = np.concatenate([*parts, chunks.finish()])
    np.testing.assert_allclose(joined, scores, rtol=1e-3, atol=1e-5)
    detector.save(tmp_path / "m")
    for other in (jaxtsad.load(tmp_path / "m"), pickle.loads(pickle.dumps(detector))):
        np.testing.assert_array_equal(other.decision_function(LONG), scores)


@pytest.mark.slow
def test_a_gate_sees_long_series_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    state = fitted("zscore", "gated").fitted_
    assert state.head is not None
    series_ = [sines(2100, CHANNELS, 3), sines(700, CHANNELS, 4)]
    gate = arrays.chosen(state.head.gate, [0, 0])
    whole = gates.logits(gate, series_, "auto")
    monkeypatch.setattr(gates, "CELLS", 1)
    assert [len(each) for each in whole] == [2100, 700]
    for found, expected in zip(gates.logits(gate, series_, "auto"), whole, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("pooling", ["per_entity", "pooled"])
def test_gates_of_a_fleet_know_their_own_series(pooling: str) -> None:
    data = [("a", TRAIN), ("b", series(210, 5) * 3)]
    setup = Setup(
        "zscore", window=WINDOW, head="gated", head_options=WIDTHS, pooling=pooling
    )
    together = fitting.fit(setup, data)
    if pooling == "pooled":
        assert together.head is not None and len(together.head.gate.mean) == 1
        return
    parts = [members.test_part(together, i, "test", TEST) for i in range(2)]
    scores = scoring.score(together, parts)
    for place, each in enumerate(data):
        alone = fitting.fit(setup, [each])
        [expected] = scoring.score(alone, [parts[place]])
        np.testing.assert_allclose(
            scores[place].values, expected.values, rtol=1e-3, atol=1e-5
        )


@pytest.mark.parametrize("head", HEADS)
def test_nothing_is_smoothed_across_a_break(head: str) -> None:
    state = fitted("zscore", head).fitted_
    other = TEST.copy()
    other[:60] = 30.0
    parts = [
        members.test_part(state, 0, "test", values, (60,)) for values in (TEST, other)
    ]
    one, two = (scoring.score(state, [part])[0].values for part in parts)
    np.testing.assert_array_equal(one[60:], two[60:])
    assert (one[:60] != two[:60]).all()
    # Each piece is scored as if it were alone.
    [alone] = scoring.score(state, [members.test_part(state, 0, "test", TEST[60:])])
    np.testing.assert_array_equal(one[60:], alone.values)


@pytest.mark.parametrize("head", HEADS)
def test_known_anomalies_are_not_calibrated_on(head: str) -> None:
    """The calibration part is what it would be without them."""
    known = np.zeros(len(TRAIN), bool)
    known[190:] = True
    values = TRAIN.copy()
    values[190:] = 50.0
    setup = Setup("zscore", window=WINDOW, head=head, head_options=WIDTHS)
    made = fitting.fit(setup, [("a", values)], known=[known])
    other = fitting.fit(setup, [("a", TRAIN)], known=[known])
    assert len(made.calibration[0]) == 33 - 10 - (WINDOW - 1)
    assert made.calibration[0].role is types.Role.VALIDATION
    for one, two in zip(leaves(made), leaves(other), strict=True):
        np.testing.assert_array_equal(one, two)


def leaves(made: Fitted) -> list[Any]:
    assert made.head is not None
    return [made.head.widths, *made.head.calibration, *(made.head.channels or ())]


def test_widths_can_follow_the_period_of_calibration_scores() -> None:
    slow = np.sin(np.arange(800) * 2 * np.pi / 50)[:, None] ** 5
    quick = np.sin(np.arange(800) * 2 * np.pi / 30)[:, None] ** 5
    setup = Setup("zscore", window=4, head="smooth", head_options={"widths": "auto"})
    made = fitting.fit(setup, [("slow", slow), ("quick", quick), ("flat", 0 * slow)])
    assert made.head is not None
    # A squared deviation has half the period of what deviates.
    assert made.head.widths.tolist() == [[12, 24, 48], [8, 16, 32], [32, 64, 128]]
    assert subset(made, [1, 1]).head.widths.tolist() == [[8, 16, 32]] * 2  # type: ignore[union-attr]
    parts = [members.test_part(made, i, "test", slow[:300]) for i in range(3)]
    for i, scores in enumerate(scoring.score(made, parts)):
        [alone] = scoring.score(subset(made, [i]), [parts[i]])
        np.testing.assert_array_equal(scores.values, alone.values)


def test_what_a_head_cannot_do_is_one_line() -> None:
    forest = jaxtsad.TimeSeriesDetector("iforest", window=WINDOW, head="evidence")
    with pytest.raises(ValueError, match=r"iforest does not; head=.smooth. is of all"):
        forest.fit(TRAIN)
    with pytest.raises(ValueError, match="head='smooth' is of series, not of samples"):
        Setup("zscore", kind="samples", head="smooth")
    detector = jaxtsad.TimeSeriesDetector(head_options={"widths": (3,)})
    with pytest.raises(ValueError, match=r"widths=.* is no option of head 'none'"):
        detector.fit(TRAIN)


def test_a_detector_that_explains_nothing_is_smoothed() -> None:
    detector = fitted("iforest", "smooth", options=(("trees", 5),))
    raw = fitted("iforest", "none", options=(("trees", 5),), head_options=())
    given, expected = raw.decision_function(TEST), np.zeros(len(TEST))
    for width in WIDTHS["widths"]:
        once = smoothing.moving_average(given, width, centered=True)
        expected += smoothing.moving_average(once, width, centered=True)
    ordered = detector.decision_function(TEST)[np.argsort(expected)]
    assert (np.diff(ordered) > -1e-4).all() and ordered[-1] > ordered[0] + 1
    with pytest.raises(ValueError, match="output='explain' is not offered"):
        detector.explain(TEST)


def test_options_of_a_head_are_parameters() -> None:
    detector = jaxtsad.TimeSeriesDetector("zscore", window=WINDOW, head="evidence")
    assert detector.get_params()["head_options__power"] == 0.35
    detector.set_params(head_options__power=1.0, head_options__widths=[4])
    assert detector.head_options == {"power": 1.0, "widths": [4]}
    made = detector.fit(TRAIN).fitted_.head
    assert made is not None and made.widths.tolist() == [[4]]
    assert made.channels is not None
    assert made.channels.live.tolist() == [[True, True, False]]
    assert heads.source(detector.fitted_.setup) == "explain"


def test_a_config_names_a_head(capsys: pytest.CaptureFixture) -> None:
    tree: dict[str, Any] = {"head": {"kind": "evidence", "options": {"widths": [5]}}}
    config = toml.parse(tree)
    assert config.setup().head_settings == options.Evidence(widths=(5,))
    assert config.setup("pca").head == "none"
    assert toml.parse(tomllib.loads(toml.dump(config))) == config
    for wrong, line in (
        ({"kind": "loud"}, "head.kind='loud' is unknown; the choices are none, smooth"),
        ({"kind": "smooth", "options": {"power": 1}}, "power=1 is no option of head"),
    ):
        with pytest.raises(ValueError, match=line):
            toml.parse({"head": wrong})
    with pytest.raises(ValueError, match=r'head.kind="evidence" is offered under'):
        toml.parse(tree | {"evaluation": {"protocol": "paper"}})
    assert cli.main(["schema"]) == 0
    head = json.loads(capsys.readouterr().out)["$defs"]["Head"]
    by_kind = {
        part["if"]["properties"]["kind"]["const"]: part["then"]["properties"]["options"]
        for part in head["allOf"]
    }
    assert [*by_kind] == list(options.KINDS) == head["properties"]["kind"]["enum"]
    assert by_kind["evidence"]["properties"]["power"]["default"] == 0.35


def test_the_command_line_fits_a_head(tmp_path: pathlib.Path) -> None:
    data, model = tmp_path / "train.csv", tmp_path / "model"
    np.savetxt(data, TRAIN, delimiter=",", header="a,b,c", comments="")
    words = ["fit", str(data), "--detector", "zscore", "--window", str(WINDOW)]
    words += ["--head", "evidence", "--head-option", "widths=[4, 10]"]
    assert cli.main([*words, "--out", str(model)]) == 0
    expected = fitted("zscore", "evidence").decision_function(TEST)
    np.testing.assert_array_equal(jaxtsad.load(model).decision_function(TEST), expected)
    assert cli.main([*words[:-4], "--head", "loud", "--out", str(model)]) == 2
