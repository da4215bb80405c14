"""The published Anomaly Transformer by its own procedure, and judged strictly.

python -m benchmarks.studies.anomaly_transformer_protocols --data-root DIR

The same network is trained twice on each data set: on the glued entities with early
stopping and threshold on test data, as published, and on entities kept apart with a
threshold of held-out training scores. Untrained, squared z and random rows beside both
show what a point-adjusted F1 says of a network, which is nothing.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.studies import study
from benchmarks.studies.published import PUBLISHED, SOURCES
from benchmarks.studies.report import Report, Section, Table, number
from benchmarks.studies.study import Session, Study
from jaxtsad.evaluation import protocol as protocols
from jaxtsad.evaluation.protocol import Protocol
from jaxtsad.experiments import (
    baselines,
    facts,
    fits,
    judge,
    recordings,
    toml,
)
from jaxtsad.experiments import report as reports
from jaxtsad.experiments.config import Config
from jaxtsad.training import checkpoints, fleet
from jaxtsad.types import Series

NAME = "anomaly_transformer_protocols"
MAIN = "anomaly_transformer"
BASELINES = ("untrained", "zscore")
KEYS = {
    "pa_f1": "PA-F1",
    "f1": "F1",
    "pa_k_auc": "PA%K area",
    "event_f1": "event F1",
    "auc_roc": "AUC-ROC",
    "auc_pr": "AUC-PR",
    "vus_pr": "VUS-PR",
}
PLANS = {
    "paper": {"stop": "paper", "schedule": "halving"},
    "strict": {"stop": "loss", "schedule": "halving"},
}


def config(dataset: str, protocol: Protocol, session: Session) -> Config:
    """The experiment on one data set under one protocol.

    Raises:
        ValueError: If a value is out of range.
    """
    published = PUBLISHED.get(dataset.upper())
    options = session.options
    # A head is 64 wide, as published, where the width allows.
    heads = max(1, options.width // 64)
    sizes = {"width": options.width, "heads": heads, "hidden": options.width}
    sizes["layers"] = options.layers
    return toml.parse(
        {
            "name": f"{NAME}_{dataset}_{protocol.name}",
            "data": {
                "dataset": dataset,
                "entities": list(options.entities),
                "pooling": "glued" if protocol is protocols.PAPER else "pooled",
                "root": session.root or "",
            },
            "window": {"length": 100, "stride": options.stride},
            "detector": {"name": MAIN, "options": {"mode": "reference", **sizes}},
            "training": {
                "epochs": options.epochs,
                "batch_size": 32,
                "seeds": [options.seed],
                **PLANS[protocol.name],
            },
            "evaluation": {
                "protocol": protocol.name,
                "anomaly_share": published.share if published else 0.01,
                "baselines": list(BASELINES),
            },
        }
    )


def rows(
    config: Config,
    protocol: Protocol,
    series: Sequence[Series],
    folder: pathlib.Path | None = None,
) -> dict[str, dict[str, float | None]]:
    """Metrics of all entities end to end by row: the detector and what is beside it.

    Args:
        config: The experiment.
        protocol: How it is trained and judged.
        series: All entities.
        folder: Of checkpoints, by which an interrupted training goes on.
    """
    group = recordings.groups(list(series))[0]
    scored = []
    setups = [(MAIN, config.setup())]
    setups += [(one.row, one.setup) for one in baselines.chosen(config)]
    for name, setup in setups:
        own = folder if name == MAIN else None
        with checkpoints.opened(own, {"title": config.name}) as kept:
            fitted = fits.fit(setup, config, group, protocol, checkpoints=kept)
        scored += fits.scored(fitted, name, group, protocol)
    judged = judge.judge(scored, reports.rule(config))
    found = judge.rows(judged, main=MAIN, protocol=protocol, validation={})
    whole = {row["entity"] for row in found} & {"pooled"} or {found[0]["entity"]}
    return {
        row["detector"]: {key: row["metrics"].get(key) for key in KEYS}
        for row in found
        if row["entity"] in whole
    }


def report(sets: Mapping[str, Any]) -> Report:
    """A table per data set: both protocols, then what was published.

    Args:
        sets: By data set and protocol, what `rows` gives.
    """
    lead = (
        "All entities of a data set end to end. Paper: "
        f"{'; '.join([*protocols.PAPER.leaks, protocols.GLUED])}. Strict: none of "
        "these; the threshold is the .99 quantile of held-out training scores. The "
        "random row flags as many steps as the network does, five draws."
    )
    sections, flat = [], []
    for name, found in sets.items():
        lines: list[tuple[str, ...]] = []
        for protocol, own in found["rows"].items():
            for row, values in own.items():
                cells = (number(values.get(key)) for key in KEYS)
                lines.append((protocol, row, *cells))
                about = {"dataset": name, "protocol": protocol, "detector": row}
                flat.append(about | values)
        published = PUBLISHED.get(name.upper())
        for claim in published.claims if published else ():
            row = (claim.source, number(claim.pa_f1), number(claim.f1))
            lines.append(("paper", *row, *[""] * (len(KEYS) - 2)))
        table = Table(("protocol", "row", *KEYS.values()), lines, len(KEYS))
        sections.append(Section(name.upper(), tables=(table,)))
    title = "The Anomaly Transformer under two protocols"
    return Report(title, (lead,), sections, (SOURCES,), flat, {"sets": sets})


def options(parser: argparse.ArgumentParser) -> None:
    """Adds what the study is asked for."""
    add = parser.add_argument
    add("--datasets", nargs="+", default=["msl", "smap"])
    add("--entities", nargs="+", default=[], help="some of them")
    add("--width", type=int, default=64, help="published: 512")
    add("--layers", type=int, default=3, help="published: 3")
    add("--stride", type=int, default=40, help="published: 1")
    add("--epochs", type=int, default=3)
    add("--seed", type=int, default=0)


def run(session: Session) -> Report:
    """Runs both protocols on every data set."""
    fleet.use_cores()
    sets: dict[str, Any] = {}
    for name in session.options.datasets:
        own = {}
        for protocol in (protocols.PAPER, protocols.STRICT):
            session.say(f"{name}: {protocol.name}")
            experiment = config(name, protocol, session)
            series = recordings.load(experiment)
            about = dataclasses.asdict(experiment)
            about["data"]["root"] = facts.data_checksums(series)
            cache = session.cache(__name__, name)
            folder = cache.place(f"{protocol.name}_checkpoints", about)
            make = functools.partial(rows, experiment, protocol, series, folder)
            own[protocol.name] = cache.tree(protocol.name, about, make)
        sets[name] = {"rows": own}
    return report(sets)


STUDY = Study(
    NAME,
    __doc__,
    run,
    options,
    quick={
        "datasets": ["smap"],
        "entities": ["P-1"],
        "width": 8,
        "layers": 1,
        "stride": 100,
        "epochs": 1,
    },
)

if __name__ == "__main__":
    sys.exit(study.main(STUDY))
