"""The Anomaly Transformer, trained by its minimax in one step or in alternation."""

from jaxtsad.detectors.anomaly_transformer.config import MODES, TINY, Config
from jaxtsad.detectors.anomaly_transformer.detector import build

__all__ = ["MODES", "TINY", "Config", "build"]
