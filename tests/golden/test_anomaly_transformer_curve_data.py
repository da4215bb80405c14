"""The preprocessing behind the golden learning curve, from the public archive."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from jaxtsad import types
from jaxtsad.datasets import gluing, preprocessing
from tests.golden import loading, telemetry

STEM = "anomaly_transformer_curve"


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    return loading.load(STEM)


def test_glued_channels_and_their_scaling(
    golden: dict[str, np.ndarray], data_root: pathlib.Path
) -> None:
    channels = telemetry.recordings(golden, data_root)
    rows = [len(one.train) for one in channels]
    np.testing.assert_array_equal(rows, golden["data/rows_per_file"])
    glued = gluing.glue(channels).train
    assert len(glued) == golden["data/n_rows"]
    fit, _ = types.cut_train(glued, window=1, validation=0)
    scaler = preprocessing.fit_scaler("zscore", fit)
    np.testing.assert_allclose(scaler.shift, golden["data/mean"], rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(scaler.scale, golden["data/scale"], rtol=1e-6)
    scaled = scaler.apply(fit).values
    length = golden["data/first_batch"].shape[1]
    steps = golden["window_start_rows"][0][:, None] + np.arange(length)[None]
    np.testing.assert_allclose(scaled[steps], golden["data/first_batch"], atol=1e-5)
