from __future__ import annotations

import json

from benchmarks import report

ROWS = [
    {"suite": "detectors", "case": "pca", "train_windows_per_s": 1234.5, "runs": [1]},
    *(
        {
            "suite": "attention",
            "case": f"operation tiled, window {window}, batch 1, width 512, more",
            "gradient_windows_per_s": 9.0 / window,
        }
        for window in (100, 200)
    ),
]


def test_results_become_a_page_of_tables_and_a_plot(tmp_path):
    path = tmp_path / "cpu.json"
    path.write_text(json.dumps({"rows": ROWS}))
    page, plot = report.write(path)
    text = page.read_text()
    assert "| case | train windows/s |\n| --- | ---: |\n| pca | 1,234 |" in text
    assert "## attention" in text and f"({plot.name})" in text
    assert "tiled" in plot.read_text() and "runs" not in text


def test_without_the_operation_there_is_no_plot(tmp_path):
    path = tmp_path / "cpu.json"
    path.write_text(json.dumps({"rows": ROWS[:1]}))
    assert [found.suffix for found in report.write(path)] == [".md"]
