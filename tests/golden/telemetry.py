"""The public recordings that a learning curve was made of."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

import numpy as np
import pytest

from jaxtsad.datasets import smap_msl
from jaxtsad.types import Series


def recordings(arrays: Mapping[str, np.ndarray], root: pathlib.Path) -> list[Series]:
    """The labelled channels of the spacecraft whose channels are as wide as the model.

    Skips the test where the archive is not there.
    """
    width = int(arrays["config/enc_in"])
    try:
        table = smap_msl.label_table(root)
        first = {row.spacecraft: name for name, row in table.items()}
        widths = {
            series.metadata["spacecraft"]: series.train.shape[1]
            for series in smap_msl.load(root, list(first.values()))
        }
    except FileNotFoundError as error:
        pytest.skip(f"the SMAP/MSL recordings are not there: {error}")
    [spacecraft] = [name for name, found in widths.items() if found == width]
    return smap_msl.load(root, spacecraft=spacecraft)
