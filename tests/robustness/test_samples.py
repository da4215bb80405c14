"""Samples in any container, of any unit, with their columns in any order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from jaxtsad import SampleDetector

NAMES = ["flow", "heat", "level"]


def table(rows: int, seed: int = 0) -> pd.DataFrame:
    """Rows whose columns go together; the last five do not."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, 1)) @ [[1.0, -2.0, 3.0]]
    values += 0.5 * rng.normal(size=(rows, 3))
    values[-5:] += [9.0, 9.0, 0.0]
    values = values.astype(np.float32).astype(np.float64)
    return pd.DataFrame(values, columns=NAMES)


TRAIN, TEST = table(300)[:-5], table(100, 1)


@pytest.fixture(scope="module")
def detector() -> SampleDetector:
    return SampleDetector().fit(TRAIN)


CONTAINERS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "array": lambda f: f.to_numpy(),
    "float32": lambda f: f.to_numpy(np.float32),
    "fortran": lambda f: np.asfortranarray(f.to_numpy()),
    "masked": lambda f: np.ma.array(f.to_numpy()),
    "lists": lambda f: f.to_numpy().tolist(),
    "records": lambda f: f.to_records(index=False),
    "nullable": lambda f: f.astype("Float64"),
    "arrow columns": lambda f: f.astype("float64[pyarrow]"),
    "polars": pl.from_pandas,
    "lazy polars": lambda f: pl.from_pandas(f).lazy(),
    "arrow table": pa.Table.from_pandas,
    "columns turned": lambda f: f[NAMES[::-1]],
    "columns without names": lambda f: f.set_axis(range(3), axis=1),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_scores_do_not_depend_on_the_container(
    name: str, detector: SampleDetector
) -> None:
    scores = detector.decision_function(CONTAINERS[name](TEST))
    np.testing.assert_array_equal(scores, detector.decision_function(TEST))
    assert scores[-5:].min() > np.quantile(scores, 0.9)


REFUSED: dict[str, tuple[Callable[[pd.DataFrame], Any], str]] = {
    "renamed": (lambda f: f.rename(columns={"heat": "hot"}), "differ from those"),
    "one less": (lambda f: f[NAMES[:2]], "differ from those"),
    "two of a name": (lambda f: f.set_axis(["flow", "heat", "heat"], axis=1), "2 col"),
    "complex": (lambda f: f.astype(complex), "complex"),
    "dates": (lambda f: f.assign(heat=pd.Timestamp("2024")), "'heat' holds times"),
    "text": (lambda f: f.assign(heat="ON"), "'heat' holds text"),
    "masked cells": (lambda f: np.ma.masked_greater(f.to_numpy(), 1), "not finite"),
    "no rows": (lambda f: f[:0], "expected rows"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_one_line(name: str, detector: SampleDetector) -> None:
    change, message = REFUSED[name]
    with pytest.raises(ValueError, match=message) as caught:
        detector.predict(change(TEST))
    assert "\n" not in str(caught.value)
