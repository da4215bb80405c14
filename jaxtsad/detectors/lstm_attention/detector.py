"""An LSTM encoder-decoder with additive attention: reconstruction error as score.

The decoder of Bahdanau, Cho, Bengio, "Neural Machine Translation by Jointly Learning to
Align and Translate", ICLR 2015, applied to windows. A decoder that attends to every
encoder state has little of a bottleneck: with short windows it may learn to copy.
Published notebooks declare dropout without applying it (`dropout=0`).
"""

from __future__ import annotations

import functools
from typing import Any

import jax.numpy as jnp

from jaxtsad.detectors import _reconstruction
from jaxtsad.detectors.lstm_attention.config import Config
from jaxtsad.detectors.lstm_attention.network import (
    LstmAttention,
    Output,
)
from jaxtsad.models import reconstruction as errors
from jaxtsad.types import Array, Batch, Detector, Key, Metrics, PyTree


@functools.lru_cache(maxsize=64)
def build(config: Config) -> Detector:
    """Builds the detector; equal configs give the same functions, compiled once.

    Example:
        >>> build(Config(8, 3)) is build(Config(window=8, channels=3))
        True
    """
    network = LstmAttention(
        channels=config.channels,
        hidden=config.hidden,
        memory=config.memory,
        attention=config.attention,
        bottleneck=config.bottleneck,
        dropout=config.dropout,
        forget_bias=config.forget_bias,
        implementation=config.implementation,
    )

    def run(params: PyTree, windows: Array) -> Output:
        output: Any = network.apply({"params": params}, windows)
        return output

    def objective(
        params: PyTree, key: Key, batch: Batch, epoch: Array
    ) -> tuple[Array, Metrics]:
        made: Any
        if config.dropout or config.teaching_epochs:
            made = network.apply(
                {"params": params},
                batch.values,
                key,
                forcing(config.teaching_epochs, epoch),
                method="taught",
            )
        else:
            made = run(params, batch.values)
        loss = errors.mean_squared_error(
            made.reconstruction, batch.values, batch.weight
        )
        return loss, {"loss": loss}

    return _reconstruction.detector(config, network, run, objective)


def forcing(teaching_epochs: int, epoch: Array) -> Array | float:
    """Probability of feeding the true last step: 1 at first, then linearly to 0.

    Example:
        >>> [round(float(forcing(50, jnp.int32(e))), 2) for e in (0, 25, 50, 80)]
        [1.0, 0.5, 0.0, 0.0]
    """
    if not teaching_epochs:
        return 0.0
    return jnp.maximum(1 - epoch.astype(jnp.float32) / teaching_epochs, 0.0)
