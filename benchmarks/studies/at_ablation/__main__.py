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
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence

import jax
from rich.console import Console

from benchmarks.studies.at_ablation import (
    page,
    stages,
    tables,
    tasks,
    training,
    variants,
)
from benchmarks.studies.at_ablation.training import Each
from jaxtsad.experiments import console, facts, records
from jaxtsad.training import sharding

NAME = "at_ablation"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the ablation; bad input is one line and exit code 2."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.studies.{NAME}")
    parser.add_argument("--data-root", help="folder of the data sets")
    parser.add_argument("--datasets", nargs="+", default=["msl", "smap", "smd"])
    parser.add_argument("--preset", default="cpu", choices=tuple(variants.PRESETS))
    parser.add_argument("--seeds", type=int, help="models per variant")
    parser.add_argument("--variants", nargs="+", help="some of the variants")
    parser.add_argument("--out", help=f"folder; default runs/{NAME}_PRESET")
    options = parser.parse_args(arguments)
    folder = pathlib.Path(options.out or f"runs/{NAME}_{options.preset}")
    terminal = Console()
    _cache_compilations(folder)
    try:
        preset = variants.PRESETS[options.preset]
        count = preset.seeds if options.seeds is None else options.seeds
        if count < 1:
            raise ValueError(f"--seeds {count} must be at least 1")
        asked = variants.chosen(options.variants)
        loaded = [
            tasks.load(name, preset, options.data_root) for name in options.datasets
        ]
        space = training.room(loaded)
        command = f"python -m benchmarks.studies.{NAME} --data-root DIR --datasets "
        command += shlex.join([*options.datasets, "--preset", options.preset])
        with _workers() as each:
            sets = {
                task.name: stages.run(
                    *(task, preset, range(count), asked, folder),
                    space=space,
                    root=options.data_root,
                    terminal=terminal,
                    each=each,
                )
                for task in loaded
            }
        made = {
            "schema": 1,
            "name": options.preset,
            "command": f"{command} --seeds {count}",
            "preset": preset._asdict(),
            "seeds": list(range(count)),
            "versions": facts.versions(),
            "device": facts.device(),
            "git": facts.revision(),
            "sets": sets,
        }
        records.write_json(folder / f"{NAME}.json", made)
        records.write_text(folder / f"{NAME}.md", page.markdown(made))
        records.write_text(folder / f"{NAME}.html", page.html(made, folder))
        for name, found in made["sets"].items():
            text = page.plain(tables.changes(found))
            records.write_text(folder / name / "changes.tsv", text)
        page.show(made, terminal)
    except (ValueError, OSError) as error:
        return console.refused(error)
    terminal.print(f"The report is {folder / f'{NAME}.html'}")
    return 0


@contextlib.contextmanager
def _workers() -> Iterator[Each]:
    """A `map` over as many processes as there are cores, for what Python measures."""
    count = sharding.cores()
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


if __name__ == "__main__":
    sys.exit(main())
