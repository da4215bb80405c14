"""Makes `report.json` from scores, and has the rest of the run directory written."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from jaxtsad import __version__
from jaxtsad.evaluation import events, protocol
from jaxtsad.experiments import facts as facts_
from jaxtsad.experiments import judge
from jaxtsad.experiments.config import Config
from jaxtsad.reporting import run_directory
from jaxtsad.reporting.pages import run_report
from jaxtsad.reporting.run_directory import Scored

SCHEMA = 1


def rule(config: Config) -> judge.Rule:
    """How the config turns scores into flags."""
    return judge.Rule(
        config.threshold.kind,
        config.threshold.options,
        protocol.PROTOCOLS[config.evaluation.protocol],
        config.evaluation.anomaly_share,
    )


def make(
    config: Config,
    scored: Sequence[Scored],
    *,
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """Judges all scores and gathers what `report.json` holds."""
    found = judged(config, scored, facts)
    leaks = list(rule(config).protocol.leaks)
    if config.data.pooling == "glued":
        leaks.append(protocol.GLUED)
    return {
        "schema": SCHEMA,
        "name": config.name,
        "config": dataclasses.asdict(config),
        "protocol": config.evaluation.protocol,
        "leaks": leaks,
        "seeds": list(config.training.seeds),
        "versions": facts_.versions() | {"jaxtsad": __version__},
        "device": facts_.device(),
        "git": facts_.revision(),
        "peak_memory_bytes": facts_.peak_memory(),
        **facts,
        **found,
    }


def judged(
    config: Config, scored: Sequence[Scored], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """What depends on thresholds and metrics: rows, verdicts and events."""
    how = rule(config)
    main = config.detector.name
    done = judge.judge(scored, how)
    validation, channels = facts.get("validation", {}), facts.get("channels", {})
    level = "step" if config.kind == "series" else "sample"
    rows = judge.rows(
        done, main=main, protocol=how.protocol, validation=validation, level=level
    )
    return {
        "main": main,
        "rows": rows,
        "verdicts": judge.verdicts(rows, main),
        "events": [
            {"entity": one.scored.entity, "detector": main, "seed": one.scored.seed}
            | row
            for one in done
            if one.scored.detector == main and level == "step"
            for row in events.to_rows(
                events.events(
                    one.alarms,
                    one.scored.score,
                    threshold=one.threshold.value,
                    spread=one.spread,
                    tail=one.tail,
                    contributions=one.scored.contributions(),
                    channels=channels.get(one.scored.entity, ()),
                )
            )
        ],
    }


def write(folder: pathlib.Path, report: Mapping[str, Any]) -> None:
    """Writes `report.json`, `events.csv` and what is drawn from them."""
    rest = {key: value for key, value in report.items() if key != "events"}
    columns = ["entity", "detector", "seed"]
    columns += [field.name for field in dataclasses.fields(events.Event)]
    run_directory.write_events(folder, report["events"], columns)
    run_directory.write_report(folder, rest)
    run_report.write(folder)
