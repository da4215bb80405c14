"""An LSTM encoder-decoder with additive attention: reconstruction error as score."""

from jaxtsad.detectors.lstm_attention.config import TINY, Config
from jaxtsad.detectors.lstm_attention.detector import build

__all__ = ["TINY", "Config", "build"]
