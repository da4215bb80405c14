"""A small run directory made from noise and planted events, with honest numbers."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import numpy as np
import pandas as pd
from sklearn import metrics

from jaxtsad import interactive
from jaxtsad.reporting import run_directory

DETECTOR = "anomaly_transformer"
EVENTS = {
    "machine-1": [(300, 340, "spike"), (900, 1000, "drift"), (1500, 1512, "dropout")],
    "machine-2": [(200, 260, "level shift")],
    'pump <b>&"7"</b>': [(50, 90, "spike"), (700, 720, "<i>odd</i>")],
}


def report_of(steps: int, seeds: list[int], leaks: list[str]) -> dict[str, Any]:
    """What a report holds besides its rows."""
    return {
        "schema": 1,
        "name": "demo",
        "config": {
            "name": "demo",
            "data": {"dataset": "synthetic", "pooling": "per_entity"},
            "window": {
                "length": 100,
                "stride": 1,
                "score_stride": 25,
                "aggregate": "mean",
            },
            "detector": {"name": DETECTOR, "options": {"width": 64, "layers": 2}},
            "training": {"epochs": 8, "batch_size": 64, "seeds": len(seeds)},
            "threshold": {"kind": "quantile", "options": {"level": 0.99}},
            "evaluation": {"protocol": "paper" if leaks else "strict"},
        },
        "protocol": "paper" if leaks else "strict",
        "leaks": leaks,
        "seeds": seeds,
        "versions": {"python": "3.11.9", "jax": "0.10.2", "jaxtsad": "0.1.0"},
        "device": {"kind": "cpu", "count": 1},
        "git": {"revision": "0123abc", "dirty": False},
        "checksums": {"demo.zip": "ab" * 32},
        "timings": {
            "compile_s": 6.1,
            "train_s": 42.7,
            "score_s": 1.93,
            "train_windows_per_s": 15_400.0,
            "score_windows_per_s": 48_210.5,
        },
        "parameters": 4_812_345,
        "peak_memory_bytes": 1_234_567_890,
        "entities": [
            {
                "name": name,
                "steps": steps,
                "channels": ["pressure", "flow <script>", "motor current"],
                "events": [list(event) for event in events if event[0] < steps],
            }
            for name, events in EVENTS.items()
        ],
        "notes": ["machine-2 was short: calibrated on fit scores"],
        "rows": [],
        "summary": [],
        "verdicts": [f"{DETECTOR} beats the random score on VUS-PR."],
    }


def score_of(
    generator: np.random.Generator, label: np.ndarray, detector: str
) -> np.ndarray:
    """A score that knows something of the labels, unless it is the random one."""
    if detector == "random":
        return generator.random(len(label)).astype(np.float32)
    noise = generator.gamma(2.0, 0.05, len(label))
    soft = np.convolve(label, np.ones(9) / 9, "same")
    gain = 0.9 if detector == DETECTOR else 0.25
    return (noise + gain * soft * generator.random(len(label))).astype(np.float32)


def values_of(
    generator: np.random.Generator, label: np.ndarray, channels: int = 3
) -> np.ndarray:
    """Sines with noise; the first channel jumps where the label is set."""
    time = np.arange(len(label))
    periods = 40.0 * (1 + np.arange(channels))
    values = np.sin(2 * np.pi * time[:, None] / periods[None])
    values += 0.1 * generator.standard_normal((len(label), channels))
    values[:, 0] += 1.5 * label * generator.standard_normal(len(label))
    return values.astype(np.float32)


def metrics_of(
    label: np.ndarray, score: np.ndarray, threshold: float
) -> dict[str, float]:
    """Point-wise numbers that are right, and made-up ones for the rest."""
    flags = score > threshold
    return {
        "auc_roc": float(metrics.roc_auc_score(label, score)),
        "auc_pr": float(metrics.average_precision_score(label, score)),
        "vus_roc": 0.75,
        "vus_pr": float(metrics.average_precision_score(label, score)) * 0.9,
        "precision": float(metrics.precision_score(label, flags, zero_division=0)),
        "recall": float(metrics.recall_score(label, flags)),
        "f1": float(metrics.f1_score(label, flags)),
        "accuracy": float(metrics.accuracy_score(label, flags)),
        "pa_f1": 0.91,
        "pa_k20_f1": 0.44,
        "pa_k_auc": 0.33,
        "event_f1": 0.52,
        "range_f1": 0.41,
        "affiliation_precision": 0.71,
        "affiliation_recall": 0.83,
        "delay": float("nan") if not flags[label > 0].any() else 3.5,
        "alarms_per_1000": 1000 * float(flags[label == 0].mean()),
        "oracle_f1": 0.66,
    }


def row_of(detector: str, entity: str, seed: int | str, numbers: dict) -> dict:
    """One row of `report.json`."""
    return {
        "detector": detector,
        "entity": entity,
        "seed": seed,
        "level": "step",
        "threshold": {"kind": "quantile", "value": None, "fitted_on": "validation"},
        "validation": "none" if entity == "machine-2" else "split",
        "protocol": "strict",
        "metrics": numbers,
    }


def mean_rows(rows: list[dict]) -> list[dict]:
    """Means over seeds by entity, and their macro mean over entities."""
    summary = []
    for detector in dict.fromkeys(row["detector"] for row in rows):
        by_entity: dict[str, list[dict]] = {}
        for row in rows:
            if row["detector"] == detector:
                by_entity.setdefault(row["entity"], []).append(row["metrics"])
        means = []
        for entity, group in by_entity.items():
            table = pd.DataFrame(group)
            row = row_of(detector, entity, "mean", table.mean().to_dict())
            row["sd"] = table.std(ddof=0).to_dict()
            row["threshold"]["value"] = None
            summary.append(row)
            means.append(row["metrics"])
        table = pd.DataFrame(means)
        macro = row_of(detector, "macro", "mean", table.mean().to_dict())
        macro["interval"] = {
            key: [float(table[key].min()), float(table[key].max())] for key in table
        }
        summary.append(macro)
    return summary


def write(
    run: pathlib.Path,
    *,
    steps: int = 2000,
    seeds: tuple[int, ...] = (0, 1),
    detectors: tuple[str, ...] = (DETECTOR, "random", "zscore"),
    leaks: tuple[str, ...] = (),
    epochs: int = 8,
    entities: tuple[str, ...] = tuple(EVENTS),
) -> dict[str, Any]:
    """Writes a run directory and returns its report."""
    run.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(7)
    report = report_of(steps, list(seeds), list(leaks))
    report["entities"] = [e for e in report["entities"] if e["name"] in entities]
    arrays: dict[str, np.ndarray] = {}
    rows, found, history = [], [], []
    for entity in entities:
        events = EVENTS[entity]
        label = np.zeros(steps, np.int8)
        for start, stop, _ in events:
            label[start:stop] = 1
        arrays[f"{entity}/values"] = values_of(generator, label)
        for detector in detectors:
            for seed in seeds:
                score = score_of(generator, label, detector)
                calm = score_of(generator, np.zeros(500), detector)
                threshold = float(np.quantile(calm, 0.995))
                start = f"{entity}/{detector}/{seed}"
                arrays[f"{start}/score"] = score
                arrays[f"{start}/label"] = label
                arrays[f"{start}/calibration"] = calm
                arrays[f"{start}/role"] = np.array("validation")
                numbers = metrics_of(label, score, threshold)
                row = row_of(detector, entity, seed, numbers)
                row["threshold"]["value"] = threshold
                rows.append(row)
                found += events_of(entity, detector, seed, score, threshold)
        for seed in seeds:
            history += history_of(generator, entity, seed, epochs)
    report["rows"] = rows + mean_rows(rows)
    for row in report["rows"]:
        row["protocol"] = report["protocol"]
    (run / "report.json").write_text(json.dumps(report))
    np.savez_compressed(run / "scores.npz", **arrays)
    pd.DataFrame(found).to_csv(run / "events.csv", index=False)
    lines = "".join(json.dumps(line) + "\n" for line in history)
    (run / "metrics.jsonl").write_text(lines)
    return report


def as_samples(run: pathlib.Path) -> None:
    """Makes the same a run of images: one score each, some of them as pictures."""
    report = json.loads((run / "report.json").read_text())
    with np.load(run / "scores.npz") as arrays:
        kept = {key: arrays[key] for key in arrays if not key.endswith("/values")}
    np.savez(run / "scores.npz", **kept)
    for row in report["rows"]:
        row["level"] = "sample"
    seen = {}
    for entity in report["entities"]:
        entity["events"], entity["channels"] = [], []
        values = np.random.default_rng(0).random((20, 6, 6, 1))
        seen[entity["name"]] = interactive.pictures(np.arange(20), values, values)
    (run / "report.json").write_text(json.dumps(report))
    run_directory.write_events(run, [], run_directory.EVENT_COLUMNS)
    run_directory.write_pictures(run, seen)


def events_of(
    entity: str, detector: str, seed: int, score: np.ndarray, threshold: float
) -> list[dict]:
    """Runs of flagged steps with their severity."""
    borders = np.flatnonzero(np.diff(np.r_[0, score > threshold, 0]))
    events = borders.reshape(-1, 2)
    return [
        {
            "entity": entity,
            "detector": detector,
            "seed": seed,
            "start": start,
            "stop": stop,
            "severity": (score[start:stop].max() - threshold) / 0.1,
            "peak": start + int(score[start:stop].argmax()),
            "channels": "pressure; flow <script>",
        }
        for start, stop in events
    ]


def history_of(
    generator: np.random.Generator, entity: str, seed: int, epochs: int
) -> list[dict]:
    """A loss that falls, and its validation twin."""
    lines = []
    for epoch in range(epochs):
        loss = 0.9**epoch + 0.05 * generator.random()
        lines.append(
            {
                "epoch": epoch,
                "entity": entity,
                "seed": seed,
                "loss": loss,
                "validation_loss": loss * 1.1 + 0.02 * epoch,
                "scale": 0.5**epoch,
                "reconstruction": loss * 0.5,
                "discrepancy": 1 - loss * 0.4,
            }
        )
    return lines
