"""Latent search: what a trained generator cannot make is anomalous."""

from jaxtsad.detectors.latent_search.config import LAYOUTS, TINY, Config
from jaxtsad.detectors.latent_search.detector import build

__all__ = ["LAYOUTS", "TINY", "Config", "build"]
