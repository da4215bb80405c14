"""Eager PyTorch implementations of the same procedures under the same clock."""

from __future__ import annotations

import functools
import importlib
import inspect
import itertools
import os
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

from benchmarks.throughput import sources
from benchmarks.throughput.timing import Contender, Work, until


class Baseline(NamedTuple):
    """A model of the other side: what it does with a tensor `[B, L, C]`."""

    train_step: Callable[[Any], Any]
    score: Callable[[Any], Any]


def anomaly_transformer(config: Any) -> Baseline:
    """The published procedure (see `torch_anomaly_transformer`)."""
    from benchmarks.throughput import torch_anomaly_transformer as theirs

    model, optimizer = theirs.build(config)
    return Baseline(
        lambda x: theirs.train_step(model.train(), optimizer, x),
        lambda x: theirs.score(model.eval(), x),
    )


def reference(config: Any, checkout: pathlib.Path) -> Baseline:
    """The published implementation (see `benchmarks.throughput.torch_reference`)."""
    from benchmarks.throughput import torch_anomaly_transformer as procedure
    from benchmarks.throughput import torch_reference as theirs

    model, optimizer = theirs.build(config, checkout)
    return Baseline(
        lambda x: procedure.train_step(model.train(), optimizer, x),
        lambda x: theirs.score(model.eval(), x),
    )


def lstm_vae(config: Any) -> Baseline:
    """The network on PyTorch's fused layer (see `torch_lstm_vae`)."""
    from benchmarks.throughput import torch_lstm_vae as theirs

    known = inspect.signature(theirs.build).parameters
    shared = {name: getattr(config, name) for name in known if hasattr(config, name)}
    baseline = theirs.build(**shared)
    return Baseline(
        lambda x: theirs.train_step(baseline, x), lambda x: theirs.score(baseline, x)
    )


def convolutional(kind: str, config: Any) -> Baseline:
    """A class of `torch_convolutional` by its name."""
    from benchmarks.throughput import torch_convolutional as theirs

    model = getattr(theirs, kind)(config)
    return Baseline(model.train_step, model.score)


BUILD: dict[str, Callable[[Any], Baseline]] = {
    "anomaly_transformer": anomaly_transformer,
    "deep_clustering": functools.partial(convolutional, "DeepClustering"),
    "ganomaly": functools.partial(convolutional, "Ganomaly"),
    "lstm_vae": lstm_vae,
}


def available() -> tuple[str, ...]:
    """Detectors with a PyTorch implementation to compare to."""
    return tuple(BUILD)


def check(detector: str) -> None:
    """Raises where the comparison cannot be made.

    Raises:
        ValueError: If there is no such implementation, PyTorch is missing or JAX does
            not run on the CPU.
    """
    if detector not in available():
        raise ValueError(
            f"detector={detector!r} has no PyTorch implementation; the choices are "
            + ", ".join(available())
        )
    check_torch()


def check_torch() -> None:
    """Raises where PyTorch cannot be compared with.

    Raises:
        ValueError: If PyTorch is missing or JAX does not run on the CPU.
    """
    import jax

    try:
        importlib.import_module("torch")
    except ModuleNotFoundError:
        raise ValueError(
            "PyTorch is not installed; the comparison needs pip install '.[benchmark]'"
        ) from None
    if jax.default_backend() != "cpu":
        raise ValueError(
            f"JAX runs on {jax.default_backend()}, and the comparison to PyTorch is "
            "one of CPUs; set JAX_PLATFORMS=cpu"
        )


def threads() -> tuple[int, ...]:
    """Numbers of threads that PyTorch is tried with: 1, 2 and all cores."""
    cores = len(os.sched_getaffinity(0))
    return tuple(sorted({1, min(2, cores), cores}))


class Case:
    """The PyTorch side of a case: one model per member, taken in turn.

    Args:
        detector: Name of the detector.
        config: Its config.
        stacked: The data of the JAX side, `[M, ...]`; gathered here, beforehand.
        batch_size: Windows per step and per scoring call.
        seconds: Least duration of a run.
        checkout: Of the published implementation, which then takes the place of ours.
    """

    def __init__(
        self,
        detector: str,
        config: Any,
        stacked: Any,
        batch_size: int,
        seconds: float,
        checkout: pathlib.Path | None = None,
    ) -> None:
        import torch

        gathered = sources.batches(stacked, batch_size)
        self.batches = [[torch.from_numpy(x) for x in each] for each in gathered]
        build = BUILD[detector]
        if checkout is not None:
            build = functools.partial(reference, checkout=checkout)
        self.models = [build(config) for _ in gathered]
        self.seconds = seconds

    def training(self) -> list[Contender]:
        """Training, once per number of threads."""
        return [self._contender(self._train, count) for count in threads()]

    def scoring(self) -> list[Contender]:
        """Scoring, once per number of threads."""
        return [self._contender(self._score, count) for count in threads()]

    def _train(self, member: int, x: Any) -> None:
        self.models[member].train_step(x)

    def _score(self, member: int, x: Any) -> None:
        self.models[member].score(x)

    def _contender(self, step: Callable[[int, Any], None], count: int) -> Contender:
        import torch

        def warm() -> float:
            torch.set_num_threads(count)
            return self._rounds(step, 0.0).seconds

        def run() -> Work:
            torch.set_num_threads(count)
            return self._rounds(step, self.seconds)

        name = f"PyTorch, {count} thread" + "s" * (count > 1)
        return Contender(name, warm, run)

    def _rounds(self, step: Callable[[int, Any], None], seconds: float) -> Work:
        """Steps over members and batches until the time is up, one batch at least."""
        rounds = (
            (member, batches[number % len(batches)])
            for number in itertools.count()
            for member, batches in enumerate(self.batches)
        )

        def once() -> int:
            member, x = next(rounds)
            step(member, x)
            return len(x)

        return until(seconds, once)
