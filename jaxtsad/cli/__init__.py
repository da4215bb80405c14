"""The command line: running experiments, one's own recordings, data, detectors."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Sequence

from jaxtsad.cli import flags, words

FAILURES = (ValueError, OSError, LookupError)
UNEXPECTED = 70
"""Exit code of what no line was written for, as `EX_SOFTWARE` of sysexits.h."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; bad input is one line on stderr and exit code 2.

    Args:
        arguments: The words after the program's name; None for those of the process.

    Returns:
        The exit code: 0, 2 for bad input, 70 for what should not have happened, 130
        where it was interrupted.
    """
    code = _run(arguments)
    if code:
        from jaxtsad.training import hosts

        hosts.end(code)
    return code


def _run(arguments: Sequence[str] | None) -> int:
    parser = words.parser()
    options, rest = parser.parse_known_args(
        flags.joined(sys.argv[1:] if arguments is None else arguments)
    )
    if rest and not getattr(options, "overridable", False):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    options.overrides = rest
    interruptions: tuple[type[BaseException], ...] = (KeyboardInterrupt,)
    computes = getattr(options, "computes", True)
    if computes:  # what only lists is there before JAX were
        from jaxtsad.cli import notes
        from jaxtsad.training import compilations, fleet
        from jaxtsad.training.fit import Interrupted

        interruptions = (*interruptions, Interrupted)
    try:
        if computes:
            # Of a full disk JAX warns for every program that it cannot keep.
            warnings.filterwarnings("ignore", "Error (writing|reading) persistent")
            compilations.keep()
            fleet.use_cores()
        with notes.told() if computes else contextlib.nullcontext():
            options.command(options)
        sys.stdout.flush()
    except interruptions:
        return 130
    except BrokenPipeError:
        # Who read the output has gone; what is left must not be written at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if options.debug:
            raise
        expected = isinstance(error, FAILURES)
        hint = "" if expected else f" ({type(error).__name__}; --debug shows where)"
        print(f"jaxtsad: {_line(error)}{hint}", file=sys.stderr)
        return 2 if expected else UNEXPECTED
    return 0


def _line(error: BaseException) -> str:
    text = str(error.args[0]) if isinstance(error, KeyError) else str(error)
    return " ".join(text.split()) or type(error).__name__
