"""Commands that make a run directory or work on one."""

from __future__ import annotations

import argparse
import pathlib
from typing import Any

from jaxtsad import files


def demo(options: argparse.Namespace) -> None:
    """Runs the bundled demonstration."""
    options.config, options.resume, options.data_root = "demo", None, None
    run(options)


def run(options: argparse.Namespace) -> None:
    """Runs a config, or goes on with an interrupted run."""
    from rich.console import Console

    from jaxtsad.experiments import run as running
    from jaxtsad.experiments import toml
    from jaxtsad.reporting import run_directory

    terminal = Console(stderr=False)
    if (options.config is None) == (options.resume is None):
        raise ValueError("name a config, or a run directory with --resume, not both")
    overrides = list(options.overrides)
    if options.data_root:
        overrides += ["--data.root", options.data_root]
    if options.resume is not None:
        if overrides:
            raise ValueError(f"a resumed run keeps its config; drop {overrides[0]}")
        folder = pathlib.Path(options.resume)
        config = toml.load(folder / run_directory.CONFIG)
        report = running.run(config, folder, resume=True, terminal=terminal)
    else:
        config = toml.load(_config_path(options.config), overrides)
        folder = pathlib.Path(options.out or pathlib.Path("runs") / config.name)
        report = running.run(config, folder, terminal=terminal)
    _show(report, folder, terminal)


def _config_path(name: str) -> pathlib.Path:
    """A file, or a bundled config by its name with or without folder and suffix."""
    from jaxtsad.datasets import places

    path = pathlib.Path(name)
    if path.is_file():
        return path
    try:
        bundled = places.bundled("configs", f"{path.name.removesuffix('.toml')}.toml")
    except FileNotFoundError:
        folder = places.bundled("configs")
        have = ", ".join(sorted(one.stem for one in folder.glob("*.toml")))
        raise ValueError(
            f"there is no config {name!r}; bundled ones are {have}"
        ) from None
    return bundled


def _show(report: dict[str, Any], folder: pathlib.Path, terminal: Any) -> None:
    from jaxtsad.experiments import console, summary

    summary.show(report, terminal)
    console.say(terminal, f"The report is {folder / 'report.html'}")


def evaluate(options: argparse.Namespace) -> None:
    """Judges a run's scores again."""
    from rich.console import Console

    from jaxtsad.experiments import evaluate

    folder = pathlib.Path(options.run)
    files.check_writable(folder)
    terminal = Console()
    _show(evaluate.evaluate(folder, threshold=options.threshold), folder, terminal)


def inspect(options: argparse.Namespace) -> None:
    """Looks inside a run's detector."""
    from jaxtsad.experiments import inspection

    folder = pathlib.Path(options.run)
    files.check_writable(folder)
    found = inspection.inspect(folder, entity=options.entity, step=options.step)
    print(
        f"{found['entity']}, step {int(found['step'])}: {folder / 'inspection.npz'}, "
        f"drawn in {folder / 'report.html'}"
    )
