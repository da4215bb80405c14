from __future__ import annotations

import pathlib

import numpy as np
import pytest

from jaxtsad.datasets import selection, smap_msl

KEPT = """A-7 A-8 A-9 D-1 D-2 D-3 D-4 D-7 D-9 D-12 D-15 D-16 E-1 E-2 E-3 E-4 E-8 E-12
F-2 F-8 M-1 M-2 P-1 P-2 P-3 P-7 T-1 T-2"""


def test_a_window_counts_if_one_step_is_anomalous() -> None:
    steps = np.zeros(30, np.int8)
    steps[12] = 1
    # Windows of 10 at stride 5 that hold step 12 begin at 5 and 10.
    assert selection.with_anomalies({"a": steps}, least=2) == ["a"]
    assert selection.with_anomalies({"a": steps}, least=3) == []
    assert selection.with_anomalies({"short": steps[:9]}, least=1) == []


def test_the_28_channels_of_the_public_archive(data_root: pathlib.Path) -> None:
    if not (data_root / "smap_msl").is_dir():
        pytest.skip("the public SMAP/MSL archive is not below JAXTSAD_DATA")
    labels = smap_msl.labels(data_root)
    assert set(selection.with_anomalies(labels)) == set(KEPT.split())
    assert selection.with_anomalies(labels, window=200, stride=50) == []
