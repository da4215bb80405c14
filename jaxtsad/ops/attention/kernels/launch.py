"""Anomaly attention by Pallas kernels: what surrounds them on a GPU and on a TPU.

A pass forward and two backward (gradients of queries; of keys and values), each over
tiles, nothing of the window's length squared. Windows are padded to whole tiles and
heads to whole operands; what is padded is hidden from the associations.

Shape letters: B batch, L window length, H heads, K head width.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

from jaxtsad.ops.attention.rows import DivergenceSpec
from jaxtsad.ops.products import Precision
from jaxtsad.types import Array

Device: TypeAlias = Literal["gpu", "tpu"]
# Compute capability of the GPUs whose instructions the kernels use.
HOPPER = "9."
# Summands of an operand, where the hardware multiplies bfloat16.
PIECES: dict[Precision, int] = {"float32": 3, "default": 2, "bfloat16": 1}


class Run(NamedTuple):
    """How kernels run.

    Attributes:
        device: For which device they are written.
        interpret: Whether Pallas' interpreter of that device runs them, on any machine.
        pieces: bfloat16 summands per operand on a GPU: 1, 2 (finer than TF32) or 3
            (float32).
    """

    device: Device
    interpret: bool
    pieces: int


def how_to_run(backend: str, precision: Precision) -> Run:
    """How kernels run on this machine: compiled on a GPU or TPU, else interpreted.

    Args:
        backend: Name of JAX's backend.
        precision: Of products.

    Raises:
        ValueError: If there is no device that the kernels are written for, and this JAX
            cannot interpret them.
    """
    pieces = PIECES[precision]
    if backend == "tpu":
        return Run("tpu", False, pieces)
    if backend == "gpu":
        capability = str(getattr(jax.devices()[0], "compute_capability", HOPPER))
        if not capability.startswith(HOPPER):
            raise ValueError(
                f"implementation='mosaic' is written for GPUs of compute capability "
                f"9.0 (Hopper); this one has {capability}"
            )
        return Run("gpu", False, pieces)
    if interpreter() is None:
        raise ValueError(
            f"implementation='mosaic' needs a GPU or TPU, or JAX 0.12 or newer to "
            f"interpret its kernels; backend={backend!r} with JAX {jax.__version__} "
            "has neither"
        )
    return Run("gpu", True, pieces)


def interpreter() -> Any:
    """What makes parameters to run GPU kernels without a GPU; None before JAX 0.12."""
    from jax.experimental.pallas import mosaic_gpu

    return getattr(mosaic_gpu, "InterpretGPUParams", None)


@functools.partial(jax.custom_vjp, nondiff_argnums=(4, 5))
def kernels(
    query: Array,
    key: Array,
    value: Array,
    sigma: Array,
    spec: DivergenceSpec,
    run: Run,
) -> tuple[Array, Array, Array]:
    """Values `[B, L, H, K]` and both divergences `[B, H, L]`."""
    mixed, stats = _forward_pass(run, spec, False)(query, key, value, sigma)
    return mixed.astype(value.dtype), stats[:, :, 0], stats[:, :, 1]


def _forward(
    query: Array,
    key: Array,
    value: Array,
    sigma: Array,
    spec: DivergenceSpec,
    run: Run,
) -> tuple[tuple[Array, Array, Array], tuple[Array, ...]]:
    mixed, stats = _forward_pass(run, spec, True)(query, key, value, sigma)
    out = (mixed.astype(value.dtype), stats[:, :, 0], stats[:, :, 1])
    return out, (query, key, value, sigma, mixed, stats[:, :, 2:])


def _backward(
    spec: DivergenceSpec,
    run: Run,
    saved: tuple[Array, ...],
    cotangents: tuple[Array, Array, Array],
) -> tuple[Array, Array, Array, Array]:
    query, key, value, sigma, mixed, residuals = saved
    to_values, to_series, to_prior = cotangents
    top, share, norm, turn, pull = (residuals[:, :, number] for number in range(5))
    through = (to_values.astype(jnp.float32) * mixed).sum(-1).swapaxes(1, 2)
    total = through + to_series * turn
    per_query = jnp.stack([sigma, top, share, norm, to_series, total], axis=2)
    grads = _backward_pass(run, spec)(query, key, value, to_values, per_query)
    wanted = (query, key, value)
    cast = [grad.astype(x.dtype) for grad, x in zip(grads, wanted, strict=True)]
    return cast[0], cast[1], cast[2], to_prior * pull


kernels.defvjp(_forward, _backward)


@functools.lru_cache(maxsize=64)
def _forward_pass(
    run: Run, spec: DivergenceSpec, gradients: bool
) -> Callable[..., Any]:
    """`(query, key, value, sigma) -> (mixed, stats)` of any length and width."""

    def whole(query: Array, key: Array, value: Array, sigma: Array) -> Any:
        module, given = _module(run)
        length, width = query.shape[1], query.shape[3]
        operands = [_operand(x, module, run) for x in (_scaled(query), key, value)]
        mixed, stats = module.forward(
            *operands,
            _per_query(sigma[:, :, None], module),
            length=length,
            spec=spec,
            gradients=gradients,
            **given,
        )
        return mixed[:, :length, :, :width], stats[..., :length]

    return _members_as_windows(whole)


@functools.lru_cache(maxsize=64)
def _backward_pass(run: Run, spec: DivergenceSpec) -> Callable[..., Any]:
    """`(query, key, value, to_mixed, per_query) -> gradients` of the first three."""

    def whole(*args: Array) -> Any:
        query, key, value, to_mixed, per_query = args
        module, given = _module(run)
        length, width = query.shape[1], query.shape[3]
        operands = [_operand(x, module, run) for x in (_scaled(query), key, value)]
        operands.append(_operand(to_mixed, module, run))
        rows = _per_query(per_query, module)
        # Padded queries stand at the last step but pass no gradient on.
        rows = rows.at[:, :, 4:, length:].set(0.0)
        given = {"length": length, "spec": spec, **given}
        to_query = module.to_query(*operands, rows, **given)
        to_key, to_value = module.to_key_and_value(*operands, rows, **given)
        grads = (to_query * width**-0.5, to_key, to_value)
        return tuple(grad[:, :length, :, :width] for grad in grads)

    return _members_as_windows(whole)


def _module(run: Run) -> tuple[Any, dict[str, Any]]:
    """The kernels of a device and their options of how to run."""
    if run.device == "tpu":
        from jaxtsad.ops.attention.kernels import tpu as attention_pallas

        return attention_pallas, {"interpret": run.interpret}
    from jaxtsad.ops.attention.kernels import mosaic as attention_mosaic

    interpret = interpreter()() if run.interpret else None
    return attention_mosaic, {"pieces": run.pieces, "interpret": interpret}


def _scaled(query: Array) -> Array:
    return query.astype(jnp.float32) * query.shape[-1] ** -0.5


def _operand(x: Array, module: Any, run: Run) -> Array:
    """Pads `[B, L, H, K]` and, for a GPU, cuts it into pieces `[N * B, L, H, K]`."""
    x = x.astype(jnp.float32)
    length, width = -x.shape[1] % module.BLOCK, -x.shape[3] % module.WIDTH
    x = jnp.pad(x, ((0, 0), (0, length), (0, 0), (0, width)))
    if run.device == "tpu":
        return x
    pieces = []
    for _ in range(run.pieces):
        # Without the reduction XLA may take the cast there and back for nothing.
        piece = jax.lax.reduce_precision(x, exponent_bits=8, mantissa_bits=7)
        pieces.append(piece.astype(jnp.bfloat16))
        x = x - piece
    return jnp.concatenate(pieces)


def _per_query(x: Array, module: Any) -> Array:
    """Pads `[B, H, number, L]`; the last step is repeated, so that all is finite."""
    missing = -x.shape[-1] % module.BLOCK
    return jnp.pad(x, ((0, 0), (0, 0), (0, 0), (0, missing)), mode="edge")


def _members_as_windows(whole: Callable[..., Any]) -> Callable[..., Any]:
    """Lets members under `vmap` be more windows of one batch."""

    @custom_vmap
    def run_members(*args: Array) -> Any:
        return whole(*args)

    @run_members.def_vmap
    def _rule(size: int, batched: list[bool], *args: Array) -> tuple[Any, Any]:
        full = [
            x if there else jnp.broadcast_to(x[None], (size, *x.shape))
            for x, there in zip(args, batched, strict=True)
        ]
        out = run_members(*(x.reshape(-1, *x.shape[2:]) for x in full))
        out = jax.tree.map(lambda x: x.reshape(size, -1, *x.shape[1:]), out)
        return out, jax.tree.map(lambda x: True, out)

    return run_members
