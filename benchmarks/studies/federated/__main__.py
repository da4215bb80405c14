"""Do channels of a spacecraft gain by a model in common, and what does privacy cost?

Every SMAP channel is a client: it keeps its recording, its scaler and its threshold. An
LSTM-VAE is trained for each channel alone, on the recordings of all together, and by
federated averaging of what each channel trains on its own; all of them take the same
number of epochs. Noise is for privacy of a channel, whatever its recording.

    python -m benchmarks.studies.federated --data-root DIR
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.studies import report, study
from benchmarks.studies.report import Report, Section, Table
from benchmarks.studies.study import Session, Study
from jaxtsad import files
from jaxtsad.datasets import catalog, demo
from jaxtsad.evaluation import uncertainty
from jaxtsad.evaluation.metrics import point, vus
from jaxtsad.evaluation.protocol import STRICT
from jaxtsad.experiments import facts, fits
from jaxtsad.experiments.recordings import Group
from jaxtsad.pipeline.setup import Setup
from jaxtsad.training.federated import Federated
from jaxtsad.training.fit import Callbacks
from jaxtsad.training.plan import Plan
from jaxtsad.types import Series

CODE = "benchmarks.studies.federated.__main__"
METRICS = ("vus_pr", "auc_pr")
ALONE, RANDOM = "per entity", "random"
MODEL: dict[str, Any] = {"hidden": 32, "latent": 8, "learning_rate": 3e-3}
TEXT = (
    "{count} SMAP channels, an LSTM-VAE of windows of 10 steps, {epochs} epochs for "
    "every row: {rounds} rounds of {local} local epochs where it is averaged. Seed 0. "
    "The best epoch or round by held-out loss is kept, but with noise the last. "
    "Intervals are 95 %, by bootstrap over channels; `less per entity` is paired. "
    "`update` is the median norm of a channel's update in a round, before it is "
    "clipped; epsilon is what the model spends on a channel at delta {delta:g}, by "
    "zCDP of the Gaussian mechanism."
)


def run(session: Session) -> Report:
    """Makes the rows that are not kept, and the table."""
    asked = session.options
    series = recordings(session, asked.entities)
    rows: dict[str, dict[str, Any]] = {}
    for name, setup in setups(asked).items():
        rows[name] = row(session, name, setup, series)
    rows[RANDOM] = {"metrics": judged(series, noise(series))}
    entities = [one.name for one in series]
    values = {
        name: {
            metric: np.array([made["metrics"][one][metric] for one in entities])
            for metric in METRICS
        }
        for name, made in rows.items()
    }
    text = TEXT.format(
        count=len(series),
        epochs=asked.rounds * asked.local_epochs,
        rounds=asked.rounds,
        local=asked.local_epochs,
        delta=asked.delta,
    )
    lines = [
        {"detector": name, "entity": one, "metric": metric, "value": float(value)}
        for name, own in values.items()
        for metric in METRICS
        for one, value in zip(entities, own[metric], strict=True)
    ]
    tree = {"rows": lines, "models": {n: made.get("facts") for n, made in rows.items()}}
    section = Section("", (), (table(values, rows),))
    return Report("Federated averaging", (text,), (section,), (), lines, tree)


def recordings(session: Session, names: Sequence[str]) -> list[Series]:
    """Labeled channels, those of the package where there is no data set."""
    if session.bundled:
        loaded = demo.load()
    else:
        loaded = catalog.load("smap", session.root, entities=list(names) or None)
    return [one for one in loaded if one.labels is not None]


def setups(asked: argparse.Namespace) -> dict[str, Setup]:
    """How every row is trained."""
    epochs = asked.rounds * asked.local_epochs
    plan = Plan(epochs=epochs, patience=epochs)
    cut: dict[str, Any] = {"window": 10, "stride": 5, "score_stride": 5}
    alone = Setup("lstm_vae", MODEL, clip_values=5.0, plan=plan, **cut)
    plain = Federated(asked.rounds, asked.local_epochs, delta=asked.delta)

    def averaged(**changes: Any) -> Setup:
        how = dataclasses.replace(plain, **changes)
        return dataclasses.replace(alone, pooling="federated", federated=how)

    made = {
        "untrained": dataclasses.replace(alone, untrained=True),
        ALONE: alone,
        "pooled": dataclasses.replace(alone, pooling="pooled"),
        "FedAvg": averaged(),
        f"FedProx, mu {asked.proximal:g}": averaged(proximal=asked.proximal),
        f"FedAvg, clipped at {asked.clip:g}": averaged(clip_updates=asked.clip),
    }
    for level in asked.noise:
        name = f"FedAvg, clipped, noise {level:g}"
        made[name] = averaged(clip_updates=asked.clip, noise=level)
    return made


def row(
    session: Session, name: str, setup: Setup, series: Sequence[Series]
) -> dict[str, Any]:
    """Metrics of a row by channel, and what is known of its model."""
    plain = dataclasses.asdict(setup)
    plain["plan"].pop("checkpoint_seconds")
    about = {"setup": plain, "data": facts.data_checksums(series)}

    cache = session.cache(CODE)
    folder = cache.place(_file(name), about)

    def keep(records: list[dict[str, Any]]) -> None:
        norms = [one["update"] for one in records if "update" in one]
        if norms:
            files.write_json(folder / f"round_{records[0]['epoch']:03d}.json", norms)

    def make() -> dict[str, Any]:
        session.say(name)
        fitted = session.fit(
            name,
            setup,
            [(one.name, one.train) for one in series],
            folder=None if setup.untrained else folder / "checkpoints",
            callbacks=Callbacks(epoch=keep),
        )
        scored = fits.scored(fitted, name, Group("smap", tuple(series)), STRICT)
        norms = [
            norm
            for path in sorted(folder.glob("round_*.json"))
            for norm in json.loads(path.read_text())
        ]
        assert fitted.result is not None
        return {
            "metrics": judged(series, {one.entity: one.score for one in scored}),
            "facts": {
                "train_s": fitted.result.train_s,
                "update": float(np.median(norms)) if norms else None,
                "epsilon": setup.federated.epsilon if setup.federated.noise else None,
            },
        }

    made: dict[str, Any] = cache.tree(_file(name), about, make)
    return made


def judged(
    series: Sequence[Series], scores: Mapping[str, np.ndarray]
) -> dict[str, dict[str, float]]:
    """By channel VUS-PR and AUC-PR of the test part."""
    found = {}
    for one in series:
        assert one.labels is not None
        own = scores[one.name]
        found[one.name] = {
            "vus_pr": vus.vus(one.labels, own).pr,
            "auc_pr": point.auc_pr(one.labels, own),
        }
    return found


def noise(series: Sequence[Series]) -> dict[str, np.ndarray]:
    """Random scores."""
    generator = np.random.default_rng(0)
    return {
        one.name: generator.random(len(one.labels))
        for one in series
        if one.labels is not None
    }


def table(
    values: Mapping[str, Mapping[str, np.ndarray]], rows: Mapping[str, Any]
) -> Table:
    """A line per row: means, paired differences to a model each, update, epsilon."""
    lines = []
    for name, own in values.items():
        cells = [report.ranged(uncertainty.bootstrap(own[key])) for key in METRICS]
        for key in METRICS:
            pair = own[key], values[ALONE][key]
            difference = uncertainty.paired_bootstrap(*pair)
            same = name == ALONE
            cells.append("" if same else report.ranged(difference, signed=True))
        known = rows[name].get("facts") or {}
        for key in ("update", "epsilon"):
            value = known.get(key)
            cells.append("" if value is None else f"{value:.3g}")
        lines.append((name, *cells))
    heads = ["mean over channels", "VUS-PR", "AUC-PR"]
    heads += ["VUS-PR less per entity", "AUC-PR less per entity", "update", "epsilon"]
    return Table(heads, lines, len(heads) - 1)


def _file(name: str) -> str:
    return name.replace(", ", "_").replace(" ", "_").replace(".", "")


def options(parser: argparse.ArgumentParser) -> None:
    """Channels, rounds, and what is done with updates."""
    add = parser.add_argument
    add("--entities", nargs="+", default=[], help="default: all of SMAP")
    add("--rounds", type=int, default=10)
    add("--local-epochs", type=int, default=2)
    add("--proximal", type=float, default=0.01, help="mu of FedProx")
    add("--clip", type=float, default=1.0, help="largest norm of an update")
    add("--noise", type=float, nargs="*", default=[1.0, 4.0])
    add("--delta", type=float, default=1e-3)


QUICK = {"rounds": 2, "local_epochs": 1, "noise": [4.0]}
STUDY = Study("federated", __doc__, run, options, quick=QUICK)

if __name__ == "__main__":
    sys.exit(study.main(STUDY))
