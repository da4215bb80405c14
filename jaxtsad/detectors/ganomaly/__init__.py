"""GANomaly: a sample is strange whose reconstruction has another code."""

from jaxtsad.detectors.ganomaly.config import LAYOUTS, TINY, Config
from jaxtsad.detectors.ganomaly.detector import build

__all__ = ["LAYOUTS", "TINY", "Config", "build"]
