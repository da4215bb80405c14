"""Products in the precision asked for, with a backward pass that copies nothing."""

from __future__ import annotations

import functools
import pathlib
import warnings
from typing import Literal, TypeAlias, get_args

import jax
import jax.numpy as jnp

from jaxtsad.types import Array

Precision: TypeAlias = Literal["float32", "default", "bfloat16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
Choice: TypeAlias = Literal["float32", "default", "bfloat16", "auto"]
BFLOAT16 = frozenset({"amx_bf16", "avx512_bf16"})
"""Flags of CPUs with instructions for products of bfloat16."""
LARGE = 512
"""Inputs or outputs of a kernel from which on its gradient's product is turned."""
SINCE = (0, 12)
"""The first version of JAX whose products on a CPU use them."""


@functools.cache
def cpu_flags() -> frozenset[str]:
    """Instruction sets of the CPU by the names of Linux; none where it tells none."""
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return frozenset()
    lines = (line for line in text.splitlines() if line.startswith("flags"))
    return frozenset(next(lines, "").split())


def narrow_is_fast() -> bool:
    """Whether products of bfloat16 are faster here than those of float32.

    GPUs and TPUs have units for them. On a CPU XLA multiplies them as such, by YNNPACK,
    where there are instructions for it, and converts them to float32 everywhere else,
    which takes longer than the product in float32.
    """
    if jax.default_backend() != "cpu":
        return True
    return jax.__version_info__ >= SINCE and not BFLOAT16.isdisjoint(cpu_flags())


def resolved(precision: Choice) -> Precision:
    """What `auto` stands for here: `bfloat16` where that is faster, else `float32`.

    A warning says which, and why.

    Example:
        >>> resolved("default")
        'default'
    """
    if precision != "auto":
        return precision
    fast = narrow_is_fast()
    chosen: Precision = "bfloat16" if fast else "float32"
    why = "are" if fast else "are not"
    text = f"precision='auto' is {chosen}: products of bfloat16 {why} faster here"
    warnings.warn(text, stacklevel=2)
    return chosen


def stored(precision: Precision) -> type:
    """The type in which activations go from layer to layer.

    In bfloat16 half of what a layer reads and writes is left, which is what a GPU or
    TPU waits for; a CPU without instructions for it spends more on converting.
    """
    narrow = precision == "bfloat16" and jax.default_backend() != "cpu"
    return jnp.bfloat16 if narrow else jnp.float32


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def product(x: Array, kernel: Array, precision: Precision = "default") -> Array:
    """Multiplies the last axis of `x` by a matrix.

    The same as `x @ kernel`. Its kernel's gradient is one product of two matrices; left
    to itself it would be one over several axes, before which XLA transposes the
    activations' gradient inside whatever computes that, at ten times the cost.

    Args:
        x: `[..., D]`.
        kernel: `[D, F]`.
        precision: See `einsum`; of both gradients' products too.

    Returns:
        `[..., F]`, of the type of `x`: activations stored in bfloat16 stay so, and are
        rounded once, after they were added up in float32.

    Example:
        >>> product(jnp.ones((2, 3, 4)), jnp.ones((4, 5))).shape
        (2, 3, 5)
    """
    return einsum("...d,df->...f", x, kernel, precision, x.dtype)


def _forward(
    x: Array, kernel: Array, precision: Precision
) -> tuple[Array, tuple[Array, Array]]:
    return product(x, kernel, precision), (x, kernel)


def _backward(
    precision: Precision, saved: tuple[Array, Array], to_out: Array
) -> tuple[Array, Array]:
    x, kernel = saved
    rows = x.reshape(-1, x.shape[-1])
    to_rows = to_out.reshape(-1, to_out.shape[-1])
    to_x = einsum("...f,df->...d", to_out, kernel, precision, x.dtype)
    to_kernel = _to_kernel(rows, to_rows, precision)
    return to_x, to_kernel.astype(kernel.dtype)


def _to_kernel(rows: Array, to_rows: Array, precision: Precision) -> Array:
    """The kernel's gradient `[D, F]` of rows `[N, D]` and what their products get.

    On a CPU the narrower of both is turned in memory, where a kernel is large: products
    with a transposed left side take up to twice as long.
    """
    wide, narrow = rows.shape[-1], to_rows.shape[-1]
    on_cpu = jax.default_backend() == "cpu"
    if on_cpu and precision == "bfloat16" and narrow_is_fast():
        return einsum("dn,nf->df", _turned(rows), to_rows, precision)[:wide]
    if not on_cpu or max(wide, narrow) < LARGE:
        return einsum("nd,nf->df", rows, to_rows, precision)
    held = jax.lax.optimization_barrier
    if wide > narrow:
        return held(einsum("fn,nd->fd", held(to_rows.T), rows, precision)).T
    return einsum("dn,nf->df", held(rows.T), to_rows, precision)


def _turned(rows: Array) -> Array:
    """The transpose in bfloat16, in memory as such, with a few more rows of zeros.

    YNNPACK takes no product whose left side is transposed: XLA converts it to float32.
    Without the zeros XLA takes the transpose back into the product.
    """
    zero = jnp.zeros((), jnp.bfloat16)
    return jax.lax.pad(rows.astype(jnp.bfloat16).T, zero, ((0, 8, 0), (0, 0, 0)))


product.defvjp(_forward, _backward)


def einsum(
    subscripts: str,
    x: Array,
    y: Array,
    precision: Precision,
    dtype: jnp.dtype | type = jnp.float32,
) -> Array:
    """A product of two arrays, added up in float32.

    Args:
        subscripts: As `jnp.einsum` takes them.
        x: Of any shape.
        y: Of any shape.
        precision: `float32`, exact on every device; `default`, what the device does
            with float32 by itself (TF32 on a GPU, the same as `float32` on a CPU);
            `bfloat16`, of operands rounded to it. Operands of a narrower type stay so.
        dtype: What the sums are rounded to.

    Returns:
        Of `dtype`.

    Example:
        >>> x = jnp.array([[1.0, 1e-3]])
        >>> [float(einsum("ij,ij->i", x, 1 + x, p)[0]) for p in ("float32", "bfloat16")]
        [2.0010008811950684, 2.0009994506835938]
    """
    narrow = jnp.bfloat16 in (x.dtype, y.dtype) or precision == "bfloat16"
    if narrow:
        x, y = x.astype(jnp.bfloat16), y.astype(jnp.bfloat16)
    exact = precision == "float32" and not narrow
    return jnp.einsum(
        subscripts,
        x,
        y,
        precision=jax.lax.Precision.HIGHEST if exact else None,
        preferred_element_type=dtype,
    )
