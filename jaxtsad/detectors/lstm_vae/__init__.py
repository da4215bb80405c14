"""An LSTM variational autoencoder: what a Gaussian code cannot hold is anomalous."""

from jaxtsad.detectors.lstm_vae.config import TINY, Config
from jaxtsad.detectors.lstm_vae.detector import build

__all__ = ["TINY", "Config", "build"]
