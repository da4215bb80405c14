"""One model from series that stay apart: each keeps its scaler and threshold."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import numpy as np
import pytest

import jaxtsad
from jaxtsad.detectors import lstm_autoencoder
from jaxtsad.estimator import TimeSeriesDetector
from jaxtsad.training import privacy
from tests.estimator.test_fleet import TESTS, TRAINS

TINY = dataclasses.asdict(lstm_autoencoder.TINY)
OPTIONS = {k: v for k, v in TINY.items() if k not in ("window", "channels")}
ROUNDS = {"rounds": 3, "local_epochs": 2, "proximal": 0.1}


def made(**parameters: Any) -> TimeSeriesDetector:
    given: dict[str, Any] = {
        "options": OPTIONS,
        "window": TINY["window"],
        "pooling": "federated",
        "federated_options": ROUNDS,
    }
    return TimeSeriesDetector("lstm_autoencoder", **{**given, **parameters})


def test_a_federation_has_one_model_and_a_threshold_each(
    tmp_path: pathlib.Path,
) -> None:
    detector = made().fit(TRAINS)
    fitted = detector.fitted_
    arrays = [np.asarray(leaf) for leaf in _leaves(fitted.model)]
    assert arrays and all(np.array_equal(a[0], a[1]) for a in arrays)
    quiet, noisy = fitted.scalers
    assert not np.allclose(quiet.scale, noisy.scale)
    assert detector.threshold_["noisy"] > 1.5 * detector.threshold_["quiet"]
    assert detector.privacy_ == {"epsilon": np.inf, "delta": 1e-5}
    assert len(detector.events(TESTS)) > 0
    detector.save(tmp_path / "saved")
    again = jaxtsad.load(tmp_path / "saved")
    assert again.get_params() == detector.get_params()
    assert again.fitted_.setup == fitted.setup
    for name, scores in detector.decision_function(TESTS).items():
        np.testing.assert_array_equal(again.decision_function(TESTS)[name], scores)


def _leaves(tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        return [leaf for part in tree.values() for leaf in _leaves(part)]
    return [tree]


def test_what_noise_spends_is_told() -> None:
    noisy = {**ROUNDS, "clip_updates": 1.0, "noise": 4.0, "delta": 1e-4}
    detector = made(federated_options=noisy).fit(TRAINS)
    epsilon = privacy.spent(4.0, 3, 1e-4)
    assert detector.privacy_ == {"epsilon": epsilon, "delta": 1e-4}
    words = detector.fitted_.setup.federated.words
    assert f"epsilon {epsilon:.3g} at delta 0.0001" in words and "3 rounds" in words
    assert made(pooling="per_entity", epochs=1).fit(TRAINS).privacy_ is None


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"federated_options": {"rounds": 0}}, "rounds=0 must be a whole number"),
        ({"federated_options": {"round": 1}}, "round is no federated option"),
        ({"federated_options": {"noise": 1.0}}, "needs clip_updates above 0"),
        ({"federated_options": [3]}, "must be a mapping"),
        ({"detector": "zscore", "options": {}}, "zscore is solved in closed form"),
    ],
)
def test_what_is_wrong_is_one_line(parameters: dict[str, Any], message: str) -> None:
    name = parameters.pop("detector", "lstm_autoencoder")
    detector = made(**parameters).set_params(detector=name)
    with pytest.raises(ValueError, match=message) as raised:
        detector.fit(TRAINS)
    assert "\n" not in str(raised.value)
