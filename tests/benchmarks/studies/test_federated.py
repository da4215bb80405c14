"""The study of federated averaging: its rows, and a run of its smallest size."""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from benchmarks.studies import study
from benchmarks.studies.federated import __main__ as program
from benchmarks.studies.study import Session
from jaxtsad import files
from jaxtsad.datasets import demo


def test_every_row_trains_for_the_same_number_of_epochs() -> None:
    parser = argparse.ArgumentParser()
    program.options(parser)
    made = program.setups(parser.parse_args([]))
    assert len(made) >= 7
    for name, setup in made.items():
        how, averaged = setup.federated, setup.pooling == "federated"
        assert setup.plan.epochs == 20
        assert not averaged or how.rounds * how.local_epochs == 20
        assert averaged == name.startswith("Fed")
        assert (how.noise > 0) == ("noise" in name)


@pytest.mark.slow
def test_a_row_goes_on_after_a_kill_with_the_norms_of_rounds_before(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parser = argparse.ArgumentParser()
    program.options(parser)
    asked = parser.parse_args(["--rounds", "3", "--local-epochs", "1"])
    setup = program.setups(asked)["FedAvg"]
    plan = dataclasses.replace(setup.plan, checkpoint_seconds=0)
    setup = dataclasses.replace(setup, plan=plan)
    series = demo.load()

    def made(name: str) -> dict[str, Any]:
        session = Session("federated", asked, tmp_path / name, Console(quiet=True))
        row = program.row(session, "FedAvg", setup, series)
        return {**row, "facts": {**row["facts"], "train_s": None}}

    write, rounds = files.write_json, []

    def dying(path: pathlib.Path, content: Any) -> None:
        rounds.append(path)
        if path.name == "round_001.json":
            raise SystemExit
        write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_json", dying)
        with pytest.raises(SystemExit):
            made("killed")
    assert [path.name for path in rounds] == ["round_000.json", "round_001.json"]
    after = made("killed")
    assert after == made("whole") and after["facts"]["update"] > 0


@pytest.mark.slow
def test_the_smallest_run_tells_all_rows(tmp_path: pathlib.Path) -> None:
    words = ["--quick", "--rounds", "1", "--out", str(tmp_path)]
    assert study.main(program.STUDY, words) == 0
    made = json.loads((tmp_path / "federated.json").read_text())
    rows = {(row["detector"], row["metric"]) for row in made["rows"]}
    assert {(name, "vus_pr") for name in made["models"]} <= rows
    assert all(0 <= row["value"] <= 1 for row in made["rows"])
    noisy = made["models"]["FedAvg, clipped, noise 4"]
    assert np.isclose(noisy["epsilon"], 1 / 32 + 2 * np.sqrt(np.log(1e3) / 32))
    text = (tmp_path / "federated.md").read_text()
    assert "| per entity |" in text and "less per entity" in text
