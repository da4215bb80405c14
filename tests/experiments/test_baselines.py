"""Baselines: every report has them all, except the one it is about."""

from __future__ import annotations

import pytest

from jaxtsad.experiments import baselines, toml
from jaxtsad.pipeline.setup import build, layout_of


def names(detector: str, **tree: dict) -> list[str]:
    config = toml.parse({"detector": {"name": detector}, **tree})
    return [one.row for one in baselines.chosen(config)]


def test_a_detector_stands_beside_all_of_them() -> None:
    wanted = "zscore zscore_smoothed pca knn iforest ar untrained".split()
    assert names("anomaly_transformer") == wanted


@pytest.mark.parametrize("name", ["zscore", "pca", "knn", "iforest", "ar"])
def test_none_stands_beside_itself_or_untrained(name: str) -> None:
    everything = [*baselines.TRIVIAL]
    assert names(name) == [one for one in everything if one != name]


@pytest.mark.parametrize("row", [*baselines.TRIVIAL])
def test_each_is_built_for_the_experiments_windows(row: str) -> None:
    config = toml.parse(
        {
            "window": {"length": 12},
            "training": {"batch_size": 7, "epochs": 40},
            "evaluation": {"baselines": [row]},
        }
    )
    (one,) = baselines.chosen(config)
    assert one.setup.window == 12 and one.setup.plan.epochs == 40
    assert build(one.setup, layout_of(one.setup, (3,))).steps(None) == 0


def test_an_unknown_one_is_refused() -> None:
    with pytest.raises(
        ValueError, match="'oracle' is unknown; the choices are zscore, "
    ):
        names("zscore", evaluation={"baselines": ["oracle"]})
