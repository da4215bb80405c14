"""An LSTM encoder-decoder with additive attention: what it cannot retell is strange.

The decoder of Bahdanau, Cho, Bengio, "Neural Machine Translation by Jointly Learning to
Align and Translate", ICLR 2015, applied to windows. A decoder that attends to every
encoder state has little of a bottleneck: with short windows it may learn to copy.
Published notebooks declare dropout without applying it (`dropout=0`).
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax.numpy as jnp

from jaxtsad.detectors import _options
from jaxtsad.detectors import _reconstruction as _reconstructing
from jaxtsad.detectors.lstm_attention.network import (
    BOTTLENECKS,
    Bottleneck,
    LstmAttention,
    Output,
)
from jaxtsad.models import reconstruction as errors
from jaxtsad.ops.recurrent import IMPLEMENTATIONS, Implementation
from jaxtsad.types import Array, Batch, Detector, Key, Metrics, PyTree


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of `lstm_attention`.

    Attributes:
        window: Window length L in steps.
        channels: Number of channels C.
        hidden: Units of the first encoder layer.
        memory: Units of the second encoder layer and of the decoder.
        attention: Size of the attention's hidden layer.
        bottleneck: What the decoder starts from: `mean_pool` of the encoder's states,
            or the `last`.
        dropout: Share dropped of the encoder's and decoder's outputs in training.
        teaching_epochs: Epochs over which the probability that the decoder sees the
            true last step falls from 1 to 0; 0 lets it run freely from the start.
        forget_bias: Added to the start of the forget gates' bias.
        learning_rate: Of Adam.
        clip: Largest global norm of the gradient; 0 does not clip.
        batch_size: Windows per step.
        implementation: Of the encoder: `scan`, or `cudnn` for one member on a GPU.

    Raises:
        ValueError: If a value is out of range or a choice unknown.
    """

    window: int
    channels: int
    hidden: int = 128
    memory: int = 32
    attention: int = 64
    bottleneck: Bottleneck = "mean_pool"
    dropout: float = 0.1
    teaching_epochs: int = 0
    forget_bias: float = 0.0
    learning_rate: float = 1e-3
    clip: float = 0.0
    batch_size: int = 32
    implementation: Implementation = "scan"

    def __post_init__(self) -> None:
        _options.check_sizes(self, "window", "channels", "hidden", "memory")
        _options.check_sizes(self, "attention", "batch_size")
        _options.check_choice(self, "bottleneck", BOTTLENECKS)
        _options.check_choice(self, "implementation", IMPLEMENTATIONS)
        _options.check_positive(self, "learning_rate")
        _options.check_counts(self, "teaching_epochs")
        _options.check_not_negative(self, "clip", "forget_bias")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout={self.dropout} must be in [0, 1)")


TINY = Config(
    window=8,
    channels=3,
    hidden=8,
    memory=6,
    attention=6,
    learning_rate=1e-2,
    batch_size=16,
)


@functools.lru_cache(maxsize=64)
def build(config: Config) -> Detector:
    """Builds the detector; equal configs give the same functions, compiled once.

    Example:
        >>> build(TINY) is build(dataclasses.replace(TINY))
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

    return _reconstructing.detector(config, network, run, objective)


def forcing(teaching_epochs: int, epoch: Array) -> Array | float:
    """Probability of feeding the true last step: 1 at first, then linearly to 0.

    Example:
        >>> [round(float(forcing(50, jnp.int32(e))), 2) for e in (0, 25, 50, 80)]
        [1.0, 0.5, 0.0, 0.0]
    """
    if not teaching_epochs:
        return 0.0
    return jnp.maximum(1 - epoch.astype(jnp.float32) / teaching_epochs, 0.0)
