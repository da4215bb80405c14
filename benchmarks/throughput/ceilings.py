"""What this machine reaches at best: matrix products and copies, measured."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from benchmarks.throughput.options import Row
from jaxtsad.ops import products
from jaxtsad.ops.products import Precision

SIDES = {False: (1024, 2048), True: (64,)}
COPIED = {False: 2**26, True: 2**16}
TRIES = 5


class Ceilings(NamedTuple):
    """The best of a machine.

    Attributes:
        flop_per_s: Of a product of two large square matrices.
        bytes_per_s: Read and written by a copy of a large array.
    """

    flop_per_s: float
    bytes_per_s: float

    def share(self, flop: float, moved: float, seconds: float) -> float:
        """Least time that these operations and bytes could take, over the time taken.

        Args:
            flop: Operations of matrix products.
            moved: Bytes that must be read or written.
            seconds: Time that it took.
        """
        return max(flop / self.flop_per_s, moved / self.bytes_per_s) / seconds


@functools.lru_cache(maxsize=8)
def measure(precision: Precision = "float32", quick: bool = False) -> Ceilings:
    """Measures both; the best of several tries and sizes counts."""
    rates = []
    for side in SIDES[quick]:
        x = jnp.ones((side, side), jnp.float32)
        if precision == "bfloat16":
            x = x.astype(jnp.bfloat16)
        run = jax.jit(lambda x: products.einsum("ij,jk->ik", x, x, precision))
        rates.append(2 * side**3 / best(lambda run=run, x=x: run(x)))
    x = jnp.ones(COPIED[quick], jnp.float32)
    copy = jax.jit(lambda x: x + 1)
    return Ceilings(max(rates), 2 * x.nbytes / best(lambda: copy(x)))


def best(call: Callable[[], Any]) -> float:
    """Seconds of the fastest of some calls, after one that does not count."""
    jax.block_until_ready(call())
    spent = []
    for _ in range(TRIES):
        began = time.perf_counter()
        jax.block_until_ready(call())
        spent.append(time.perf_counter() - began)
    return min(spent)


def row(suite: str, found: Ceilings, precision: Precision) -> Row:
    """The ceilings as a row of a suite."""
    return {
        "suite": suite,
        "case": f"ceilings, {precision}",
        "product_gflop_per_s": found.flop_per_s / 1e9,
        "copy_gigabytes_per_s": found.bytes_per_s / 1e9,
    }
