"""Files larger than memory are scored in parts, as if they had been read whole."""

from __future__ import annotations

import pathlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxtsad import TimeSeriesDetector
from jaxtsad.__main__ import main
from jaxtsad.cli import large
from jaxtsad.datasets.reading import tabular
from jaxtsad.ops.aggregate import AGGREGATES
from jaxtsad.pipeline.chunked import ChunkedScores


def waves(steps: int = 1200) -> np.ndarray:
    rng = np.random.default_rng(0)
    values = np.sin(np.arange(steps) / 4)[:, None] + 0.05 * rng.normal(size=(steps, 2))
    values[900:906, 0] += 4
    return values


@settings(max_examples=3)
@given(
    sizes=st.lists(st.integers(1, 90), min_size=1, max_size=12),
    stride=st.integers(1, 20),
    aggregate=st.sampled_from(AGGREGATES),
)
def test_chunks_of_any_size_give_the_scores_of_the_whole(
    sizes: list[int], stride: int, aggregate: str
) -> None:
    values = waves(300 + sum(sizes))
    values[310:314, 1] = np.nan
    detector = TimeSeriesDetector(
        "zscore", window=20, score_stride=stride, aggregate=aggregate
    ).fit(values[:300])
    test = values[300:]
    chunks = ChunkedScores(detector.fitted_, 0)
    cuts = np.split(test, np.cumsum(sizes)[:-1])
    scores = [chunks.add(cut) for cut in cuts] + [chunks.finish()]
    whole = detector.decision_function(test)
    np.testing.assert_allclose(np.concatenate(scores), whole, rtol=1e-4, atol=1e-7)


def frame() -> pd.DataFrame:
    time = pd.date_range("2024-01-01", periods=1200, freq="min", name="time")
    return pd.DataFrame(waves(), columns=["a", "b"], index=time)


def test_a_large_file_is_scored_in_parts_with_the_same_rows(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, test, model = (str(tmp_path / n) for n in ("train.csv", "test.csv", "model"))
    frame()[:600].to_csv(train)
    frame()[600:].to_csv(test)
    fit = ["fit", train, "--detector", "zscore", "--window", "20", "--out", model]
    assert main(fit) == 0
    whole, parts = (str(tmp_path / name) for name in ("whole.csv", "parts.csv"))
    assert main(["score", model, test, "--out", whole]) == 0
    monkeypatch.setattr(large, "BYTES", 100)
    monkeypatch.setattr(large, "CELLS", 500)
    assert main(["score", model, test, "--out", parts]) == 0
    expected, found = pd.read_csv(whole), pd.read_csv(parts)
    pd.testing.assert_frame_equal(found, expected, rtol=1e-5)
    assert found["flag"][300:306].all()


def test_empty_rows_where_parts_meet_are_steps(tmp_path: pathlib.Path) -> None:
    """As in the file read whole, which leaves out empty rows at its end alone."""
    path = tmp_path / "holes.csv"
    rows = ["a,b", *["1,2", ","] * 3, "3,4", ","]
    path.write_text("\n".join(rows) + "\n")
    whole = tabular.read(path).values
    parts = [piece.values for piece in tabular.chunks(path, 2, time_column=None)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_a_large_file_out_of_order_is_one_line_and_nothing_is_written(
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    test, model = str(tmp_path / "test.csv"), str(tmp_path / "model")
    TimeSeriesDetector("zscore", window=20).fit(frame()).save(model)
    pd.concat([frame()[600:], frame()[:600]]).to_csv(test)
    monkeypatch.setattr(large, "BYTES", 100)
    monkeypatch.setattr(large, "CELLS", 500)
    out = tmp_path / "scores.csv"
    assert main(["score", model, test, "--out", str(out)]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert "sort it first" in said[-1] and not out.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "test.csv"]
