"""What becomes of JAX's primitives in ONNX, by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxtsad.export import onnx_indexing
from jaxtsad.export.onnx_graph import (
    Graph,
    Rule,
    Value,
    element_type,
    ints,
    output,
    shape_of,
)

BACK = np.iinfo(np.int64).min
SIMPLE = {
    "abs": "Abs",
    "add": "Add",
    "add_any": "Add",
    "and": "And",
    "asinh": "Asinh",
    "ceil": "Ceil",
    "cos": "Cos",
    "div": "Div",
    "eq": "Equal",
    "erf": "Erf",
    "exp": "Exp",
    "floor": "Floor",
    "ge": "GreaterOrEqual",
    "gt": "Greater",
    "le": "LessOrEqual",
    "le_to": "LessOrEqual",
    "log": "Log",
    "lt": "Less",
    "lt_to": "Less",
    "max": "Max",
    "min": "Min",
    "mul": "Mul",
    "neg": "Neg",
    "not": "Not",
    "or": "Or",
    "sign": "Sign",
    "sin": "Sin",
    "sqrt": "Sqrt",
    "sub": "Sub",
    "tanh": "Tanh",
}
SAME = ("copy", "copy_p", "optimization_barrier", "reduce_precision", "stop_gradient")
REDUCED = {
    "reduce_sum": "ReduceSum",
    "reduce_max": "ReduceMax",
    "reduce_min": "ReduceMin",
    "reduce_prod": "ReduceProd",
    "reduce_or": "ReduceMax",
    "reduce_and": "ReduceMin",
}


def _simple(kind: str) -> Rule:
    return lambda graph, equation, values: graph.op(kind, *values)


def _reshaped(graph: Graph, equation: Any, values: Sequence[Value]) -> Value:
    return graph.reshape(values[0], output(equation).shape)


def _reduced(kind: str) -> Rule:
    def rule(graph: Graph, equation: Any, values: Sequence[Value]) -> Value:
        value, axes = values[0], ints(equation.params["axes"])
        if not len(axes):  # To ONNX no axes are all.
            return value
        truths = equation.invars[0].aval.dtype.kind == "b"
        if truths:
            value = graph.cast(value, "int32")
        made = graph.op(kind, value, axes, keepdims=0)
        return graph.cast(made, "bool") if truths else made

    return rule


def _broadcast(graph: Graph, equation: Any, values: Sequence[Value]) -> Value:
    shape = output(equation).shape
    ones = [1] * len(shape)
    for place, size in zip(
        equation.params["broadcast_dimensions"], shape_of(equation), strict=True
    ):
        ones[place] = size
    made = values[0] if shape_of(equation) == tuple(ones) else None
    made = graph.reshape(values[0], ones) if made is None else made
    return made if tuple(ones) == shape else graph.op("Expand", made, ints(shape))


def _converted(graph: Graph, equation: Any, values: Sequence[Value]) -> Value:
    return graph.cast(values[0], equation.params["new_dtype"])


def _selected(graph: Graph, equation: Any, values: Sequence[Value]) -> Value:
    which, no, yes = values
    if equation.invars[0].aval.dtype != bool:
        which = graph.cast(which, "bool")
    if output(equation).dtype != bool:
        return graph.op("Where", which, yes, no)
    first = graph.op("And", which, yes)
    return graph.op("Or", first, graph.op("And", graph.op("Not", which), no))


def _integer_pow(graph: Graph, equation: Any, values: Sequence[Value]) -> Value:
    power, made = equation.params["y"], values[0]
    for _ in range(abs(power) - 1):
        made = graph.op("Mul", made, values[0])
    return graph.op("Reciprocal", made) if power < 0 else made


def _power(graph: Graph, equation: Any, values: Sequence[Value]) -> Value:
    base, exponent = values
    return graph.op("Pow", base, exponent)


def _log1p(graph: Graph, equation: Any, values: Sequence[Value]) -> Value:
    """Exact for small values: log(u) x / (u - 1) of u = 1 + x as it is rounded."""
    one = np.float32(1)
    above = graph.op("Add", values[0], one)
    less = graph.op("Sub", above, one)
    flat = graph.op("Equal", less, np.float32(0))
    ratio = graph.op("Div", values[0], graph.op("Where", flat, one, less))
    made = graph.op("Mul", graph.op("Log", above), ratio)
    return graph.op("Where", flat, values[0], made)


def _logistic(graph: Graph, equation: Any, values: Sequence[Value]) -> Value:
    """By its definition: that of a runtime may be exact to 1e-7, which small ones are.

    Their logarithms count.
    """
    exponential = graph.op("Exp", graph.op("Neg", values[0]))
    return graph.op("Reciprocal", graph.op("Add", exponential, np.float32(1)))


def _is_finite(graph: Graph, equation: Any, values: Sequence[Value]) -> Value:
    odd = graph.op("Or", graph.op("IsInf", values[0]), graph.op("IsNaN", values[0]))
    return graph.op("Not", odd)


def _not_equal(graph: Graph, equation: Any, values: Sequence[Value]) -> Value:
    return graph.op("Not", graph.op("Equal", *values))


def _transposed(graph: Graph, equation: Any, values: Sequence[Value]) -> Value:
    return graph.op("Transpose", values[0], perm=equation.params["permutation"])


def _concatenated(graph: Graph, equation: Any, values: Sequence[Value]) -> Value:
    return graph.op("Concat", *values, axis=equation.params["dimension"])


def _stacked(graph: Graph, equation: Any, values: Sequence[Value]) -> Value:
    axis = equation.params["axis"]
    each = [graph.op("Unsqueeze", value, ints([axis])) for value in values]
    return graph.op("Concat", *each, axis=axis)


def _split(graph: Graph, equation: Any, values: Sequence[Value]) -> list[str]:
    sizes = equation.params["sizes"]
    return graph.ops(
        "Split",
        values[0],
        ints(sizes),
        outputs=len(sizes),
        axis=equation.params["axis"],
    )


def _sliced(graph: Graph, equation: Any, values: Sequence[Value]) -> Value:
    params = equation.params
    start, stop = params["start_indices"], params["limit_indices"]
    steps = params["strides"] or [1] * len(start)
    axes = range(len(start))
    return graph.op("Slice", values[0], *map(ints, (start, stop, axes, steps)))


def _reversed(graph: Graph, equation: Any, values: Sequence[Value]) -> Value:
    axes = equation.params["dimensions"]
    count = len(axes)
    each = ([-1] * count, [BACK] * count, axes, [-1] * count)
    return graph.op("Slice", values[0], *map(ints, each))


def _padded(graph: Graph, equation: Any, values: Sequence[Value]) -> Value:
    value, fill = values
    shape, config = list(shape_of(equation)), equation.params["padding_config"]
    for axis, (_, _, between) in enumerate(config):
        if not between:
            continue
        apart = [*shape[: axis + 1], 1, *shape[axis + 1 :]]
        ends = [0] * (2 * len(apart))
        ends[len(apart) + axis + 1] = between
        value = graph.op("Pad", graph.reshape(value, apart), ints(ends), fill)
        shape[axis] *= 1 + between
        value = graph.reshape(value, shape)
        shape[axis] = max(shape[axis] - between, 0)
        cut = ([0], [shape[axis]], [axis])
        value = graph.op("Slice", value, *map(ints, cut))
    ends = [low for low, _, _ in config] + [high for _, high, _ in config]
    return graph.op("Pad", value, ints(ends), fill) if any(ends) else value


def _dot(graph: Graph, equation: Any, values: Sequence[Value]) -> Value:
    (left, right), (left_batch, right_batch) = equation.params["dimension_numbers"]

    def arranged(place: int, inner: Any, batch: Any, last: bool) -> tuple[str, int]:
        shape = shape_of(equation, place)
        free = [n for n in range(len(shape)) if n not in (*inner, *batch)]
        order = [*batch, *free, *inner] if last else [*batch, *inner, *free]
        rows, columns = (
            int(np.prod([shape[n] for n in some], dtype=np.int64))
            for some in (free, inner)
        )
        size = int(np.prod([shape[n] for n in batch], dtype=np.int64))
        made = graph.op("Transpose", values[place], perm=order)
        sizes = [rows, columns] if last else [columns, rows]
        return graph.reshape(made, [size, *sizes] if batch else sizes), rows

    first, _ = arranged(0, left, left_batch, True)
    second, _ = arranged(1, right, right_batch, False)
    return graph.reshape(graph.op("MatMul", first, second), output(equation).shape)


def _conv(graph: Graph, equation: Any, values: Sequence[Value]) -> Value:
    p = equation.params
    spec = p["dimension_numbers"]
    if set(p["lhs_dilation"]) - {1} or p["batch_group_count"] != 1:
        raise NotImplementedError("there is no rule for a transposed convolution")
    image = graph.op("Transpose", values[0], perm=list(spec.lhs_spec))
    kernel = graph.op("Transpose", values[1], perm=list(spec.rhs_spec))
    ends = [low for low, _ in p["padding"]] + [high for _, high in p["padding"]]
    made = graph.op(
        "Conv",
        image,
        kernel,
        strides=list(p["window_strides"]),
        dilations=list(p["rhs_dilation"]),
        group=p["feature_group_count"],
        pads=ends,
    )
    return graph.op("Transpose", made, perm=np.argsort(spec.out_spec).tolist())


def _top(graph: Graph, equation: Any, values: Sequence[Value]) -> list[str]:
    best, index = graph.ops(
        "TopK", values[0], ints([equation.params["k"]]), outputs=2, axis=-1
    )
    return [best, graph.cast(index, "int32")]


def _sums(graph: Graph, equation: Any, values: Sequence[Value]) -> Value:
    axis, back = np.int64(equation.params["axis"]), equation.params["reverse"]
    return graph.op("CumSum", values[0], axis, reverse=int(back))


def _extreme(kind: str) -> Rule:
    def rule(graph: Graph, equation: Any, values: Sequence[Value]) -> Value:
        [axis] = equation.params["axes"]
        made = graph.op(kind, values[0], axis=axis, keepdims=0)
        return graph.op("Cast", made, to=element_type(output(equation).dtype))

    return rule


RULES: dict[str, Rule] = {
    **{name: _simple(kind) for name, kind in SIMPLE.items()},
    **{name: (lambda graph, equation, values: list(values)) for name in SAME},
    **{name: _reduced(kind) for name, kind in REDUCED.items()},
    "argmax": _extreme("ArgMax"),
    "argmin": _extreme("ArgMin"),
    "broadcast_in_dim": _broadcast,
    "clamp": lambda g, e, v: g.op("Min", g.op("Max", v[1], v[0]), v[2]),
    "concatenate": _concatenated,
    "conv_general_dilated": _conv,
    "convert_element_type": _converted,
    "cumsum": _sums,
    "dot_general": _dot,
    "dynamic_slice": onnx_indexing.dynamic_slice,
    "dynamic_update_slice": onnx_indexing.updated,
    "gather": onnx_indexing.gathered,
    "integer_pow": _integer_pow,
    "is_finite": _is_finite,
    "log1p": _log1p,
    "logistic": _logistic,
    "ne": _not_equal,
    "pad": _padded,
    "pow": _power,
    "reshape": _reshaped,
    "rev": _reversed,
    "rsqrt": lambda g, e, v: g.op("Reciprocal", g.op("Sqrt", v[0])),
    "scatter": onnx_indexing.scattered,
    "select_n": _selected,
    "slice": _sliced,
    "split": _split,
    "square": lambda g, e, v: g.op("Mul", v[0], v[0]),
    "squeeze": _reshaped,
    "stack": _stacked,
    "tile": lambda g, e, v: g.op("Tile", v[0], ints(e.params["reps"])),
    "top_k": _top,
    "transpose": _transposed,
}
