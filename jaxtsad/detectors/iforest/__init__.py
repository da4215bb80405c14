"""Isolation forest: how few random cuts set a step, or a window, apart."""

from jaxtsad.detectors.iforest.config import TINY, Config
from jaxtsad.detectors.iforest.detector import build

__all__ = ["TINY", "Config", "build"]
