"""Commands that make a run directory or work on one."""

from __future__ import annotations

import argparse
import pathlib
from typing import TYPE_CHECKING, Any

from jaxtsad import files

if TYPE_CHECKING:
    from jaxtsad.training.hosts import Hosts


def demo(options: argparse.Namespace) -> None:
    """Runs the bundled demonstration."""
    options.config, options.resume, options.data_root = "demo", None, None
    options.hosts = options.host = options.coordinator = None
    run(options)


def run(options: argparse.Namespace) -> None:
    """Runs a config, or goes on with an interrupted run."""
    from rich.console import Console

    from jaxtsad.experiments import hosts, toml
    from jaxtsad.experiments import run as running
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
    else:
        config = toml.load(_config_path(options.config), overrides)
        folder = pathlib.Path(options.out or pathlib.Path("runs") / config.name)
    resume = options.resume is not None
    if _several(options):
        report = hosts.run(
            config,
            folder,
            _given(options),
            options.coordinator,
            resume=resume,
            terminal=terminal,
        )
    else:
        report = running.run(config, folder, resume=resume, terminal=terminal)
    if report is not None:
        _show(report, folder, terminal)


def _several(options: argparse.Namespace) -> bool:
    """Whether hosts are named, all that is needed."""
    alone = options.host is None and options.coordinator is None
    if options.hosts is None and alone:
        return False
    if options.hosts is None or (options.hosts == "auto") != alone:
        raise ValueError(
            "name --hosts N, --host I and --coordinator ADDRESS:PORT, or --hosts auto"
        )
    return True


def _given(options: argparse.Namespace) -> Hosts | None:
    """Which host this is; None where JAX finds out by itself."""
    from jaxtsad.training import hosts

    if options.hosts == "auto":
        return None
    try:
        number = int(options.hosts)
    except ValueError:
        raise ValueError(
            f"hosts={options.hosts!r} must be a whole number or auto"
        ) from None
    if options.host is None or (number > 1 and options.coordinator is None):
        missing = "--host I" if options.host is None else "--coordinator ADDRESS:PORT"
        raise ValueError(f"--hosts {number} needs {missing}")
    return hosts.checked(number, options.host)


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


def compare(options: argparse.Namespace) -> None:
    """Writes the page of several runs."""
    from jaxtsad import files
    from jaxtsad.reporting.pages import comparison

    files.write_text(options.out, comparison.page(options.runs, options.entity))
    print(f"The page is {options.out}")
