"""Deep clustering: a sample far from every cluster of codes is anomalous."""

from jaxtsad.detectors.deep_clustering.config import LAYOUTS, TINY, Config
from jaxtsad.detectors.deep_clustering.detector import build

__all__ = ["LAYOUTS", "TINY", "Config", "build"]
