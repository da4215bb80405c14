"""The labeled recording that travels with the package, in the SMAP/MSL layout.

It is generated (see `synthetic.write_demo`), so a first run needs no download.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from jaxtsad.datasets import places, smap_msl
from jaxtsad.types import Series


def load(
    root: str | os.PathLike[str] | None = None, channels: Sequence[str] | None = None
) -> list[Series]:
    """Loads the channels of the bundled recording.

    Args:
        root: Not used; the recording lies beside the code.
        channels: Names, returned in this order; None: all.

    Raises:
        FileNotFoundError: If the installation lacks it.
        ValueError: If a name is unknown.
    """
    del root
    return smap_msl.load(places.bundled("data", "demo"), channels)
