"""A stacked LSTM autoencoder: windows that its code cannot hold are anomalous.

Malhotra et al., "LSTM-based Encoder-Decoder for Multi-sensor Anomaly Detection", 2016.
The defaults are the benchmark's; what it leaves open (state and order of the decoder)
are options.
"""

from __future__ import annotations

import functools
from typing import Any

from jaxtsad.detectors import _reconstruction
from jaxtsad.detectors.lstm_autoencoder.config import Config
from jaxtsad.detectors.lstm_autoencoder.network import (
    LstmAutoencoder,
    Output,
)
from jaxtsad.models import reconstruction as errors
from jaxtsad.training import rows
from jaxtsad.types import Array, Batch, Detector, Key, Metrics, PyTree


@functools.lru_cache(maxsize=64)
def build(config: Config) -> Detector:
    """Builds the detector; equal configs give the same functions, compiled once.

    Example:
        >>> build(Config(8, 3)) is build(Config(window=8, channels=3))
        True
    """
    network = LstmAutoencoder(
        channels=config.channels,
        hidden=config.hidden,
        layers=config.layers,
        decoder_init=config.decoder_init,
        reverse_target=config.reverse_target,
        forget_bias=config.forget_bias,
        implementation=config.implementation,
    )

    @rows.split_rows
    def run(params: PyTree, windows: Array) -> Output:
        output: Any = network.apply({"params": params}, windows)
        return output

    def objective(
        params: PyTree, key: Key, batch: Batch, epoch: Array
    ) -> tuple[Array, Metrics]:
        del key, epoch
        made = run(params, batch.values).reconstruction
        loss = errors.mean_squared_error(made, batch.values, batch.weight)
        return loss, {"loss": loss}

    made = _reconstruction.detector(config, network, run, objective)
    return made._replace(rows=config.batch_size)
