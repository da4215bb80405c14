"""A stacked LSTM autoencoder: windows that its code cannot hold are anomalous."""

from jaxtsad.detectors.lstm_autoencoder.config import TINY, Config
from jaxtsad.detectors.lstm_autoencoder.detector import build

__all__ = ["TINY", "Config", "build"]
