"""Checkpoints of members that several hosts train, each host its own.

Every fleet writes a folder of its own, a shard, whose checkpoints name their members.
A run that goes on, on as many hosts or others, finds each member in the shard that has
trained it furthest, and reads that member's rows alone. Members that were in one shard
go on together.

Orbax is for one program on all hosts, of which each saves its part of every array at
the same step. Here members are independent, and hosts are at different steps.
Hosts that share one model are at the same step and hold the same: the first saves it.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import pathlib
import shutil
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import safetensors
import safetensors.numpy

from jaxtsad import files
from jaxtsad.training import fleet
from jaxtsad.training.checkpoints import (
    Checkpoints,
    check_identity,
    check_runtime,
    runtime_info,
)
from jaxtsad.types import PyTree

ARRAYS, RECORD = "arrays.safetensors", "record.json"
OF_ALL = ("where", "spent")
"""What of a training loop's tree is not by member."""
KEPT = 2

Name = tuple[str, int]
"""A member: of which entity, and its seed."""


class _Found(NamedTuple):
    """A checkpoint, how far it is, and where in it some wanted members are.

    Attributes:
        folder: Where it is.
        record: What it says of itself.
        wanted: Which of the wanted members it has.
        rows: Where these are in its arrays.
    """

    folder: pathlib.Path
    record: dict[str, Any]
    wanted: list[int]
    rows: list[int]


class Shards:
    """The shards of a group of members, below one folder that all hosts see.

    Args:
        folder: The folder.
        identity: What is trained; shards of something else are refused.
        members: The members of this host, in order.
        attempt: How often the run was begun or gone on with, which all hosts know.
        host: Which of them this is.
        in_step: Whether all hosts train every member together, one after another.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        identity: dict[str, Any],
        members: Sequence[Name],
        attempt: int,
        host: int,
        in_step: bool = False,
    ) -> None:
        self._folder, self._identity = folder, identity
        self._members, self._attempt, self._host = list(members), attempt, host
        self._in_step = in_step

    def of_part(self, name: str) -> Shards:
        """Shards of one of several things that are trained in turn."""
        part = copy.copy(self)
        part._folder = self._folder.with_name(f"{self._folder.name}_{name}")
        return part

    def close(self) -> None:
        """Releases nothing: files are closed once they are written."""

    def fleets(self, members: int) -> list[tuple[list[int], Shard]]:
        """Members that train together, by position, each with its shard.

        Raises:
            ValueError: If a checkpoint is of another model or cannot be read.
        """
        assert members == len(self._members)
        found = self._newest()
        known = {place for one in found for place in one.wanted}
        groups = [(one.wanted, one) for one in found]
        fresh = [place for place in range(members) if place not in known]
        each: list[tuple[list[int], _Found | None]] = [*groups]
        if self._in_step:
            each += [([place], None) for place in fresh]
        elif fresh:
            each.append((fresh, None))
        return [
            (
                places,
                Shard(
                    self._folder / f"{self._attempt}-{self._host}-{number}",
                    self._identity,
                    [self._members[place] for place in places],
                    source,
                    writes=not self._in_step or self._host == 0,
                ),
            )
            for number, (places, source) in enumerate(each)
        ]

    def _newest(self) -> list[_Found]:
        """Checkpoints that together hold each member as far as it has come."""
        records = list(_checkpoints(self._folder, self._attempt))
        for folder, record in records:
            check_identity(folder, record["identity"], self._identity)
        records.sort(key=lambda pair: pair[1]["where"], reverse=True)
        left = {name: place for place, name in enumerate(self._members)}
        found = []
        for folder, record in records:
            names = [(entity, seed) for entity, seed in record["members"]]
            rows = [row for row, name in enumerate(names) if name in left]
            if rows:
                wanted = [left.pop(names[row]) for row in rows]
                found.append(_Found(folder, record, wanted, rows))
        return found


class Shard:
    """The checkpoints of one fleet; offers what `Checkpoints` does."""

    def __init__(
        self,
        folder: pathlib.Path,
        identity: dict[str, Any],
        members: Sequence[Name],
        source: _Found | None,
        writes: bool,
    ) -> None:
        self.folder, self._identity = folder, identity
        self._members, self._source = list(members), source
        self._writes = writes

    def save(self, step: int, tree: PyTree) -> None:
        """Saves `tree` as step `step`, unless that step is there already.

        Raises:
            ValueError: If the disk refuses; the previous checkpoint stays.
        """
        place = self.folder / f"{step:012d}"
        if not self._writes or (place / RECORD).exists():
            return
        arrays = {name: _plain(leaf) for name, leaf in _named(tree).items()}
        content = safetensors.numpy.save(arrays)
        record = {
            "identity": self._identity,
            "runtime": runtime_info(),
            "members": self._members,
            "where": [int(number) for number in tree["where"][:2]],
            "arrays": hashlib.sha256(content).hexdigest(),
        }
        files.write_bytes(place / ARRAYS, content)
        files.write_bytes(place / RECORD, files.sealed(record))
        for old in sorted(self.folder.iterdir())[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)

    def restore(self, template: PyTree) -> PyTree | None:
        """The members' rows of what they go on from, as a tree like the template.

        Raises:
            ValueError: If it cannot be read.
        """
        if self._source is None:
            return None
        folder, rows = self._source.folder, self._source.rows
        names = _named(template)
        check_runtime(self._source.record["runtime"])
        try:
            with safetensors.safe_open(folder / ARRAYS, "np") as file:
                read = {
                    name: _restored(file, name, leaf, rows)
                    for name, leaf in names.items()
                }
        except (OSError, KeyError, ValueError, safetensors.SafetensorError) as error:
            line = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ValueError(
                f"checkpoint {str(folder)!r} cannot be read ({line}); delete it to go "
                "on from the one before"
            ) from None
        tree = jax.tree.unflatten(
            jax.tree.structure(template), [read[name] for name in names]
        )
        # Copies that fill up devices train nothing.
        tree["progress"]["active"][len(rows) :] = False
        return tree

    def close(self) -> None:
        """Releases nothing: files are closed once they are written."""


AnyCheckpoints: TypeAlias = Checkpoints | Shards


def clean(folder: pathlib.Path, attempt: int) -> None:
    """Removes the shards of earlier attempts, once a later one has finished."""
    for path in folder.glob("*-*-*"):
        if _attempt(path) < attempt:
            shutil.rmtree(path, ignore_errors=True)


def _attempt(shard: pathlib.Path) -> int:
    return int(shard.name.split("-")[0])


def _checkpoints(
    folder: pathlib.Path, attempt: int
) -> Iterator[tuple[pathlib.Path, dict[str, Any]]]:
    """The newest whole checkpoint of every shard of earlier attempts."""
    for shard in sorted(folder.glob("*-*-*")):
        if _attempt(shard) >= attempt:
            continue
        for place in sorted(shard.glob("*"), reverse=True):
            with contextlib.suppress(OSError, ValueError, KeyError):
                record = files.unsealed((place / RECORD).read_bytes())
                if _checksum(place / ARRAYS) == record["arrays"]:
                    yield place, record
                    break


def _checksum(path: pathlib.Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _named(tree: PyTree) -> dict[str, Any]:
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {jax.tree_util.keystr(path): leaf for path, leaf in leaves}


def _is_key(leaf: Any) -> bool:
    return bool(jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key))


def _plain(leaf: Any) -> np.ndarray:
    data = jax.random.key_data(leaf) if _is_key(leaf) else leaf
    return np.ascontiguousarray(data)


def _restored(file: Any, name: str, leaf: Any, rows: Sequence[int]) -> Any:
    """An array of the file, or of it the rows of some members, where the leaf is."""
    if any(name.startswith(f"['{each}']") for each in OF_ALL):
        return file.get_tensor(name)
    part = file.get_slice(name)
    wanted = [*rows, *[rows[0]] * (leaf.shape[0] - len(rows))]
    read: Any = np.concatenate([part[row : row + 1] for row in wanted])
    if _is_key(leaf):
        read = jax.random.wrap_key_data(read)
    if read.shape != leaf.shape or read.dtype != leaf.dtype:
        raise ValueError(f"{name} is {read.dtype}{read.shape}, not of this model")
    placed = leaf.sharding is not None
    return fleet.put(read, leaf.sharding) if placed else np.array(read)
