"""The study of deep clustering: what is said of codes, and its table along the way."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest

from benchmarks.studies import deep_clustering_images as images
from benchmarks.studies import study


def test_shares_and_variance_of_known_clusters():
    """Two clusters about -3 and 3, each of variance 1; a third has no sample."""
    codes = np.array([-4.0, -2, -4, -2, -4, -2, 2, 4])[:, None]
    found = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    smallest, largest, variance, within = images._shape(codes, found, clusters=3)
    assert (smallest, largest) == (0, 0.75)
    np.testing.assert_allclose(variance, 1 + 36 * 0.75 * 0.25)
    np.testing.assert_allclose(within, 1 / variance)


@pytest.mark.parametrize("epochs", [("0",), ("1", "3")])
def test_an_epoch_that_is_not_trained_is_one_line(
    epochs: tuple[str, ...], tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
):
    given = ["--quick", "--out", str(tmp_path), "--follow", *epochs]
    assert study.main(images.STUDY, given) == 2
    assert "must be between 1 and 2" in capsys.readouterr().err


@pytest.mark.slow
def test_single_epochs_end_where_the_rows_do(tmp_path: pathlib.Path):
    """The code after reconstruction is the row of the autoencoder."""
    given = ["--quick", "--pictures", "100", "--out", str(tmp_path)]
    given += ["--losses", "kmeans", "--follow", "1", "2"]
    assert study.main(images.STUDY, given) == 0
    found = json.loads((tmp_path / "deep_clustering_images.json").read_text())
    first, last = found["followed"]
    assert (first["epoch"], last["epoch"]) == (1, 2)
    rows = {row["space"]: row for row in found["rows"]}
    assert set(rows) == {"pixels", "autoencoder"} | {
        f"kmeans, {when}" for when in ("before", "final k-means")
    }
    for name in ("accuracy", "nmi"):
        assert first[name] == rows["autoencoder"][name]
        assert 0 < last[name] <= 1
    assert first["variance"] > 0 and 0 < first["within"] < 1
