"""The compiled functions of stacked members, and how XLA is told to compile them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxtsad.ops import products
from jaxtsad.training import fleet
from jaxtsad.types import Array, Clock, Detector, Key, Metrics, PyTree, State

ALONE = {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_REDUCE"}
"""For one member on a CPU: matrix products by Eigen, sums along an axis by YNNPACK.

By itself XLA hands products to YNNPACK with what surrounds them, constants spread to
whole arrays included. On two cores an Anomaly Transformer trains and scores a tenth
faster without, an LSTM-VAE as fast; fleets of LSTM-VAEs are slower by as much. Where
YNNPACK multiplies bfloat16 as such (`products.narrow_is_fast`) it is as fast as Eigen
in float32, too, and the option is left out, but for detectors of small products: deep
clustering of images scores by half as fast again with it.
"""

WIDE = {"xla_cpu_prefer_vector_width": 512}
"""For CPUs with instructions for bfloat16: vectors of 512 bits in all loops, not 256.

On an AMD EPYC LSTM-VAEs train 5 to 7 % faster, the Anomaly Transformer 2 to 6 %.
"""

QUICK = {"xla_cpu_use_fusion_emitters": False}
"""For detectors of whole series on a CPU: compiled in a third of the time, and as fast.

Their programs are many small loops, each of which is compiled by itself. JAX 0.12 has
no such option.
"""
ONCE = {"xla_backend_optimization_level": 0}
"""For what such a detector is fitted by on a short series: compiling costs most."""
SHORT = 2**18
"""Values of a series up to which it is short."""

KEPT = 16
"""Programs of a kind that are kept: each holds megabytes, and the eldest is given up.

Detectors of ever other windows, fitted one after another, would fill the memory.
"""


class Programs(NamedTuple):
    """Compiled functions of stacked members."""

    init: Callable[[Key, Any], State]
    advance: Callable[..., tuple[State, Metrics]]
    validate: Callable[[Key, PyTree, Any], Metrics] | None
    keep: Callable[[Array, PyTree, PyTree], PyTree]


@functools.lru_cache(maxsize=KEPT)
def compiled(
    detector: Detector, members: int, choice: str, devices: fleet.Devices
) -> Programs:
    """The programs of a detector; asking again compiles nothing again."""
    # Jitted it is traced once for both uses; inlined it leaves the program as it was.
    step = jax.jit(detector.advance, inline=True)

    def advance(
        active: Array, key: Key, state: State, source: Any, clock: Clock
    ) -> tuple[State, Metrics]:
        shapes = jax.eval_shape(step, key, state, source, clock)[1]

        def skip_step() -> tuple[State, Metrics]:
            return state, jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)

        def do_step() -> tuple[State, Metrics]:
            return step(key, state, source, clock)

        return jax.lax.cond(active, do_step, skip_step)

    def keep(improved: Array, new: PyTree, old: PyTree) -> PyTree:
        return jax.tree.map(functools.partial(jnp.where, improved), new, old)

    def lift(
        function: Callable[..., Any], once: bool = False, **options: Any
    ) -> Callable[..., Any]:
        lifted = fleet.lift(function, members, choice, devices)
        compiler_options = options_for(detector, members, once)
        return jax.jit(lifted, compiler_options=compiler_options, **options)

    def init(keys: Key, sources: Any) -> State:
        state: State = (short if sources.cells <= SHORT else long)(keys, sources)
        return state

    short, long = lift(detector.init, once=True), lift(detector.init)

    validate = None if detector.validate is None else lift(detector.validate)
    return Programs(
        init,
        lift(advance, donate_argnums=2),
        validate,
        jax.jit(jax.vmap(keep)),
    )


def options_for(
    detector: Detector, members: int, once: bool = False
) -> dict[str, Any] | None:
    """Options for `jax.jit` of a detector's programs; None for XLA's own choice.

    Args:
        detector: The detector.
        members: Members that a program is of.
        once: Whether it runs once, so that compiling costs more than running.
    """
    if detector.series is not None:
        return quick_options(once)
    narrow = products.narrow_is_fast()
    options: dict[str, Any] = dict(WIDE) if narrow else {}
    if members == 1 and (detector.small_products or not narrow):
        options |= ALONE
    return _usable(options) if options else None


def quick_options(once: bool = False) -> dict[str, Any] | None:
    """Options for `jax.jit` of programs of many small loops (see `QUICK`, `ONCE`)."""
    return _usable({**QUICK, **ONCE} if once else dict(QUICK))


def _usable(options: dict[str, Any]) -> dict[str, Any] | None:
    """Those of the options that this XLA has; they come and go with its versions."""
    if jax.default_backend() != "cpu":
        return None
    return {k: v for k, v in options.items() if _supported(k, v)} or None


@functools.cache
def _supported(name: str, value: bool | int | str) -> bool:
    """Whether this XLA has an option."""
    try:
        jax.jit(lambda: 0.0, compiler_options={name: value})()
    except (jax.errors.JaxRuntimeError, ValueError):
        return False
    return True
