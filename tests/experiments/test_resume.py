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
from rich.console import Console

from jaxtsad.evaluation.protocol import STRICT
from jaxtsad.experiments import facts, fits, recordings, toml
from tests.experiments import layout

ROOT = pathlib.Path(__file__).parents[2]
# Compiling costs in every process: one detector and one kill are tested by default.
DETECTORS = ["lstm_vae", pytest.param("anomaly_transformer", marks=pytest.mark.slow)]
EPOCHS = 12
TRAIN = """
import sys
from tests.experiments import test_resume
test_resume.train_here(*sys.argv[1:])
"""


def train_here(config_file: str, out: str) -> None:
    """Trains what a run would train, and writes the checksum of the model's state."""
    config, folder = toml.load(config_file), pathlib.Path(out)
    (group,) = recordings.groups(recordings.load(config))
    main = fits.fit_main(config, group, folder, Console(quiet=True), STRICT)
    (folder / "sha256").write_text(facts.state_checksum(main.model))


def start(folder: pathlib.Path, *arguments: str) -> subprocess.Popen:
    environment = dict(os.environ)
    environment.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".jax_cache"))
    environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    environment["PYTHONPATH"] = str(ROOT)
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def train(folder: pathlib.Path, out: str) -> subprocess.Popen:
    (folder / out).mkdir(exist_ok=True)
    return start(folder, "-c", TRAIN, "tiny.toml", out)


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


def kill(process: subprocess.Popen) -> None:
    assert process.poll() is None, "training ended before it could be killed"
    process.send_signal(signal.SIGKILL)
    process.communicate()


def epochs_told(run: pathlib.Path) -> list[int]:
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["epoch"] for line in lines]


@pytest.fixture(scope="module", params=DETECTORS)
def whole(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> pathlib.Path:
    """A folder with a config and an uninterrupted training run of it."""
    folder = tmp_path_factory.mktemp("resume")
    data = layout.write(folder / "data", layout.columns(request.param))
    config = layout.config(
        request.param,
        data,
        data={"entities": ["A-1"]},
        training={"epochs": EPOCHS, "stop": "none", "checkpoint_seconds": 0.0},
        evaluation={"baselines": ["zscore"]},
    )
    (folder / "tiny.toml").write_text(toml.dump(config))
    (folder / "whole").mkdir()
    train_here(str(folder / "tiny.toml"), str(folder / "whole"))
    assert epochs_told(folder / "whole") == list(range(EPOCHS))
    return folder


@pytest.mark.slow
def test_resume_after_five_kills_ends_the_same(whole: pathlib.Path) -> None:
    run = whole / "killed"
    saved = run / "checkpoints"
    chance = random.Random(0)
    moments = sorted(chance.sample(range(1, EPOCHS - 5), 4))
    for number in range(5):
        process = train(whole, "killed")
        if number == 2:
            # Orbax writes beside and renames: such a folder is a write under way.
            wait(process, lambda: any(saved.glob("*/*.orbax-checkpoint-tmp*")))
        else:
            target = moments.pop(0)
            wait(process, lambda target=target: finished_epochs(run) >= target)
            time.sleep(chance.random() * 0.1)
        kill(process)
    finish(train(whole, "killed"))
    ours, theirs = ((whole / f / "sha256").read_text() for f in ("whole", "killed"))
    assert ours == theirs
    assert epochs_told(run) == list(range(EPOCHS))


def test_resume_of_a_killed_command_ends_the_same(whole: pathlib.Path) -> None:
    run = whole / "command"
    process = start(whole, "-m", "jaxtsad", "run", "tiny.toml", "--out", "command")
    wait(process, lambda: finished_epochs(run) >= 3)
    kill(process)
    finish(start(whole, "-m", "jaxtsad", "run", "--resume", "command"))
    report = json.loads((run / "report.json").read_text())
    assert report["state_sha256"] == [(whole / "whole" / "sha256").read_text()]
    assert epochs_told(run) == list(range(EPOCHS))


def test_resume_refuses_overrides_and_other_folders(tmp_path: pathlib.Path) -> None:
    from jaxtsad import cli

    assert cli.main(["run", "--resume", str(tmp_path / "none")]) == 2
    assert cli.main(["run", "--resume", str(tmp_path), "--training.epochs", "3"]) == 2


def test_a_folder_that_another_process_is_at_is_refused(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture
) -> None:
    from jaxtsad import cli, files

    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.toml").write_text("")
    (tmp_path / "a.toml").write_text('[detector]\nname = "zscore"\n')
    run = str(tmp_path / "run")
    with files.locked(run, "run"):
        for command in (
            ["run", str(tmp_path / "a.toml"), "--out", run],
            ["run", "--resume", run],
            ["evaluate", run],
            ["inspect", run],
        ):
            assert cli.main(command) == 2
            line = f"jaxtsad: the run directory {run!r} is in use by another process\n"
            assert capsys.readouterr().err == line
