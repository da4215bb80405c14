"""Latent search: searches of one restart per second, over samples and restarts.

With `--against torch`, the usual PyTorch loop over samples and restarts and, beside it,
PyTorch with all of them in one batch; float32 everywhere, weights frozen.
"""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from benchmarks.throughput import compare, torch_best, torch_side
from benchmarks.throughput import memory as memory_
from benchmarks.throughput.options import Options, Row
from benchmarks.throughput.timing import Contender, alternate, until
from jaxtsad.detectors.latent_search import network as dcgan
from jaxtsad.detectors.latent_search import search as latent_search
from jaxtsad.detectors.latent_search.search import Search, SearchResult
from jaxtsad.models import network


class Sizes(NamedTuple):
    """Of the generator and of what is searched for."""

    side: int = 64
    channels: int = 4
    width: int = 64
    latent: int = 100
    steps: int = 19
    samples: tuple[int, ...] = (1, 4, 8)
    restarts: tuple[int, ...] = (1, 3)
    budgets: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0)


SMOKE = Sizes(8, 2, 4, 3, 2, (1, 2), (2,), (0.01, 0.03))
BEST = (
    "batched",
    "batched, channels last",
    "batched, compiled",
    "batched, channels last, compiled",
)
FEW_STEPS = 2
"""Of a search whose memory is watched: what it holds does not grow with its steps."""


def measure(options: Options) -> Iterator[Row]:
    """Scaling over samples and restarts and the memory of a chunk; or a comparison."""
    options.refuse("search", "members", "detector", "sizes", "checkout")
    sizes = SMOKE if options.quick else Sizes()
    if options.against:
        torch_side.check_torch()
        yield from compared(sizes, options)
        return
    one = None
    for samples, restarts in itertools.product(sizes.samples, sizes.restarts):
        case = Case(sizes, samples, restarts, options.seconds)
        options.show(case.name)
        timed = alternate([case.contender()], options.runs, options.show)[0]
        one = one or timed.median
        yield {
            "suite": "search",
            "case": case.name,
            "searches_per_s": timed.median,
            "over_one_search": timed.median / one,
            "compile_s": timed.warm_s,
            "runs": {timed.name: list(timed.rates)},
        }
    for budget in sizes.budgets:
        yield memory(sizes, budget)


class Case:
    """One compiled search for `samples` pictures from `restarts` codes each."""

    def __init__(
        self,
        sizes: Sizes,
        samples: int,
        restarts: int,
        seconds: float,
        budget: float = 8.0,
    ) -> None:
        self.sizes, self.seconds = sizes, seconds
        self.name = (
            f"{sizes.side} x {sizes.side} x {sizes.channels}, {sizes.steps} steps, "
            f"samples {samples}, restarts {restarts}"
        )
        module = dcgan.Generator(sizes.side, 2, sizes.channels, sizes.width)
        made = network.start(jax.random.key(0), module, jnp.zeros((1, sizes.latent)))
        rng = np.random.default_rng(0)
        shape = (samples, sizes.side, sizes.side, sizes.channels)
        self.x = rng.uniform(-1, 1, shape).astype(np.float32)
        codes = rng.normal(size=(samples, restarts, sizes.latent))
        self.codes = codes.astype(np.float32)
        self.params = made.params

        def search(params: Any, x: jax.Array, codes: jax.Array) -> SearchResult:
            values = made._replace(params=params)
            fixed = network.matrices(module, values, codes[:1, 0])
            generate = functools.partial(self.generate, matrices=fixed)
            return latent_search.search(self.how, generate, params, x, codes)

        def generate(params: Any, codes: jax.Array, matrices: Any = None) -> jax.Array:
            values = made._replace(params=params)
            found: jax.Array = network.run(module, values, codes, matrices)
            return found

        self.how = Search(restarts=restarts, steps=sizes.steps, max_memory_gb=budget)
        self.generate, self.search = generate, jax.jit(search)

    def contender(self) -> Contender:
        """JAX's side; devices share the samples, as they do when batches are scored."""
        devices = np.array(jax.devices())
        count = len(devices) if len(self.x) % len(devices) == 0 else 1
        mesh = Mesh(devices[:count], ("devices",))
        whole, shared = PartitionSpec(), PartitionSpec("devices")
        run = jax.jit(
            jax.shard_map(
                self.search,
                mesh=mesh,
                in_specs=(whole, shared, shared),
                out_specs=shared,
                check_vma=False,
            )
        )
        given = jax.device_put(
            (self.params, self.x, self.codes),
            tuple(NamedSharding(mesh, spec) for spec in (whole, shared, shared)),
        )

        def once() -> None:
            jax.block_until_ready(run(*given))

        return self._contender("JAX", once)

    def torch(self, kind: str) -> list[Contender]:
        """PyTorch's sides, one per number of threads; `kind` is `loop` or `batched`."""
        import torch

        from benchmarks.throughput import torch_dcgan

        model, x, codes = self._torch()
        run = getattr(torch_dcgan, kind.split(",")[0])
        if "channels last" in kind:
            model = model.to(memory_format=torch.channels_last)
        if "compiled" in kind:
            model = torch.compile(model)
        found = []
        for count in torch_side.threads():

            def once(count: int = count) -> None:
                torch.set_num_threads(count)
                run(model, x, codes, self.sizes.steps, self.how.code_rate)

            name = f"PyTorch {kind}, {count} thread" + "s" * (count > 1)
            found.append(self._contender(name, once))
        return found

    def operations(self) -> float:
        """Operations of the matrix products of a search, as PyTorch counts them."""
        from torch.utils import flop_counter

        model, _, codes = self._torch()
        code = codes[0, :1, :, None, None]

        def counted(step: Callable[[], Any]) -> float:
            with flop_counter.FlopCounterMode(display=False) as counter:
                step()
            return float(counter.get_total_flops())

        generated = counted(lambda: model(code))
        code = code.clone().requires_grad_(True)
        descended = counted(lambda: model(code).sum().backward())
        return self.sizes.steps * descended + generated

    def _torch(self) -> tuple[Any, Any, Any]:
        """PyTorch's generator, samples and codes."""
        import torch

        from benchmarks.throughput import torch_dcgan

        sizes = self.sizes
        model: Any = torch_dcgan.build(
            sizes.side, sizes.channels, sizes.width, sizes.latent
        )
        x = torch.from_numpy(np.ascontiguousarray(self.x.transpose(0, 3, 1, 2)))
        return model, x, torch.from_numpy(self.codes)

    def _contender(self, name: str, search: Callable[[], None]) -> Contender:
        def once() -> int:
            search()
            return self.codes.shape[0] * self.codes.shape[1]

        return Contender(
            name,
            lambda: until(0.0, once).seconds,
            lambda: until(self.seconds, once),
        )


def compared(sizes: Sizes, options: Options) -> Iterator[Row]:
    """JAX against both ways of PyTorch, all in alternation."""
    case = Case(sizes, sizes.samples[-1], sizes.restarts[-1], options.seconds)
    options.show(case.name)
    if options.against == "torch-best":
        tried = [side for kind in BEST for side in case.torch(kind)]
        kinds = {"best PyTorch": [torch_best.fastest(tried, options.show)]}
    else:
        kinds = {f"PyTorch {kind}": case.torch(kind) for kind in ("loop", "batched")}
    sides = [side for own in kinds.values() for side in own]
    jax_side, *rest = alternate(
        [case.contender(), *sides], options.runs, options.show, options.patience
    )
    for kind, own in kinds.items():
        timed, rest = rest[: len(own)], rest[len(own) :]
        named = f"{case.name}, against the {kind}"
        row = {"suite": "search", "case": named, **compare.outcome([jax_side, *timed])}
        yield row | compare.of_ceiling(row, case.operations, "float32", options.quick)


def memory(sizes: Sizes, budget: float) -> Row:
    """What a search of more than a chunk holds, as compiled and as run."""
    short = sizes._replace(steps=FEW_STEPS)
    case = Case(short, 1, sizes.restarts[-1], 0.0, budget)
    chunk = latent_search.chunk_size(case.how, case.generate, case.params, sizes.latent)
    x = jnp.broadcast_to(case.x, (chunk + 1, *case.x.shape[1:]))
    codes = jnp.broadcast_to(case.codes, (chunk + 1, *case.codes.shape[1:]))
    began = time.perf_counter()
    compiled = case.search.lower(case.params, x, codes).compile()
    spent = time.perf_counter() - began
    used = compiled.memory_analysis()
    arrays = used.argument_size_in_bytes + used.output_size_in_bytes
    held = used.temp_size_in_bytes + arrays
    mark = memory_.begin()
    jax.block_until_ready(compiled(case.params, x, codes))
    grown = memory_.end(mark)["memory_growth_bytes"]
    room = int(budget * 2**30)
    return {
        "suite": "search",
        "case": f"memory budget {budget:g} GiB, restarts {sizes.restarts[-1]}",
        "chunk": chunk,
        "budget_bytes": room,
        "held_bytes": held,
        "memory_growth_bytes": grown,
        "within_budget": "yes" if max(held, grown or 0) <= room else "no",
        "compile_seconds": spent,
    }
