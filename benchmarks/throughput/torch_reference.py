"""The published Anomaly Transformer itself, from a checkout of its repository.

The network is the checkout's; the steps around it, which the checkout has only inside
a program with its own data, are those of `torch_anomaly_transformer`. It moves tensors
to CUDA by name: where there is no GPU, such a move is left out.
"""

from __future__ import annotations

import contextlib
import importlib
import pathlib
import sys
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from benchmarks.throughput import torch_anomaly_transformer as procedure

MODULE = "model.AnomalyTransformer"


class Published(nn.Module):
    """Their network, with their outputs in the order of the procedure."""

    def __init__(self, config: Any, checkout: pathlib.Path) -> None:
        super().__init__()
        self.config = config
        with here():
            self.network = network(checkout)(
                win_size=config.window,
                enc_in=config.channels,
                c_out=config.channels,
                d_model=config.width,
                n_heads=config.heads,
                e_layers=config.layers,
                d_ff=config.hidden,
                dropout=config.dropout,
            )

    def forward(self, x):
        with here():
            output, series, prior, _ = self.network(x)
        return output, series, prior


def build(config: Any, checkout: pathlib.Path) -> tuple[Published, torch.optim.Adam]:
    """Their network with fresh parameters, and their Adam."""
    model = Published(config, checkout)
    return model, torch.optim.Adam(model.parameters(), lr=config.learning_rate)


def score(model: Published, x: torch.Tensor) -> torch.Tensor:
    """Scores as published, whose procedure leaves gradients on."""
    return procedure.score(model, x, gradients=True)


def network(checkout: pathlib.Path) -> Any:
    """The class of the network.

    Raises:
        ValueError: If the folder is no such checkout.
    """
    if not (checkout / "model" / "AnomalyTransformer.py").is_file():
        raise ValueError(
            f"--against reference {checkout}: no checkout of the published "
            "implementation; it would hold model/AnomalyTransformer.py"
        )
    kept = {name for name in sys.modules if name.split(".")[0] == "model"}
    for name in kept:
        del sys.modules[name]
    sys.path.insert(0, str(checkout))
    try:
        return importlib.import_module(MODULE).AnomalyTransformer
    finally:
        sys.path.remove(str(checkout))


@contextlib.contextmanager
def here() -> Iterator[None]:
    """Leaves moves to CUDA out where there is none."""
    if torch.cuda.is_available():
        yield
        return
    moves = torch.Tensor.cuda
    torch.Tensor.cuda = lambda self, *args, **kwargs: self
    try:
        yield
    finally:
        torch.Tensor.cuda = moves
