"""Runs a detector's score over every window of every member, without gradient state."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from jaxtsad.training import fleet, programs
from jaxtsad.types import Array, Batch, Detector, Key, PyTree

OUTPUTS = ("score", "explain", "inspect")
PARTS = "parts"


def run(
    keys: Key,
    detector: Detector,
    model: PyTree,
    views: Any,
    *,
    batch_size: int = 32,
    output: str = "score",
    members: str = "auto",
    counts: np.ndarray | None = None,
    first: np.ndarray | None = None,
) -> Any:
    """Scores (or explains, or inspects) all windows of all members.

    Args:
        keys: `[M]` typed keys; sample i of a member gets `fold_in(key, i)`, so a score
            does not depend on what else is in its batch.
        detector: Whose function to run.
        model: Models stacked `[M, ...]`.
        views: Views stacked `[M, ...]`, padded at the end.
        batch_size: Windows per call B.
        output: `score`, `explain` or `inspect`.
        members: How members share a program (see `fleet.lift`).
        counts: `[M]` windows to score of each member; what follows stays 0. None for
            all.
        first: `[M]` number of each member's first sample among its own, where a view
            holds only some of them; None for 0.

    Returns:
        The outputs with leading axes `[M, N]`, on the host.

    Raises:
        ValueError: If the detector has no such output.
    """
    if output not in OUTPUTS or getattr(detector, output) is None:
        have = [name for name in OUTPUTS if getattr(detector, name) is not None]
        raise ValueError(f"{output=} is not offered; the choices are {', '.join(have)}")
    number = fleet.members_of(views)
    if counts is None:
        counts = np.full(number, views.size)
    shared = batch_size if detector.rows or detector.in_turn else 0
    devices = fleet.devices_for(number, shared)
    placed = fleet.place((keys, model, views), devices)
    chunks = np.zeros(fleet.members_of(placed), np.int32)
    chunks[:number] = -(-np.asarray(counts) // batch_size)
    # Closed forms gain nothing by being compiled with options.
    takes_steps = detector.steps(fleet.member(views, 0)) > 0
    program = _program(
        detector, output, batch_size, len(chunks), members, devices, takes_steps
    )
    offsets = np.zeros(len(chunks), np.int32)
    offsets[:number] = 0 if first is None else first
    out = jax.tree.map(np.asarray, program(*placed, chunks, offsets))
    if _is_split(len(chunks), devices):
        out = jax.tree.map(
            lambda leaf: _in_order(leaf, len(devices), batch_size)[None], out
        )
    # Cut on the host, where no size has to be compiled for.
    return jax.tree.map(lambda leaf: leaf[:number, : views.size], out)


def run_series(
    detector: Detector,
    model: PyTree,
    values: np.ndarray,
    lengths: np.ndarray,
    *,
    output: str = "score",
    members: str = "auto",
) -> np.ndarray:
    """Scores (or explains) a whole series of every member.

    Args:
        detector: One that offers `series`.
        model: Models stacked `[M, ...]`.
        values: `[M, T, C]`, padded at the end.
        lengths: `[M]` steps that each series has.
        output: `score` or `explain`.
        members: How members share a program (see `fleet.lift`).

    Returns:
        `[M, T]` scores or `[M, T, C]` explanations, on the host.

    Raises:
        ValueError: If there is no such output.
    """
    if output not in ("score", "explain"):
        raise ValueError(f"{output=} is not offered; the choices are score, explain")
    number = len(values)
    devices = fleet.devices_for(number)
    given = (model, values, np.asarray(lengths, np.int32))
    placed = fleet.place(given, devices)
    count = fleet.members_of(placed)
    program = _series_program(detector, output, count, members, devices)
    return np.asarray(program(*placed))[:number]


@functools.lru_cache(maxsize=programs.KEPT)
def _series_program(
    detector: Detector, output: str, number: int, members: str, devices: fleet.Devices
) -> Callable[..., Array]:
    scored = detector.series
    assert scored is not None

    def of_member(model: PyTree, values: Array, length: Array) -> Array:
        parts = scored(model, values, length)
        return parts if output == "explain" else parts.sum(axis=-1)

    lifted = fleet.lift(of_member, number, members, devices)
    return jax.jit(lifted, compiler_options=programs.options_for(detector, number))


@functools.lru_cache(maxsize=programs.KEPT)
def _program(
    detector: Detector,
    output: str,
    batch_size: int,
    number: int,
    members: str,
    devices: fleet.Devices,
    takes_steps: bool,
) -> Callable[..., Any]:
    # Traced once, though its shapes are asked for first.
    function = jax.jit(getattr(detector, output), inline=True)

    split = _is_split(number, devices)
    parts = len(devices) if split else 1

    def scored(
        part: Array | int,
        key: Key,
        model: PyTree,
        view: Any,
        chunks: Array,
        first: Array,
    ) -> PyTree:
        rows = -(-view.size // (parts * batch_size)) * batch_size
        last = view.size - 1

        def chunk(number: Array) -> PyTree:
            start = (number * parts + part) * batch_size
            index = start + jnp.arange(batch_size, dtype=jnp.int32)
            batch: Batch = view.take(jnp.minimum(index, last))
            row_keys = jax.vmap(functools.partial(jax.random.fold_in, key))(
                batch.index + first
            )
            return function(row_keys, model, batch)

        shapes = jax.eval_shape(chunk, jnp.int32(0))
        out = jax.tree.map(lambda s: jnp.zeros((rows, *s.shape[1:]), s.dtype), shapes)

        def put(number: Array, out: PyTree) -> PyTree:
            return jax.tree.map(
                lambda scores, part: jax.lax.dynamic_update_slice_in_dim(
                    scores, part, number * batch_size, axis=0
                ),
                out,
                chunk(number),
            )

        return jax.lax.fori_loop(0, (chunks - part + parts - 1) // parts, put, out)

    def on_device(*stacked: Any) -> PyTree:
        return scored(jax.lax.axis_index(PARTS), *fleet.member(stacked, 0))

    if split:
        lifted = jax.shard_map(
            on_device,
            mesh=Mesh(np.array(devices), (PARTS,)),
            in_specs=PartitionSpec(),
            out_specs=PartitionSpec(PARTS),
            check_vma=False,
        )
    else:
        lifted = fleet.lift(functools.partial(scored, 0), number, members, devices)
    options = programs.options_for(detector, number) if takes_steps else None
    return jax.jit(lifted, compiler_options=options)


def _is_split(number: int, devices: fleet.Devices) -> bool:
    """Whether devices of this host take turns with the batches of one member.

    Each scores whole batches and none waits for another, as they do where they share
    the rows of a batch.
    """
    return number == 1 and len(devices) > 1 and not fleet.spans_hosts(devices)


def _in_order(leaf: np.ndarray, parts: int, batch_size: int) -> np.ndarray:
    """Outputs `[N, ...]` of devices one after another in the order of their samples.

    Example:
        >>> _in_order(np.array([0, 1, 4, 5, 2, 3, 6, 7]), 2, 2).tolist()
        [0, 1, 2, 3, 4, 5, 6, 7]
    """
    batches = leaf.reshape(parts, -1, batch_size, *leaf.shape[1:])
    return batches.swapaxes(0, 1).reshape(leaf.shape)
