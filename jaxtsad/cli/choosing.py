"""The command that chooses a detector for a recording."""

from __future__ import annotations

import argparse
from typing import Any


def choose(options: argparse.Namespace) -> None:
    """Ranks detectors by faults put into a recording, and saves the chosen one."""
    from jaxtsad.cli import recordings
    from jaxtsad.estimator import choosing
    from jaxtsad.pipeline import saving

    if options.out is not None:
        saving.check(options.out)
    data = recordings.read(options.train, recordings.reading(options), options)
    candidates = _candidates(options.detectors)
    chosen = choosing.choose(
        data, detectors=candidates, rule=options.rule, seed=options.seed
    )
    for line in lines(chosen.table):
        print(line)
    print(f"chosen: {chosen.name}. {chosen.reason}.")
    if options.out is not None:
        chosen.detector.save(options.out)
        print(f"fitted on all of it; saved in {options.out}")


def _candidates(text: str | None) -> Any:
    """Names between commas, or a TOML list of names and tables; None for the usual."""
    from jaxtsad.estimator import choosing
    from jaxtsad.experiments import toml

    if text is None:
        return choosing.CANDIDATES
    if text.lstrip().startswith("["):
        value = toml.assignments([f"detectors={text}"])["detectors"]
        if isinstance(value, list):
            return value
        raise ValueError(f"--detectors {text} is no TOML list")
    return [name.strip() for name in text.split(",")]


def lines(table: Any) -> list[str]:
    """The table of a choice as text."""
    width = max(len(name) for name in table["candidate"])
    made = [f"{'candidate':{width}}  VUS-PR on injected faults    seconds"]
    for row in table.itertuples():
        span = f"{row.vus_pr:.3f} ({row.low:.3f} to {row.high:.3f})"
        made.append(f"{row.candidate:{width}}  {span:27}  {row.seconds:7.1f}")
    return made
