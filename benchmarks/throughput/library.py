"""The library's own programs under the clock: what `fit` and scoring users run."""

from __future__ import annotations

import time
from typing import Any

import jax
import numpy as np

from benchmarks.throughput.timing import Contender, Work, until
from jaxtsad.training import fit, fleet, plan, scoring
from jaxtsad.types import Detector, Key, PyTree

NAME = "JAX"
# Longer than any run: the clock ends training, not the plan.
FOREVER = 10**9
BATCH = 32


def batch_of(config: Any) -> int:
    """Windows per step, or per scoring call of a detector that takes no steps."""
    return int(getattr(config, "batch_size", BATCH))


class Case:
    """A detector, its data and how members share a program.

    Attributes:
        detector: What is measured.
        sources: Its data, stacked `[M, ...]`.
        batch_size: Windows per scoring call.
        seconds: Least duration of a run.
        members: `auto`, `vmap` or `map`.
    """

    def __init__(
        self,
        detector: Detector,
        sources: Any,
        batch_size: int,
        seconds: float,
        members: str = "auto",
    ) -> None:
        self.detector, self.sources = detector, sources
        self.batch_size, self.seconds, self.members = batch_size, seconds, members
        self.count = fleet.members_of(sources)
        self.steps = detector.steps(fleet.member(sources, 0))
        # An epoch that is no pass over the data, an agent's, counts its steps.
        a_pass = self.steps * batch_size == sources.size
        self.each = batch_size if a_pass else 1

    @property
    def keys(self) -> Key:
        """One key per member."""
        return jax.random.split(jax.random.key(0), self.count)

    def plan(self, epochs: int) -> plan.Plan:
        """A plan that stops for nothing but its last epoch."""
        return plan.Plan(epochs=epochs, stop="none", members=self.members)

    def training(self) -> Contender:
        """Training by `training.fit`: gathering, gradients, optimizer, host steps."""
        return Contender(NAME, self._warm_training, self._run_training)

    def scoring(self) -> Contender:
        """Scoring by `training.scoring.run`."""
        scorer = _Scoring(self)
        return Contender(NAME, scorer.warm, scorer.run)

    def _warm_training(self) -> float:
        if not self.steps:
            return self._solve(0.0).seconds
        return _Watched(self, seconds=0.0).compile_s

    def _run_training(self) -> Work:
        if not self.steps:
            return self._solve(self.seconds)
        return _Watched(self, self.seconds).work

    def _solve(self, seconds: float) -> Work:
        """Fits a closed form, again until the time is up."""

        def once() -> int:
            result = fit.fit(self.keys, self.detector, self.sources, plan=self.plan(0))
            jax.block_until_ready(result.model)
            return self.sources.size * self.count

        return until(seconds, once)


class _Watched:
    """One call of `training.fit`, interrupted between stretches by the clock.

    The clock starts where compiling ends and stops when a stretch's metrics are read,
    so the time holds all that users wait for in between.
    """

    def __init__(self, case: Case, seconds: float) -> None:
        self.seconds, self.steps = seconds, 0
        began = self.ready = self.last = time.perf_counter()
        callbacks = fit.Callbacks(
            status=self._status, resumed=self._ready, stop=self._stop
        )
        try:
            fit.fit(
                case.keys,
                case.detector,
                case.sources,
                plan=case.plan(FOREVER),
                callbacks=callbacks,
            )
        except fit.Interrupted:
            self.compile_s = self.ready - began
            windows = self.steps * case.each * case.count
            self.work = Work(windows, self.last - self.ready)
        else:
            raise ValueError("training diverged on the made-up data: nothing to time")

    def _ready(self, epochs: int) -> None:
        del epochs
        self.ready = time.perf_counter()

    def _status(self, status: fit.Status) -> None:
        self.last = time.perf_counter()
        self.steps = status.epoch * status.steps + status.step

    def _stop(self) -> bool:
        return self.last - self.ready >= self.seconds


class _Scoring:
    def __init__(self, case: Case) -> None:
        self.case = case
        self.model: PyTree = None
        self.windows = min(case.batch_size, case.sources.size)

    def warm(self) -> float:
        case = self.case
        # Where a host step makes the model, one before any training says nothing.
        epochs = int(case.detector.refresh is not None and case.steps > 0)
        result = fit.fit(case.keys, case.detector, case.sources, plan=case.plan(epochs))
        self.model = jax.block_until_ready(result.model)
        compile_s = until(0.0, self._call).seconds
        spent = until(0.0, self._call).seconds
        wanted = int(case.seconds / max(spent, 1e-6)) * self.windows
        self.windows = min(max(wanted, self.windows), case.sources.size)
        return compile_s

    def run(self) -> Work:
        return until(self.case.seconds, self._call)

    def _call(self) -> int:
        case = self.case
        scores = scoring.run(
            case.keys,
            case.detector,
            self.model,
            case.sources,
            batch_size=case.batch_size,
            members=case.members,
            counts=np.full(case.count, self.windows),
        )
        jax.block_until_ready(scores)
        return self.windows * case.count
