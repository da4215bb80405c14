"""Compiled programs are kept between runs, on disk."""

from __future__ import annotations

import os
import pathlib

import jax

MOST = 2**30
"""Bytes kept; those used least recently go first."""


def keep() -> None:
    """Keeps compiled programs in the user's cache folder, `MOST` bytes of them.

    Nothing is changed where the user has chosen a place (`JAX_COMPILATION_CACHE_DIR`)
    or wants none (`JAX_ENABLE_COMPILATION_CACHE=0`). Without a home folder, or where
    nothing can be written there, nothing is kept.
    """
    chosen = jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]
    if chosen is not None:
        return
    try:
        home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
        place = pathlib.Path(home) / "jaxtsad"
        place.mkdir(parents=True, exist_ok=True)
    except (RuntimeError, OSError):
        return
    if not os.access(place, os.W_OK):
        return
    jax.config.update("jax_compilation_cache_dir", str(place))
    jax.config.update("jax_compilation_cache_max_size", MOST)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
