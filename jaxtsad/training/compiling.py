"""How long-running programs are compiled: what was measured to be fastest."""

from __future__ import annotations

import functools

import jax

ALONE = {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_REDUCE"}
"""For one member on a CPU: matrix products by Eigen, sums along an axis by YNNPACK.

By itself XLA hands products to YNNPACK with what surrounds them, constants spread to
whole arrays included. On two cores an Anomaly Transformer trains and scores a tenth
faster without, an LSTM-VAE as fast; fleets of LSTM-VAEs are slower by as much.
"""


def options() -> dict[str, str] | None:
    """Options for `jax.jit` of one member's programs; None for XLA's own choice."""
    return dict(ALONE) if jax.default_backend() == "cpu" and _supported() else None


@functools.cache
def _supported() -> bool:
    """Whether this XLA has the options; they may go with any version."""
    try:
        jax.jit(lambda: 0.0, compiler_options=ALONE)()
    except (jax.errors.JaxRuntimeError, ValueError):
        return False
    return True
