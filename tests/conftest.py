"""What every test shares: strict ranks, a compilation cache, a fixed profile."""

from __future__ import annotations

import itertools
import os
import pathlib
from collections.abc import Iterator

import hypothesis
import jax
import pytest

ROOT = pathlib.Path(__file__).parents[1]
MODULES = 10

# Compiling is most of a test run, and the small programs of tests gain nothing from
# LLVM's optimisation nor from fused loops. XLA reads this before it starts, and a level
# of one's own wins.
FLAGS = ["--xla_backend_optimization_level=0"]
if jax.__version_info__ < (0, 11):  # a flag that XLA does not know ends the process
    FLAGS.append("--xla_cpu_use_fusion_emitters=false")
if "xla_backend_optimization_level" not in os.environ.get("XLA_FLAGS", ""):
    os.environ["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), *FLAGS])

jax.config.update("jax_numpy_rank_promotion", "raise")
# The command line would make every core a device, in whichever test comes first.
jax.config.update("jax_num_cpu_devices", 1)
jax.config.update(
    "jax_compilation_cache_dir",
    os.environ.get("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".jax_cache")),
)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
hypothesis.settings.register_profile(
    "jaxtsad", deadline=None, derandomize=True, max_examples=25
)
hypothesis.settings.load_profile("jaxtsad")


@pytest.fixture(scope="module", autouse=True)
def _memory(modules: Iterator[int]) -> Iterator[None]:
    """Forgets compiled programs now and then, or a worker comes to hold gigabytes."""
    yield
    if next(modules) % MODULES == 0:
        jax.clear_caches()


@pytest.fixture(scope="session")
def modules() -> Iterator[int]:
    """Numbers the test modules of a worker."""
    return itertools.count(1)


@pytest.fixture(scope="session")
def data_root() -> pathlib.Path:
    """Where public data lies: `JAXTSAD_DATA`, else the project's own `data/`."""
    return pathlib.Path(os.environ.get("JAXTSAD_DATA") or ROOT / "data")
