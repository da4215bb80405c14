from __future__ import annotations

import json

from benchmarks.throughput import report

ROWS = [
    {"suite": "detectors", "case": "pca", "train_windows_per_s": 1234.5, "runs": [1]},
    *(
        {
            "suite": "attention",
            "case": f"operation {name}, window {window}, batch {batch}, width 512, "
            "channels 25",
            "gradient_windows_per_s": 9.0 / window,
        }
        for name, window, batch in (
            ("xla", 100, 32),
            ("xla", 512, 4),
            ("definition", 100, 1),
        )
    ),
]


def test_results_become_a_page_of_tables_and_a_plot(tmp_path):
    path = tmp_path / "cpu.json"
    path.write_text(json.dumps({"rows": ROWS}))
    page, plot = report.write(path)
    text = page.read_text()
    assert "| case | train windows/s |\n| --- | ---: |\n| pca | 1,234 |" in text
    assert "## attention" in text and f"({plot.name})" in text
    assert "xla" in plot.read_text() and "runs" not in text


def test_only_one_size_of_each_length_is_drawn(tmp_path):
    path = tmp_path / "cpu.json"
    path.write_text(json.dumps({"rows": ROWS}))
    drawn = report.write(path)[1].read_text()
    assert "<!-- xla -->" in drawn and "<!-- definition -->" not in drawn


def test_without_the_operation_there_is_no_plot(tmp_path):
    path = tmp_path / "cpu.json"
    path.write_text(json.dumps({"rows": ROWS[:1]}))
    assert [found.suffix for found in report.write(path)] == [".md"]
