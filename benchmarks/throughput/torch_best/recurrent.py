"""The LSTM detectors in PyTorch as fast as one can write them, alone and as fleets.

Two ways: PyTorch's own fused layer, one member after another; and all members at once,
a grouped product per step, which `torch.compile` can take. The same networks,
objectives and scores as the library's. Shape letters: M members, B windows, L steps, C
channels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from benchmarks.throughput.torch_best.layers import (
    Affine,
    GroupedLstm,
    OwnLstm,
    cell,
    uniform,
)

Layer = Callable[[int, int, int], nn.Module]


def squared_error(made, x):
    """Of every step, `[M, B, L]`."""
    return ((made - x) ** 2).mean(-1)


class LstmVae(nn.Module):
    """The objective is `strict`."""

    def __init__(self, config: Any, members: int, layer: Layer) -> None:
        super().__init__()
        self.beta, hidden, latent = config.beta, config.hidden, config.latent
        self.encoder = layer(members, config.channels, hidden)
        self.mean = Affine(members, hidden, latent)
        self.log_variance = Affine(members, hidden, latent)
        self.decoder = layer(members, latent, hidden)
        self.readout = Affine(members, hidden, config.channels)

    def _decoded(self, code, length: int):
        return self.readout(self.decoder(code, length)[0])

    def loss(self, x):
        """Sum over members of `x [M, B, L, C]`."""
        last = self.encoder(x)[1]
        mean, log_variance = self.mean(last), self.log_variance(last)
        code = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        error = squared_error(self._decoded(code, x.shape[2]), x).mean((1, 2))
        divergence = 0.5 * (mean**2 + torch.expm1(log_variance) - log_variance)
        return (error + self.beta * divergence.sum(-1).mean(-1)).sum()

    def forward(self, x):
        """Scores `[M, B, L]`."""
        code = self.mean(self.encoder(x)[1])
        return squared_error(self._decoded(code, x.shape[2]), x)


class LstmAutoencoder(nn.Module):
    """The code is the top layer's last state; its decoder starts from zeros."""

    def __init__(self, config: Any, members: int, layer: Layer) -> None:
        super().__init__()
        self.layers, hidden = config.layers, config.hidden
        sizes = (config.channels, *(hidden,) * (self.layers - 1))
        for number, size in enumerate(sizes):
            setattr(self, f"encoder_{number}", layer(members, size, hidden))
            setattr(self, f"decoder_{number}", layer(members, hidden, hidden))
        self.readout = Affine(members, hidden, config.channels)

    def _made(self, x):
        steps = x
        for number in range(self.layers):
            steps, last = getattr(self, f"encoder_{number}")(steps)
        steps = self.decoder_0(last, x.shape[2])[0]
        for number in range(1, self.layers):
            steps = getattr(self, f"decoder_{number}")(steps)[0]
        return self.readout(steps)

    def loss(self, x):
        """Sum over members of `x [M, B, L, C]`."""
        return self(x).mean((1, 2)).sum()

    def forward(self, x):
        """Scores `[M, B, L]`."""
        return squared_error(self._made(x), x)


class LstmAttention(nn.Module):
    """Two layers in; additive attention and one cell out, which sees its own output."""

    def __init__(self, config: Any, members: int, layer: Layer) -> None:
        super().__init__()
        size, self.dropout = config.memory, config.dropout
        self.lower = layer(members, config.channels, config.hidden)
        self.upper = layer(members, config.hidden, size)
        self.keys = uniform(members, size, config.attention, fan_in=size)
        self.query = uniform(members, size, config.attention, fan_in=size)
        self.score = uniform(members, config.attention, 1, fan_in=size)
        self.decoder = GroupedLstm(members, size + config.channels, size)
        self.kernel = uniform(members, size, config.channels, fan_in=size)
        self.bias = uniform(members, config.channels, fan_in=size)

    def _made(self, x, dropout: float):
        memory = self.upper(self.lower(x)[0])[0]
        members, rows, length, _ = memory.shape
        memory = nn.functional.dropout(memory, dropout, dropout > 0)
        keys = torch.bmm(memory.flatten(1, 2), self.keys).view(
            members, rows, length, -1
        )
        hidden = memory.mean(2)
        state = torch.zeros_like(hidden)
        made = x.new_zeros(members, rows, x.shape[-1])
        masks = torch.ones(length, *hidden.shape, dtype=x.dtype)
        if dropout:
            masks = nn.functional.dropout(masks, dropout)
        score = self.score[:, :, 0]
        outputs = []
        for step in range(length):
            query = torch.bmm(hidden, self.query)[:, :, None]
            weights = (torch.tanh(keys + query) * score[:, None, None]).sum(-1)
            weights = torch.softmax(weights, -1)
            context = (weights[..., None] * memory).sum(2)
            inputs = torch.cat([made, context], -1)
            drive = torch.baddbmm(
                self.decoder.bias[:, None], inputs, self.decoder.input
            )
            hidden, state = cell(drive, hidden, state, self.decoder.hidden)
            out = hidden * masks[step] if dropout else hidden
            made = torch.baddbmm(self.bias[:, None], out, self.kernel)
            outputs.append(made)
        return torch.stack(outputs, dim=2)

    def loss(self, x):
        """Sum over members of `x [M, B, L, C]`."""
        return squared_error(self._made(x, self.dropout), x).mean((1, 2)).sum()

    def forward(self, x):
        """Scores `[M, B, L]`."""
        return squared_error(self._made(x, 0.0), x)


NETWORKS = {
    "lstm_vae": LstmVae,
    "lstm_autoencoder": LstmAutoencoder,
    "lstm_attention": LstmAttention,
}


class Peer:
    """Networks of M members and their Adam.

    Args:
        detector: A name in `NETWORKS`.
        config: Of the library's detector.
        members: M.
        grouped: All members at once, or one after another by PyTorch's own layer.
        compiled: Whether `torch.compile` makes loss and score.
    """

    def __init__(
        self, detector: str, config: Any, members: int, grouped: bool, compiled: bool
    ) -> None:
        each = members if grouped else 1
        layer: Layer = GroupedLstm if grouped else OwnLstm
        self.networks = [
            NETWORKS[detector](config, each, layer) for _ in range(members // each)
        ]
        self.optimizers = [
            torch.optim.Adam(network.parameters(), lr=config.learning_rate, fused=True)
            for network in self.networks
        ]
        self.losses = [network.loss for network in self.networks]
        self.scores: list[Any] = list(self.networks)
        if compiled:
            self.losses = [torch.compile(loss) for loss in self.losses]
            self.scores = [torch.compile(network) for network in self.networks]

    def train_step(self, x) -> None:
        """One step of every member on `x [M, B, L, C]`."""
        parts = x.chunk(len(self.networks))
        for part, loss, optimizer in zip(
            parts, self.losses, self.optimizers, strict=True
        ):
            optimizer.zero_grad()
            loss(part).backward()
            optimizer.step()

    def score(self, x):
        """Scores `[M, B, L]`."""
        with torch.no_grad():
            parts = x.chunk(len(self.networks))
            pairs = zip(parts, self.scores, strict=True)
            return torch.cat([score(part) for part, score in pairs])
