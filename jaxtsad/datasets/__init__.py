"""Published files to `Series` and `Samples`; generators, preprocessing, downloads."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxtsad.datasets.catalog import available, load, load_samples
    from jaxtsad.datasets.registry import fetch, verify

__all__ = ["available", "fetch", "load", "load_samples", "verify"]


def __getattr__(name: str) -> Any:
    """Imports the public functions on first use: most need one reader only."""
    if name not in __all__:
        raise AttributeError(f"module 'jaxtsad.datasets' has no attribute {name!r}")
    home = "registry" if name in ("fetch", "verify") else "catalog"
    return getattr(importlib.import_module(f"jaxtsad.datasets.{home}"), name)


def __dir__() -> list[str]:
    return list(__all__)
