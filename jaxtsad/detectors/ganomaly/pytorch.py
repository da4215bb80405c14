"""GANomaly networks from the names of the public PyTorch code, and back.

The names are those of `samet-akcay/ganomaly`: `NetG`, whose layers carry their sizes in
their names, and `NetD`, whose layers are numbered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxtsad.types import PyTree

ENCODER = ("initial", "extra", "pyramid", "final")
DECODER = ("initial", "pyramid", "extra", "final")
NUMBERS = {
    "weight": ("params", "scale"),
    "bias": ("params", "bias"),
    "running_mean": ("stats", "mean"),
    "running_var": ("stats", "variance"),
}
PARTS = {"encoder1": "encoder", "decoder": "decoder", "encoder2": "encoder_again"}


class Entry(NamedTuple):
    """One array in both worlds.

    Attributes:
        name: PyTorch's name.
        path: Keys of ours, the collection first.
        axes: PyTorch's axes in our order.
    """

    name: str
    path: tuple[str, ...]
    axes: tuple[int, ...]


def generator(state: Mapping[str, np.ndarray]) -> PyTree:
    """`{"params", "stats"}` of a `Generator` from a state dict of `NetG`.

    Raises:
        ValueError: If an array is missing or unexpected.
    """
    return _tree(generator_entries(state), state)


def discriminator(state: Mapping[str, np.ndarray]) -> PyTree:
    """`{"params", "stats"}` of a `Discriminator` from a state dict of `NetD`.

    Raises:
        ValueError: If an array is missing or unexpected.
    """
    return _tree(discriminator_entries(state), state)


def named(
    entries: Iterable[Entry], tree: PyTree, collection: str
) -> dict[str, np.ndarray]:
    """Arrays by PyTorch's names from one collection of ours, or its gradient.

    Args:
        entries: Those of the network.
        tree: Tree shaped like the collection.
        collection: `params` or `stats`.
    """
    arrays = {}
    for entry in entries:
        if entry.path[0] == collection:
            leaf = tree
            for key in entry.path[1:]:
                leaf = leaf[key]
            arrays[entry.name] = np.asarray(leaf).transpose(np.argsort(entry.axes))
    return arrays


def generator_entries(names: Iterable[str]) -> list[Entry]:
    """Every array of `NetG` among `names`, counters apart.

    Raises:
        ValueError: If one of the three parts is missing.
    """
    entries = []
    names = list(names)
    for part, ours in PARTS.items():
        listed = [name for name in names if name.startswith(f"{part}.main.")]
        if not listed:
            raise ValueError(f"the checkpoint lacks {part}; is it of another model?")
        layers = DECODER if part == "decoder" else ENCODER
        blocks = sorted(
            {_block(name) for name in listed}, key=lambda b: _rank(b, layers)
        )
        entries += _entries(blocks, listed, ours, part == "decoder")
    return entries


def discriminator_entries(names: Iterable[str]) -> list[Entry]:
    """Every array of `NetD` among `names`, counters apart.

    Raises:
        ValueError: If there is none.
    """
    listed = [name for name in names if re.match(r"(features|classifier)\.\d+\.", name)]
    if not listed:
        raise ValueError("the checkpoint lacks features; is it of another model?")

    def place(block: str) -> tuple[bool, int]:
        kind, number = block.split(".")
        return kind == "classifier", int(number)

    return _entries(
        sorted({_block(name) for name in listed}, key=place), listed, "Encoder_0", False
    )


def _block(name: str) -> str:
    return name.rpartition(".")[0]


def _rank(block: str, layers: tuple[str, ...]) -> tuple[int, int]:
    """Where a block of `NetG` stands; widths grow in encoders and shrink in decoders.

    A convolution is named by both its widths, a norm by the one it normalises; the
    latter is enough, as no two convolutions of a stage give the same.
    """
    name = block.rpartition(".")[2]
    stage = layers.index(name.split("-")[0])
    numbers = [int(number) for number in re.findall(r"\d+", name)]
    if name.startswith("extra"):
        return stage, numbers[0]
    return stage, numbers[-1] * (-1 if layers is DECODER else 1)


def _entries(
    blocks: list[str], names: list[str], ours: str, decoder: bool
) -> list[Entry]:
    """Entries of the blocks of one network, in the order of its layers."""
    norms = [block for block in blocks if f"{block}.running_mean" in names]
    convolutions = [block for block in blocks if block not in norms]
    axes = (2, 3, 0, 1) if decoder else (2, 3, 1, 0)
    inner = () if decoder else ("Features_0",)
    entries = []
    for number, block in enumerate(convolutions):
        last = number == len(convolutions) - 1
        place = ("Conv_0",) if last and not decoder else (*inner, f"Conv_{number}")
        entries.append(
            Entry(f"{block}.weight", ("params", ours, *place, "kernel"), axes)
        )
    for number, block in enumerate(norms):
        place = (*inner, f"Normalise_{number}", "BatchNorm_0")
        for theirs, (collection, leaf) in NUMBERS.items():
            path = (collection, ours, *place, leaf)
            entries.append(Entry(f"{block}.{theirs}", path, (0,)))
    return entries


def _tree(entries: list[Entry], state: Mapping[str, np.ndarray]) -> PyTree:
    wanted = {entry.name for entry in entries}
    counted = (name for name in state if not name.endswith("num_batches_tracked"))
    for name in sorted(wanted.symmetric_difference(counted)):
        what = "lacks" if name in wanted else "holds the unexpected"
        raise ValueError(f"the checkpoint {what} {name!r}")
    tree: dict = {"params": {}, "stats": {}}
    for entry in entries:
        node = tree
        for key in entry.path[:-1]:
            node = node.setdefault(key, {})
        array = np.asarray(state[entry.name], np.float32)
        if array.ndim != len(entry.axes):
            raise ValueError(f"{entry.name!r} has {array.shape=}")
        node[entry.path[-1]] = jnp.asarray(array.transpose(entry.axes))
    return tree
