"""JAX against PyTorch in alternation, and when no ratio may be told."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from benchmarks.throughput import (
    ceilings,
    library,
    load,
    sources,
    torch_best,
    torch_side,
)
from benchmarks.throughput.options import Options, Row
from benchmarks.throughput.timing import Timed, alternate
from jaxtsad import detectors
from jaxtsad.ops.products import Precision

OTHERS = {
    "torch": "PyTorch",
    "torch-best": "the best PyTorch",
    "reference": "the reference",
}


def side(
    name: str, config: Any, data: Any, batch_size: int, options: Options
) -> torch_side.Case | torch_best.Case:
    """The PyTorch side that the command line asks for."""
    given = (name, config, data, batch_size, options.seconds)
    if options.against == "torch-best":
        return torch_best.Case(*given, options.show)
    return torch_side.Case(*given, *filter(None, [options.checkout]))


def detector(
    suite: str, case: str, name: str, config: Any, options: Options, members: int = 1
) -> Iterator[Row]:
    """Compares a detector, or a fleet of it, on made-up windows."""
    batch = library.batch_of(config)
    data = sources.stacked(config, batch * options.batches, members)
    ours = library.Case(
        detectors.module(name).build(config), data, batch, options.seconds
    )
    theirs = side(name, config, data, batch, options)
    yield from rows(suite, case, ours, theirs, options)


def rows(
    suite: str,
    case: str,
    ours: library.Case,
    theirs: torch_side.Case | torch_best.Case,
    options: Options,
) -> Iterator[Row]:
    """Compares training, then scoring, in alternation.

    A comparison to the published implementation is another case than one to ours.

    Returns:
        A row each; one whose ratio may not be told has `refused` instead.
    """
    for part in ("training", "scoring"):
        named = f"{case}, {part} against {OTHERS[options.against or 'torch']}"
        options.show(named)
        contenders = [getattr(ours, part)(), *getattr(theirs, part)()]
        timed = alternate(contenders, options.runs, options.show, options.patience)
        row = {"suite": suite, "case": named, **outcome(timed)}
        if isinstance(theirs, torch_best.Case):
            count = functools.partial(theirs.operations, part)
            row |= of_ceiling(row, count, theirs.precision, options.quick)
        yield row


def of_ceiling(
    row: Row, count: Callable[[], float], precision: Precision, quick: bool
) -> Row:
    """How near a rate comes to that of the largest product, measured in this process.

    Args:
        row: Has JAX's rate; one whose ratio may not be told gets nothing.
        count: Gives the operations of the matrix products that a window, a search or a
            step takes.
        precision: Of the products.
        quick: Whether small products do.
    """
    if "ratio" not in row:
        return {}
    limit = ceilings.measure(precision, quick)
    rate = row["jax_windows_per_s"] * count()
    return {
        "jax_gflop_per_s": rate / 1e9,
        "product_gflop_per_s": limit.flop_per_s / 1e9,
        "of_ceiling": rate / limit.flop_per_s,
    }


def outcome(timed: Sequence[Timed]) -> Row:
    """Medians and their ratio; or why there is none.

    Args:
        timed: JAX first, then PyTorch with each number of threads, of which the one
            with the highest median counts.
    """
    jax_side, *torch_sides = timed
    best = max(torch_sides, key=lambda side: side.median)
    found: Row = {
        "warm_s": {side.name: side.warm_s for side in timed},
        "runs_windows_per_s": {side.name: list(side.rates) for side in timed},
        "others_cores": {side.name: list(side.others) for side in timed},
    }
    reason = refusal(timed)
    if reason is not None:
        return {**found, "refused": reason}
    return {
        "jax_windows_per_s": jax_side.median,
        "torch_windows_per_s": best.median,
        "torch_side": best.name,
        "ratio": jax_side.median / best.median,
        "jax_compile_s": jax_side.warm_s,
        **found,
    }


def refusal(timed: Sequence[Timed]) -> str | None:
    """Why no ratio may be told: the machine was not ours alone. None where it was."""
    for side in timed:
        if side.foreign is None:
            return (
                "what other processes used of the cores could not be measured "
                f"({os.uname().sysname} has no counters that move)"
            )
        if side.foreign > load.LIMIT:
            return (
                f"other processes used {side.foreign:.2f} of a core during the runs "
                f"of {side.name}, more than {load.LIMIT}"
            )
    return None
