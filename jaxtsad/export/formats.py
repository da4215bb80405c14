"""Programs as StableHLO and as ONNX."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax import export

from jaxtsad.export.programs import ANY, Program

PLATFORMS = ("cpu", "cuda", "tpu")


def stablehlo(program: Program) -> bytes:
    """The program by `jax.export`, for CPUs, CUDA and TPUs.

    Raises:
        ValueError: If it cannot be exported.
    """
    _need("stablehlo", "flatbuffers")
    (size,) = export.symbolic_shape(ANY)
    made = export.export(jax.jit(program.function), platforms=PLATFORMS)
    return bytes(made(_shapes(program, size)).serialize())


def onnx(program: Program) -> bytes:
    """The program as ONNX, for batches of one size.

    Raises:
        ValueError: If onnx is not installed.
        NotImplementedError: If something in it has no counterpart.
    """
    _need("onnx", "onnx", "onnxruntime")
    from jaxtsad.export import onnx_graph, onnx_ops

    shapes = _shapes(program, program.how.get("batch"))
    return onnx_graph.model(program.function, shapes, onnx_ops.RULES)


def _need(format: str, *modules: str) -> None:
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise ValueError(
                f"format {format!r} needs {module}: pip install 'jaxtsad[export]'"
            )


def _shapes(program: Program, size: Any) -> dict[str, Any]:
    """Shapes and types of inputs by name, of batches of a size."""
    return {
        name: jax.ShapeDtypeStruct([size if n == ANY else n for n in shape], kind)
        for name, (shape, kind) in program.inputs.items()
    }


FORMATS: dict[str, Callable[[Program], bytes]] = {"stablehlo": stablehlo, "onnx": onnx}


def check(formats: Sequence[str]) -> tuple[str, ...]:
    """Formats, each once.

    Raises:
        ValueError: If there is none or one is unknown.
    """
    chosen = tuple(dict.fromkeys(formats))
    if not chosen or isinstance(formats, str) or not set(chosen) <= set(FORMATS):
        raise ValueError(
            f"{formats=}, expected some of the formats {', '.join(FORMATS)}"
        )
    return chosen


def made(program: Program, format: str, detector: str) -> bytes:
    """A program in a format.

    Raises:
        ValueError: If it cannot be exported, in one line.
    """
    try:
        return FORMATS[format](program)
    except ValueError:
        raise
    except Exception as error:  # A converter raises whatever its parts raise.
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"{detector} cannot be exported as {format} on {jax.default_backend()}: "
            f"{line[:300]}"
        ) from error
