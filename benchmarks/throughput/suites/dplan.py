"""DPLAN: steps per second in the environment and in learning, of ten seeds together.

A timed run is a training of 2,000 steps, not 30,000, a third of them warm-up as in the
whole; the growing of isolation forests is not counted. One training of all steps is
timed besides. With `--against torch`, a plain PyTorch loop trains one seed;
with `--against torch-best`, PyTorch trains all of them at once.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.throughput import compare, torch_best, torch_side
from benchmarks.throughput.options import Options, Row
from benchmarks.throughput.timing import Contender, Work, alternate, until
from jaxtsad import types
from jaxtsad.detectors.dplan import detector as dplan
from jaxtsad.detectors.dplan.config import Config
from jaxtsad.ops import samples
from jaxtsad.training import fit, fleet, plan

PUBLISHED = Config(window=1, channels=20)
BLOCKS = 15
KNOWN = 60
BEST = ("eager", "compiled")
AGAINST = {
    "torch": "a PyTorch loop",
    "torch-best": "the best PyTorch, all seeds at once",
}


class Sizes(NamedTuple):
    """Of the table and of a training; a timed run has so many of its 15 blocks."""

    rows: int
    seeds: int
    timed: int
    config: Config


REAL = Sizes(10_000, 10, 1, PUBLISHED)
SMOKE = Sizes(
    120,
    2,
    BLOCKS,
    dataclasses.replace(
        PUBLISHED, channels=3, subset=20, trees=3, block=8, warm_up=40, capacity=200
    ),
)


def measure(options: Options) -> Iterator[Row]:
    """Rates of short trainings, and the times of a whole one."""
    options.refuse("dplan", "detector", "sizes", "members", "checkout")
    sizes = SMOKE if options.quick else REAL
    if options.against:
        torch_side.check_torch()
    case = Case(sizes, sizes.timed)
    options.show(case.name)
    sides = [case.contender()]
    if options.against:
        best = options.against == "torch-best"
        tried = [
            case.torch(count, options.seconds, way)
            for count in torch_side.threads()
            for way in (BEST if best else ("loop",))
        ]
        sides += [torch_best.fastest(tried, options.show)] if best else tried
    timed = alternate(sides, options.runs, options.show, options.patience)
    if options.against:
        named = f"{case.name}, against {AGAINST[options.against]}"
        row = compare.outcome(timed)
        if best:
            row |= compare.of_ceiling(row, case.operations, "float32", options.quick)
        yield {"suite": "dplan", "case": named, **_steps(row)}
    else:
        yield {
            "suite": "dplan",
            "case": case.name,
            "steps_per_s": timed[0].median,
            "compile_s": timed[0].warm_s,
            "runs": {timed[0].name: list(timed[0].rates)},
        }
        yield whole(sizes)


def whole(sizes: Sizes) -> Row:
    """All steps of all seeds once: seconds of the steps and of the forests."""
    case = Case(sizes, BLOCKS)
    case.contender().warm()
    began = time.perf_counter()
    result = case.trained(case.blocks)
    seconds = time.perf_counter() - began
    return {
        "suite": "dplan",
        "case": f"{case.name}, once",
        "steps_per_s": case.steps / result.train_s,
        "steps_seconds": result.train_s,
        "forests_and_rest_seconds": seconds - result.train_s,
    }


class Case:
    """A table and how long a training on it is.

    Args:
        sizes: Of the table and the detector.
        blocks: Blocks of steps; the warm-up is a third of them.
    """

    def __init__(self, sizes: Sizes, blocks: int) -> None:
        self.sizes, self.blocks = sizes, blocks
        self.count = blocks * sizes.config.block
        self.config = dataclasses.replace(sizes.config, warm_up=self.count // 3)
        self.name = (
            f"{sizes.rows} rows, {sizes.config.channels} features, {sizes.seeds} "
            f"seeds, {self.count} steps"
        )
        rng = np.random.default_rng(0)
        self.rows = rng.random((sizes.rows, sizes.config.channels)).astype(np.float32)
        self.known = np.arange(sizes.rows) >= sizes.rows - KNOWN
        self.rows[self.known] += 0.5

    @property
    def steps(self) -> int:
        """Steps of all seeds."""
        return self.sizes.seeds * self.count

    def operations(self) -> float:
        """Operations of a step's matrix products, as PyTorch counts them.

        PyTorch searches for the next row in every step, and learns after the warm-up.
        """
        from torch.utils import flop_counter

        made, warm_up = self._best(1, compiled=False), self.config.warm_up

        def counted(time: int) -> float:
            made.time = time
            with flop_counter.FlopCounterMode(display=False) as counter:
                made.step()
            return float(counter.get_total_flops())

        acts, learns = counted(0), counted(warm_up)
        return acts + (learns - acts) * (1 - warm_up / self.count)

    def trained(self, blocks: int) -> fit.Result:
        """Trains all seeds in one program."""
        part, _ = types.cut_train(self.rows, window=1, validation=0)
        view = samples.view(part, jnp.asarray(self.known, jnp.float32))
        seeds = self.sizes.seeds
        return fit.fit(
            jax.random.split(jax.random.key(0), seeds),
            dplan.build(self.config),
            jax.device_put(fleet.stack([view] * seeds)),
            plan=plan.Plan(epochs=blocks, stop="none", members="auto"),
        )

    def contender(self) -> Contender:
        """JAX's side; the clock runs while steps are taken, not while trees grow."""

        def warm() -> float:
            return self.trained(1).compile_s

        def run() -> Work:
            return Work(self.steps, self.trained(self.blocks).train_s)

        return Contender("JAX", warm, run)

    def torch(self, threads: int, seconds: float, way: str = "loop") -> Contender:
        """PyTorch's side until the time is up.

        Args:
            threads: How many.
            seconds: Least duration of a run.
            way: `loop`, one seed after another as public code does it; or all seeds at
                once, `eager` or `compiled`.
        """
        import torch

        from benchmarks.throughput import torch_dplan

        seeds = 1 if way == "loop" else self.sizes.seeds

        def train() -> int:
            if way == "loop":
                made: Any = torch_dplan.Agent(*self._given, seed=0)
            else:
                made = self._best(seeds, way == "compiled")
            for _ in range(self.count):
                made.step()
            return self.count * seeds

        def timed(least: float) -> Work:
            torch.set_num_threads(threads)
            return until(least, train)

        name = f"PyTorch {way}, {threads} thread" + "s" * (threads > 1)
        return Contender(name, lambda: timed(0.0).seconds, lambda: timed(seconds))

    @functools.cached_property
    def _given(self) -> tuple[Any, ...]:
        """What PyTorch's agents are made of."""
        import torch

        rows = torch.from_numpy(self.rows)
        return self.config, rows, KNOWN, torch.rand(len(rows))

    def _best(self, seeds: int, compiled: bool) -> Any:
        """The best PyTorch's agents."""
        from benchmarks.throughput.torch_best import dplan as best

        return best.Agents(*self._given, seeds, compiled)


def _steps(row: Row) -> Row:
    """The same numbers, named after what they count."""
    return {name.replace("windows", "steps"): value for name, value in row.items()}
