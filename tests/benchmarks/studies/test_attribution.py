"""The study of attribution: events, rows, and what the tables say."""

from __future__ import annotations

import dataclasses
import json
import pathlib

import numpy as np
import pytest

from benchmarks.studies import attribution as program
from benchmarks.studies import study
from jaxtsad.types import Series


def machine(name: str = "m") -> Series:
    rng = np.random.default_rng(0)
    test = rng.normal(size=(200, 4))
    test[50:60, 2] += 8
    test[120:130, [0, 3]] -= 8
    told = ((50, 60, (2,)), (120, 130, (0, 3)), (150, 160, ()), (190, 400, (1,)))
    return Series(
        name, rng.normal(size=(400, 4)), test, metadata={"interpretation": told}
    )


def test_events_without_a_channel_do_not_count_and_ends_are_cut() -> None:
    told = program.events(machine())
    assert told == [(50, 60, (2,)), (120, 130, (0, 3)), (190, 200, (1,))]
    late = dataclasses.replace(
        machine(), metadata={"interpretation": ((200, 210, (1,)),)}
    )
    assert program.events(late) == []


def test_sizes_rank_the_channels_that_moved() -> None:
    for each in program.sizes(machine()).values():
        assert each[0].argmax() == 2 and set(np.argsort(-each[1])[:2]) == {0, 3}


def test_rows_may_have_a_head() -> None:
    assert program.setup_of("pca").head == "none"
    assert program.setup_of("pca, evidence").head == "evidence"
    with pytest.raises(ValueError, match="'pcaa' is unknown; the choices are"):
        program.setup_of("pcaa")


def test_differences_are_from_the_size_row() -> None:
    def own(value: float) -> dict[str, list[float]]:
        return {metric: [value] * 6 for metric in program.METRICS}

    found = {program.RANDOM: own(0.1), program.SIZE: own(0.5), "pca": own(0.75)}
    [line] = program.differences(found).lines
    assert line[0] == "pca" and line[1] == "+0.250 (+0.250 to +0.250)"
    assert len(program.means(found).lines) == 3


def test_the_study_writes_every_number(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "recordings", lambda *_: [machine("a")])
    words = ["--quick", "--detectors", "zscore", "--out", str(tmp_path)]
    assert study.main(program.STUDY, words) == 0
    rows = json.loads((tmp_path / "attribution.json").read_text())["rows"]
    assert len(rows) == 4 * len(program.METRICS)
    by_row = {(row["detector"], row["metric"]): row["value"] for row in rows}
    # Two events of one channel and one of two, of four channels.
    assert by_row["random", "HitRate@100%"] == pytest.approx((2 / 4 + 2 / 4) / 3)
    assert by_row["zscore", "HitRate@150%"] >= 2 / 3
