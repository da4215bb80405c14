"""Fitted detectors as folders that score without this package."""

from __future__ import annotations

from jaxtsad.export.folder import export

__all__ = ["export"]
