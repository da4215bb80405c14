"""An LSTM variational autoencoder of windows.

    h       = last hidden state of LSTM(x)
    mu, logv = affine maps of h;  z = mu + exp(logv / 2) eps,  eps ~ N(0, I)
    x_hat_t = affine map of LSTM(z repeated)_t

Kingma and Welling, "Auto-Encoding Variational Bayes", ICLR 2014; Park et al., "A
Multimodal Anomaly Detector for Robot-Assisted Feeding Using an LSTM-Based Variational
Autoencoder", 2018.

Shape letters: B windows, L steps, C channels, Z latents.
"""

from __future__ import annotations

from typing import NamedTuple

import flax.linen as nn
import jax.numpy as jnp

from jaxtsad.models import layers
from jaxtsad.models.layers import Affine
from jaxtsad.models.lstm_layers import Lstm
from jaxtsad.ops.recurrent import Implementation
from jaxtsad.types import Array


class Posterior(NamedTuple):
    """The diagonal Gaussian q(z | x).

    Attributes:
        mean: mu `[B, Z]`.
        log_variance: logv `[B, Z]`.
    """

    mean: Array
    log_variance: Array

    def sample(self, noise: Array) -> Array:
        """The code for standard normal `noise [..., B, Z]`; its mean for zeros."""
        return jnp.broadcast_to(self.mean, noise.shape) + noise * jnp.broadcast_to(
            jnp.exp(0.5 * self.log_variance), noise.shape
        )


class LstmVae(nn.Module):
    """One LSTM layer to a Gaussian code and one LSTM layer back.

    Attributes:
        channels: Channels C.
        hidden: Units of both layers.
        latent: Latents Z.
        forget_bias: Added to the start of the forget gates' bias.
        implementation: See `ops.recurrent`.
    """

    channels: int
    hidden: int = 128
    latent: int = 32
    forget_bias: float = 0.0
    implementation: Implementation | None = None

    def setup(self) -> None:
        """Makes the layers."""
        options = (self.hidden, self.forget_bias, self.implementation)
        self.encoder = Lstm(self.channels, *options)
        self.mean = Affine(self.hidden, self.latent)
        self.log_variance = Affine(self.hidden, self.latent)
        self.decoder = Lstm(self.latent, *options)
        self.readout = Affine(self.hidden, self.channels)

    def encode(self, windows: Array) -> Posterior:
        """The posterior of `windows [B, L, C]`."""
        _, last = self.encoder(windows)
        return Posterior(*layers.joined(last.hidden, self.mean, self.log_variance))

    def decode(self, code: Array, length: int) -> Array:
        """Windows `[B, length, C]` of codes `[B, Z]`."""
        return self.readout(self.decoder.repeated(code, length)[0])

    def __call__(self, windows: Array, noise: Array) -> tuple[Array, Posterior]:
        """Reconstructs `windows [B, L, C]` through a code drawn by `noise [B, Z]`."""
        posterior = self.encode(windows)
        return self.decode(posterior.sample(noise), windows.shape[1]), posterior
