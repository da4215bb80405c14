"""GANomaly: a sample is strange whose reconstruction has another code."""

from jaxtsad.detectors.ganomaly.detector import LAYOUTS, TINY, Config, build

__all__ = ["LAYOUTS", "TINY", "Config", "build"]
