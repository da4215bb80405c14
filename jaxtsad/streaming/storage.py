"""A stream's state as the bytes of one file: arrays, JSON, a checksum of both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import safetensors.numpy

from jaxtsad import files
from jaxtsad.types import PyTree

SCHEMA = 2


def pack(arrays: Mapping[str, np.ndarray], record: Mapping[str, Any]) -> bytes:
    """Arrays and what JSON can hold as the bytes of a file."""
    whole = {name: np.asarray(a, order="C") for name, a in arrays.items()}
    text = json.dumps({**record, "schema": SCHEMA}, allow_nan=False)
    digest = hashlib.sha256(safetensors.numpy.save(whole) + text.encode()).hexdigest()
    return safetensors.numpy.save(whole, {"record": text, "sha256": digest})


def unpack(content: bytes, path: object) -> tuple[dict[str, np.ndarray], Any]:
    """What `pack` was given.

    Args:
        content: The bytes.
        path: Where they are from, for the error.

    Raises:
        ValueError: If they are no state of a stream, or were damaged.
    """
    try:
        arrays = safetensors.numpy.load(content)
        size = int.from_bytes(content[:8], "little")
        record = json.loads(content[8 : 8 + size])["__metadata__"]
        text = record["record"]
        digest = hashlib.sha256(safetensors.numpy.save(arrays) + text.encode())
        if digest.hexdigest() != record["sha256"]:
            raise ValueError("its checksum is wrong: it was changed or damaged")
        record = json.loads(text)
        if record["schema"] != SCHEMA:
            raise ValueError(f"its schema is {record['schema']}, expected {SCHEMA}")
    except (safetensors.SafetensorError, LookupError, TypeError, ValueError) as error:
        line = " ".join(str(error).split())
        raise ValueError(f"{str(path)!r} is no state of a stream: {line}") from None
    return arrays, record


def read(path: Any) -> tuple[dict[str, np.ndarray], Any]:
    """Reads a file that holds what `pack` gave.

    Raises:
        ValueError: If there is none, or as `unpack` does.
    """
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise ValueError(f"cannot read {str(path)!r}: {files.reason(error)}") from None
    return unpack(content, path)


def leaves(prefix: str, tree: PyTree) -> dict[str, np.ndarray]:
    """The arrays of a tree by number."""
    each = enumerate(jax.tree.leaves(tree))
    return {f"{prefix}/{number}": np.asarray(leaf) for number, leaf in each}


def tree(prefix: str, like: PyTree, arrays: Mapping[str, np.ndarray]) -> PyTree:
    """A tree of the arrays that `leaves` gave, shaped as another.

    Raises:
        ValueError: If they are not those of such a tree.
    """
    flat, structure = jax.tree.flatten(like)
    made = []
    for number, leaf in enumerate(flat):
        array = arrays.get(f"{prefix}/{number}")
        wanted = (leaf.shape, np.dtype(leaf.dtype))
        if array is None or (array.shape, array.dtype) != wanted:
            raise ValueError(
                f"the stream's {prefix} is not of this detector: array {number} is "
                f"{None if array is None else array.shape}, expected {leaf.shape}"
            )
        made.append(jnp.asarray(array))
    return jax.tree.unflatten(structure, made)


def fingerprint(model: PyTree) -> str:
    """What tells one model from another."""
    digest = hashlib.sha256()
    for leaf in jax.tree.leaves(model):
        digest.update(np.ascontiguousarray(leaf).tobytes())
    return digest.hexdigest()


def stamp_out(stamp: Any) -> Any:
    """A time stamp as JSON can hold it."""
    if stamp is None:
        return None
    array = np.asarray(stamp)
    if array.dtype.kind == "M":
        return {"ns": int(array.astype("datetime64[ns]").astype(np.int64))}
    return float(array)


def stamp_in(given: Any) -> Any:
    """The time stamp that `stamp_out` was given."""
    if isinstance(given, dict):
        return np.datetime64(given["ns"], "ns")
    return None if given is None else np.float64(given)
