"""GANomaly: a sample whose reconstruction has another code is anomalous."""

from jaxtsad.detectors.ganomaly.config import LAYOUTS, TINY, Config
from jaxtsad.detectors.ganomaly.detector import build

__all__ = ["LAYOUTS", "TINY", "Config", "build"]
