"""A week of rows through a watch: what is written, and the table."""

from __future__ import annotations

from benchmarks.throughput import week
from benchmarks.throughput.week import Point


def test_rows_are_of_a_week_with_garbage_in_between() -> None:
    head, *blocks = week.lines(20_000)
    assert head.startswith("time,channel_0,") and len(blocks) == 20
    rows = "".join(blocks).splitlines()
    assert rows.count("garbage") == 4
    stamps = [row.split(",")[0] for row in rows if row != "garbage"]
    assert len(stamps) - len(set(stamps)) == 2
    assert stamps == sorted(stamps) and stamps[-1] == "2026-01-01T05:33:19"
    assert 19_990 < len(rows) <= 20_004


def test_the_table_tells_memory_as_it_goes_on() -> None:
    points = [Point(n, n / 100, 500.0 + (n == 30)) for n in range(1, 101)]
    text = week.report("pca", points)
    assert text.startswith("`pca`: 100 rows a second of 10 channels.")
    assert text.splitlines()[-3:] == [
        "| 50 | 0 | 500 | 501 |",
        "| 75 | 1 | 500 | 501 |",
        "| 100 | 1 | 500 | 501 |",
    ]


def test_a_short_week_goes_through_a_real_watch(tmp_path, capsys) -> None:
    assert week.main(["--quick", "--out", str(tmp_path / "week.md")]) == 0
    assert "| 3,000 |" in capsys.readouterr().out
    assert (tmp_path / "week.md").read_text().count("\n|") == 8
