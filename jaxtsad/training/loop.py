"""The training loop's variables and how an epoch goes by."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.training import fleet, hosts, plan
from jaxtsad.training.checkpoints import Saved
from jaxtsad.training.programs import Programs
from jaxtsad.types import Clock, Detector, Key, Metrics, PyTree, State

STRETCH_SECONDS = 4.0
"""How often progress shows and an interrupt is heard. Every stretch takes its temporary
memory from the system anew: on a CPU an eighth of the time of steps of a second, were
each a stretch of its own."""
GROWTH = 64.0
"""At most so many times the steps of the stretch before, the first of which is one."""


class Interrupted(Exception):
    """Training was asked to stop; its state is in the last checkpoint."""


class Status(NamedTuple):
    """What a progress bar shows."""

    epoch: int
    step: int
    steps: int
    epochs: int
    active: int
    members: int


class Callbacks(NamedTuple):
    """Whom training reports to.

    Attributes:
        status: Called after every stretch.
        epoch: Called once per finished epoch with its records, one per member.
        resumed: Called with the number of finished epochs before the first stretch.
        stop: Asked between stretches; True saves a checkpoint and interrupts.
        model: Called once per finished epoch with its number, from 0, and the members'
            models as they are then, stacked; to be read before it returns.
    """

    status: Callable[[Status], None] = lambda status: None
    epoch: Callable[[list[dict[str, Any]]], None] = lambda records: None
    resumed: Callable[[int], None] = lambda epochs: None
    stop: Callable[[], bool] = lambda: False
    model: Callable[[int, PyTree], None] = lambda epoch, model: None


class Result(NamedTuple):
    """What training leaves.

    Attributes:
        model: Best (or last) models, stacked `[M, ...]`.
        progress: Where every member ended.
        compile_s: Seconds spent compiling.
        train_s: Seconds spent in steps.
        trained: Windows or samples trained on in that time.
    """

    model: PyTree
    progress: plan.Progress
    compile_s: float
    train_s: float
    trained: float


class Loop:
    """The loop's variables; `save` and `restore` see all that resuming needs."""

    def __init__(
        self,
        detector: Detector,
        programs: Programs,
        sources: Any,
        steps: int,
        plan_: plan.Plan,
        keys: Key,
        members: int,
        callbacks: Callbacks,
        checkpoints: Saved | None,
    ) -> None:
        self.detector, self.programs, self.sources = detector, programs, sources
        self.plan, self.members = plan_, members
        self.real = members
        self.callbacks, self.checkpoints = callbacks, checkpoints
        self.validations: Any = None
        self.models: PyTree = None
        self.in_step = False
        self.validated = np.zeros(members, bool)
        self.steps = steps
        self.progress = plan.begin(members)
        self.epoch, self.first, self.stretch = 0, 0, 1
        self.sums: dict[str, np.ndarray] = {}
        self.compile_s = self.train_s = self.trained = 0.0
        self.saved_at = time.monotonic()
        self.keys = fleet.keys_by_use(keys)

    def run(self, real: int) -> Result:
        """Trains to the end; members from `real` on are padding."""
        self.real = real
        self.start()
        while self.epoch < self.plan.epochs and self.progress.active.any():
            self.run_epoch()
        self.save()
        best, progress = jax.tree.map(
            lambda leaf: leaf[:real], (self.best, self.progress)
        )
        return Result(best, progress, self.compile_s, self.train_s, self.trained)

    def start(self) -> None:
        """Initializes, compiles, and restores a checkpoint if there is one."""
        began = time.perf_counter()
        self.state = jax.block_until_ready(
            self.programs.init(self.keys.init, self.sources)
        )
        if self.models is not None:
            self.state = self.state._replace(model=self.models)
        self.best = jax.tree.map(jnp.copy, self.state.model)
        self.state, metrics = self.programs.advance(*self.arguments(0))
        self.sums = {name: np.zeros(self.members, np.float32) for name in metrics}
        jax.block_until_ready(self.state)
        self.compile_s = time.perf_counter() - began
        if self.checkpoints is not None:
            self.restore()
        self.callbacks.resumed(self.epoch)

    def arguments(self, count: int) -> tuple:
        """Arguments of `advance` for the next `count` steps; 0 only compiles."""
        per_member = functools.partial(np.full, self.members, dtype=np.int32)
        scale = np.float32(self.plan.scale(self.epoch)) * self.progress.scale
        clock = Clock(
            jnp.asarray(per_member(fill_value=self.epoch)),
            jnp.asarray(per_member(fill_value=self.first)),
            jnp.asarray(per_member(fill_value=count)),
            jnp.asarray(scale),
        )
        active = jnp.asarray(self.progress.active)
        return active, self.keys.train, self.state, self.sources, clock

    def run_epoch(self) -> None:
        """Trains what is left of the current epoch."""
        if self.first == 0:
            self.state = fleet.refreshed(
                self.detector,
                self.keys.refresh,
                self.state,
                self.sources,
                self.progress.active,
                self.epoch,
            )
        while self.first < self.steps:
            self.run_stretch()
            if self.largest(self.callbacks.stop()):
                self.save()
                raise Interrupted
            if self.is_due():
                self.save()
        self.finish_epoch()

    def run_stretch(self) -> None:
        """Takes a few seconds of steps."""
        count = min(self.stretch, self.steps - self.first)
        began = time.perf_counter()
        self.state, metrics = self.programs.advance(*self.arguments(count))
        read = self.read(metrics)
        seconds = self.largest(time.perf_counter() - began)
        self.train_s += seconds
        self.trained += float(read.get("weight", np.zeros(1)).sum())
        self.sums = {name: self.sums[name] + value for name, value in read.items()}
        self.first += count
        wanted = max(1.0, count * STRETCH_SECONDS / max(seconds, 1e-6))
        self.stretch = int(min(wanted, GROWTH * count))
        self.callbacks.status(
            Status(
                self.epoch,
                self.first,
                self.steps,
                self.plan.epochs,
                int(self.progress.active.sum()),
                self.real,
            )
        )

    def finish_epoch(self) -> None:
        """Validates, keeps the best parameters and reports."""
        diverged = self.sums.get("diverged", np.zeros(self.members)) > 0
        validation = self.validate()
        progress = self.progress
        records = self.records(validation, diverged)
        lost = np.where(progress.active & diverged, self.epoch, progress.diverged)
        progress = progress._replace(
            active=progress.active & ~diverged, diverged=lost.astype(np.int32)
        )
        self.progress, improved = plan.after_epoch(
            self.plan, progress, self.epoch, validation, self.validated
        )
        self.best = self.programs.keep(
            jnp.asarray(improved), self.state.model, self.best
        )
        if diverged.any():
            sound = self.programs.keep(
                jnp.asarray(~diverged), self.state.model, self.best
            )
            self.state = self.state._replace(model=sound)
        self.callbacks.model(self.epoch, self.state.model)
        self.epoch, self.first = self.epoch + 1, 0
        self.sums = {name: np.zeros_like(value) for name, value in self.sums.items()}
        self.callbacks.epoch(records)
        if self.is_due():
            self.save()

    def validate(self) -> dict[str, np.ndarray]:
        """Validation metrics `[M]`, empty where nothing validates."""
        if self.validations is None or self.programs.validate is None:
            return {}
        began = time.perf_counter()
        metrics = self.programs.validate(
            self.keys.validate, self.state.model, self.validations
        )
        read = self.read(metrics)
        if self.epoch == 0:
            self.compile_s += time.perf_counter() - began
        return read

    def read(self, metrics: Metrics) -> dict[str, np.ndarray]:
        """Metrics on the host: of members that hosts share, the same on all of them."""
        read = {name: np.asarray(value) for name, value in metrics.items()}
        if not all(hosts.is_local(value) for value in metrics.values()):
            read = jax.tree.map(np.asarray, hosts.of_first(read))
        return read

    def largest(self, value: float) -> float:
        """A number, the largest where several hosts train together."""
        return float(hosts.most(value)) if self.in_step else value

    def is_due(self) -> bool:
        """Whether it is time for a checkpoint; hosts in step all say the same."""
        waited = self.largest(time.monotonic() - self.saved_at)
        return waited > self.plan.checkpoint_seconds

    def records(
        self, validation: dict[str, np.ndarray], diverged: np.ndarray
    ) -> list[dict[str, Any]]:
        """One record per member that was trained in this epoch."""
        weight = np.maximum(self.sums.get("weight", np.ones(self.members)), 1e-9)
        records = []
        for index in np.flatnonzero(self.progress.active):
            scale = self.plan.scale(self.epoch) * self.progress.scale[index]
            record: dict[str, Any] = {"member": int(index), "epoch": self.epoch}
            for name, value in self.sums.items():
                if name not in ("weight", "diverged"):
                    record[name] = _short(value[index] / weight[index])
            if self.validated[index]:
                for name, value in validation.items():
                    record[f"validation_{name}"] = _short(value[index])
            record["scale"] = _short(scale)
            if diverged[index]:
                record["diverged"] = True
            records.append(record)
        return records

    def tree(self) -> PyTree:
        """All that resuming needs."""
        return {
            "state": self.state,
            "best": self.best,
            "progress": self.progress._asdict(),
            "sums": self.sums,
            "where": np.array([self.epoch, self.first, self.stretch], np.int32),
            "spent": np.array([self.compile_s, self.train_s, self.trained], np.float32),
        }

    def save(self) -> None:
        """Saves a checkpoint, where there is somewhere to."""
        if self.checkpoints is not None:
            step = self.epoch * (self.steps + 1) + self.first
            self.checkpoints.save(step, self.tree())
        self.saved_at = time.monotonic()

    def restore(self) -> None:
        """Goes on from the newest checkpoint."""
        assert self.checkpoints is not None
        template = jax.tree.map(_template, self.tree())
        tree = self.checkpoints.restore(template)
        if tree is None:
            return
        self.state, self.best = State(*tree["state"]), tree["best"]
        self.progress = plan.Progress(
            **{name: np.asarray(value) for name, value in tree["progress"].items()}
        )
        self.sums = {name: np.asarray(value) for name, value in tree["sums"].items()}
        self.epoch, self.first, self.stretch = (int(n) for n in tree["where"])
        spent = (float(seconds) for seconds in tree["spent"])
        self.compile_s, self.train_s, self.trained = spent


def _template(leaf: Any) -> jax.ShapeDtypeStruct:
    """Shape, dtype and place of a leaf, as a restored checkpoint must have them."""
    sharding = getattr(leaf, "sharding", None)
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)


def _short(value: float) -> float:
    """Six significant digits: what a person reads, and the same after a resume."""
    return float(f"{float(value):.6g}")
