"""The Anomaly Transformer, one change at a time, under honest metrics.

python -m benchmarks.studies.at_ablation --data-root DIR --datasets msl smap smd

What is finished is kept in `--out` and not done again by the same command. The preset
`cpu` takes a small model, 16 columns and some of the entities; `full` is for an
accelerator.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import multiprocessing
import os
import pathlib
import signal
import sys
from collections.abc import Iterator

import jax

from benchmarks.studies import study
from benchmarks.studies.at_ablation import (
    page,
    stages,
    tasks,
    training,
    variants,
)
from benchmarks.studies.at_ablation.training import Each
from benchmarks.studies.report import Report
from benchmarks.studies.study import Session, Study
from jaxtsad.training import fleet


def options(parser: argparse.ArgumentParser) -> None:
    """Adds what the ablation is asked for."""
    parser.add_argument("--datasets", nargs="+", default=["msl", "smap", "smd"])
    parser.add_argument("--preset", default="cpu", choices=tuple(variants.PRESETS))
    parser.add_argument("--seeds", type=int, help="models per variant")
    parser.add_argument("--variants", nargs="+", help="some of the variants")


def run(session: Session) -> Report:
    """Trains and measures what is not kept yet, on every data set."""
    asked = session.options
    _cache_compilations(session.folder)
    preset = variants.PRESETS[asked.preset]
    count = preset.seeds if asked.seeds is None else asked.seeds
    if count < 1:
        raise ValueError(f"--seeds {count} must be at least 1")
    chosen = variants.chosen(asked.variants)
    loaded = [tasks.load(name, preset, session.root) for name in asked.datasets]
    space = training.room(loaded)
    with _workers() as each:
        sets = {
            task.name: stages.run(
                *(task, preset, range(count), chosen, session), space=space, each=each
            )
            for task in loaded
        }
    made = {
        "name": asked.preset,
        "preset": preset._asdict(),
        "seeds": list(range(count)),
        "sets": sets,
    }
    return page.report(made, session.cache(stages.__name__))


@contextlib.contextmanager
def _workers() -> Iterator[Each]:
    """A `map` over as many processes as there are cores, for what Python measures."""
    count = fleet.cores()
    if count == 1:
        yield map
        return
    # A fork would copy the locks of JAX's threads; Ctrl-C is for the parent alone.
    with concurrent.futures.ProcessPoolExecutor(
        count,
        multiprocessing.get_context("spawn"),
        signal.signal,
        (signal.SIGINT, signal.SIG_IGN),
    ) as pool:
        yield pool.map


def _cache_compilations(folder: pathlib.Path) -> None:
    """Keeps compiled programs beside the results: parts of one run share some."""
    chosen = getattr(jax.config, "jax_compilation_cache_dir", None)
    if chosen is None and "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", str(folder / "compiled"))


STUDY = Study(
    "at_ablation",
    __doc__,
    run,
    options,
    quick={
        "datasets": ["smap"],
        "seeds": 1,
        "preset": "quick",
        "variants": ["reference", "untrained"],
    },
)

if __name__ == "__main__":
    sys.exit(study.main(STUDY))
