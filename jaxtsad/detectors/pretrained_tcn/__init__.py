"""Evidence of magnitude and of broken relations, gated by a pre-trained network."""

from jaxtsad.detectors.pretrained_tcn.config import TINY, Config
from jaxtsad.detectors.pretrained_tcn.detector import build

__all__ = ["TINY", "Config", "build"]
