"""What a run says of its data."""

from __future__ import annotations

import pathlib

from jaxtsad.datasets.reading import tabular
from jaxtsad.experiments import facts


def test_what_was_mended_in_a_file_is_noted(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "pump.csv"
    path.write_text("time,a\n2024-01-02,2\n2024-01-01,1\n")
    [series] = tabular.load_all(path)
    assert series.train.ravel().tolist() == [1, 2]
    assert facts.notes([series], []) == [
        "pump: column 'time' is read as time",
        "pump: rows go from the newest to the oldest; they are turned round",
    ]
