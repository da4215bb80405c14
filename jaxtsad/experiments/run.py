"""One experiment from config to run directory: load, fit, score, judge, report."""

from __future__ import annotations

import os
import pathlib
from typing import Any

from rich.console import Console

from jaxtsad import files
from jaxtsad.experiments import fits, hosts, recordings, report, toml, work
from jaxtsad.experiments.config import Config
from jaxtsad.reporting import run_directory
from jaxtsad.training.hosts import Hosts


def run(
    config: Config,
    out: str | os.PathLike[str],
    *,
    resume: bool = False,
    terminal: Console | None = None,
) -> dict[str, Any]:
    """Runs an experiment and writes its run directory.

    Args:
        config: The experiment.
        out: Run directory; must not hold another run unless resumed.
        resume: Goes on from the last checkpoint in `out`; one begun on several hosts
            goes on on this one alone.
        terminal: Where progress is shown; None for nowhere.

    Returns:
        The report, as `report.json` holds it.

    Raises:
        ValueError: If the config or the data is bad, or `out` holds another run, or
            one that another process is at.
        Interrupted: On Ctrl-C, after saving a checkpoint.
    """
    terminal = terminal or Console(quiet=True)
    files.check_writable(out)
    folder = pathlib.Path(out)
    if resume and hosts.began(folder):
        made = hosts.run(config, folder, Hosts(), None, resume=True, terminal=terminal)
        assert made is not None
        return made
    with files.locked(out, run_directory.KIND):
        hosts.check(folder, config, resume)
        return _run(config, folder, terminal)


def _run(config: Config, folder: pathlib.Path, terminal: Console) -> dict[str, Any]:
    series = recordings.load(config)
    files.write_text(folder / run_directory.CONFIG, toml.dump(config))
    done = work.do(config, series, folder, terminal)
    scored = done.scored + fits.smoothed(done.scored, config)
    values = {name: array for name, (array, _) in done.values(config).items()}
    run_directory.write_scores(folder / run_directory.SCORES, scored, values)
    run_directory.write_pictures(folder, done.pictures)
    names = [(group.name, group.channels) for group in done.groups]
    work.save_models(folder, done.fitted, config, names)
    made = report.make(config, scored, facts=done.facts(config))
    report.write(folder, made)
    return made
