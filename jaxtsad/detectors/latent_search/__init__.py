"""Latent search: a sample is strange that a trained generator cannot make."""

from jaxtsad.detectors.latent_search.detector import LAYOUTS, TINY, Config, build

__all__ = ["LAYOUTS", "TINY", "Config", "build"]
