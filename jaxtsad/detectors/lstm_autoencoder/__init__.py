"""A stacked LSTM autoencoder: windows that its code cannot hold are strange."""

from jaxtsad.detectors.lstm_autoencoder.detector import TINY, Config, build

__all__ = ["TINY", "Config", "build"]
