"""The LSTM-VAE at its published sizes, alone and as fleets of one model per channel.

With `--against torch`, PyTorch trains one model per member in a loop, as the published
code does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.throughput import compare, torch_best, torch_side
from benchmarks.throughput.options import Options, Row
from benchmarks.throughput.suites import detectors as alone
from benchmarks.throughput.suites import fleet

MEMBERS = (1, 8, 28, 82, 256)
SMOKE = (1, 2)
DETECTOR = "lstm_vae"
PUBLISHED = {"window": 10, "channels": 25, "hidden": 128, "batch_size": 32}


def measure(options: Options) -> Iterator[Row]:
    """Measures every fleet size, by the way the library chooses."""
    options.refuse("recurrent", "checkout")
    name = options.detector or DETECTOR
    if options.against == "torch-best":
        torch_best.check(name)
    elif options.against:
        torch_side.check(name)
    config = fleet.fleet_config(name, options, PUBLISHED)
    counts = options.members or (SMOKE if options.quick else MEMBERS)
    for count in counts:
        if options.against:
            yield from compared(name, config, count, options)
        else:
            yield fleet.measured("recurrent", name, config, count, "auto", options)


def compared(name: str, config: Any, count: int, options: Options) -> Iterator[Row]:
    """One fleet against PyTorch models in a loop."""
    case = f"{alone.case_of(name, config)}, {fleet.member_count(count)}"
    yield from compare.detector("recurrent", case, name, config, options, count)
