"""Both protocols on a toy recording, with noise beside them."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest

from benchmarks.studies import anomaly_transformer_protocols as protocols
from benchmarks.studies import report as reports
from benchmarks.studies import study
from jaxtsad.training import loop
from tests.experiments import layout


@pytest.mark.slow
def test_both_protocols_stand_beside_noise(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = layout.write(tmp_path / "data", 3)
    words = ["--data-root", str(root), "--datasets", "smap", "--out", str(tmp_path)]
    words += ["--width", "8", "--stride", "50", "--epochs", "1"]
    assert study.main(protocols.STUDY, words) == 0
    made = json.loads((tmp_path / f"{protocols.NAME}.json").read_text())
    rows = made["sets"]["smap"]["rows"]
    names = {protocols.MAIN, *protocols.BASELINES, "random", "all_positive"}
    assert set(rows) == {"paper", "strict"}
    assert names <= set(rows["paper"]) and names <= set(rows["strict"])
    for own in rows.values():
        assert own[protocols.MAIN]["pa_f1"] >= own[protocols.MAIN]["f1"]
    text = (tmp_path / f"{protocols.NAME}.md").read_text()
    assert "0.967" in text and "| strict | random |" in text
    # What was lost is made anew, from checkpoints without training.
    monkeypatch.delattr(loop.Loop, "run_epoch")
    (tmp_path / "stages" / "smap" / "paper.json").unlink()
    assert study.main(protocols.STUDY, words) == 0
    again = json.loads((tmp_path / f"{protocols.NAME}.json").read_text())
    assert again["sets"] == made["sets"]


def test_tables_and_bad_input(capsys: pytest.CaptureFixture, tmp_path: Any) -> None:
    values = dict.fromkeys(protocols.KEYS, 0.25) | {"f1": None}
    own = {"rows": {"paper": {protocols.MAIN: values}}}
    text = reports.markdown(protocols.report({"msl": own}))
    assert "| paper | anomaly_transformer | 0.250 |  | 0.250 |" in text
    assert "0.936" in text and "quantile of held-out" in text
    words = ["--out", str(tmp_path), "--width", "7", "--datasets", "magic"]
    assert study.main(protocols.STUDY, words) == 2
    assert capsys.readouterr().err.startswith("error: ")
