"""JAX against PyTorch in alternation, and when no ratio may be told."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from benchmarks.throughput import library, load, torch_side
from benchmarks.throughput.options import Options, Row
from benchmarks.throughput.timing import Timed, alternate


def rows(
    suite: str,
    case: str,
    ours: library.Case,
    theirs: torch_side.Case,
    options: Options,
) -> Iterator[Row]:
    """Compares training, then scoring, in alternation.

    A comparison to the published implementation is another case than one to ours.

    Returns:
        A row each; one whose ratio may not be told has `refused` instead.
    """
    for part, contenders in (
        ("training", [ours.training(), *theirs.training()]),
        ("scoring", [ours.scoring(), *theirs.scoring()]),
    ):
        other = "the reference" if options.against == "reference" else "PyTorch"
        named = f"{case}, {part} against {other}"
        options.show(named)
        timed = alternate(contenders, options.runs, options.show)
        yield {"suite": suite, "case": named, **outcome(timed)}


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
