from __future__ import annotations

import doctest
import importlib
import io

import pytest
from rich.console import Console

from benchmarks.throughput import tables


def test_a_table_shows_numbers_with_units_and_no_lists():
    rows = [
        {
            "suite": "detectors",
            "case": "pca, window 100",
            "train_windows_per_s": 12345.6,
            "score_windows_per_s": 4.5678,
            "peak_memory_bytes": 3 * 2**20,
            "runs": {"training": [1.0]},
        },
        {
            "suite": "detectors",
            "case": "knn, window 100",
            "train_windows_per_s": 1.0,
            "score_windows_per_s": 2.0,
            "peak_memory_bytes": None,
            "runs": {},
        },
    ]
    text = io.StringIO()
    tables.show(rows, Console(file=text, width=80))
    shown = text.getvalue()
    for word in ("12,346", "4.57", "3.00", "windows/s", "MiB", "pca, window 100"):
        assert word in shown
    assert "runs" not in shown
    assert shown.splitlines()[-2].split()[-1] == "-"
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize("name", ["timing", "tables"])
def test_examples_run(name):
    failed, tried = doctest.testmod(
        importlib.import_module(f"benchmarks.throughput.{name}")
    )
    assert tried > 0 and failed == 0
