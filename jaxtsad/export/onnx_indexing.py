"""Slices at places that are computed, gathers and scatters in ONNX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxtsad.export.onnx_graph import Graph, Value, ints, shape_of


def _starts(graph: Graph, values: Sequence[Value], most: Sequence[int]) -> str:
    """Starts of a slice as one vector, inside of what is sliced."""
    each = [graph.reshape(graph.cast(value, "int64"), [1]) for value in values]
    made = graph.op("Max", graph.op("Concat", *each, axis=0), ints([0] * len(most)))
    return graph.op("Min", made, ints(most))


def dynamic_slice(graph: Graph, equation: Any, values: Sequence[Value]) -> Value:
    """A slice whose start is computed."""
    sizes, shape = equation.params["slice_sizes"], shape_of(equation)
    most = [size - taken for size, taken in zip(shape, sizes, strict=True)]
    starts = _starts(graph, values[1:], most)
    stops = graph.op("Add", starts, ints(sizes))
    made = graph.op("Slice", values[0], starts, stops, ints(range(len(sizes))))
    return graph.reshape(made, sizes)


def _indices(
    graph: Graph,
    starts: Value,
    outer: Sequence[int],
    axes: Sequence[tuple[Any, int, int]],
) -> str:
    """Indices `[*outer, *sizes, K]` of what is gathered or scattered, said in full.

    Args:
        graph: Where to.
        starts: `[*outer, number]`.
        outer: Sizes.
        axes: Of each of the K axes where it starts, as a place in the last axis of
            `starts` or an array, its length and the size of a window of it.
    """
    full = [*outer, *(size for _, _, size in axes)]
    starts, each = graph.cast(starts, "int64"), []
    for number, (place, length, size) in enumerate(axes):
        index = place
        if not isinstance(place, np.ndarray):
            index = graph.op("Gather", starts, np.int64(place), axis=len(outer))
            index = graph.op("Max", index, np.int64(0))
            index = graph.op("Min", index, np.int64(length - size))
        index = graph.reshape(index, [*_outer_of(place, outer), *[1] * len(axes)])
        sides = [1] * len(full)
        sides[len(outer) + number] = size
        index = graph.op("Add", index, np.arange(size).reshape(sides))
        index = graph.op("Expand", index, ints(full))
        each.append(graph.reshape(index, [*full, 1]))
    return graph.op("Concat", *each, axis=-1)


def _outer_of(place: Any, outer: Sequence[int]) -> Sequence[int]:
    """Sizes of the outer axes of where an axis starts."""
    return place.shape if isinstance(place, np.ndarray) else outer


def gathered(graph: Graph, equation: Any, values: Sequence[Value]) -> Value:
    """A gather by `GatherND`: indexed axes go first."""
    numbers, sizes = (
        equation.params["dimension_numbers"],
        equation.params["slice_sizes"],
    )
    shape, outer = shape_of(equation), shape_of(equation, 1)[:-1]
    batch = dict(
        zip(
            numbers.operand_batching_dims,
            numbers.start_indices_batching_dims,
            strict=True,
        )
    )
    gone = {*numbers.collapsed_slice_dims, *batch}
    moved = [n for n in numbers.start_index_map if n in gone or sizes[n] < shape[n]]
    indexed = sorted({*moved, *batch})
    whole = [axis for axis in range(len(shape)) if axis not in indexed]
    axes: list[tuple[Any, int, int]] = []
    for axis in indexed:
        place: Any = None
        if axis in batch:
            sides = [1] * len(outer)
            sides[batch[axis]] = shape[axis]
            place = np.arange(shape[axis]).reshape(sides)
        else:
            place = list(numbers.start_index_map).index(axis)
        axes.append((place, shape[axis], sizes[axis]))
    operand = values[0]
    if any(sizes[axis] != shape[axis] for axis in whole):
        stops = ints(sizes[axis] for axis in whole)
        begin = ints([0] * len(whole))
        operand = graph.op("Slice", operand, begin, stops, ints(whole))
    operand = graph.op("Transpose", operand, perm=[*indexed, *whole])
    made = graph.op("GatherND", operand, _indices(graph, values[1], outer, axes))
    # Axes that are gone have size 1 here; the others are put in their places.
    kept = [axis for axis in [*indexed, *whole] if axis not in gone]
    made = graph.reshape(made, [*outer, *(sizes[axis] for axis in kept)])
    inner = iter([len(outer) + kept.index(axis) for axis in sorted(kept)])
    places, rank = iter(range(len(outer))), len(outer) + len(kept)
    perm = [next(inner if n in numbers.offset_dims else places) for n in range(rank)]
    return graph.op("Transpose", made, perm=perm)


def scattered(graph: Graph, equation: Any, values: Sequence[Value]) -> Value:
    """A window of an array replaced, or several whole rows, by `ScatterND`."""
    numbers, shape = equation.params["dimension_numbers"], shape_of(equation)
    sizes = shape_of(equation, 2)
    if _is_of_rows(numbers, shape, sizes):
        return _rows_scattered(graph, equation, values)
    if len(shape_of(equation, 1)) != 1 or len(sizes) != len(shape):
        raise NotImplementedError("there is no rule for a scatter of several windows")
    places = list(numbers.scatter_dims_to_operand_dims)
    indexed = [axis for axis in places if sizes[axis] < shape[axis]]
    if not indexed:
        return values[2]
    order = [*indexed, *(axis for axis in range(len(shape)) if axis not in indexed)]
    axes = [(places.index(axis), shape[axis], sizes[axis]) for axis in indexed]
    operand = graph.op("Transpose", values[0], perm=order)
    updates = graph.op("Transpose", values[2], perm=order)
    index = _indices(graph, values[1], (), axes)
    made = graph.op("ScatterND", operand, index, updates)
    return graph.op("Transpose", made, perm=np.argsort(order).tolist())


def _is_of_rows(numbers: Any, shape: Sequence[int], sizes: Sequence[int]) -> bool:
    """Whether a scatter replaces what is at places of some axes, whole along others."""
    places = sorted(numbers.scatter_dims_to_operand_dims)
    rest = [size for axis, size in enumerate(shape) if axis not in places]
    return (
        sorted(numbers.inserted_window_dims) == places
        and not numbers.operand_batching_dims
        and [sizes[axis] for axis in numbers.update_window_dims] == rest
    )


def _rows_scattered(graph: Graph, equation: Any, values: Sequence[Value]) -> Value:
    """The axes of the places go first, in the array as in the rows."""
    numbers, shape = equation.params["dimension_numbers"], shape_of(equation)
    places = list(numbers.scatter_dims_to_operand_dims)
    order = [*places, *(axis for axis in range(len(shape)) if axis not in places)]
    inner = list(numbers.update_window_dims)
    rank = len(shape_of(equation, 2))
    outer = [axis for axis in range(rank) if axis not in inner]
    operand = graph.op("Transpose", values[0], perm=order)
    updates = graph.op("Transpose", values[2], perm=[*outer, *inner])
    index = graph.cast(values[1], "int64")
    made = graph.op("ScatterND", operand, index, updates)
    return graph.op("Transpose", made, perm=np.argsort(order).tolist())


def updated(graph: Graph, equation: Any, values: Sequence[Value]) -> Value:
    """A slice at a place that is computed, replaced."""
    shape, sizes = shape_of(equation), shape_of(equation, 1)
    indexed = [axis for axis in range(len(shape)) if sizes[axis] < shape[axis]]
    if not indexed:
        return values[1]
    starts = [graph.reshape(graph.cast(v, "int64"), [1]) for v in values[2:]]
    order = [*indexed, *(axis for axis in range(len(shape)) if axis not in indexed)]
    axes = [(axis, shape[axis], sizes[axis]) for axis in indexed]
    index = _indices(graph, graph.op("Concat", *starts, axis=0), (), axes)
    operand = graph.op("Transpose", values[0], perm=order)
    updates = graph.op("Transpose", values[1], perm=order)
    made = graph.op("ScatterND", operand, index, updates)
    return graph.op("Transpose", made, perm=np.argsort(order).tolist())
