"""Isolation forest: how few random cuts set a step, or a window, apart."""

from jaxtsad.detectors.iforest.detector import TINY, Config, build

__all__ = ["TINY", "Config", "build"]
