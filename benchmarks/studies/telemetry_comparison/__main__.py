"""The command line of the comparison."""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections.abc import Sequence

from rich.console import Console

from benchmarks.studies.telemetry_comparison import presets, study
from jaxtsad.experiments import console
from jaxtsad.training.fit import Interrupted


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the comparison; bad input is one line and exit code 2."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.studies.telemetry_comparison",
        description="Compares detectors on the 28 channels of SMAP and MSL that have "
        "at least 100 anomalous windows. What is finished in --out is not done again.",
    )
    parser.add_argument("--data-root", help="folder of the data sets")
    parser.add_argument("--preset", default="strict", choices=tuple(presets.PRESETS))
    parser.add_argument(
        "--models",
        nargs="+",
        default=list(presets.MODELS),
        metavar="MODEL",
        help="detectors by name, or configs whose window, detector and training "
        f"sections count (default: {' '.join(presets.MODELS)})",
    )
    parser.add_argument("--channels", nargs="+", help="instead of the published rule's")
    parser.add_argument("--seeds", type=int, nargs="+", default=[42])
    parser.add_argument("--epochs", type=int, help="at most this many")
    parser.add_argument(
        "--beside",
        nargs="+",
        default=list(presets.TRIVIAL),
        metavar="MODEL",
        help=f"trivial rows (default: {' '.join(presets.TRIVIAL)})",
    )
    parser.add_argument(
        "--clip-test",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="clip test values as those fitted on are (strict only)",
    )
    parser.add_argument(
        "--out", help="run directory (default: runs/telemetry_comparison_PRESET)"
    )
    options = parser.parse_args(arguments)
    name = f"telemetry_comparison_{options.preset}"
    folder = pathlib.Path(options.out or pathlib.Path("runs") / name)
    terminal = Console()
    choices = presets.Choices(
        options.preset,
        options.models,
        options.channels,
        options.seeds,
        options.epochs,
        options.clip_test,
        options.data_root,
        options.beside,
    )
    try:
        study.run(choices, folder, terminal)
    except (ValueError, OSError) as error:
        return console.refused(error)
    except (Interrupted, KeyboardInterrupt):
        terminal.print("stopped; the same command goes on from there")
        return 130
    terminal.print(f"The report is {folder / study.REPORT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
