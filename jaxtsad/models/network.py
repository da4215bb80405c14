"""A network as values: its parameters and running statistics, and passes through it."""

from __future__ import annotations

from typing import Any, NamedTuple

from jaxtsad.types import Array, Key, PyTree


class Network(NamedTuple):
    """Parameters and running statistics of one network."""

    params: PyTree
    stats: PyTree


def start(key: Key, module: Any, x: Array) -> Network:
    """Draws a network's parameters; `x` gives the shape of a batch."""
    variables = module.init(key, x)
    return Network(variables["params"], variables.get("stats", {}))


def run(module: Any, network: Network, x: Array) -> Any:
    """A pass by the running statistics; every row by itself."""
    return module.apply(network._asdict(), x)


def train(module: Any, network: Network, x: Array, weight: Array) -> tuple[Any, PyTree]:
    """A pass by the batch's statistics, and the moments that it saw.

    Args:
        module: The architecture.
        network: Its values.
        x: Batch.
        weight: `[B]`, 0 for rows that do not count.
    """
    out, seen = module.apply(network._asdict(), x, weight, mutable=["moments"])
    return out, seen.get("moments", {})
