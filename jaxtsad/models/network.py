"""A network as values: its parameters and running statistics, and passes through it."""

from __future__ import annotations

from typing import Any, NamedTuple

from jaxtsad.models.convolutional import MATRICES
from jaxtsad.types import Array, Key, PyTree


class Network(NamedTuple):
    """Parameters and running statistics of one network."""

    params: PyTree
    stats: PyTree


def start(key: Key, module: Any, x: Array) -> Network:
    """Draws a network's parameters; `x` gives the shape of a batch."""
    variables = module.init(key, x)
    return Network(variables["params"], variables.get("stats", {}))


def run(module: Any, network: Network, x: Array, matrices: PyTree = None) -> Any:
    """A pass by the running statistics; every row by itself.

    Args:
        module: The architecture.
        network: Its values.
        x: Batch.
        matrices: What `matrices` made of the same parameters; None makes them here.
    """
    given = {} if matrices is None else {MATRICES: matrices}
    return module.apply({**network._asdict(), **given}, x)


def matrices(module: Any, network: Network, x: Array) -> PyTree:
    """Kernels as the matrices that are multiplied, for many passes of `run`.

    A loop would make them again in every pass.

    Args:
        module: The architecture.
        network: Its values.
        x: A batch, for its shape.
    """
    _, made = module.apply(network._asdict(), x, mutable=[MATRICES])
    return made.get(MATRICES, {})


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
