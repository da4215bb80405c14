"""The sinusoidal encoding of the step within a window.

Vaswani et al., "Attention Is All You Need", 2017.

Shape letters: L window length, D width.
"""

from __future__ import annotations

import math

import numpy as np


def positional_encoding(length: int, width: int) -> np.ndarray:
    """Fixed sinusoidal encoding `[L, D]` of the step within the window.

    Computed in float32 throughout, as the published code does.

    Args:
        length: L.
        width: D, even.
    """
    step = np.arange(length, dtype=np.float32)[:, None]
    even = np.arange(0, width, 2, dtype=np.float32)
    angle = step * np.exp(even * np.float32(-math.log(10000.0) / width))
    return np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(length, width)
