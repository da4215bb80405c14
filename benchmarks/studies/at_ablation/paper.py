"""The reference by the publication's own procedure, with all that it leaks."""

from __future__ import annotations

from typing import Any

from benchmarks.studies.at_ablation.tasks import Task
from benchmarks.studies.at_ablation.variants import PUBLISHED_PLAN, Preset
from benchmarks.studies.published import PUBLISHED
from jaxtsad.evaluation import protocol as protocols
from jaxtsad.experiments import fits, judge, recordings, report, toml

KEYS = ("precision", "recall", "f1", "pa_f1", "auc_roc", "auc_pr", "vus_pr")


def run(task: Task, preset: Preset, seed: int, root: str | None) -> dict[str, Any]:
    """Trains on the glued entities, validates and calibrates on test, adjusts.

    Returns:
        Metrics by row: `anomaly_transformer`, `random` and `all_positive`; and what
        leaks.
    """
    published = PUBLISHED.get(task.name.upper())
    config = toml.parse(
        {
            "name": f"at_ablation_{task.name}",
            "data": {
                "dataset": task.name,
                "entities": [one.name for one in task.series],
                "channels": [str(column) for column in task.columns],
                "pooling": "glued",
                "root": root or "",
            },
            "window": {"length": preset.length, "stride": task.setup.stride},
            "detector": {
                "name": "anomaly_transformer",
                "options": {"mode": "reference", **preset.sizes},
            },
            "training": {
                "epochs": min(preset.epochs, 3),
                "batch_size": preset.batch_size,
                "seeds": [seed],
                **PUBLISHED_PLAN,
            },
            "evaluation": {
                "protocol": "paper",
                "anomaly_share": published.share if published else 0.01,
            },
        }
    )
    group = recordings.groups(recordings.load(config))[0]
    fitted = fits.fit(config.setup(), config, group, protocols.PAPER)
    scored = fits.scored(fitted, "anomaly_transformer", group, protocols.PAPER)
    rule = report.rule(config)
    rows = judge.rows(
        judge.judge(scored, rule),
        main="anomaly_transformer",
        protocol=protocols.PAPER,
        validation={},
    )
    leaks = [*protocols.PAPER.leaks, protocols.GLUED]
    found = {
        row["detector"]: {key: row["metrics"].get(key) for key in KEYS} for row in rows
    }
    return {"rows": found, "leaks": leaks, "share": rule.share}
