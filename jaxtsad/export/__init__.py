"""Fitted detectors as folders that score without this package.

As StableHLO every detector goes. As ONNX every one but `dplan` and `latent_search`,
which need a Fourier transform and random numbers.
"""

from __future__ import annotations

from jaxtsad.export.folder import export

__all__ = ["export"]
