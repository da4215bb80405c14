from __future__ import annotations

from benchmarks.throughput.suites import evaluation


def test_every_case_runs_at_every_size():
    sizes = (2_500, 5_000)
    rows = evaluation.run(sizes, repeats=1)
    assert [row["steps"] for row in rows] == list(sizes) * len(evaluation.CASES)
    assert {row["case"] for row in rows} == set(evaluation.CASES)
    for row in rows:
        assert row["suite"] == "evaluation"
        assert row["seconds"] > 0 and row["memory_growth_bytes"] > 0


def test_the_recording_has_an_event_in_every_stretch():
    data = evaluation.recording(10_000)
    assert data.labels.sum() == 4 * evaluation.EVENT
    assert data.flags.mean() == 0.02
