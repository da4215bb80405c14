"""Traced programs as ONNX graphs: calls, loops and branches; `onnx_ops` has the rest.

All shapes are fixed. What constants alone decide is computed when the graph is made.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
import onnx
from jax.extend import core
from jax.interpreters import partial_eval
from onnx import TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 20, 9
TYPES = {
    "float32": TensorProto.FLOAT,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "uint32": TensorProto.UINT32,
    "bool": TensorProto.BOOL,
}
FOLDED = 4096
"""Constants of so many numbers, or as many as they are made of, are computed."""
INNER = ("jaxpr", "call_jaxpr", "fun_jaxpr")
Value = Any
"""A constant, as an array, or the name of a tensor."""
Rule = Callable[["Graph", Any, Sequence[Value]], Any]


class Graph:
    """Nodes under construction.

    Args:
        rules: What becomes of a primitive, by name: a function of the graph, the
            equation and the values of its inputs to the values of its outputs.
    """

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        self.rules = rules
        self.nodes: list[Any] = []
        self.initializers: dict[tuple[Any, ...], Any] = {}
        self.count = 0

    def fresh(self) -> str:
        """A new name."""
        self.count += 1
        return f"t{self.count}"

    def name(self, value: Value) -> str:
        """The name of a tensor that holds a value."""
        if isinstance(value, str):
            return value
        array = np.ascontiguousarray(value).reshape(np.shape(value))
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self.initializers:
            self.initializers[key] = numpy_helper.from_array(array, self.fresh())
        return str(self.initializers[key].name)

    def op(self, kind: str, *inputs: Value, **attributes: Any) -> str:
        """Adds a node of one output, and gives its name."""
        return self.ops(kind, *inputs, outputs=1, **attributes)[0]

    def ops(
        self, kind: str, *inputs: Value, outputs: int, **attributes: Any
    ) -> list[str]:
        """Adds a node of several outputs."""
        names = [self.fresh() for _ in range(outputs)]
        given = [self.name(value) for value in inputs]
        self.nodes.append(helper.make_node(kind, given, names, **attributes))
        return names

    def reshape(self, value: Value, shape: Sequence[int]) -> str:
        """A value in another shape."""
        return self.op("Reshape", value, np.array(shape, np.int64), allowzero=1)

    def cast(self, value: Value, dtype: Any) -> str:
        """A value as another type.

        Raises:
            NotImplementedError: If ONNX programs of ours do not use the type.
        """
        return self.op("Cast", value, to=element_type(dtype))

    def run(self, jaxpr: Any, consts: Sequence[Any], inputs: Sequence[Value]) -> Any:
        """Adds what a jaxpr computes, and gives the values of its outputs.

        Raises:
            NotImplementedError: If there is no rule for a primitive.
        """
        known: dict[Any, Value] = {}
        known.update(zip(jaxpr.constvars, map(np.asarray, consts), strict=True))
        known.update(zip(jaxpr.invars, inputs, strict=True))

        def read(atom: Any) -> Value:
            literal = isinstance(atom, core.Literal)
            return np.asarray(atom.val, atom.aval.dtype) if literal else known[atom]

        for equation in jaxpr.eqns:
            values = [read(atom) for atom in equation.invars]
            known.update(
                zip(equation.outvars, self._equation(equation, values), strict=True)
            )
        return [read(atom) for atom in jaxpr.outvars]

    def _equation(self, equation: Any, values: Sequence[Value]) -> Sequence[Value]:
        name, params = equation.primitive.name, equation.params
        constant = not any(isinstance(value, str) for value in values)
        if name == "scan":
            return self._scan(equation, values)
        if name == "cond":
            return self._cond(equation, values)
        for each in INNER:
            if each in params:
                inner = params[each]
                return list(self.run(inner.jaxpr, inner.consts, values))
        shapes = [variable.aval for variable in equation.outvars]
        if all(0 in each.shape for each in shapes):
            return [np.zeros(each.shape, each.dtype) for each in shapes]
        if constant and _is_small(equation, values):
            made = equation.primitive.bind(*values, **params)
            some = made if equation.primitive.multiple_results else [made]
            return [np.asarray(each) for each in some]
        if name not in self.rules:
            raise NotImplementedError(f"there is no rule for {name}")
        made = self.rules[name](self, equation, values)
        return made if isinstance(made, list) else [made]

    @contextlib.contextmanager
    def _inner(self) -> Iterator[list[Any]]:
        """Nodes of a graph inside this one, which sees the names of this one."""
        outer, self.nodes = self.nodes, []
        try:
            yield self.nodes
        finally:
            self.nodes = outer

    def _graph(
        self, nodes: list[Any], inputs: Sequence[Any], outputs: Sequence[Any]
    ) -> Any:
        return helper.make_graph(nodes, self.fresh(), inputs, outputs)

    def _outputs(self, values: Sequence[Value], avals: Sequence[Any]) -> list[Any]:
        """Outputs of an inner graph; each is made by a node of its own."""
        names = [self.op("Identity", value) for value in values]
        return [information(*each) for each in zip(names, avals, strict=True)]

    def _scan(self, equation: Any, values: Sequence[Value]) -> list[str]:
        p, body = equation.params, equation.params["jaxpr"]
        consts, carries = p["num_consts"], p["num_carry"]
        given, state = values[:consts], list(values[consts : consts + carries])
        series = list(values[consts + carries :]) or [np.zeros(p["length"], np.int32)]
        avals = body.jaxpr.invars[consts:]
        names = [self.fresh() for _ in range(carries + len(series))]
        steps = [variable.aval for variable in avals]
        if len(steps) < len(names):
            steps.append(jax.ShapeDtypeStruct((), np.int32))
        with self._inner() as nodes:
            inner = [*given, *names[: len(avals)]]
            made = self.run(body.jaxpr, body.consts, inner)
            outputs = self._outputs(made, [v.aval for v in body.jaxpr.outvars])
            inputs = [information(*each) for each in zip(names, steps, strict=True)]
            graph = self._graph(nodes, inputs, outputs)
        how: dict[str, Any] = {"body": graph, "num_scan_inputs": len(series)}
        if p["reverse"]:
            how["scan_input_directions"] = [1] * len(series)
            how["scan_output_directions"] = [1] * (len(outputs) - carries)
        return self.ops("Scan", *state, *series, outputs=len(outputs), **how)

    def _cond(self, equation: Any, values: Sequence[Value]) -> list[str]:
        branches = equation.params["branches"]
        if len(branches) != 2:
            raise NotImplementedError(f"there is no rule for {len(branches)} branches")
        graphs = []
        for branch in branches:
            with self._inner() as nodes:
                made = self.run(branch.jaxpr, branch.consts, values[1:])
                outputs = self._outputs(made, [v.aval for v in equation.outvars])
                graphs.append(self._graph(nodes, [], outputs))
        chosen = self.cast(values[0], "bool")
        count = len(equation.outvars)
        return self.ops(
            "If", chosen, outputs=count, then_branch=graphs[1], else_branch=graphs[0]
        )


def _is_small(equation: Any, values: Sequence[Any]) -> bool:
    if not values:
        return True
    size = sum(int(np.prod(variable.aval.shape)) for variable in equation.outvars)
    return size <= max([FOLDED, *(value.size for value in values)])


def ints(values: Any) -> np.ndarray:
    """Sizes or places as ONNX takes them."""
    return np.array(list(values), np.int64)


def output(equation: Any) -> Any:
    """Shape and type of the first output."""
    return equation.outvars[0].aval


def shape_of(equation: Any, place: int = 0) -> tuple[int, ...]:
    """The shape of an input."""
    return tuple(equation.invars[place].aval.shape)


def element_type(dtype: Any) -> int:
    """ONNX's number of a type.

    Raises:
        NotImplementedError: If programs of ours do not use it.
    """
    name = str(np.dtype(dtype)) if not str(dtype).startswith("key") else str(dtype)
    if name not in TYPES:
        raise NotImplementedError(f"there is no rule for numbers of type {name}")
    return int(TYPES[name])


def information(name: str, aval: Any) -> Any:
    """Name, type and shape of an input or output."""
    return helper.make_tensor_value_info(name, element_type(aval.dtype), aval.shape)


def model(
    function: Callable[..., Any], inputs: Mapping[str, Any], rules: Mapping[str, Rule]
) -> bytes:
    """A function of arrays by name as an ONNX model with one output, `scores`.

    Args:
        function: Of a mapping of arrays, to one array.
        inputs: Shape and type of each; those that do not count are left out.
        rules: See `Graph`.

    Raises:
        NotImplementedError: If there is no rule for something in it.
    """
    closed = jax.make_jaxpr(function)(dict(inputs))
    jaxpr, used = partial_eval.dce_jaxpr(closed.jaxpr, [True])
    names = [name for name, each in zip(sorted(inputs), used, strict=True) if each]
    graph = Graph(rules)
    [made] = graph.run(jaxpr, closed.consts, names)
    graph.nodes.append(helper.make_node("Identity", [graph.name(made)], ["scores"]))
    given = [
        information(name, variable.aval)
        for name, variable in zip(names, jaxpr.invars, strict=True)
    ]
    whole = helper.make_graph(
        graph.nodes,
        "scores",
        given,
        [information("scores", closed.jaxpr.outvars[0].aval)],
        initializer=list(graph.initializers.values()),
    )
    opsets = [helper.make_opsetid("", OPSET)]
    made_model = helper.make_model(
        whole, opset_imports=opsets, ir_version=IR_VERSION, producer_name="jaxtsad"
    )
    onnx.checker.check_model(made_model)
    return bytes(made_model.SerializeToString())
