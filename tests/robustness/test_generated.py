"""Generated recordings: scores that nothing about their form changes, or one line."""

from __future__ import annotations

import collections
import pathlib
import warnings
from typing import Any

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck

from jaxtsad import TimeSeriesDetector
from jaxtsad.datasets.reading import tabular
from jaxtsad.datasets.reading.recording import Recording
from jaxtsad.types import DataWarning
from tests.robustness import generated

SHORT = hypothesis.settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
PIECE = 500
LONG = {
    "containers": 7,
    "odd recordings": 5,
    "texts": 2,
    "odd texts": 4,
    "anything": 1,
    "any text": 1,
}
"""How many times so many cases of each kind the long profile has: 10,000 together."""


def train() -> pd.DataFrame:
    step = np.arange(300)[:, None]
    noise = np.random.default_rng(0).normal(size=(300, 3))
    values = np.sin(step / (3 + np.arange(3))) + 0.1 * noise
    index = pd.date_range("2024-02-01", periods=300, freq="min", name="time")
    return pd.DataFrame(values, index, list(generated.NAMES))


DETECTOR = TimeSeriesDetector("zscore", window=20).fit(train())


def scored(thing: Any) -> Any:
    """Scores a thing; all scores are finite and nothing else than data is warned of."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DataWarning)
        scores = DETECTOR.decision_function(thing)
    several = isinstance(scores, dict | list)
    many = scores.values() if isinstance(scores, dict) else scores
    for each in many if several else [scores]:
        assert np.isfinite(each).all()
    return scores


def outcome(thing: Any) -> str:
    """Scores a thing: `ok` or, in one line, `refused`."""
    try:
        scored(thing)
    except ValueError as error:
        assert "\n" not in str(error)
        return "refused"
    return "ok"


def container(case: generated.Handed) -> str:
    """Scores a whole recording in a container: the scores of its plain values."""
    expected = scored(case.frame.to_numpy())
    scores = scored(case.thing)
    if isinstance(scores, dict):
        assert [*scores] == [7]
        scores = scores[7]
    if isinstance(scores, list):
        [scores] = scores
    np.testing.assert_array_equal(scores, expected[case.rows])
    return "ok"


def odd(frame: pd.DataFrame, name: str) -> str:
    """Scores a recording with something odd about it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            thing = generated.ODD[name](frame)
        except (TypeError, ValueError, OverflowError):  # pandas cannot make it
            return "not made"
    return outcome(thing)


def file(path: pathlib.Path, case: generated.Written) -> str:
    """Reads and scores a text; where nothing was lost, as its plain values."""
    path.write_bytes(case.content)
    try:
        recording = read(path)
        scores = scored(recording)
    except ValueError as error:
        assert case.odd, error
        assert "\n" not in str(error)
        return "refused"
    if generated.HARMLESS.issuperset(case.odd):
        np.testing.assert_array_equal(scores, scored(case.frame.to_numpy()))
    return "ok"


def read(path: pathlib.Path) -> Recording:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recording = tabular.read(path)
    assert isinstance(recording, Recording)
    assert recording.values.shape[1] == len(recording.channels)
    return recording


def any_text(path: pathlib.Path, text: str) -> str:
    """Reads a text."""
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    try:
        read(path)
    except ValueError as error:
        assert "\n" not in str(error)
        return "refused"
    return "ok"


def anything(thing: Any) -> str:
    """Scores a thing, also as a frame where it can be one."""
    rows = thing if isinstance(thing, list) else []
    if rows and all(isinstance(row, list) and len(row) == 2 for row in rows):
        outcome(pd.DataFrame(thing, columns=["a", "b"]))
    return outcome(thing)


@SHORT
@hypothesis.given(generated.handed())
def test_scores_do_not_depend_on_how_a_recording_is_handed_over(
    case: generated.Handed,
) -> None:
    container(case)


@SHORT
@hypothesis.given(generated.frames(), st.sampled_from([*generated.ODD]))
def test_odd_recordings_are_scored_or_refused(frame: pd.DataFrame, name: str) -> None:
    odd(frame, name)


@SHORT
@hypothesis.given(generated.written(changes=2))
def test_texts_are_scored_as_what_they_say(
    tmp_path: pathlib.Path, case: generated.Written
) -> None:
    file(tmp_path / "a.csv", case)


@hypothesis.given(generated.things)
@hypothesis.settings(max_examples=200)
def test_nothing_ends_in_a_traceback(thing: Any) -> None:
    anything(thing)


@hypothesis.given(
    st.one_of(st.text(max_size=80), generated.texts),
    st.sampled_from(["a.csv", "a.json", "a.txt"]),
)
@hypothesis.settings(
    max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_text_ends_in_a_traceback(
    tmp_path: pathlib.Path, text: str, name: str
) -> None:
    any_text(tmp_path / name, text)


def outcomes(cases: Any, check: Any, seed: int) -> collections.Counter[str]:
    """Counts the outcomes of the cases of a piece."""
    counts: collections.Counter[str] = collections.Counter()

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=PIECE, database=None, suppress_health_check=[*HealthCheck]
    )
    @hypothesis.given(cases)
    def run(case: Any) -> None:
        counts[check(case)] += 1

    run()
    return counts


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "piece"), [(kind, n) for kind in LONG for n in range(LONG[kind])]
)
def test_ten_thousand_recordings_are_scored_or_refused(
    kind: str, piece: int, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture
) -> None:
    """The long profile; most of its cases are what people have and is to be scored."""
    path = tmp_path / "a.csv"
    kinds: dict[str, tuple[Any, Any]] = {
        "containers": (generated.handed(), container),
        "odd recordings": (
            st.tuples(generated.frames(), st.sampled_from([*generated.ODD])),
            lambda case: odd(*case),
        ),
        "texts": (generated.written(), lambda case: file(path, case)),
        "odd texts": (generated.written(changes=2), lambda case: file(path, case)),
        "anything": (generated.things, anything),
        "any text": (
            st.one_of(st.text(max_size=80), generated.texts),
            lambda text: any_text(path, text),
        ),
    }
    cases, check = kinds[kind]
    counts = outcomes(cases, check, piece)
    with capsys.disabled():
        print(f"\n{kind} {piece}: {dict(counts)}, others 0", end="")
    assert sum(counts.values()) == PIECE
    if kind in ("containers", "texts"):
        assert counts["ok"] == PIECE
    elif kind.startswith("odd"):
        assert min(counts["ok"], counts["refused"]) > PIECE / 20
