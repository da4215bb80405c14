"""Latent search in eager PyTorch: as public code does it, and with samples batched.

The same generator, loss, optimizer and number of steps as `jaxtsad`'s latent search
with frozen weights.
"""

from __future__ import annotations

from typing import Any

KERNEL = 4


def build(side: int, channels: int, width: int, latent: int, seed: int = 0) -> Any:
    """The generator in evaluation mode, its weights frozen."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    count = side.bit_length() - 3
    widths = [2 * width * 2**number for number in range(count)][::-1]
    layers: list[Any] = []
    for number, features in enumerate(widths):
        stride, padding = (1, 0) if number == 0 else (2, 1)
        before = latent if number == 0 else widths[number - 1]
        layers += [
            nn.ConvTranspose2d(before, features, KERNEL, stride, padding, bias=False),
            nn.BatchNorm2d(features),
            nn.ReLU(),
        ]
    last = nn.ConvTranspose2d(widths[-1], channels, KERNEL, 2, 1)
    layers += [last, nn.Tanh()]
    model = nn.Sequential(*layers).eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model


def search(model: Any, x: Any, codes: Any, steps: int, rate: float) -> Any:
    """Searches for `x [N, C, H, W]` from `codes [N, Z]`; the last losses `[N]`."""
    import torch

    codes = codes.clone().requires_grad_(True)
    adam = torch.optim.Adam([codes], lr=rate)

    def errors() -> Any:
        made = model(codes[:, :, None, None])
        return ((made - x) ** 2).mean(dim=(1, 2, 3))

    for _ in range(steps):
        adam.zero_grad()
        errors().sum().backward()
        adam.step()
    with torch.no_grad():
        return errors()


def loop(model: Any, x: Any, codes: Any, steps: int, rate: float) -> Any:
    """One search after another, as public code does it; `codes [N, R, Z]`."""
    import torch

    rows = [
        torch.stack(
            [search(model, one[None], start[None], steps, rate)[0] for start in starts]
        )
        for one, starts in zip(x, codes, strict=True)
    ]
    return torch.stack(rows).mean(dim=1)


def batched(model: Any, x: Any, codes: Any, steps: int, rate: float) -> Any:
    """All samples and restarts as one batch."""
    count, restarts, _ = codes.shape
    repeated = x.repeat_interleave(restarts, dim=0)
    losses = search(model, repeated, codes.flatten(0, 1), steps, rate)
    return losses.reshape(count, restarts).mean(dim=1)
