"""Checkpoints of members that several hosts train, each host its own.

Every fleet writes a folder of its own, a shard, whose checkpoints name their members.
A run that goes on, on as many hosts or others, finds each member in the shard that has
trained it furthest, and reads that member's rows alone. Members that were in one shard
go on together.

Hosts that train members of one federation save them after the same round each, and go
on from the last round that all had saved.

Orbax is for one program on all hosts, of which each saves its part of every array at
the same step. Here members are independent, and hosts are at different steps.
Hosts that share one model are at the same step and hold the same: the first saves it.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import itertools
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
from jaxtsad.training import hosts
from jaxtsad.training.checkpoints import (
    Checkpoints,
    check_identity,
    check_runtime,
    runtime_info,
)
from jaxtsad.training.hosts import Hosts
from jaxtsad.types import PyTree

ARRAYS, RECORD = "arrays.safetensors", "record.json"
OF_ALL = ("where", "spent")
"""What of a training loop's tree is not by member."""
KEPT = 2

Name = tuple[str, int]
"""A member: of which entity, and its seed."""


class _Found(NamedTuple):
    """A checkpoint, and where in it some wanted members are.

    Attributes:
        folder: Where it is.
        wanted: Which of the wanted members it has.
        rows: Where these are in its arrays.
    """

    folder: pathlib.Path
    wanted: list[int]
    rows: list[int]


class _Row(NamedTuple):
    """Where a member is: a checkpoint and its row in the arrays there."""

    folder: pathlib.Path
    row: int


class Shards:
    """The shards of a group of members, below one folder that all hosts see.

    Args:
        folder: The folder.
        identity: What is trained; shards of something else are refused.
        members: The members of this host, in order.
        attempt: How often the run was begun or gone on with, which all hosts know.
        hosts: Which of them this is, among how many.
        in_step: Whether all hosts train every member together, one after another.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        identity: dict[str, Any],
        members: Sequence[Name],
        attempt: int,
        hosts: Hosts,
        in_step: bool = False,
    ) -> None:
        self._folder, self._identity = folder, identity
        self._members, self._attempt, self._hosts = list(members), attempt, hosts
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
        fresh = [place for place in range(members) if place not in known]
        each = [(one.wanted, [one]) for one in found]
        if self._in_step:
            each += [([place], []) for place in fresh]
        elif fresh:
            each.append((fresh, []))
        return [
            (
                places,
                self._shard(
                    number,
                    [self._members[place] for place in places],
                    [_Row(one.folder, row) for one in source for row in one.rows],
                ),
            )
            for number, (places, source) in enumerate(each)
        ]

    def of_federation(self) -> Shard:
        """The shard of all members of this host, which go on where all hosts can.

        That is the last round after which every host of an attempt had saved: a host
        saves no round before the others have saved the one before.

        Raises:
            ValueError: If a checkpoint is of another model or cannot be read.
        """
        saved: dict[Any, dict[int, tuple[pathlib.Path, dict[str, Any]]]] = {}
        for folder, record in _checkpoints(self._folder, self._attempt, KEPT):
            check_identity(folder, record["identity"], self._identity)
            where = tuple(record["where"]), _attempt(folder.parent)
            saved.setdefault(where, {})[record["host"]] = folder, record
        whole = [
            where
            for where, each in saved.items()
            if len(each) == next(iter(each.values()))[1]["hosts"]
        ]
        rows: dict[Name, _Row] = {}
        if whole:
            for folder, record in saved[max(whole)].values():
                for row, (entity, seed) in enumerate(record["members"]):
                    rows[entity, seed] = _Row(folder, row)
        sources = [rows[name] for name in self._members] if rows else []
        return self._shard(0, self._members, sources)

    def _shard(
        self, number: int, members: Sequence[Name], sources: Sequence[_Row]
    ) -> Shard:
        writes = not self._in_step or self._hosts.first
        return Shard(
            self._folder / f"{self._attempt}-{self._hosts.host}-{number}",
            self._identity,
            members,
            sources,
            self._hosts,
            writes,
        )

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
                found.append(_Found(folder, wanted, rows))
        return found


class Shard:
    """The checkpoints of one fleet; offers what `Checkpoints` does."""

    def __init__(
        self,
        folder: pathlib.Path,
        identity: dict[str, Any],
        members: Sequence[Name],
        sources: Sequence[_Row],
        hosts: Hosts,
        writes: bool,
    ) -> None:
        self.folder, self._identity = folder, identity
        self._members, self._sources = list(members), sources
        self._hosts, self._writes = hosts, writes

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
            "host": self._hosts.host,
            "hosts": self._hosts.number,
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
        if not self._sources:
            return None
        names = _named(template)
        folders = dict.fromkeys(each.folder for each in self._sources)
        try:
            with contextlib.ExitStack() as opened:
                opened_files = {}
                for folder in folders:
                    check_runtime(_record(folder)["runtime"])
                    path = folder / ARRAYS
                    opened_files[folder] = opened.enter_context(
                        safetensors.safe_open(path, "np")
                    )
                rows = [(opened_files[folder], row) for folder, row in self._sources]
                read = {
                    name: _restored(rows, name, leaf) for name, leaf in names.items()
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
        tree["progress"]["active"][len(self._sources) :] = False
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
    folder: pathlib.Path, attempt: int, most: int = 1
) -> Iterator[tuple[pathlib.Path, dict[str, Any]]]:
    """The newest whole checkpoints, at `most` so many, of each earlier shard."""
    for shard in sorted(folder.glob("*-*-*")):
        if _attempt(shard) < attempt:
            yield from itertools.islice(_whole(shard), most)


def _whole(shard: pathlib.Path) -> Iterator[tuple[pathlib.Path, dict[str, Any]]]:
    """The whole checkpoints of a shard, the newest first."""
    for place in sorted(shard.glob("*"), reverse=True):
        with contextlib.suppress(OSError, ValueError, KeyError):
            record = _record(place)
            if _checksum(place / ARRAYS) == record["arrays"]:
                yield place, record


def _record(checkpoint: pathlib.Path) -> dict[str, Any]:
    record: dict[str, Any] = files.unsealed((checkpoint / RECORD).read_bytes())
    return record


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


def _restored(rows: Sequence[tuple[Any, int]], name: str, leaf: Any) -> Any:
    """An array of rows of files, or what of a file is of no member, where the leaf is.

    The first row fills up devices.
    """
    if any(name.startswith(f"['{each}']") for each in OF_ALL):
        return rows[0][0].get_tensor(name)
    wanted = [*rows, *rows[:1] * (leaf.shape[0] - len(rows))]
    read: Any = np.concatenate(
        [file.get_slice(name)[row : row + 1] for file, row in wanted]
    )
    if _is_key(leaf):
        read = jax.random.wrap_key_data(read)
    if read.shape != leaf.shape or read.dtype != leaf.dtype:
        raise ValueError(f"{name} is {read.dtype}{read.shape}, not of this model")
    placed = leaf.sharding is not None
    return hosts.put(read, leaf.sharding) if placed else np.array(read)
