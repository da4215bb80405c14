"""What an exported detector runs: functions of arrays with the trained model inside.

A detector of windows or samples becomes a function of a batch of any size; one of whole
series, and a score head, a function of pieces of so many steps that those around a step
that count are in one. What surrounds them is in `scorer`, in NumPy.

Shape letters: B batch, P steps of a piece, L window length, C channels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.evaluation.scoring import tail
from jaxtsad.evaluation.scoring.tail import Calibration
from jaxtsad.ops.windows import ALIGNED
from jaxtsad.pipeline import heads, members
from jaxtsad.pipeline.members import Fitted
from jaxtsad.training import fleet
from jaxtsad.types import Array, Batch

Arrays = dict[str, Array]
ANY = "B"
"""Stands for the size of a batch, which is open."""
PIECES = 8
"""Steps of a piece are so many times those around a step that count."""


class Program(NamedTuple):
    """A function to be exported.

    Attributes:
        file: Name of its file, without an ending.
        function: Of arrays by name.
        inputs: Shape and type of each; `ANY` stands for the size of a batch.
        how: How `scorer` calls it.
    """

    file: str
    function: Callable[[Arrays], Array]
    inputs: Mapping[str, tuple[tuple[Any, ...], str]]
    how: Mapping[str, Any]


def of_detector(fitted: Fitted, file: str) -> Program:
    """The detector of one member, as its score head takes its scores.

    Args:
        fitted: One member, no ensemble.
        file: Name of the file.
    """
    setup, layout, detector = fitted.setup, fitted.layout, fitted.detector
    model = _alone(fitted.model)
    output = heads.source(setup)
    series = detector.series
    if series is not None:
        steps, reach = _piece(detector.reach)

        def of_piece(given: Arrays) -> Array:
            parts = series(_on_device(model), given["values"], given["length"])
            return parts if output == "explain" else parts.sum(axis=-1)

        inputs = _of_piece({"values": layout.shape}, steps)
        how = {"kind": "pieces", "steps": steps, "reach": reach, "window": setup.window}
        return Program(file, of_piece, inputs, how)

    score: Any = getattr(detector, output)
    [key] = np.asarray(jax.random.key_data(members.scoring_keys(fitted.members)))
    shape = (layout.window, layout.channels)

    def of_batch(given: Arrays) -> Array:
        known, base = _on_device(model), jax.random.wrap_key_data(jnp.asarray(key))

        def of_row(values: Array, index: Array) -> Array:
            seen = values.reshape(shape) if layout.layout == "window" else values
            weight = jnp.ones(1, jnp.float32)
            batch = Batch(seen[None], weight, index[None], 0 * weight)
            scores = score(jax.random.fold_in(base, index)[None], known, batch)[0]
            return scores if setup.series else scores.mean()

        # Row by row, so that a detector need not know of a batch of any size.
        return jax.vmap(of_row)(given["values"], given["index"])

    rows = shape if setup.series else layout.shape
    inputs = {"values": ((ANY, *rows), "float32"), "index": ((ANY,), "int32")}
    how = {"kind": "samples", "batch": setup.scoring_batch_size}
    if setup.series:
        how |= {"kind": "windows", "window": setup.window, "tail": setup.tail}
        how |= {"stride": setup.scoring_stride, "aggregate": setup.aggregate}
    return Program(file, of_batch, inputs, how)


def of_head(fitted: Fitted, joint: Calibration | None, file: str) -> Program | None:
    """The score head of one member, and its level in an ensemble; None for neither.

    Args:
        fitted: One member, no ensemble.
        joint: Of a member of an ensemble, how its calibration scores are distributed.
        file: Name of the file.
    """
    if fitted.head is None and joint is None:
        return None
    setup, width, reach = fitted.setup, 1, 0
    head = None if fitted.head is None else heads.alone(setup, fitted.head)
    if fitted.head is not None:
        reach = max(heads.reach(setup, fitted.head)[0])
        if heads.source(setup) == "explain":
            width = fitted.layout.channels
    level = None if joint is None else _alone(joint)

    def of_piece(given: Arrays) -> Array:
        scores = given["contributions"][:, 0]
        if head is not None:
            scores = head(given["contributions"], given["values"], given["length"])
        return scores if level is None else tail.calibrated(_on_device(level), scores)

    steps, reach = _piece(reach)
    series = {"contributions": (width,), "values": fitted.layout.shape}
    how = {"steps": steps, "reach": reach}
    return Program(file, of_piece, _of_piece(series, steps), how)


def _piece(reach: int) -> tuple[int, int]:
    """Steps of a piece, and those at its ends that do not count."""
    whole = -(-reach // ALIGNED) * ALIGNED
    return fleet.bucket(PIECES * whole + 1), whole


def _of_piece(series: Mapping[str, tuple[int, ...]], steps: int) -> dict[str, Any]:
    inputs = {name: ((steps, *each), "float32") for name, each in series.items()}
    return inputs | {"length": ((), "int32")}


def _alone(stacked: Any) -> Any:
    """The one member of a stacked tree, on the host."""
    return jax.tree.map(lambda leaf: np.asarray(leaf)[0], stacked)


def _on_device(tree: Any) -> Any:
    return jax.tree.map(jnp.asarray, tree)
