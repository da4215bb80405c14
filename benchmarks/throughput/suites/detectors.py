"""Every detector: windows per second in training and scoring, compile time, memory.

With `--against torch`, the same for JAX and PyTorch in alternation; with `--against
reference PATH`, the published Anomaly Transformer instead of ours in PyTorch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from benchmarks.throughput import (
    compare,
    library,
    memory,
    sources,
    torch_best,
    torch_side,
)
from benchmarks.throughput.options import SIZES, Options, Row
from benchmarks.throughput.timing import Timed, alternate
from jaxtsad import detectors
from jaxtsad.ops import products

WINDOW = 100
CHANNELS = 25
PUBLISHED = "anomaly_transformer"
COMPARED: dict[str, dict[str, Any]] = {
    # Steps of reconstruction all the time, and a score that needs no clusters.
    "deep_clustering": {"pretrain": 10**6, "score": "residual"},
}
IMAGES: dict[str, dict[str, Any]] = {
    "ganomaly": {"window": 32, "channels": 3, "width": None, "latent": None},
    "deep_clustering": {"window": 28, "channels": 1, "width": None, "latent": None},
}
"""Sizes of the published procedures on CIFAR-10 and MNIST."""


def measure(options: Options) -> Iterator[Row]:
    """Measures one detector, or all there are.

    Raises:
        ValueError: If a fleet is asked for, or a comparison that cannot be made.
    """
    options.refuse("detectors", "members")
    if options.detector:
        names: tuple[str, ...] = (options.detector,)
    elif not options.against:
        names = tuple(filter(detectors.is_single, detectors.available()))
    elif options.against == "reference":
        names = (PUBLISHED,)
    else:
        names = _peers(options).available()
    for name in names:
        check(name, options)
    for name in names:
        if options.against:
            yield from compared(name, options)
        else:
            yield alone("detectors", name, config_of(name, options), options)


def check(name: str, options: Options) -> None:
    """Raises where a comparison that is asked for cannot be made.

    Raises:
        ValueError: If there is nothing to compare the detector with.
    """
    if options.against == "reference" and name != PUBLISHED:
        raise ValueError(f"--against reference compares {PUBLISHED} and no other")
    if options.against:
        _peers(options).check(name)


def _peers(options: Options) -> ModuleType:
    """The PyTorch side that is asked for."""
    return torch_best if options.against == "torch-best" else torch_side


def config_of(name: str, options: Options) -> Any:
    """A detector's defaults at the sizes asked for; its tiny config where quick.

    Raises:
        ValueError: If the detector is unknown, a size is bad, or the one detector asked
            for has no such size.
    """
    module = detectors.module(name)
    fields = {field.name for field in dataclasses.fields(module.Config)}
    for size in options.sizes:
        if options.detector == name and size not in fields:
            has = [flag for flag, field in SIZES.items() if field in fields]
            raise ValueError(f"{name} has no {size}; its sizes are {', '.join(has)}")
    given = {size: n for size, n in options.sizes.items() if size in fields}
    if options.quick:
        return dataclasses.replace(module.TINY, **given)
    usual = {"window": WINDOW, "channels": CHANNELS}
    return detectors.configure(name, {**usual, **given})


def case_of(name: str, config: Any) -> str:
    """Names a case by detector and sizes."""
    words = [
        f"{flag} {getattr(config, field)}"
        for flag, field in SIZES.items()
        if hasattr(config, field)
    ]
    return ", ".join([name, *words])


def alone(suite: str, name: str, config: Any, options: Options) -> Row:
    """Measures one detector without a comparison."""
    case = case_of(name, config)
    options.show(case)
    mark = memory.begin()
    batch = library.batch_of(config)
    data = sources.stacked(config, batch * options.batches)
    detector = detectors.module(name).build(config)
    ours = library.Case(detector, data, batch, options.seconds)
    train, score = timed(ours, options)
    return {
        "suite": suite,
        "case": case,
        "train_windows_per_s": train.median,
        "score_windows_per_s": score.median,
        "train_compile_s": train.warm_s,
        "score_compile_s": score.warm_s,
        **memory.end(mark),
        "runs": runs(train, score),
    }


def timed(ours: library.Case, options: Options) -> tuple[Timed, Timed]:
    """Training and scoring of a case, each by itself."""
    options.show(" training")
    (train,) = alternate([ours.training()], options.runs, options.show)
    options.show(" scoring")
    (score,) = alternate([ours.scoring()], options.runs, options.show)
    return train, score


def runs(train: Timed, score: Timed) -> dict[str, Any]:
    """Every run of a case, as it is written down."""
    return {
        part: {"windows_per_s": list(timed.rates), "others_cores": list(timed.others)}
        for part, timed in (("training", train), ("scoring", score))
    }


def compared(name: str, options: Options) -> Iterator[Row]:
    """Measures one detector against its PyTorch implementation."""
    for case, config in configs(name, options):
        yield from compare.detector("detectors", case, name, config, options)


def configs(name: str, options: Options) -> Iterator[tuple[str, Any]]:
    """Cases of a comparison: the detector's defaults, in bfloat16 too, and images."""
    config = dataclasses.replace(config_of(name, options), **COMPARED.get(name, {}))
    yield case_of(name, config), config
    if hasattr(config, "precision"):
        if products.narrow_is_fast():
            narrow = dataclasses.replace(config, precision="bfloat16")
            yield f"bfloat16, {case_of(name, narrow)}", narrow
        else:
            options.show("no bfloat16: products of it are not faster here")
    sizes = IMAGES.get(name)
    if sizes and not options.sizes:
        config = dataclasses.replace(config, layout="image", **sizes)
        yield f"images, {case_of(name, config)}", config
