"""Resume: a run killed at any moment ends as if it had never been."""

from __future__ import annotations

import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import pytest

from jaxtsad.experiments import toml
from tests.experiments import layout

ROOT = pathlib.Path(__file__).parents[2]
DETECTOR = "anomaly_transformer"
EPOCHS = 40


def start(folder: pathlib.Path, *arguments: str) -> subprocess.Popen:
    environment = dict(os.environ)
    environment.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".jax_cache"))
    environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.2"
    environment["PYTHONPATH"] = str(ROOT)
    return subprocess.Popen(
        [sys.executable, "-m", "jaxtsad", "run", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def finish(process: subprocess.Popen) -> None:
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors.decode()


def wait(process: subprocess.Popen, condition: object) -> None:
    """Waits until a condition holds or the process ends."""
    limit = time.monotonic() + 240
    while process.poll() is None and time.monotonic() < limit:
        if condition():  # type: ignore[operator]
            return
        time.sleep(0.001)


def finished_epochs(run: pathlib.Path) -> int:
    path = run / "metrics.jsonl"
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_resume_after_five_kills_ends_the_same(tmp_path: pathlib.Path) -> None:
    data = layout.write(tmp_path / "data", layout.columns(DETECTOR))
    config = layout.config(
        DETECTOR,
        data,
        data={"entities": ["A-1"]},
        training={"epochs": EPOCHS, "stop": "none", "checkpoint_seconds": 0.0},
        evaluation={"baselines": ["zscore"]},
    )
    (tmp_path / "tiny.toml").write_text(toml.dump(config))
    finish(start(tmp_path, "tiny.toml", "--out", "whole"))

    run = tmp_path / "killed"
    process = start(tmp_path, "tiny.toml", "--out", "killed")
    chance = random.Random(0)
    moments = sorted(chance.sample(range(2, EPOCHS - 8), 4))
    writing = run / "checkpoints"
    for kill in range(5):
        if kill == 2:
            # Orbax writes beside and renames: such a folder is a write under way.
            wait(process, lambda: any(writing.glob("*/*.orbax-checkpoint-tmp*")))
        else:
            target = moments.pop(0)
            wait(process, lambda target=target: finished_epochs(run) >= target)
            time.sleep(chance.random() * 0.1)
        assert process.poll() is None, "the run ended before it could be killed"
        process.send_signal(signal.SIGKILL)
        process.communicate()
        process = start(tmp_path, "--resume", "killed")
    finish(process)

    reports = [
        json.loads((tmp_path / name / "report.json").read_text())
        for name in ("whole", "killed")
    ]
    assert reports[0]["state_sha256"] == reports[1]["state_sha256"]
    told = [
        [json.loads(line)["epoch"] for line in path.read_text().splitlines()]
        for path in (tmp_path / "whole/metrics.jsonl", run / "metrics.jsonl")
    ]
    assert told[0] == told[1] == list(range(EPOCHS))


def test_resume_refuses_overrides_and_other_folders(tmp_path: pathlib.Path) -> None:
    from jaxtsad import cli

    assert cli.main(["run", "--resume", str(tmp_path / "none")]) == 2
    assert cli.main(["run", "--resume", str(tmp_path), "--training.epochs", "3"]) == 2


@pytest.fixture(autouse=True)
def _quiet(capsys: pytest.CaptureFixture) -> None:
    del capsys
