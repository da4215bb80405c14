"""Recordings larger than memory: fitted and scored in parts, as if read whole."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxtsad import TimeSeriesDetector, blocks
from jaxtsad.__main__ import main
from jaxtsad.datasets.reading import tabular
from jaxtsad.experiments import run, toml
from jaxtsad.ops.aggregate import AGGREGATES
from jaxtsad.pipeline.chunked import ChunkedScores
from jaxtsad.reporting import run_directory


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
    monkeypatch.setenv(blocks.VARIABLE, "0.00001")
    monkeypatch.setattr(blocks, "CELLS", 500)
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
    monkeypatch.setenv(blocks.VARIABLE, "0.00001")
    monkeypatch.setattr(blocks, "CELLS", 500)
    out = tmp_path / "scores.csv"
    assert main(["score", model, test, "--out", str(out)]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert "sort it first" in said[-1] and not out.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "test.csv"]


def parts_of(folder: pathlib.Path, values: np.ndarray, kind: str) -> str:
    """A recording as two part files, or as one `.npy`."""
    table = pd.DataFrame(values, columns=["a", "b"])
    if kind == "npy":
        np.save(folder / "x.npy", values)
        return str(folder / "x.npy")
    for number, part in enumerate((table[:500], table[500:])):
        if kind == "parquet":
            part.to_parquet(folder / f"part-{number}.parquet")
        else:
            part.to_csv(folder / f"part-{number}.csv", index=False)
    return str(folder / "*.csv") if kind == "csv" else str(folder)


@pytest.mark.parametrize("kind", ["npy", "parquet", "csv"])
def test_a_recording_on_disk_is_fitted_and_scored_as_in_memory(
    kind: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "parts").mkdir()
    values = waves()
    values[:3, 0] = values[700:703, 1] = np.nan
    path = parts_of(tmp_path / "parts", values, kind)
    tables = []
    for name, gib in (("memory", "4"), ("disk", "0.00008")):
        monkeypatch.setenv(blocks.VARIABLE, gib)
        monkeypatch.setattr(blocks, "CELLS", 500)
        assert tabular.is_large(path, {}) is (name == "disk")
        model, out = str(tmp_path / name), str(tmp_path / f"{name}.csv")
        fit = ["fit", path, "--detector", "zscore", "--window", "20", "--out", model]
        assert main(fit) == 0
        assert main(["score", model, path, "--out", out]) == 0
        tables.append(pd.read_csv(out))
        assert main(["events", model, path, "--out", out]) == 0
        tables.append(pd.read_csv(out)[["start", "stop", "severity"]])
    for disk, memory in zip(tables[2:], tables[:2], strict=True):
        pd.testing.assert_frame_equal(disk, memory, rtol=1e-6)


@pytest.mark.parametrize("parts", [1, 2])
def test_a_run_of_a_recording_on_disk_is_that_of_one_in_memory(
    parts: int, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file with a boundary, or two of which the second is labeled."""
    table = frame().assign(unused=1.0, fault=0)
    table.iloc[900:906, -1] = 1
    files = [str(tmp_path / f"{number}.csv") for number in range(2)]
    options = {"label_column": "fault", "drop": ["unused"]}
    if parts == 1:
        table.to_csv(files[0])
        options["boundary"] = 600
    else:
        table[:600].drop(columns="fault").to_csv(files[0])
        table[600:].to_csv(files[1])
        options["test_path"] = files[1]
    config = toml.parse(
        {
            "data": {"dataset": files[0], "channels": ["b", "a"], "options": options},
            "window": {"length": 20},
            "detector": {"name": "pca"},
            "evaluation": {"baselines": ["zscore"]},
        }
    )
    found = []
    for name, gib in (("memory", "4"), ("disk", "0.00008")):
        monkeypatch.setenv(blocks.VARIABLE, gib)
        monkeypatch.setattr(blocks, "CELLS", 500)
        report = run.run(config, tmp_path / name)
        scores = run_directory.read_scores(tmp_path / name / run_directory.SCORES)
        found.append((report, scores, run_directory.read_events(tmp_path / name)))
    (memory, scores, events), (disk, again, others) = found
    for one, other in zip(scores, again, strict=True):
        assert one[:3] == other[:3]
        np.testing.assert_allclose(one.score, other.score, rtol=2e-6, atol=1e-6)
        np.testing.assert_array_equal(one.label, other.label)
    columns = ["start", "stop"]
    assert events[columns].equals(others[columns]) and len(events)
    for name in ("checksums", "channels", "entities", "validation"):
        assert memory[name] == disk[name]
    for one, other in zip(memory["rows"], disk["rows"], strict=True):
        assert one["metrics"] == pytest.approx(other["metrics"], rel=1e-4, nan_ok=True)
    assert "read from disk" in str(disk["notes"])
    assert "read from disk" not in str(memory["notes"])


@pytest.mark.parametrize("name", ["pca", "lstm_vae"])
def test_detectors_read_windows_of_a_mapped_file(
    name: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "x.npy", waves().astype(np.float32))
    given = np.load(tmp_path / "x.npy", mmap_mode="r")
    options = {"hidden": 4, "latent": 2} if name == "lstm_vae" else None
    made = []
    for gib in ("4", "0.00008"):
        monkeypatch.setenv(blocks.VARIABLE, gib)
        detector = TimeSeriesDetector(name, window=20, epochs=1, options=options)
        detector.fit(given)
        made.append((detector.decision_function(given), detector.threshold_))
    (scores, threshold), (disk, again) = made
    np.testing.assert_allclose(disk, scores, rtol=2e-6, atol=1e-6)
    assert again == pytest.approx(threshold, rel=2e-6)


@pytest.mark.slow
def test_the_last_values_of_a_mapped_file_fit_the_default_detector(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test_detectors_read_windows_of_a_mapped_file(
        "pretrained_tcn", tmp_path, monkeypatch
    )


def test_what_cannot_be_done_on_disk_is_one_line(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "x.npy", waves())
    given = np.load(tmp_path / "x.npy", mmap_mode="r")
    monkeypatch.setenv(blocks.VARIABLE, "0.00008")
    size = r"take 8.9e-05 GiB, the budget is 8e-05 GiB \(JAXTSAD_MEMORY_GIB\)"
    detector = TimeSeriesDetector("zscore", window=20)
    with pytest.raises(ValueError, match=f"1,200 x 2 values {size}"):
        TimeSeriesDetector("zscore", window=20, head="evidence").fit(given)
    with pytest.raises(ValueError, match="fitted on alone, 2 given"):
        detector.fit([given, given])
    with pytest.raises(ValueError, match="looks at the whole recording at once"):
        TimeSeriesDetector("ar", window=20).fit(given)
    with pytest.raises(ValueError, match="needs time stamps"):
        TimeSeriesDetector("zscore", window=20, max_gap="5min").fit(given)
    detector.fit(given)
    with pytest.raises(ValueError, match="without context, breaks and causal"):
        detector.decision_function(given, causal=True)
    monkeypatch.setenv(blocks.VARIABLE, "0.00005")
    with pytest.raises(ValueError, match="windows of 'series' are too many"):
        detector.fit(given)


CHILD = """
import os, sys
import numpy as np
from benchmarks.throughput import memory
from jaxtsad import TimeSeriesDetector

given = np.load(sys.argv[2], mmap_mode="r")
options = {"hidden": 8, "latent": 2} if sys.argv[1] == "lstm_vae" else None
detector = TimeSeriesDetector(
    sys.argv[1], window=50, stride=200, epochs=1, options=options
)
detector.fit(np.array(given[:3000])).decision_function(np.array(given[:3000]))
os.environ["JAXTSAD_MEMORY_GIB"] = "0.04"
mark = memory.begin()
scores = detector.fit(given).decision_function(given)
assert np.isfinite(scores).all() and len(scores) == len(given)
print(memory.end(mark)["memory_growth_bytes"])
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["zscore", "pca", "lstm_vae"])
def test_memory_does_not_grow_with_the_values_of_a_recording(
    name: str, tmp_path: pathlib.Path
) -> None:
    """A hundredth of 2e9 values and of 4 GiB: 0.8 GiB where all were in memory."""
    path = tmp_path / "x.npy"
    large = np.lib.format.open_memmap(path, "w+", "float32", (400_000, 50))
    random = np.random.default_rng(0)
    for start in range(0, 400_000, 20_000):
        wave = np.sin(np.arange(start, start + 20_000) / 9)[:, None]
        noise = 0.1 * random.normal(size=(20_000, 50))
        large[start : start + 20_000] = wave + noise
    del large
    command = [sys.executable, "-c", CHILD, name, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 400 * 2**20
