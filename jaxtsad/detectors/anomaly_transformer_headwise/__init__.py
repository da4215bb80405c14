"""The head-wise Anomaly Transformer: a prior per head, the discrepancy as the score."""

from jaxtsad.detectors.anomaly_transformer_headwise.detector import TINY, Config, build

__all__ = ["TINY", "Config", "build"]
