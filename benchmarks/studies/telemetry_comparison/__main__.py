"""The command line of the comparison.

Compares detectors on the 28 channels of SMAP and MSL that have at least 100 anomalous
windows. What is finished in `--out` is not done again.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks.studies import study
from benchmarks.studies.report import Report
from benchmarks.studies.study import Session, Study
from benchmarks.studies.telemetry_comparison import comparison, presets


def options(parser: argparse.ArgumentParser) -> None:
    """Adds what the comparison is asked for."""
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


def run(session: Session) -> Report:
    """Runs what the command line asks for."""
    asked = session.options
    choices = presets.Choices(
        asked.preset,
        asked.models,
        asked.channels,
        asked.seeds,
        asked.epochs,
        asked.clip_test,
        session.root,
        asked.beside,
    )
    return comparison.run(choices, session)


STUDY = Study(
    "telemetry_comparison",
    "Recurrent detectors compared on 28 channels of SMAP and MSL.",
    run,
    options,
    quick={"models": ["lstm_autoencoder"], "channels": ["P-1"], "epochs": 1},
)

if __name__ == "__main__":
    sys.exit(study.main(STUDY))
