"""Latent search over sets of any size: a chunk at a time, resumable at any moment."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.training import latent_search
from jaxtsad.training.latent_search import Found, Generate, Search
from jaxtsad.types import Array, Key, PyTree

RECORD = "search.json"


def search(
    how: Search,
    generate: Generate,
    params: PyTree,
    samples: np.ndarray,
    key: Key,
    latent: int,
    *,
    folder: str | os.PathLike[str] | None = None,
    chunk: int | None = None,
    status: Callable[[int, int], None] = lambda done, count: None,
) -> Found:
    """Searches for all samples by one compiled program, chunk after chunk.

    Sample i starts from `fold_in(key, i)`, whatever the chunks are. With a folder every
    finished chunk is written there, and a later call with the same arguments goes on
    behind the last one.

    Args:
        how: The search.
        generate: The generator in evaluation mode.
        params: Its trained parameters.
        samples: `[N, ...]`, in memory or a memory map.
        key: Of the starts.
        latent: Latent width Z.
        folder: Where finished chunks are kept.
        chunk: Samples at a time; None for as many as the memory budget allows.
        status: Called with the number of finished samples and N.

    Returns:
        The findings `[N, R, ...]` as NumPy arrays.

    Raises:
        ValueError: If there are no samples, or the folder is of another search.
    """
    count = len(samples)
    if not count:
        raise ValueError("there is no sample to search for")
    room = latent_search.chunk_size(how, generate, params, latent)
    size = chunk or min(count, room)
    place = None if folder is None else pathlib.Path(folder)
    if place is not None:
        _claim(place, _identity(how, params, samples, key, size))

    @jax.jit
    def run(params: PyTree, few: Array, index: Array) -> Found:
        keys = jax.vmap(functools.partial(jax.random.fold_in, key))(index)
        codes = jax.vmap(lambda key: latent_search.starts(key, how.restarts, latent))(
            keys
        )
        return latent_search.search(how, generate, params, few, codes, chunk=size)

    parts = []
    for first in range(0, count, size):
        path = None if place is None else place / f"chunk_{first:09d}.npz"
        found = None if path is None else _kept(path)
        if found is None:
            # The last chunk is filled up, so that one program serves all.
            index = np.minimum(np.arange(first, first + size), count - 1)
            few = jnp.asarray(np.asarray(samples[index], np.float32))
            made = run(params, few, jnp.asarray(index, jnp.int32))
            found = _first(made, min(size, count - first))
            if path is not None:
                _keep(path, found)
        parts.append(found)
        status(min(first + size, count), count)
    whole: Found = jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)
    return whole


def _first(made: Found, rows: int) -> Found:
    found: Found = jax.tree.map(lambda leaf: np.asarray(leaf)[:rows], made)
    return found


def _identity(
    how: Search, params: PyTree, samples: np.ndarray, key: Key, size: int
) -> dict[str, Any]:
    """What makes two searches the same; of the samples their shape and two rows."""
    digest = hashlib.sha256()
    for leaf in jax.tree.leaves(params):
        digest.update(np.asarray(leaf).tobytes())
    for row in (samples[0], samples[-1]):
        digest.update(np.ascontiguousarray(row).tobytes())
    digest.update(np.asarray(jax.random.key_data(key)).tobytes())
    return {
        "search": json.loads(json.dumps(dataclasses.asdict(how))),
        "samples": list(samples.shape),
        "chunk": size,
        "sha256": digest.hexdigest(),
    }


def _claim(folder: pathlib.Path, identity: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / RECORD
    if not record.exists():
        record.write_text(json.dumps(identity, indent=1))
        return
    there = json.loads(record.read_text())
    for name, value in identity.items():
        if there.get(name) != value:
            raise ValueError(
                f"{str(folder)!r} holds another search: its {name} differs; name "
                "another folder"
            )


def _kept(path: pathlib.Path) -> Found | None:
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as arrays:
        return Found(*(arrays[name] for name in Found._fields))


def _keep(path: pathlib.Path, found: Found) -> None:
    beside = path.with_name(f".{path.name}")
    arrays: dict[str, Any] = found._asdict()
    with open(beside, "wb") as file:
        np.savez(file, **arrays)
    beside.replace(path)
