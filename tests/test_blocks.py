"""What is made of a recording on disk is, bit for bit, what is made of it in memory."""

from __future__ import annotations

import contextlib
import pathlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxtsad import blocks, types
from jaxtsad.datasets import preprocessing
from jaxtsad.datasets.reading import screening


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "CELLS", 24)


def recording(seed: int, steps: int, channels: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = 10.0 ** rng.integers(-6, 7, channels) * rng.normal(size=(steps, channels))
    values += 10.0 ** rng.integers(-3, 9, channels)
    values[:, 0] = 0.1
    return values


@settings(max_examples=30)
@given(
    seed=st.integers(0, 1000),
    steps=st.integers(2, 90),
    channels=st.integers(1, 7),
    kind=st.sampled_from(("zscore", "minmax", "symmetric", "none")),
    clip=st.sampled_from((None, 0.5, 3.0)),
)
def test_a_scaler_is_the_same_of_a_disk_and_of_any_blocks(
    seed: int, steps: int, channels: int, kind: str, clip: float | None
) -> None:
    values = recording(seed, steps, channels)
    made = []
    with pytest.MonkeyPatch.context() as patch:
        for cells, given in (
            (24, values),
            (24, blocks.stored([values])),
            (blocks.CELLS, values),
        ):
            patch.setattr(blocks, "CELLS", cells)
            fit, _ = types.cut_train(given, window=1, validation=0)
            scaler = preprocessing.fit_scaler(kind, fit, clip)
            made.append((scaler, np.asarray(scaler.apply(fit).values)))
    (memory, there), (disk, here), (whole, _) = made
    for name in ("shift", "scale", "low", "high"):
        mine = getattr(memory, name)
        np.testing.assert_array_equal(getattr(disk, name), mine)
        np.testing.assert_allclose(getattr(whole, name), mine, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(here, there)


@settings(max_examples=30)
@given(
    holes=st.lists(st.tuples(st.integers(0, 29), st.integers(0, 2)), max_size=60),
    dead=st.booleans(),
)
def test_missing_cells_are_filled_on_disk_as_in_memory(
    holes: list[tuple[int, int]], dead: bool
) -> None:
    values = np.arange(90.0).reshape(30, 3)
    for step, channel in holes:
        values[step, channel] = np.nan
    values[:, 1] = np.where(dead, np.inf, values[:, 1])
    values[17, 0] = 5.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "CELLS", 24)
        filled, record = screening.screen(blocks.stored([values]))
    expected, known = screening.screen(values)
    np.testing.assert_array_equal(np.asarray(filled), expected)
    assert record == known


def test_rows_are_slices_on_disk_and_arrays_by_index(few: None) -> None:
    values = np.arange(60.0).reshape(20, 3)
    disk = blocks.stored([values[:7], values[7:]])
    assert disk.shape == (20, 3) and len(disk) == 20 and disk.size == 60
    later = disk[-15:]
    assert isinstance(later, blocks.DiskArray) and len(later) == 15
    np.testing.assert_array_equal(np.asarray(later[2:4]), values[7:9])
    np.testing.assert_array_equal(disk[np.array([3, 1])], values[[3, 1]])
    np.testing.assert_array_equal(disk.windows(np.array([0, 5]), 2)[1], values[5:7])
    odd = np.arange(20) % 2 == 1
    np.testing.assert_array_equal(np.asarray(disk[odd]), values[odd])
    assert [len(rows) for rows in blocks.blocks(disk)] == [8, 8, 4]


def test_what_is_too_large_is_refused_with_size_and_budget(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    monkeypatch.setenv(blocks.VARIABLE, "0.001")
    path = tmp_path / "x.npy"
    np.lib.format.open_memmap(path, "w+", "float32", (2**24, 1))
    disk = blocks.DiskArray(np.load(path, mmap_mode="r"))
    line = r"16,777,216 x 1 values take 0.5 GiB, the budget is 0.001 GiB"
    with pytest.raises(ValueError, match=line):
        np.asarray(disk)
    assert np.asarray(disk[:10]).sum() == 0
    for word in ("many", "0", "-1", "nan"):
        monkeypatch.setenv(blocks.VARIABLE, word)
        with pytest.raises(ValueError, match=f"{blocks.VARIABLE}='{word}'"):
            blocks.budget()


def test_a_full_disk_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(contextlib.nullcontext[Any]):
        def __enter__(self) -> Full:
            return self

        def write(self, data: object) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(blocks.tempfile, "TemporaryFile", Full)
    with pytest.raises(ValueError, match="No space left on device; make room or set"):
        blocks.stored([np.zeros(3)])
