"""Anomaly attention and the network around it, over window, batch, width and channels.

The operation alone, forward and with its gradient, by every implementation that the
window allows; then training steps of the whole Anomaly Transformer at each precision.
`of_ceiling` is the least time that the matrix products or the bytes of inputs and
outputs could take on this machine, over the time taken.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.throughput import ceilings
from benchmarks.throughput.ceilings import Ceilings
from benchmarks.throughput.options import Options, Row
from benchmarks.throughput.timing import Contender, alternate, until
from jaxtsad.detectors.anomaly_transformer import detector as anomaly_transformer
from jaxtsad.detectors.anomaly_transformer.config import Config
from jaxtsad.ops import products
from jaxtsad.ops.attention import dispatch as attention
from jaxtsad.ops.attention.dispatch import Implementation
from jaxtsad.types import Array, Batch, State


class Sizes(NamedTuple):
    """Of one case.

    Attributes:
        window: Window length L.
        batch: Windows B.
        width: Model width D.
        channels: Number of channels C.
    """

    window: int = 100
    batch: int = 32
    width: int = 512
    channels: int = 25


LENGTHS = (
    *(Sizes(), Sizes(512, 4), Sizes(1024, 2)),
    *(Sizes(window, 1) for window in (2048, 4096, 8192)),
)
SCALING = (
    *(Sizes(batch=batch) for batch in (1, 8, 128)),
    *(Sizes(width=width) for width in (128, 1024)),
    *(Sizes(channels=channels) for channels in (1, 55)),
)
SMOKE = Sizes(window=8, batch=2, width=16, channels=3)
# Arrays of L x L entries that the definition keeps, at once.
WHOLE_BYTES, WHOLE_ARRAYS = 2**33, 12
HEADS, LAYERS = 8, 3


def measure(options: Options) -> Iterator[Row]:
    """Ceilings, the operation over lengths, then training steps over all sizes.

    Sizes asked for make one case of their own.

    Raises:
        ValueError: If something is asked for that the suite has no use for.
    """
    options.refuse("attention", "members", "detector", "against")
    for precision in products.PRECISIONS:
        found = ceilings.measure(precision, options.quick)
        yield ceilings.row("attention", found, precision)
    lengths, others = LENGTHS, SCALING
    if options.quick or options.sizes:
        lengths, others = (SMOKE if options.quick else asked(options),), ()
    for sizes, name in itertools.product(lengths, attention.IMPLEMENTATIONS):
        if name != "auto" and allowed(name, sizes):
            yield operation(sizes, name, options)
    for sizes in (*lengths, *others):
        for precision in products.PRECISIONS:
            if precision != "default" or jax.default_backend() != "cpu":
                yield training(sizes, precision, options)


def asked(options: Options) -> Sizes:
    """The sizes of the command line.

    Raises:
        ValueError: If there is one that the suite does not know.
    """
    names = {"batch_size": "batch"}
    given = {names.get(name, name): value for name, value in options.sizes.items()}
    unknown = set(given) - set(Sizes._fields)
    if unknown:
        has = ", ".join(Sizes._fields)
        raise ValueError(f"attention has no {min(unknown)}; its sizes are {has}")
    return Sizes(**given)


def allowed(name: Implementation, sizes: Sizes) -> bool:
    """Whether an implementation can be timed: it fits, and it is no interpreter's."""
    if name == "mosaic":
        return jax.default_backend() in ("gpu", "tpu")
    entries = sizes.batch * HEADS * sizes.window**2
    return name == "xla" or 4 * WHOLE_ARRAYS * entries <= WHOLE_BYTES


def operation(sizes: Sizes, name: Implementation, options: Options) -> Row:
    """The operation alone, forward and with the gradient of all inputs."""
    window, batch, width, _ = sizes
    shape = (batch, window, HEADS, width // HEADS)
    rng = np.random.default_rng(0)
    drawn = rng.normal(size=(3, *shape)).astype(np.float32)
    inputs = (*map(jnp.asarray, drawn), jnp.ones((batch, HEADS, window)))

    def forward(*args: Array) -> tuple[Array, ...]:
        return tuple(
            attention.anomaly_attention(*args, precision="float32", implementation=name)
        )

    def total(*args: Array) -> Array:
        parts = [x.sum() for x in forward(*args)]
        return parts[0] - parts[1] + parts[2]

    case = named(name, sizes)
    options.show(case)
    row: Row = {"suite": "attention", "case": case}
    one = 4.0 * batch * window**2 * width
    moved = 4.0 * batch * window * width * 4
    found = ceilings.measure("float32", options.quick)
    gradient = jax.grad(total, argnums=(0, 1, 2, 3))
    for part, run, flop, bytes_ in (
        ("forward", forward, one, moved),
        ("gradient", gradient, 3 * one, 3 * moved),
    ):
        compiled, compile_s = ahead(run, *inputs)
        timed = alternate(
            [contender(lambda c=compiled: c(*inputs), batch, options, compile_s)],
            options.runs,
            options.show,
        )[0]
        row |= numbers(part, timed.median, batch, compiled, flop, bytes_, found)
    return row


def training(sizes: Sizes, precision: products.Precision, options: Options) -> Row:
    """Training steps of the whole network, and its scoring."""
    window, batch, width, channels = sizes
    config = Config(
        window=window,
        channels=channels,
        width=width,
        hidden=width,
        heads=HEADS,
        layers=LAYERS,
        precision=precision,
        batch_size=batch,
    )
    case = f"network {precision}, {written(sizes)}"
    options.show(case)
    row: Row = {"suite": "attention", "case": case}
    detector = anomaly_transformer.build(config)
    key = jax.random.key(0)
    values = jnp.asarray(
        np.random.default_rng(0).normal(size=(batch, window, channels))
    )
    data = Batch(
        values.astype(jnp.float32),
        jnp.ones(batch),
        jnp.arange(batch),
        jnp.zeros(batch),
    )
    made = detector.init(key, None)
    step = anomaly_transformer.minimax(config).step
    one = operations(sizes)
    found = ceilings.measure(precision, options.quick)

    def train(state: State) -> State:
        return step(key, state, data, jnp.ones(()), config.k)[0]

    compiled, compile_s = ahead(train, made, donate=True)
    held = [made]

    def once() -> Any:
        # The buffers of the old state become those of the new one.
        held[0] = compiled(held[0])
        return held[0]

    timed = alternate(
        [contender(once, batch, options, compile_s)], options.runs, options.show
    )[0]
    row |= numbers("train", timed.median, batch, compiled, 3 * one, 0.0, found)
    model, keys = held[0].model, jax.random.split(key, batch)
    score, compile_s = ahead(lambda model: detector.score(keys, model, data), model)
    timed = alternate(
        [contender(lambda: score(model), batch, options, compile_s)],
        options.runs,
        options.show,
    )[0]
    return row | numbers("score", timed.median, batch, score, one, 0.0, found)


def operations(sizes: Sizes) -> float:
    """Operations of the network's matrix products, forward, as it is defined.

    Its first layer takes fewer, see `models.layers.Factors`.
    """
    window, batch, width, channels = sizes
    dense = LAYERS * (4 * width**2 + 2 * width**2) + 4 * channels * width
    return 2.0 * batch * window * dense + LAYERS * 4.0 * batch * window**2 * width


def named(name: Implementation, sizes: Sizes) -> str:
    """The case of an implementation."""
    return f"operation {name}, {written(sizes)}"


def written(sizes: Sizes) -> str:
    """Sizes in words."""
    pairs = sizes._asdict().items()
    return ", ".join(f"{name} {value}" for name, value in pairs)


def ahead(
    run: Callable[..., Any], *args: Any, donate: bool = False
) -> tuple[Any, float]:
    """Compiles, and tells how long that took."""
    began = time.perf_counter()
    made = jax.jit(run, donate_argnums=(0,) if donate else ()).lower(*args).compile()
    return made, time.perf_counter() - began


def contender(
    call: Callable[[], Any], batch: int, options: Options, compile_s: float
) -> Contender:
    """Calls until the time is up."""

    def once() -> int:
        jax.block_until_ready(call())
        return batch

    return Contender("JAX", lambda: compile_s, lambda: until(options.seconds, once))


def numbers(
    part: str,
    rate: float,
    batch: int,
    compiled: Any,
    flop: float,
    moved: float,
    found: Ceilings,
) -> Row:
    """What a row says of one part: its rate, temporary memory and share."""
    temporary = compiled.memory_analysis().temp_size_in_bytes
    return {
        f"{part}_windows_per_s": rate,
        f"{part}_temporary_bytes": int(temporary),
        f"{part}_of_ceiling": found.share(flop, moved, batch / rate),
    }
