"""Several runs on one page: metrics beside each other, scores overlaid."""

from __future__ import annotations

import json
import pathlib
import re

import pytest

from jaxtsad import cli
from tests.experiments import layout


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("runs")
    data = layout.write(folder / "data", 3)
    made = []
    for name in ("zscore", "pca"):
        config = folder / f"{name}.toml"
        config.write_text(f'[detector]\nname = "{name}"\n[data]\ndataset = "smap"\n')
        out = str(folder / name)
        words = ["run", str(config), "--out", out, "--data-root", str(data)]
        words += ["--window.length", "12", "--evaluation.baselines", "[]"]
        assert cli.main(words) == 0
        made.append(out)
    return made


def test_metrics_and_scores_of_runs(runs: list[str], tmp_path: pathlib.Path) -> None:
    out = tmp_path / "page.html"
    assert cli.main(["compare", *runs, "--out", str(out)]) == 0
    text = out.read_text()
    [content] = re.findall(r'id="about">(.*?)</script>', text, re.DOTALL)
    about = json.loads(content)
    assert [one["name"] for one in about["scored"]] == ["zscore", "pca"]
    assert about["labels"] and about["channels"]
    report = json.loads((pathlib.Path(runs[0]) / "report.json").read_text())
    own = [
        row["metrics"]["vus_pr"]
        for row in report["rows"]
        if row["detector"] == "zscore" and row["entity"] not in ("macro", "pooled")
    ]
    assert f"{sum(own) / len(own):.3f}" in text
    assert "<td>difference</td>" in text or "difference" in text


def test_what_cannot_be_compared_is_one_line(
    runs: list[str], tmp_path: pathlib.Path, capsys: pytest.CaptureFixture
) -> None:
    for words, line in (
        ([runs[0]], "expected two or more"),
        ([runs[0], str(tmp_path)], "report.json"),
        ([*runs, "--entity", "nobody"], "'nobody' is not in all runs"),
    ):
        assert cli.main(["compare", *words, "--out", str(tmp_path / "p.html")]) == 2
        error = capsys.readouterr().err
        assert line in error and error.count("\n") == 1
