"""DPLAN: an agent that learns from a few known anomalies which rows are strange."""

from jaxtsad.detectors.dplan.detector import LABELS, TINY, Config, build

__all__ = ["LABELS", "TINY", "Config", "build"]
