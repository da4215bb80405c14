"""The Anomaly Transformer in PyTorch as well as one can write it: the peer to beat.

The same network and losses as `benchmarks.throughput.torch_anomaly_transformer`, in
fewer passes: one backward pass over the sum of both losses, queries, keys and values
from one product, the prior as a softmax of its exponent, two logarithms a layer instead
of eight, a fused Adam. `torch.compile` and autocast are the caller's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.throughput import torch_anomaly_transformer as published


class Attention(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        self.heads = config.heads
        self.projections = nn.Linear(config.width, 3 * config.width)
        self.sigma = nn.Linear(config.width, config.heads)
        self.out = nn.Linear(config.width, config.width)
        step = torch.arange(config.window, dtype=torch.float32)
        self.register_buffer("squared", (step[:, None] - step[None]) ** 2)

    def forward(self, x):
        size, length, width = x.shape
        each = width // self.heads
        split = self.projections(x).view(size, length, 3, self.heads, each)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        logits = query @ key.transpose(-1, -2) / math.sqrt(each)
        series = torch.softmax(logits.float(), -1)
        sigma = self.sigma(x).float().transpose(1, 2)
        sigma = torch.pow(3, torch.sigmoid(sigma * 5) + 1e-5) - 1
        exponent = -self.squared / (2 * sigma * sigma).unsqueeze(-1)
        prior = torch.softmax(exponent, -1)
        mixed = (series.to(value.dtype) @ value).transpose(1, 2)
        log_series, log_prior = torch.log(series + 1e-4), torch.log(prior + 1e-4)
        apart = log_series - log_prior.detach()
        to_series = ((series - prior.detach()) * apart).sum(-1).mean(1)
        to_prior = to_series  # the same number, by which the prior is moved
        if torch.is_grad_enabled():
            apart = log_prior - log_series.detach()
            to_prior = ((prior - series.detach()) * apart).sum(-1).mean(1)
        return self.out(mixed.reshape(size, length, width)), to_series, to_prior


class Layer(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.expand = nn.Linear(config.width, config.hidden)
        self.contract = nn.Linear(config.hidden, config.width)
        self.norm1 = nn.LayerNorm(config.width)
        self.norm2 = nn.LayerNorm(config.width)

    def forward(self, x):
        attended, series, prior = self.attention(x)
        x = self.norm1(x + attended)
        fed = self.contract(functional.gelu(self.expand(x)))
        return self.norm2(x + fed), series, prior


class Network(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        self.token = nn.Linear(3 * config.channels, config.width, bias=False)
        self.register_buffer("position", published.Network(config).position)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.projection = nn.Linear(config.width, config.channels)

    def forward(self, x):
        neighbours = torch.cat([torch.roll(x, 1, 1), x, torch.roll(x, -1, 1)], -1)
        hidden = self.token(neighbours) + self.position
        series = prior = 0.0
        for layer in self.layers:
            hidden, to_series, to_prior = layer(hidden)
            series, prior = series + to_series, prior + to_prior
        return self.projection(self.norm(hidden)), series, prior


def _named(name: str, leaves: Mapping[str, Any]) -> dict[str, Any]:
    kernel = leaves["kernel"] if "kernel" in leaves else leaves["scale"]
    return {f"{name}.weight": kernel, f"{name}.bias": leaves["bias"]}


class Peer:
    """The network, its optimizer, and how it runs.

    Args:
        config: What `torch_anomaly_transformer` takes.
        device: `cuda` or `cpu`.
        precision: `float32`, `tf32` or `bfloat16` (autocast).
        compiled: Whether `torch.compile` makes the forward pass.
    """

    def __init__(self, config: Any, device: str, precision: str, compiled: bool):
        self.config, self.device, self.precision = config, device, precision
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        torch.backends.cudnn.allow_tf32 = precision == "tf32"
        self.network = model = Network(config).to(device)
        self.model = torch.compile(model) if compiled else model
        self.optimizer = torch.optim.Adam(
            model.parameters(), lr=config.learning_rate, fused=True
        )

    def load(self, params: Mapping[str, Any]) -> None:
        """Takes the library's parameters, arrays of one member."""
        state = {"token.weight": params["embedding"]["kernel"]}
        for number in range(self.config.layers):
            ours, theirs = params[f"layer_{number}"], f"layers.{number}"
            attention = ours["attention"]
            maps = [attention[name] for name in ("query", "key", "value")]
            joined = f"{theirs}.attention.projections"
            kernels = np.concatenate([each["kernel"] for each in maps], axis=1)
            state[f"{joined}.weight"] = kernels
            state[f"{joined}.bias"] = np.concatenate([each["bias"] for each in maps])
            for name, leaves in {
                "attention.sigma": attention["sigma"],
                "attention.out": attention["output"],
                "norm1": ours["attention_norm"],
                "norm2": ours["feedforward_norm"],
                "expand": ours["expand"],
                "contract": ours["contract"],
            }.items():
                state |= _named(f"{theirs}.{name}", leaves)
        for name in ("norm", "projection"):
            state |= _named(name, params[name])
        for name, leaf in state.items():
            parameter = self.network.get_parameter(name)
            array = np.asarray(leaf).reshape(-1, leaf.shape[-1])
            parameter.data = torch.tensor(
                array.T if leaf.ndim > 1 else np.asarray(leaf)
            )

    def _forward(self, x):
        halved = self.precision == "bfloat16"
        with torch.autocast(self.device, torch.bfloat16, enabled=halved):
            return self.model(x)

    def train_step(self, x) -> None:
        """One step on `x [B, L, C]`; nothing is read back."""
        self.optimizer.zero_grad()
        output, series, prior = self._forward(x)
        error = functional.mse_loss(output.float(), x)
        k = self.config.k / self.config.layers
        (2 * error - k * series.mean() + k * prior.mean()).backward()
        self.optimizer.step()

    def score(self, x):
        """Scores `[B, L]` of `x [B, L, C]`."""
        with torch.no_grad():
            output, apart, _ = self._forward(x)
            weight = torch.softmax(-apart * self.config.temperature, -1)
            return weight * ((output.float() - x) ** 2).mean(-1)
