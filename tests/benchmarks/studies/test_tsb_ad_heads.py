"""The table of score heads: who is fitted on what, and what the table says."""

from __future__ import annotations

import functools
import json
import pathlib

import numpy as np
import pytest

from benchmarks.studies import study
from benchmarks.studies.tsb_ad import __main__ as program
from benchmarks.studies.tsb_ad import heads
from benchmarks.studies.tsb_ad.protocol import Case
from jaxtsad.estimator import TimeSeriesDetector
from tests.benchmarks.studies import planted as series

planted = functools.partial(series.planted, train=300, steps=600)


def scored(name: str, cases: list[Case]) -> dict[str, list[np.ndarray]]:
    setup = heads.setup_of(name, cases, False, 1, 128)
    return heads.under_heads(setup, cases, heads.made_outputs(setup, cases))


def test_scores_are_those_of_the_estimator_with_the_head() -> None:
    case = planted()
    found = scored("zscore", [case])
    assert set(found) == set(heads.HEADS)
    for kind in ("none", "smooth", "evidence"):
        face = TimeSeriesDetector("zscore", window=heads.WINDOW, head=kind)
        face.fit(case.values[:300])
        wanted = face.decision_function(case.values)
        np.testing.assert_allclose(found[kind][0], wanted, rtol=1e-4, atol=1e-5)


def test_series_are_scored_alone_and_rows_after_the_prefix_fit_nothing() -> None:
    first, second = planted("a"), planted("b", 1)
    other = second._replace(values=second.values.copy())
    other.values[300:] = 0.0
    alone, both = scored("zscore", [first]), scored("zscore", [first, other])
    for kind in heads.HEADS:
        np.testing.assert_allclose(alone[kind][0], both[kind][0], rtol=1e-5, atol=1e-6)


def test_trained_rows_have_an_untrained_one_beside_them() -> None:
    rows = heads.chosen(["pca", "lstm_vae"])
    assert rows == [("pca", False), ("lstm_vae", False), ("lstm_vae", True)]
    assert not heads.setup_of("lstm_vae", [planted()], False, 3, 128).untrained
    assert heads.setup_of("lstm_vae", [planted()], True, 3, 128).untrained
    with pytest.raises(ValueError, match="'dplan' is not of this table"):
        heads.chosen(["dplan"])


def test_the_table_pairs_trained_and_untrained() -> None:
    cases = [planted(str(i), i) for i in range(6)]
    ours: dict[str, np.ndarray] = {kind: np.full(6, 0.5) for kind in heads.HEADS}
    ours["evidence"] = np.full(6, np.nan)
    made = {"net": ours, "net, untrained": {k: v - 0.125 for k, v in ours.items()}}
    [section] = heads.sections(cases, made)
    means, gains = section.tables
    place = means.heads.index("evidence")
    assert means.lines[0][1] == "0.500" and means.lines[0][place] == ""
    assert gains.lines[0][1] == "+0.125 (+0.125 to +0.125)"
    assert gains.lines[0][place] == ""


def test_the_table_is_written_and_kept(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--quick", "--heads", "--detectors", "zscore", "--out", str(tmp_path)]
    assert study.main(program.STUDY, words) == 0
    assert "zscore: 2 series of demo" in capsys.readouterr().out
    made = json.loads((tmp_path / "tsb_ad.json").read_text())
    assert {row["detector"] for row in made["rows"]} == {"random", "zscore"}
    assert "| zscore |" in (tmp_path / "tsb_ad.md").read_text()
    assert study.main(program.STUDY, words) == 0
    assert "zscore: 2 series" not in capsys.readouterr().out
