"""The command line: `python -m benchmarks`."""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

from benchmarks.throughput import options as options_
from benchmarks.throughput import regressions, report, results, suites, tables
from jaxtsad.training import fleet

BAD_INPUT = 2
REFUSED = 3
REGRESSED = 4
AGAINST = ("torch", "torch-best", "reference")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures a suite, prints a table and writes the results.

    Returns:
        0; 2 on bad input; 3 where a ratio was refused; 4 where something became slower
        than in the results compared with.
    """
    asked = parser().parse_args(arguments)
    if not asked.quick:
        _without_cache()
    fleet.use_cores()
    folder, rows, slower, path = folder_of(asked), [], [], None
    known = None
    try:
        if asked.compare is not None:
            # Before the file that is written takes the place of the one compared with.
            known = regressions.earlier(asked.compare)
        for row in suites.module(asked.suite).measure(options_of(asked)):
            rows.append(row)
            if folder is not None and "refused" not in row:
                path = results.write([row], folder)
                print(f"written to {path}")
        told = [row for row in rows if "refused" not in row]
        tables.show(told)
        if path is not None:
            report.write(path)
        if asked.compare is not None:
            changes = regressions.against(asked.compare, told, known)
            print(*changes, sep="\n")
            slower = [change for change in changes if change.regressed]
    except ValueError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return BAD_INPUT
    refused = [row for row in rows if "refused" in row]
    for row in refused:
        print(f"no ratio for {row['case']}: {row['refused']}", file=sys.stderr)
    if refused:
        return REFUSED
    return REGRESSED if slower else 0


def parser() -> argparse.ArgumentParser:
    """The flags."""
    made = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = made.add_argument
    add("--suite", default="detectors", choices=suites.available())
    add("--detector", metavar="NAME", help="only this detector")
    add(
        "--against",
        nargs="+",
        metavar="torch | torch-best | reference PATH",
        help="compare to eager PyTorch, to the best PyTorch we could write, or to a "
        "checkout of the published code",
    )
    add(
        "--compare",
        type=pathlib.Path,
        metavar="OLD.json",
        help="tell what became slower than in these results (exit code 4)",
    )
    for flag in options_.SIZES:
        add(f"--{flag}", type=int, metavar="N", help="default: the detector's own")
    add("--members", type=_counts, metavar="N,N", help="fleet sizes")
    add("--runs", type=int, default=5, help="timed runs per case (%(default)s)")
    add("--seconds", type=float, default=3.0, help="of a run, at least (%(default)s)")
    add("--batches", type=int, default=32, help="distinct batches (%(default)s)")
    add(
        "--patience",
        type=int,
        default=0,
        metavar="N",
        help="rounds of a comparison taken again where others were busy (%(default)s)",
    )
    add("--quick", action="store_true", help="smoke sizes; written only with --out")
    add("--out", type=pathlib.Path, metavar="DIR", help="default: benchmarks/results")
    return made


def options_of(asked: argparse.Namespace) -> options_.Options:
    """What the suite is told.

    Raises:
        ValueError: If what to compare with is not understood.
    """
    against, checkout = None, None
    if asked.against is not None:
        against, *paths = asked.against
        if against not in AGAINST or len(paths) != (against == "reference"):
            words = " ".join(asked.against)
            raise ValueError(
                f"--against {words}; the choices are torch, torch-best, reference PATH"
            )
        checkout = pathlib.Path(paths[0]) if paths else None
    given: dict[str, Any] = {
        field: getattr(asked, flag)
        for flag, field in options_.SIZES.items()
        if getattr(asked, flag) is not None
    }
    made = options_.Options(
        detector=asked.detector,
        sizes=given,
        members=asked.members,
        against=against,
        checkout=checkout,
        runs=asked.runs,
        seconds=asked.seconds,
        batches=asked.batches,
        patience=asked.patience,
    )
    return options_.smoke(made) if asked.quick else made


def folder_of(asked: argparse.Namespace) -> pathlib.Path | None:
    """Where results go; smoke sizes never land among the real ones by themselves."""
    if asked.out is not None:
        return asked.out
    return None if asked.quick else results.FOLDER


def _without_cache() -> None:
    """Compile times are those of compiling, not of reading an earlier result."""
    import jax

    jax.config.update("jax_enable_compilation_cache", False)


def _counts(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} must be whole numbers with commas between, such as 1,8,28"
        ) from None


if __name__ == "__main__":
    sys.exit(main())
