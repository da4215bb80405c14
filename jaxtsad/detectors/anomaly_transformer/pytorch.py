"""Anomaly Transformer parameters from and to the names of the public PyTorch code.

The names are those of `thuml/Anomaly-Transformer`. Each of its attention layers also
has a norm that it never uses, and its positional table is a buffer; both are passed
over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxtsad.types import Array, PyTree

TOKEN = "embedding.value_embedding.tokenConv.weight"
LAYER = "encoder.attn_layers.{}"
PASSED_OVER = re.compile(
    r"embedding\.position_embedding\.pe"
    r"|encoder\.attn_layers\.\d+\.attention\.norm\.(weight|bias)"
)
PROJECTIONS = {
    "query_projection": "query",
    "key_projection": "key",
    "value_projection": "value",
    "out_projection": "output",
    "sigma_projection": "sigma",
}


class Sizes(NamedTuple):
    """Sizes of a network.

    Attributes:
        channels: C.
        width: D.
        heads: H.
        layers: N.
        hidden: Width of the position-wise networks.
    """

    channels: int
    width: int
    heads: int
    layers: int
    hidden: int


class Entry(NamedTuple):
    """One parameter in both worlds.

    Attributes:
        name: PyTorch's name.
        shape: PyTorch's shape.
        path: Keys of ours.
        axes: PyTorch's axes in our order; a kernel of one step is dropped.
    """

    name: str
    shape: tuple[int, ...]
    path: tuple[str, ...]
    axes: tuple[int, ...]


def sizes(state: Mapping[str, np.ndarray]) -> Sizes:
    """Sizes of the network that a state dict belongs to.

    Args:
        state: Arrays by PyTorch's names.

    Raises:
        ValueError: If an array that tells the sizes is missing or misshapen.
    """
    first = LAYER.format(0)
    heads = f"{first}.attention.sigma_projection.weight"
    hidden = f"{first}.conv1.weight"
    for name, rank in ((TOKEN, 3), (heads, 2), (hidden, 3)):
        if name not in state:
            raise ValueError(f"the checkpoint lacks {name!r}; is it of another model?")
        if np.ndim(state[name]) != rank:
            shape = np.shape(state[name])
            raise ValueError(f"{name!r} has {shape=}, expected {rank} axes")
    matches = (re.match(r"encoder\.attn_layers\.(\d+)\.", name) for name in state)
    layers = 1 + max(int(match.group(1)) for match in matches if match)
    width, channels, _ = state[TOKEN].shape
    return Sizes(channels, width, len(state[heads]), layers, len(state[hidden]))


def entries(sizes: Sizes) -> Iterator[Entry]:
    """Every trained parameter of a network of these sizes."""
    channels, width, heads, layers, hidden = sizes
    yield Entry(TOKEN, (width, channels, 3), ("embedding", "kernel"), (2, 1, 0))
    for number in range(layers):
        name, ours = LAYER.format(number), f"layer_{number}"
        for theirs, part in PROJECTIONS.items():
            out = heads if part == "sigma" else width
            path = (ours, "attention", part)
            yield from _affine(f"{name}.attention.{theirs}", (out, width), path)
        yield from _affine(f"{name}.conv1", (hidden, width, 1), (ours, "expand"))
        yield from _affine(f"{name}.conv2", (width, hidden, 1), (ours, "contract"))
        yield from _norm(f"{name}.norm1", width, (ours, "attention_norm"))
        yield from _norm(f"{name}.norm2", width, (ours, "feedforward_norm"))
    yield from _norm("encoder.norm", width, ("norm",))
    yield from _affine("projection", (channels, width), ("projection",))


def to_params(state: Mapping[str, np.ndarray]) -> PyTree:
    """Parameters of our network from a PyTorch state dict.

    Args:
        state: Arrays by PyTorch's names (see `interop.checkpoints.read`).

    Returns:
        What a detector calls its model: a tree of float32 arrays.

    Raises:
        ValueError: If an array is missing, unexpected or misshapen.
    """
    wanted = {entry.name: entry for entry in entries(sizes(state))}
    missing = [name for name in wanted if name not in state]
    if missing:
        raise ValueError(f"the checkpoint lacks {_listed(missing)}")
    passed_over = PASSED_OVER.fullmatch
    unexpected = [
        name for name in state if name not in wanted and not passed_over(name)
    ]
    if unexpected:
        raise ValueError(f"the checkpoint holds the unexpected {_listed(unexpected)}")
    params: dict = {}
    for name, entry in wanted.items():
        array = np.asarray(state[name], np.float32)
        if array.shape != entry.shape:
            raise ValueError(f"{name!r} has {array.shape=}, expected {entry.shape}")
        node = params
        for key in entry.path[:-1]:
            node = node.setdefault(key, {})
        array = array.reshape(array.shape[: len(entry.axes)])
        node[entry.path[-1]] = jnp.asarray(array.transpose(entry.axes))
    return params


def from_params(params: PyTree) -> dict[str, np.ndarray]:
    """Arrays by PyTorch's names from our parameters, or from anything shaped like them.

    Gradients and optimizer moments have the same tree, so they can be compared with
    PyTorch's by name.

    Args:
        params: Tree of arrays of a network whose prior is `dynamic`.

    Raises:
        ValueError: If the tree is not of such a network.
    """
    try:
        listed = entries(_sizes_of(params))
        pairs = [(entry, _at(params, entry.path)) for entry in listed]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"the tree is not of an Anomaly Transformer with a dynamic prior: {error}"
        ) from None
    return {
        entry.name: np.asarray(leaf)
        .transpose(np.argsort(entry.axes))
        .reshape(entry.shape)
        for entry, leaf in pairs
    }


def _affine(
    name: str, shape: tuple[int, ...], path: tuple[str, ...]
) -> Iterator[Entry]:
    yield Entry(f"{name}.weight", shape, (*path, "kernel"), (1, 0))
    yield Entry(f"{name}.bias", shape[:1], (*path, "bias"), (0,))


def _norm(name: str, width: int, path: tuple[str, ...]) -> Iterator[Entry]:
    yield Entry(f"{name}.weight", (width,), (*path, "scale"), (0,))
    yield Entry(f"{name}.bias", (width,), (*path, "bias"), (0,))


def _sizes_of(params: PyTree) -> Sizes:
    _, channels, width = params["embedding"]["kernel"].shape
    layer = params["layer_0"]
    heads = layer["attention"]["sigma"]["bias"].shape[0]
    hidden = layer["expand"]["bias"].shape[0]
    layers = sum(name.startswith("layer_") for name in params)
    return Sizes(channels, width, heads, layers, hidden)


def _at(params: PyTree, path: tuple[str, ...]) -> Array:
    for key in path:
        params = params[key]
    return params


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:3])
    more = len(names) - 3
    return f"{shown} and {more} more" if more > 0 else shown
