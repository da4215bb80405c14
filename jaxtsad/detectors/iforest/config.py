"""Options of `iforest`."""

from __future__ import annotations

from typing import Literal, TypeAlias

from jaxtsad import validation
from jaxtsad.validation import Size

Rows: TypeAlias = Literal["step", "window"]


@validation.config
class Config:
    """Options of `iforest`.

    Attributes:
        window: Window length L in steps.
        channels: Number of channels C.
        on: `step`, a row is the C values of a step; `window`, the L times C values of
            a window, of at most 10,000 windows drawn at random.
        trees: Number of trees.
        max_samples: Rows that each tree is grown on, where there are as many.

    Raises:
        ValueError: If a value is out of range or `on` is unknown.
    """

    window: Size
    channels: Size
    on: Rows = "step"
    trees: Size = 100
    max_samples: Size = 256


TINY = Config(window=8, channels=3, max_samples=128)
