from __future__ import annotations

import numpy as np
import pytest

from tests.reporting import example


@pytest.fixture(scope="module")
def scored():
    generator = np.random.default_rng(1)
    label = np.zeros(1500, np.int8)
    label[700:760] = 1
    score = example.score_of(generator, label, example.DETECTOR).astype(np.float64)
    return example.values_of(generator, label, 8), label, score
