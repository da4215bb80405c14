"""PyTorch written as well as one can: what the library's ratios are told against.

A detector has several ways, such as eager or by `torch.compile`, one member after
another or all at once. Each is tried with every number of threads, training and scoring
apart, and the fastest takes part in the comparison.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np

from benchmarks.throughput import sources, timing, torch_side
from benchmarks.throughput.timing import Contender, Work

TRIED = 3
"""Runs of every way before the comparison."""


class Peer(Protocol):
    """Networks of all members and their optimizers."""

    def train_step(self, x: Any) -> None:
        """One step of every member on `x [M, B, ...]`."""

    def score(self, x: Any) -> Any:
        """Scores of `x [M, B, ...]`."""


class Alone:
    """A peer of one member, whose tensors have no axis of members."""

    def __init__(self, peer: Any) -> None:
        self.peer = peer

    def train_step(self, x: Any) -> None:
        """One step on `x [1, B, ...]`."""
        self.peer.train_step(x[0])

    def score(self, x: Any) -> Any:
        """Scores of `x [1, B, ...]`."""
        return self.peer.score(x[0])[None]


Ways = Mapping[str, Callable[[], Peer]]


def _anomaly_transformer(config: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    from benchmarks.throughput.torch_best.anomaly_transformer import Peer as Network

    for name, compiled in (("eager", False), ("compiled", True)):
        yield (
            name,
            functools.partial(Network, config, "cpu", config.precision, compiled),
        )


def _ganomaly(config: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    from benchmarks.throughput.torch_best.convolutional import Ganomaly

    for name, compiled in (("eager", False), ("compiled", True)):
        yield name, functools.partial(Ganomaly, config, compiled)


def _deep_clustering(config: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    from benchmarks.throughput.torch_best.convolutional import DeepClustering

    for name, compiled in (("eager", False), ("compiled", True)):
        yield name, functools.partial(DeepClustering, config, compiled)


SINGLE = {
    "anomaly_transformer": _anomaly_transformer,
    "ganomaly": _ganomaly,
    "deep_clustering": _deep_clustering,
}
RECURRENT = ("lstm_vae", "lstm_autoencoder", "lstm_attention")


def available() -> tuple[str, ...]:
    """Detectors that have such a peer; latent search and DPLAN have suites instead."""
    return (*SINGLE, *RECURRENT)


def check(detector: str) -> None:
    """Raises where the comparison cannot be made.

    Raises:
        ValueError: If there is no peer, PyTorch is missing or JAX does not run on the
            CPU.
    """
    if detector not in available():
        raise ValueError(
            f"detector={detector!r} has no best PyTorch; the choices are "
            + ", ".join(available())
        )
    torch_side.check_torch()


def ways(detector: str, config: Any, members: int) -> Ways:
    """The ways in which a detector's peer can run, by name.

    Raises:
        ValueError: If there is no peer of a fleet.
    """
    if detector in RECURRENT:
        from benchmarks.throughput.torch_best import recurrent

        made: dict[str, Callable[[], Peer]] = {}
        for name, grouped, compiled in (
            ("own layer", False, False),
            ("grouped", True, False),
            ("grouped, compiled", True, True),
        ):
            made[name] = functools.partial(
                recurrent.Peer, detector, config, members, grouped, compiled
            )
        return made
    if members > 1:
        raise ValueError(f"members={members}: the peer of {detector} is of one member")
    return {
        name: functools.partial(_alone, make) for name, make in SINGLE[detector](config)
    }


def _alone(make: Callable[[], Any]) -> Peer:
    return Alone(make())


class Case:
    """The best PyTorch side of a case.

    Args:
        detector: Name of the detector.
        config: Its config.
        stacked: The data of the JAX side, `[M, ...]`; gathered here, beforehand.
        batch_size: Windows per step and per scoring call.
        seconds: Least duration of a run.
        show: Told of every way that is tried.
    """

    def __init__(
        self,
        detector: str,
        config: Any,
        stacked: Any,
        batch_size: int,
        seconds: float,
        show: Callable[[str], None],
    ) -> None:
        import torch

        gathered = sources.batches(stacked, batch_size)
        self.batches = [
            torch.from_numpy(np.stack(members))
            for members in zip(*gathered, strict=True)
        ]
        self.ways = ways(detector, config, len(gathered))
        self.precision = getattr(config, "precision", "float32")
        self.seconds, self.show = seconds, show

    def training(self) -> list[Contender]:
        """Training, the fastest way."""
        return [self._fastest("train_step")]

    def scoring(self) -> list[Contender]:
        """Scoring, the fastest way."""
        return [self._fastest("score")]

    def operations(self, part: str) -> float:
        """Operations per window of the matrix products of `training` or `scoring`.

        As the peer has them that keeps to PyTorch's products.
        """
        from torch.utils import flop_counter

        peer = self.ways["grouped" if "grouped" in self.ways else "eager"]()
        x = self.batches[0]
        with flop_counter.FlopCounterMode(display=False) as counter:
            (peer.train_step if part == "training" else peer.score)(x)
        return counter.get_total_flops() / (x.shape[0] * x.shape[1])

    def _fastest(self, part: str) -> Contender:
        contenders = [
            self._contender(name, make, part, count)
            for name, make in self.ways.items()
            for count in torch_side.threads()
        ]
        return fastest(contenders, self.show)

    def _contender(
        self, name: str, make: Callable[[], Peer], part: str, count: int
    ) -> Contender:
        import torch

        state: dict[str, Any] = {}

        def rounds(seconds: float) -> Work:
            torch.set_num_threads(count)
            if not state:
                state.update(peer=make(), number=0)
            run = getattr(state["peer"], part)

            def once() -> int:
                x = self.batches[state["number"] % len(self.batches)]
                state["number"] += 1
                run(x)
                return x.shape[0] * x.shape[1]

            return timing.until(seconds, once)

        words = f"PyTorch {name}, {count} thread" + "s" * (count > 1)
        return Contender(
            words, lambda: rounds(0.0).seconds, lambda: rounds(self.seconds)
        )


def fastest(contenders: list[Contender], show: Callable[[str], None]) -> Contender:
    """The one with the highest rate in a few runs of each, by turns.

    One after another a slow moment of the machine would fall on one of them.
    """
    for contender in contenders:
        contender.warm()
        contender.run()
    best = [0.0] * len(contenders)
    for _ in range(TRIED):
        for place, contender in enumerate(contenders):
            work = contender.run()
            best[place] = max(best[place], work.windows / work.seconds)
    for contender, rate in zip(contenders, best, strict=True):
        show(f"  tried {contender.name}: {timing.rate(rate)} windows/s")
    return contenders[int(np.argmax(best))]
