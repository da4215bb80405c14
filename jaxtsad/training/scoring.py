"""Runs a detector's score over every window of every member, without gradient state."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.training import fleet, programs
from jaxtsad.types import Array, Batch, Detector, Key, PyTree

OUTPUTS = ("score", "explain", "inspect")


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
    shared = batch_size if detector.rows else 0
    devices = fleet.devices_for(number, shared)
    placed = fleet.place((keys, model, views), devices)
    chunks = np.zeros(fleet.members_of(placed), np.int32)
    chunks[:number] = -(-np.asarray(counts) // batch_size)
    # Closed forms gain nothing by being compiled otherwise alone than with others.
    alone = number == 1 and detector.steps(fleet.member(views, 0)) > 0
    program = _program(
        detector, output, batch_size, len(chunks), members, devices, alone
    )
    offsets = np.zeros(len(chunks), np.int32)
    offsets[:number] = 0 if first is None else first
    out = program(*placed, chunks, offsets)
    # Cut on the host, where no size has to be compiled for.
    return jax.tree.map(lambda leaf: np.asarray(leaf)[:number, : views.size], out)


@functools.lru_cache(maxsize=64)
def _program(
    detector: Detector,
    output: str,
    batch_size: int,
    number: int,
    members: str,
    devices: int,
    alone: bool,
) -> Callable[..., Any]:
    # Traced once, though its shapes are asked for first.
    function = jax.jit(getattr(detector, output), inline=True)

    def scored(
        key: Key, model: PyTree, view: Any, chunks: Array, first: Array
    ) -> PyTree:
        rows = -(-view.size // batch_size) * batch_size
        last = view.size - 1

        def chunk(number: Array) -> PyTree:
            index = number * batch_size + jnp.arange(batch_size, dtype=jnp.int32)
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

        return jax.lax.fori_loop(0, chunks, put, out)

    lifted = fleet.lift(scored, number, members, devices)
    return jax.jit(
        lifted, compiler_options=programs.compiler_options() if alone else None
    )
