"""Packed files: bombs, encrypted ones and unknown ways of packing are one line each."""

from __future__ import annotations

import bz2
import gzip
import lzma
import pathlib
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from jaxtsad.datasets.reading import archives, files, tabular

ROW = b"1.5,2.5\n"


def npz(path: pathlib.Path, array: np.ndarray) -> None:
    np.savez_compressed(path, values=array)


def refused(path: pathlib.Path, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        tabular.read(path)
    assert "\n" not in str(error.value) and str(path) in str(error.value)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_bombs_of_text_are_refused_and_others_read(
    pack: Callable[[bytes], bytes], tmp_path: pathlib.Path, monkeypatch: Any
) -> None:
    suffix = {gzip.compress: "gz", bz2.compress: "bz2", lzma.compress: "xz"}[pack]
    path = tmp_path / f"a.csv.{suffix}"
    path.write_bytes(pack(ROW * 40_000))
    assert len(tabular.read(path).values) == 40_000
    monkeypatch.setattr(files, "FREE", 1000)
    refused(path, f"unpacks to more than 200 times its {path.stat().st_size} bytes")
    rng = np.random.default_rng(0)
    text = "\n".join(f"{a},{b}" for a, b in rng.normal(size=(5000, 2)))
    path.write_bytes(pack(text.encode()))
    assert len(tabular.read(path).values) == 5000


def test_bombs_of_arrays_are_refused_and_others_read(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npz(tmp_path / "a.npz", np.zeros((200_000, 2)))
    assert len(tabular.read(tmp_path / "a.npz").values) == 200_000
    monkeypatch.setattr(files, "FREE", 1000)
    refused(tmp_path / "a.npz", "unpacks to more than 200 times")
    npz(tmp_path / "b.npz", np.random.default_rng(0).normal(size=(5000, 2)))
    assert len(tabular.read(tmp_path / "b.npz").values) == 5000
    with zipfile.ZipFile(tmp_path / "c.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("train/a.npy", bytes(10**6))
    with pytest.raises(ValueError, match="unpacks to more than 200 times"):
        archives.Archive(tmp_path / "c.zip")


def patched(path: pathlib.Path, local: int, central: int, value: int) -> None:
    """Sets a field of two bytes in both headers of a zip file's only member."""
    content = bytearray(path.read_bytes())
    for sign, place in ((b"PK\x03\x04", local), (b"PK\x01\x02", central)):
        start = content.index(sign)
        struct.pack_into("<H", content, start + place, value)
    path.write_bytes(content)


def test_encrypted_and_unknown_packing_are_one_line(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.npz"
    npz(path, np.ones((9, 2)))
    patched(path, 6, 8, 1)
    refused(path, "encrypted")
    npz(path, np.ones((9, 2)))
    patched(path, 8, 10, 99)
    refused(path, "compression method")


def test_an_array_that_says_it_is_larger_than_any_memory(
    tmp_path: pathlib.Path,
) -> None:
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (%d, 2), }"
    text = (header % 10**17).ljust(117) + "\n"
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()
    (tmp_path / "a.npy").write_bytes(content)
    refused(tmp_path / "a.npy", "cannot read")
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("values.npy", content)
    refused(tmp_path / "b.npz", "cannot read")


@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz"])
def test_damaged_ones_are_one_line(suffix: str, tmp_path: pathlib.Path) -> None:
    pack = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[suffix]
    rng = np.random.default_rng(0)
    text = "\n".join(f"{a},{b}" for a, b in rng.normal(size=(500, 2))).encode()
    whole, path = pack(text), tmp_path / f"a.csv.{suffix}"
    for place in np.linspace(0, len(whole) - 1, 25).astype(int):
        changed = bytearray(whole)
        changed[place] ^= 16
        path.write_bytes(changed)
        try:
            tabular.read(path)
        except ValueError as error:
            assert "\n" not in str(error)
    path.write_bytes(whole[: len(whole) // 2])
    refused(path, "cannot read")
