"""The published Anomaly Transformer by its own procedure, and judged strictly.

python -m benchmarks.studies.anomaly_transformer_protocols --data-root DIR

The same network is trained twice on each data set: on the glued entities with early
stopping and threshold on test data, as published, and on entities kept apart with a
threshold of held-out training scores. Untrained, squared z and random rows beside both
show what a point-adjusted F1 says of a network, which is nothing.
"""

from __future__ import annotations

import argparse
import pathlib
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from benchmarks.studies.published import PUBLISHED, SOURCES
from jaxtsad.evaluation import protocol as protocols
from jaxtsad.evaluation.protocol import Protocol
from jaxtsad.experiments import (
    baselines,
    console,
    facts,
    fits,
    judge,
    recordings,
    records,
    report,
    toml,
)
from jaxtsad.experiments.config import Config
from jaxtsad.reporting.tables import formats
from jaxtsad.training import sharding

NAME = "anomaly_transformer_protocols"
MAIN = "anomaly_transformer"
BESIDE = ("untrained", "zscore")
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


def config(dataset: str, protocol: Protocol, options: argparse.Namespace) -> Config:
    """The experiment on one data set under one protocol.

    Raises:
        ValueError: If a value is out of range.
    """
    published = PUBLISHED.get(dataset.upper())
    # A head is 64 wide, as published, where the width allows.
    heads = max(1, options.width // 64)
    sizes = {"width": options.width, "heads": heads, "hidden": options.width}
    return toml.parse(
        {
            "name": f"{NAME}_{dataset}_{protocol.name}",
            "data": {
                "dataset": dataset,
                "entities": list(options.entities),
                "fit": "glued" if protocol is protocols.PAPER else "pooled",
                "root": options.data_root or "",
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
                "baselines": list(BESIDE),
            },
        }
    )


def rows(config: Config, protocol: Protocol) -> dict[str, dict[str, float | None]]:
    """Metrics of all entities end to end by row: the detector and what is beside it."""
    group = recordings.groups(recordings.load(config))[0]
    scored = []
    setups = [(MAIN, config.setup())]
    setups += [(one.row, one.setup) for one in baselines.chosen(config)]
    for name, setup in setups:
        fitted = fits.fit(setup, config, group, protocol)
        scored += fits.scored(fitted, name, group, protocol)
    judged = judge.judge(scored, report.rule(config))
    found = judge.rows(judged, main=MAIN, protocol=protocol, validation={})
    whole = {row["entity"] for row in found} & {"pooled"} or {found[0]["entity"]}
    return {
        row["detector"]: {key: row["metrics"].get(key) for key in KEYS}
        for row in found
        if row["entity"] in whole
    }


def markdown(made: Mapping[str, Any]) -> str:
    """The tables in Markdown."""
    pieces = [
        "# The Anomaly Transformer under two protocols",
        f"Command: `{made['command']}`. All entities of a data set end to end. Paper: "
        f"{'; '.join([*protocols.PAPER.leaks, protocols.GLUED])}. Strict: none of "
        "these; the threshold is the .99 quantile of held-out training scores. The "
        "random row flags as many steps as the network does, five draws.",
    ]
    for name, found in made["sets"].items():
        pieces.append(f"## {name.upper()}")
        lines: list[tuple[str, ...]] = []
        for protocol, own in found["rows"].items():
            lines += [
                (protocol, row, *(_number(values.get(key)) for key in KEYS))
                for row, values in own.items()
            ]
        published = PUBLISHED.get(name.upper())
        for claim in published.claims if published else ():
            row = (claim.source, _number(claim.pa_f1), _number(claim.f1))
            lines.append(("paper", *row, *[""] * (len(KEYS) - 2)))
        pieces.append(formats.piped(("protocol", "row", *KEYS.values()), lines))
    return "\n\n".join([*pieces, SOURCES]) + "\n"


def _number(value: float | None) -> str:
    return "" if value is None or value != value else f"{value:.3f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs both protocols; bad input is one line and exit code 2."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.studies.{NAME}")
    parser.add_argument("--data-root", help="folder of the data sets")
    parser.add_argument("--datasets", nargs="+", default=["msl", "smap"])
    parser.add_argument("--entities", nargs="+", default=[], help="some of them")
    parser.add_argument("--width", type=int, default=64, help="published: 512")
    parser.add_argument("--stride", type=int, default=40, help="published: 1")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", help=f"folder; default runs/{NAME}")
    options = parser.parse_args(arguments)
    folder = pathlib.Path(options.out or f"runs/{NAME}")
    terminal = Console()
    sharding.use_cores()
    said = ["--data-root", "DIR", "--datasets", *options.datasets]
    said += ["--width", str(options.width), "--stride", str(options.stride)]
    said += ["--epochs", str(options.epochs), "--seed", str(options.seed)]
    try:
        sets: dict[str, Any] = {}
        for name in options.datasets:
            own: dict[str, Any] = {"rows": {}}
            for protocol in (protocols.PAPER, protocols.STRICT):
                terminal.print(f"{name}: {protocol.name}")
                experiment = config(name, protocol, options)
                own["rows"][protocol.name] = rows(experiment, protocol)
            sets[name] = own
        made = {
            "schema": 1,
            "command": f"python -m benchmarks.studies.{NAME} {shlex.join(said)}",
            "versions": facts.versions(),
            "device": facts.device(),
            "git": facts.revision(),
            "sets": sets,
        }
        records.write_json(folder / f"{NAME}.json", made)
        records.write_text(folder / f"{NAME}.md", markdown(made))
    except (ValueError, OSError) as error:
        return console.refused(error)
    terminal.print(markdown(made), markup=False, highlight=False)
    terminal.print(f"The tables are in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
