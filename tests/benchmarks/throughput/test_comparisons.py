from __future__ import annotations

import json
import pathlib

import pytest

from benchmarks.throughput import comparisons, report, results

BEST = {"jax_windows_per_s": 30.0, "torch_windows_per_s": 20.0, "ratio": 1.5}
PUBLISHED = {"jax_windows_per_s": 33.0, "torch_windows_per_s": 11.0, "ratio": 3.0}


def row(suite, case, **found):
    return {"suite": suite, "case": case, **found}


def lines(rows):
    table = comparisons.table(rows).splitlines()[4:]
    cells = ([cell.strip() for cell in line.strip("|").split("|")] for line in table)
    return [line[1:] for line in cells]


def test_both_peers_of_a_case_share_its_line():
    case = "ganomaly, b 64, training"
    found = lines(
        [
            row("detectors", f"{case} against PyTorch", **PUBLISHED),
            row("detectors", f"{case} against the best PyTorch", **BEST),
        ]
    )
    assert [" | ".join(line) for line in found] == [
        "ganomaly, b 64 | training | 30.0 | 20.0 | 1.50 | 1.30 | - | - | 11.0 | 3.00"
    ]


@pytest.mark.parametrize("turn", [1, -1])
def test_a_way_of_pytorch_is_not_taken_for_the_best_where_that_was_looked_for(turn):
    case = "8 samples, against the"
    batched = row("search", f"{case} PyTorch batched", **PUBLISHED)
    rows = [batched, row("search", f"{case} best PyTorch", **BEST)]
    (line,) = lines(rows[::turn])
    assert line[2:5] == ["30.0", "20.0", "1.50"]
    (alone,) = lines([batched])
    assert alone[2:5] == ["33.0", "11.0", "3.00"]


def test_suites_that_share_a_case_keep_their_own_lines():
    case = "lstm_vae, 1 member, training against the best PyTorch"
    found = lines([row(suite, case, **BEST) for suite in ("growth", "recurrent")])
    assert len(found) == 2 and found[0] == found[1]


def test_the_limit_is_the_rate_over_its_share():
    case = "lstm_vae, scoring against the best PyTorch"
    (line,) = lines([row("recurrent", case, **BEST, of_ceiling=0.6)])
    assert line[5:8] == ["-", "50.0", "0.600"]


def test_without_the_best_peer_there_is_neither_its_ratio_nor_a_goal():
    case = "dplan, 10 seeds, training against the reference"
    (line,) = lines([row("detectors", case, **PUBLISHED)])
    assert line[2:] == ["33.0", "-", "-", "-", "-", "-", "11.0", "3.00"]


def test_a_suite_of_one_detector_names_it_and_counts_its_own_unit():
    rate = {"jax_steps_per_s": 600.0, "torch_steps_per_s": 60.0, "ratio": 10.0}
    (line,) = lines([row("dplan", "10 seeds, against the best PyTorch, all", **rate)])
    assert line[:6] == ["dplan, 10 seeds", "", "600", "60.0", "10.0", "10.0"]


def test_rows_without_a_ratio_have_no_line():
    refused = row("detectors", "pca, training against PyTorch", refused="busy")
    assert comparisons.table([refused, row("detectors", "pca", x=1.0)]) == ""


@pytest.mark.parametrize(
    ("case", "part", "asked"),
    [
        ("lstm_vae, batch 32, window 10, channels 25, hidden 128, 1 member", "", 2.0),
        ("lstm_vae, batch 32, window 10, channels 25, hidden 128, 8 members", "", None),
        ("bfloat16, anomaly_transformer, batch 32", "training", 1.15),
        ("anomaly_transformer, batch 8, window 100", "training", None),
    ],
)
def test_goals_are_of_the_sizes_that_they_are_asked_of(case, part, asked):
    assert comparisons.goal(case, part) == asked


def test_pages_are_those_of_their_files(tmp_path):
    for path in results.FOLDER.glob("cpu*.json"):
        copy = tmp_path / path.name
        copy.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
        page = pathlib.Path(report.write(copy)[0])
        assert page.read_text() == path.with_suffix(".md").read_text(), path.name
        assert json.loads(copy.read_text())["rows"]
