"""Layers of several members at once, and LSTM layers of one member by PyTorch's own.

Parameters have the names and the layout of the library's, so that both sides can have
the same weights. Shape letters: M members, B windows, L steps, C inputs, H units.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn


def uniform(*shape: int, fan_in: int) -> nn.Parameter:
    """Draws from `[-1/sqrt(fan_in), 1/sqrt(fan_in)]`."""
    bound = 1 / math.sqrt(fan_in)
    return nn.Parameter(torch.empty(shape).uniform_(-bound, bound))


class Affine(nn.Module):
    """An affine map of the last axis, of each member its own."""

    def __init__(self, members: int, size: int, features: int) -> None:
        super().__init__()
        self.kernel = uniform(members, size, features, fan_in=size)
        self.bias = uniform(members, features, fan_in=size)

    def forward(self, x):
        flat = x.flatten(1, -2)
        if len(x) == 1:
            out = torch.addmm(self.bias[0], flat[0], self.kernel[0])
        else:
            out = torch.baddbmm(self.bias[:, None], flat, self.kernel)
        return out.view(*x.shape[:-1], -1)


class GroupedLstm(nn.Module):
    """An LSTM layer of M members, a grouped product per step.

    The products with the inputs are taken for all steps at once, and once only where
    every step has the same input.
    """

    def __init__(self, members: int, size: int, units: int) -> None:
        super().__init__()
        self.input = uniform(members, size, 4 * units, fan_in=units)
        self.hidden = uniform(members, units, 4 * units, fan_in=units)
        self.bias = uniform(members, 4 * units, fan_in=units)

    def forward(self, x, length: int | None = None):
        """Runs over `x [M, B, L, C]`, or `length` times on `x [M, B, C]`.

        Returns:
            Outputs `[M, B, L, H]`; `[M, B, H]` of the last step.
        """
        members, rows = x.shape[:2]
        units = self.hidden.shape[1]
        constant = length is not None
        if not constant:
            length = x.shape[2]
            x = x.transpose(1, 2)
        drive = torch.baddbmm(self.bias[:, None], x.flatten(1, -2), self.input)
        drive = drive.view(*x.shape[:-1], 4 * units)
        hidden = memory = x.new_zeros(members, rows, units)
        outputs = []
        for step in range(length):
            into = drive if constant else drive[:, step]
            hidden, memory = cell(into, hidden, memory, self.hidden)
            outputs.append(hidden)
        return torch.stack(outputs, dim=2), hidden


def cell(drive, hidden, memory, across):
    """One step from what the inputs drive, `[M, B, 4H]`."""
    if len(hidden) == 1:
        gates = torch.addmm(drive[0], hidden[0], across[0])[None]
    else:
        gates = torch.baddbmm(drive, hidden, across)
    i, f, g, o = gates.chunk(4, dim=-1)
    memory = torch.sigmoid(f) * memory + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(memory), memory


class OwnLstm(nn.Module):
    """`torch.nn.LSTM`, PyTorch's fused layer, of one member."""

    def __init__(self, members: int, size: int, units: int) -> None:
        super().__init__()
        assert members == 1
        self.layer = nn.LSTM(size, units, batch_first=True)

    def forward(self, x, length: int | None = None):
        """As `GroupedLstm`."""
        steps = x[0] if length is None else x[0, :, None].expand(-1, length, -1)
        outputs, (hidden, _) = self.layer(steps)
        return outputs[None], hidden


def load(module: nn.Module, tree: Mapping[str, Any]) -> None:
    """Gives a module the library's parameters, arrays stacked `[M, ...]`."""
    for name, leaf in tree.items():
        child = getattr(module, name)
        if isinstance(child, OwnLstm):
            weights = {key: torch.tensor(leaf[key][0]) for key in leaf}
            state = {
                "weight_ih_l0": weights["input"].T,
                "weight_hh_l0": weights["hidden"].T,
                "bias_ih_l0": weights["bias"],
                "bias_hh_l0": torch.zeros_like(weights["bias"]),
            }
            child.layer.load_state_dict(state)
        elif isinstance(leaf, Mapping):
            load(child, leaf)
        else:
            child.data = torch.tensor(leaf)
