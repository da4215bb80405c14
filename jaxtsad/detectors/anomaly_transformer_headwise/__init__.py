"""The head-wise Anomaly Transformer: a prior per head, the discrepancy as the score."""

from jaxtsad.detectors.anomaly_transformer_headwise.config import TINY, Config
from jaxtsad.detectors.anomaly_transformer_headwise.detector import build

__all__ = ["TINY", "Config", "build"]
