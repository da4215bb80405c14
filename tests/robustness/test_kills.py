"""Processes killed at any moment, two in one folder, full disks, read-only folders."""

from __future__ import annotations

import json
import os
import pathlib
import random
import subprocess
import sys
import time

import pytest

from jaxtsad import files
from jaxtsad.experiments import toml
from tests.experiments import layout, test_resume
from tests.robustness import forked

ROOT = pathlib.Path(__file__).parents[2]
LEFT = ("*tmp*", ".jaxtsad-*", ".estimator*")


@pytest.mark.slow  # dozens of processes
@pytest.mark.parametrize("scenario", forked.SCENARIOS)
def test_nothing_is_lost_and_nothing_left(
    scenario: str, tmp_path: pathlib.Path
) -> None:
    command = [sys.executable, "-m", "tests.robustness.forked", scenario]
    tmp_path.parent.chmod(0o755)
    tmp_path.parent.parent.chmod(0o755)
    tmp_path.chmod(0o755)
    done = subprocess.run(
        [*command, str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder with a config and a finished run of it."""
    folder = tmp_path_factory.mktemp("kills")
    data = layout.write(folder / "data", 3)
    config = layout.config(
        "lstm_autoencoder",
        data,
        data={"entities": ["A-1"]},
        training={"epochs": 12, "stop": "none", "checkpoint_seconds": 0.0},
        evaluation={"baselines": ["zscore"]},
    )
    (folder / "tiny.toml").write_text(toml.dump(config))
    run(folder, "run", "tiny.toml", "--out", "whole")
    return folder


def run(folder: pathlib.Path, *words: str, limit: int | None = None) -> str:
    """Runs the command line; what it says on stderr, where it is refused."""
    shell = "" if limit is None else f"ulimit -f {limit}; "
    done = subprocess.run(
        ["bash", "-c", f'{shell}exec "$0" -m jaxtsad "$@"', sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, 2), done.stderr
    assert done.stderr.count("\n") == done.returncode // 2, done.stderr
    return done.stderr


def same(folder: pathlib.Path, name: str) -> None:
    """A run ended as the one that was never stopped, and left nothing else."""
    ours, theirs = (
        json.loads((folder / each / "report.json").read_text())
        for each in ("whole", name)
    )
    assert ours["state_sha256"] == theirs["state_sha256"]
    assert ours["rows"] == theirs["rows"]
    assert test_resume.epochs_told(folder / name) == list(range(12))
    for pattern in LEFT:
        assert not list((folder / name).rglob(pattern))


def in_use(folder: pathlib.Path) -> bool:
    """Whether a process holds a folder; one that has just started does not yet."""
    try:
        with files.locked(folder, "run"):
            return False
    except ValueError:
        return True


def ended(process: subprocess.Popen) -> None:
    """Kills a process that still runs; its pipes are closed either way."""
    if process.poll() is None:
        process.kill()
    process.communicate()


@pytest.mark.slow  # thirty processes
def test_a_run_of_thirty_kills_ends_the_same(whole: pathlib.Path) -> None:
    """A second process in the folder is refused each time."""
    chance, killed, refusals = random.Random(0), whole / "killed", []
    process = test_resume.start(
        whole, "-m", "jaxtsad", "run", "tiny.toml", "--out", "killed"
    )
    test_resume.wait(process, lambda: test_resume.finished_epochs(killed) >= 1)
    for number in range(30):
        if number % 10 == 0 and in_use(killed) and process.poll() is None:
            refusals.append(run(whole, "run", "--resume", "killed"))
        ended(process)
        process = test_resume.start(whole, "-m", "jaxtsad", "run", "--resume", "killed")
        started = time.monotonic()
        delay = chance.uniform(0, 12)

        def over(started: float = started, delay: float = delay) -> bool:
            return time.monotonic() - started > delay

        test_resume.wait(process, over)
    ended(process)
    # At the first of the three the run has just ended an epoch of twelve.
    assert "is in use by another process" in refusals[0]
    run(whole, "run", "--resume", "killed")
    same(whole, "killed")


@pytest.mark.slow  # a process each
@pytest.mark.parametrize("blocks", [0, 1, 4, 12, 40, 240])
def test_a_run_on_a_full_disk_is_one_line_and_goes_on(
    blocks: int, whole: pathlib.Path
) -> None:
    """No file may have more than so many blocks of 1024 bytes."""
    name = f"full{blocks}"
    line = run(whole, "run", "tiny.toml", "--out", name, limit=blocks)
    assert bool(line) == (blocks < 240), line
    for pattern in LEFT:
        assert not list((whole / name).rglob(pattern))
    if (whole / name / "config.toml").exists():
        run(whole, "run", "--resume", name)
    else:
        run(whole, "run", "tiny.toml", "--out", name)
    same(whole, name)
