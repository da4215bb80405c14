"""What a detector looks at around one step, or in one sample, as arrays."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.ops import aggregate, windows
from jaxtsad.pipeline.members import Fitted, keys_of
from jaxtsad.pipeline.scoring import outputs
from jaxtsad.pipeline.setup import view
from jaxtsad.training import fleet, scoring
from jaxtsad.types import Array, Batch, PyTree, Split

ALONG = ("sigma", "discrepancy")
ASSOCIATIONS = ("series", "prior")


def inspect(
    fitted: Fitted, member: int, part: Split, step: int
) -> dict[str, np.ndarray]:
    """Looks inside a detector in the window around a step, or in a sample.

    Args:
        fitted: The members.
        member: Which of them.
        part: A scaled part `[T, C]`, or of samples `[N, ...]`.
        step: The step, in [0, T), or the sample, in [0, N).

    Returns:
        What the detector's `inspect` says of that window or sample, without a batch
        axis, and: `step`; `start`, the window's first step (below 0 where a short
        series was extended); `values` `[L, C]`, scaled, or the sample; `score` `[L]` of
        this window alone; where the detector explains itself `explain` `[L, C]`, which
        sums to it; and where it has them `sigma_along` `[T, N, H]` and
        `discrepancy_along` `[T, N]`, means over all windows that cover a step.

    Raises:
        ValueError: If the detector offers no inspection or the step is outside.
    """
    detector = fitted.detector
    if detector.inspect is None:
        raise ValueError(f"{fitted.setup.detector} has nothing to look into")
    if not 0 <= step < len(part):
        raise ValueError(f"{step=} must be in [0, {len(part)})")
    if part.breaks:
        return _of_piece(fitted, member, part, step)
    length = fitted.setup.window if fitted.setup.series else 1
    longer = part.map(lambda values: windows.extend(values, length))
    added = len(longer) - len(part)
    start = min(max(step + added - length // 2, 0), len(longer) - length)
    window = longer.map(lambda values: values[start : start + length])
    shown = view(fitted.setup, fitted.layout, [window])
    batch = shown.take(jnp.zeros(1, jnp.int32))
    key = jax.random.fold_in(keys_of(fitted.members)[member], 1)
    model = fleet.member(fitted.model, member)

    @jax.jit
    def everything(keys: Array, model: PyTree, batch: Batch) -> dict[str, Array]:
        assert detector.inspect is not None
        seen = dict(detector.inspect(keys, model, batch))
        seen["score"] = detector.score(keys, model, batch)
        if detector.explain is not None:
            seen["explain"] = detector.explain(keys, model, batch)
        return seen

    seen = {
        name: np.asarray(leaf[0])
        for name, leaf in everything(key[None], model, batch).items()
    }
    seen["values"] = np.asarray(window.values)
    if not fitted.setup.series:
        seen["values"] = seen["values"][0]
    if all(name in seen for name in ALONG):
        seen |= _along(fitted, member, longer, seen, added)
    return seen | {"step": np.array(step), "start": np.array(start - added)}


def associations(
    fitted: Fitted, member: int, part: Split, steps: Sequence[int]
) -> list[dict[str, Any]]:
    """What an Anomaly Transformer associates steps with, each in its own window.

    Args:
        fitted: The members.
        member: Which of them.
        part: A scaled part `[T, C]`.
        steps: Steps of it.

    Returns:
        Of each step `step`; `start`, its window's first step; `series` and `prior`,
        that step's rows `[L]`, means over layers and heads. Empty for other detectors,
        and of steps in pieces shorter than a window.
    """
    inspect_, length = fitted.detector.inspect, fitted.setup.window
    if inspect_ is None or not fitted.setup.series:
        return []
    key = jax.random.fold_in(keys_of(fitted.members)[member], 1)
    model = fleet.member(fitted.model, member)

    @jax.jit
    def rows(keys: Array, model: PyTree, batch: Batch, row: int) -> dict[str, Array]:
        seen: Any = inspect_(keys, model, batch)
        wanted = {name: seen[name] for name in ASSOCIATIONS if name in seen}
        return {
            name: jnp.mean(leaf, axis=tuple(range(leaf.ndim - 2)))[row]
            for name, leaf in wanted.items()
        }

    made = []
    for step in steps:
        first, stop = next(piece for piece in part.pieces if step < piece[1])
        if stop - first < length:
            continue
        start = min(max(step - length // 2, first), stop - length)
        window = part.map(operator.itemgetter(slice(start, start + length)), ())
        batch = view(fitted.setup, fitted.layout, [window]).take(
            jnp.zeros(1, jnp.int32)
        )
        seen = rows(key[None], model, batch, step - start)
        if not seen:
            return []
        lists = {name: np.round(row, 5).tolist() for name, row in seen.items()}
        made.append({"step": int(step), "start": int(start), **lists})
    return made


def reconstructions(fitted: Fitted, part: Split) -> np.ndarray | None:
    """What a detector makes of each sample, shaped like the part `[N, ...]`.

    Args:
        fitted: One member.
        part: Scaled samples.

    Returns:
        Reconstructions; None of a detector that makes none of whole samples. A
        detector that searches from random starts draws others than for its scores.
    """
    if fitted.detector.inspect is None:
        return None
    made = outputs(fitted, [part], "inspect")[0].get("reconstruction")
    shape = np.shape(part.values)
    if made is None or np.size(made) != np.prod(shape):
        return None
    return np.asarray(made).reshape(shape)


def _of_piece(
    fitted: Fitted, member: int, part: Split, step: int
) -> dict[str, np.ndarray]:
    """The same, within the piece between gaps that holds the step; NaN elsewhere."""
    first, stop = next(piece for piece in part.pieces if step < piece[1])
    piece = part.map(lambda values: values[first:stop], ())
    seen = inspect(fitted, member, piece, step - first)
    for name in seen.keys() & {f"{name}_along" for name in ALONG}:
        along = np.full((len(part), *seen[name].shape[1:]), np.nan, np.float32)
        along[first:stop] = seen[name]
        seen[name] = along
    return seen | {name: seen[name] + first for name in ("step", "start")}


def _along(
    fitted: Fitted,
    member: int,
    part: Split,
    seen: dict[str, np.ndarray],
    added: int,
) -> dict[str, np.ndarray]:
    """Widths and discrepancies of the whole part, folded like a score."""
    detector, setup = fitted.detector, fitted.setup
    shapes = {name: seen[name].shape[:-1] for name in ALONG}

    def flat(keys: Array, model: PyTree, batch: Batch) -> Array:
        assert detector.inspect is not None
        seen: Any = detector.inspect(keys, model, batch)
        pieces = [
            jnp.moveaxis(seen[name], -1, 1).reshape(len(batch.weight), setup.window, -1)
            for name in ALONG
        ]
        return jnp.concatenate(pieces, axis=-1)

    stacked = fleet.stack(
        [view(setup, fitted.layout, [part], stride=setup.scoring_stride)],
        bucketed=True,
    )
    scored = scoring.run(
        keys_of(fitted.members)[member : member + 1],
        detector._replace(score=flat),
        jax.tree.map(lambda leaf: leaf[member : member + 1], fitted.model),
        stacked,
        batch_size=setup.scoring_batch_size,
    )
    steps = aggregate.aggregate(
        scored[0],
        stacked.starts[0],
        stacked.weight[0],
        steps=stacked.values.shape[1],
        length=setup.window,
    )
    table = np.asarray(steps)[added : len(part)]
    border = int(np.prod(shapes["sigma"]))
    return {
        "sigma_along": table[:, :border].reshape(-1, *shapes["sigma"]),
        "discrepancy_along": table[:, border:].reshape(-1, *shapes["discrepancy"]),
    }
