"""Deep clustering: a sample is strange that is far from every cluster of codes."""

from jaxtsad.detectors.deep_clustering.detector import LAYOUTS, TINY, Config, build

__all__ = ["LAYOUTS", "TINY", "Config", "build"]
