"""Rates as one size grows: the batch, the window, the channels, or a fleet's members.

With `--against torch-best`, each next to the best PyTorch at that size.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from benchmarks.throughput import compare
from benchmarks.throughput.options import Options, Row
from benchmarks.throughput.suites import detectors as alone
from benchmarks.throughput.suites import recurrent

DETECTOR = "anomaly_transformer"
GROWING = {
    "batch_size": (8, 32, 128),
    "window": (50, 100, 200),
    "channels": (5, 25, 100),
}
SMOKE = {"window": (8, 16)}
MEMBERS = (1, 8, 28, 82)


def measure(options: Options) -> Iterator[Row]:
    """Measures a detector at every size, the others held; or fleets of more members.

    Without a detector both: the Anomaly Transformer, and fleets of the LSTM-VAE.
    """
    options.refuse("growth", "checkout")
    if options.members is None:
        name = options.detector or DETECTOR
        alone.check(name, options)
        for config in configs(name, options):
            yield from measured(name, config, options)
    if options.members or options.detector is None:
        yield from fleets(options)


def measured(name: str, config: Any, options: Options) -> Iterator[Row]:
    """One size, compared where that is asked for."""
    if options.against:
        case = alone.case_of(name, config)
        yield from compare.detector("growth", case, name, config, options)
    else:
        yield alone.alone("growth", name, config, options)


def configs(name: str, options: Options) -> Iterator[Any]:
    """The detector's config with one size changed at a time, each once."""
    usual = alone.config_of(name, options)
    seen: list[Any] = []
    for size, values in (SMOKE if options.quick else GROWING).items():
        for value in values if hasattr(usual, size) else ():
            config = dataclasses.replace(usual, **{size: value})
            if config not in seen:
                seen.append(config)
                yield config


def fleets(options: Options) -> Iterator[Row]:
    """Fleets of more and more members."""
    if options.members is None:
        counts = recurrent.SMOKE if options.quick else MEMBERS
        # Sizes given are those of the detector that grew before.
        options = dataclasses.replace(options, members=counts, sizes={})
    for row in recurrent.measure(options):
        yield {**row, "suite": "growth"}
