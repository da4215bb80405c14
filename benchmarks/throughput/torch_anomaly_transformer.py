"""The published Anomaly Transformer procedure in eager PyTorch, to be compared with.

Written from the paper and its procedure. It keeps what makes that procedure costly:
the prior is returned unnormalised and spread over the keys, every caller normalises it
again for each of the four divergences, a divergence takes two logarithms, and one step
of training runs backward twice through one graph.

A config is anything with the fields of the library's: `window`, `channels`, `width`,
`heads`, `layers`, `hidden`, `dropout`, `k`, `temperature` and `learning_rate`.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional


class Attention(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        self.heads = config.heads
        self.query = nn.Linear(config.width, config.width)
        self.key = nn.Linear(config.width, config.width)
        self.value = nn.Linear(config.width, config.width)
        self.sigma = nn.Linear(config.width, config.heads)
        self.out = nn.Linear(config.width, config.width)
        self.dropout = nn.Dropout(config.dropout)
        step = torch.arange(config.window, dtype=torch.float32)
        self.register_buffer("distance", (step[:, None] - step[None, :]).abs())

    def forward(self, x):
        size, length, width = x.shape
        split = (size, length, self.heads, width // self.heads)
        query, key, value = (
            f(x).view(split) for f in (self.query, self.key, self.value)
        )
        scores = torch.einsum("blhe,bshe->bhls", query, key)
        series = self.dropout(torch.softmax(scores / math.sqrt(split[-1]), dim=-1))
        sigma = self.sigma(x).transpose(1, 2)
        sigma = torch.pow(3, torch.sigmoid(sigma * 5) + 1e-5) - 1
        sigma = sigma.unsqueeze(-1).repeat(1, 1, 1, length)
        distance = self.distance.expand(size, self.heads, length, length)
        density = 1 / (math.sqrt(2 * math.pi) * sigma)
        prior = density * torch.exp(-(distance**2) / 2 / sigma**2)
        mixed = torch.einsum("bhls,bshd->blhd", series, value).contiguous()
        return self.out(mixed.view(size, length, width)), series, prior


class Layer(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.expand = nn.Conv1d(config.width, config.hidden, 1)
        self.contract = nn.Conv1d(config.hidden, config.width, 1)
        self.norm1 = nn.LayerNorm(config.width)
        self.norm2 = nn.LayerNorm(config.width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x):
        attended, series, prior = self.attention(x)
        x = self.norm1(x + self.dropout(attended))
        fed = self.dropout(functional.gelu(self.expand(x.transpose(-1, 1))))
        fed = self.dropout(self.contract(fed).transpose(-1, 1))
        return self.norm2(x + fed), series, prior


class Network(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.token = nn.Conv1d(
            config.channels,
            width,
            3,
            padding=1,
            padding_mode="circular",
            bias=False,
        )
        nn.init.kaiming_normal_(self.token.weight, nonlinearity="leaky_relu")
        step = torch.arange(config.window, dtype=torch.float32)[:, None]
        even = torch.arange(0, width, 2, dtype=torch.float32)
        angle = step * torch.exp(even * -(math.log(10000.0) / width))
        table = torch.stack([angle.sin(), angle.cos()], -1).view(-1, width)
        self.register_buffer("position", table[None])
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width)
        self.projection = nn.Linear(width, config.channels)

    def forward(self, x):
        x = self.token(x.permute(0, 2, 1)).transpose(1, 2)
        x = self.dropout(x + self.position)
        every_series, every_prior = [], []
        for layer in self.layers:
            x, series, prior = layer(x)
            every_series.append(series)
            every_prior.append(prior)
        return self.projection(self.norm(x)), every_series, every_prior


def divergence(p, q):
    """Mean over heads `[B, L]`, with 1e-4 inside both logarithms."""
    rows = p * (torch.log(p + 1e-4) - torch.log(q + 1e-4))
    return torch.mean(torch.sum(rows, dim=-1), dim=1)


def normalised(prior):
    length = prior.shape[-1]
    total = torch.unsqueeze(torch.sum(prior, dim=-1), dim=-1)
    return prior / total.repeat(1, 1, 1, length)


def build(config: Any) -> tuple[Network, torch.optim.Adam]:
    """The network with fresh parameters, and the published Adam."""
    model = Network(config)
    return model, torch.optim.Adam(model.parameters(), lr=config.learning_rate)


def train_step(model: nn.Module, optimizer: torch.optim.Adam, x: torch.Tensor) -> float:
    """One published training step on `x [B, L, C]`; the reconstruction error."""
    optimizer.zero_grad()
    output, every_series, every_prior = model(x)
    series_loss, prior_loss = 0.0, 0.0
    for series, prior in zip(every_series, every_prior, strict=True):
        series_loss += torch.mean(
            divergence(series, normalised(prior).detach())
        ) + torch.mean(divergence(normalised(prior).detach(), series))
        prior_loss += torch.mean(
            divergence(normalised(prior), series.detach())
        ) + torch.mean(divergence(series.detach(), normalised(prior)))
    series_loss = series_loss / len(every_series)
    prior_loss = prior_loss / len(every_prior)
    reconstruction = functional.mse_loss(output, x)
    loss1 = reconstruction - model.config.k * series_loss
    loss2 = reconstruction + model.config.k * prior_loss
    loss1.backward(retain_graph=True)
    loss2.backward()
    optimizer.step()
    return reconstruction.item()


def score(model: nn.Module, x: torch.Tensor, gradients: bool = False) -> torch.Tensor:
    """Scores `[B, L]` of windows `x [B, L, C]`, as published.

    The published test procedure does not switch gradients off; unless it is asked for,
    they are here, which can only make the baseline faster.
    """
    temperature = model.config.temperature
    with torch.set_grad_enabled(gradients):
        output, every_series, every_prior = model(x)
        error = torch.mean(functional.mse_loss(x, output, reduction="none"), dim=-1)
        series_loss, prior_loss = 0.0, 0.0
        for series, prior in zip(every_series, every_prior, strict=True):
            fixed = normalised(prior).detach()
            series_loss += divergence(series, fixed) * temperature
            fixed = normalised(prior)
            prior_loss += divergence(fixed, series.detach()) * temperature
        weight = torch.softmax(-series_loss - prior_loss, dim=-1)
    return weight * error
