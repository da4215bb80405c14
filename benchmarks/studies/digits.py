"""Pictures that come with scikit-learn, for `--quick` where no data set is there."""

from __future__ import annotations

import numpy as np


def load(count: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Handwritten digits `[N, 8, 8, 1]` uint8 and their classes `[N]`."""
    from sklearn.datasets import load_digits

    found = load_digits()
    values = (found.images * 255 / 16).astype(np.uint8)[..., None]
    return values[:count], found.target[:count].astype(np.int64)
