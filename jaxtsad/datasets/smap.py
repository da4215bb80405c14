"""NASA's SMAP satellite: 54 channels, 25 columns each (see `smap_msl`)."""

from __future__ import annotations

import os
from collections.abc import Sequence

from jaxtsad.datasets import smap_msl
from jaxtsad.types import Series


def load(
    root: str | os.PathLike[str],
    channels: Sequence[str] | None = None,
    *,
    unlabeled: bool = False,
) -> list[Series]:
    """Loads the channels of SMAP; arguments and errors are those of `smap_msl.load`."""
    return smap_msl.load(root, channels, "SMAP", unlabeled=unlabeled)


def entities(root: str | os.PathLike[str]) -> list[str]:
    """Names of the labeled channels, without reading any."""
    return smap_msl.entities(root, "SMAP")
