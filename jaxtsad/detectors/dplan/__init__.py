"""DPLAN: an agent that learns from a few known anomalies which rows are anomalous."""

from jaxtsad.detectors.dplan.config import TINY, Config
from jaxtsad.detectors.dplan.detector import LABELS, build

__all__ = ["LABELS", "TINY", "Config", "build"]
