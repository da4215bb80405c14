"""A small detector as a fleet, members in turn (`map`) or batched (`vmap`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.throughput import library, sources
from benchmarks.throughput.options import Options, Row
from benchmarks.throughput.suites import detectors as alone
from jaxtsad import detectors

MEMBERS = (1, 8, 28, 82)
SMOKE = (1, 2)
WAYS = ("map", "vmap")
DETECTOR = "lstm_vae"
SMALL = {"window": 10, "channels": 5, "hidden": 16, "batch_size": 32}


def measure(options: Options) -> Iterator[Row]:
    """Measures every fleet size under both ways.

    Raises:
        ValueError: If a comparison is asked for.
    """
    options.refuse("fleet", "against")
    name = options.detector or DETECTOR
    config = fleet_config(name, options, SMALL)
    counts = options.members or (SMOKE if options.quick else MEMBERS)
    for count in counts:
        # One member alone is run without a batch axis, whichever the way.
        for way in WAYS if count > 1 else WAYS[:1]:
            yield measured("fleet", name, config, count, way, options)


def fleet_config(name: str, options: Options, usual: dict[str, int]) -> Any:
    """Config of a fleet's members: the suite's sizes, then those asked for."""
    asked = alone.config_of(name, options)
    if options.quick:
        return asked
    sizes = {size: n for size, n in usual.items() if hasattr(asked, size)}
    return detectors.configure(name, {**sizes, **options.sizes})


def measured(
    suite: str, name: str, config: Any, count: int, way: str, options: Options
) -> Row:
    """One fleet: windows per second of all members together and of each."""
    case = f"{alone.case_of(name, config)}, {member_count(count)}, {way}"
    options.show(case)
    batch = library.batch_of(config)
    data = sources.stacked(config, batch * options.batches, count)
    detector = detectors.module(name).build(config)
    ours = library.Case(detector, data, batch, options.seconds, way)
    train, score = alone.timed(ours, options)
    return {
        "suite": suite,
        "case": case,
        "members": count,
        "train_windows_per_s": train.median,
        "train_each_windows_per_s": train.median / count,
        "score_windows_per_s": score.median,
        "score_each_windows_per_s": score.median / count,
        "compile_s": train.warm_s,
        "runs": alone.runs(train, score),
    }


def member_count(count: int) -> str:
    """How many members, in words."""
    return f"{count} member" + "s" * (count > 1)
