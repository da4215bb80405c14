"""An LSTM encoder-decoder with additive attention: what it cannot retell is strange."""

from jaxtsad.detectors.lstm_attention.config import TINY, Config
from jaxtsad.detectors.lstm_attention.detector import build

__all__ = ["TINY", "Config", "build"]
