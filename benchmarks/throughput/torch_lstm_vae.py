"""The LSTM-VAE in eager PyTorch, as its users write it: what ours is measured against.

The same network, objective (`strict`), optimizer and score as `jaxtsad`'s `lstm_vae`,
built on `torch.nn.LSTM`, PyTorch's own fused layer.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Baseline(NamedTuple):
    """A model on its device and the optimizer of its parameters."""

    model: Any
    optimizer: Any
    beta: float


def build(
    *,
    channels: int = 25,
    hidden: int = 128,
    latent: int = 32,
    beta: float = 0.1,
    learning_rate: float = 1e-3,
    device: str = "cpu",
    seed: int = 0,
) -> Baseline:
    """Makes the network and its Adam."""
    import torch
    from torch import nn

    class LstmVae(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.LSTM(channels, hidden, batch_first=True)
            self.mean = nn.Linear(hidden, latent)
            self.log_variance = nn.Linear(hidden, latent)
            self.decoder = nn.LSTM(latent, hidden, batch_first=True)
            self.readout = nn.Linear(hidden, channels)

        def encode(self, windows: Any) -> tuple[Any, Any]:
            last = self.encoder(windows)[1][0][-1]
            return self.mean(last), self.log_variance(last)

        def decode(self, code: Any, length: int) -> Any:
            steps = code[:, None].expand(-1, length, -1)
            return self.readout(self.decoder(steps)[0])

    torch.manual_seed(seed)
    model = LstmVae().to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    return Baseline(model, optimizer, beta)


def train_step(baseline: Baseline, windows: Any) -> Any:
    """Takes one step on `windows [B, L, C]`; gives the loss, detached."""
    import torch

    model, optimizer, beta = baseline
    optimizer.zero_grad()
    mean, log_variance = model.encode(windows)
    code = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
    made = model.decode(code, windows.shape[1])
    divergence = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(dim=1)
    loss = ((made - windows) ** 2).mean() + beta * divergence.mean()
    loss.backward()
    optimizer.step()
    return loss.detach()


def score(baseline: Baseline, windows: Any) -> Any:
    """Step scores `[B, L]` of `windows [B, L, C]`, decoding the mean code."""
    import torch

    with torch.no_grad():
        mean, _ = baseline.model.encode(windows)
        made = baseline.model.decode(mean, windows.shape[1])
        return ((made - windows) ** 2).mean(dim=2)
