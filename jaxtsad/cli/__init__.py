"""The command line: running experiments, one's own recordings, data, detectors."""

from __future__ import annotations

import os
import pathlib
import sys
from collections.abc import Sequence

from jaxtsad.cli import words

FAILURES = (ValueError, OSError, LookupError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; bad input is one line on stderr and exit code 2.

    Args:
        arguments: The words after the program's name; None for those of the process.

    Returns:
        The exit code.
    """
    parser = words.parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and not getattr(options, "overridable", False):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    options.overrides = rest
    from jaxtsad.training import sharding
    from jaxtsad.training.fit import Interrupted

    try:
        _cache_compilations()
        sharding.use_cores()
        options.command(options)
    except FAILURES as error:
        print(f"jaxtsad: {_line(error)}", file=sys.stderr)
        return 2
    except (Interrupted, KeyboardInterrupt):
        return 130
    return 0


def _line(error: BaseException) -> str:
    text = str(error.args[0]) if isinstance(error, KeyError) else str(error)
    return " ".join(text.split()) or type(error).__name__


def _cache_compilations() -> None:
    """Keeps compiled programs between runs, unless the user has chosen a place."""
    import jax

    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    jax.config.update("jax_compilation_cache_dir", str(home / pathlib.Path("jaxtsad")))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
