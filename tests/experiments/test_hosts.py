"""Several hosts on the loopback: the same run as on one, whoever is killed.

What starts processes takes long; by default two hosts do so once.
"""

from __future__ import annotations

import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest

from jaxtsad import files
from jaxtsad.experiments import hosts, run, toml
from jaxtsad.reporting import run_directory
from jaxtsad.training import shards
from jaxtsad.training.hosts import ENDED, LOST
from tests.experiments import layout

ROOT = pathlib.Path(__file__).parents[2]
NAME = "lstm_vae"


def prepare(
    folder: pathlib.Path,
    monkeypatch: Any,
    epochs: int,
    entities: int = 5,
    name: str = NAME,
    pooling: str = "per_entity",
) -> pathlib.Path:
    """A config of some entities, in a file."""
    channels = tuple(f"A-{number + 1}" for number in range(entities))
    monkeypatch.setattr(layout, "CHANNELS", channels)
    root = layout.write(folder / "data", layout.columns(name))
    training = {"epochs": epochs, "patience": epochs, "checkpoint_seconds": 0.0}
    training["batch_size"] = 9  # which neither two nor four devices divide
    more = {"federated": {"rounds": epochs}} if pooling == "federated" else {}
    config = layout.config(
        name,
        root,
        data={"pooling": pooling},
        training=training,
        evaluation={"baselines": ["zscore"]},
        **more,
    )
    path = folder / "tiny.toml"
    path.write_text(toml.dump(config))
    return path


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def start(number: int, *words: str) -> list[subprocess.Popen]:
    """The same command on every host."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "JAX_NUM_CPU_DEVICES": "1"}
    environment.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".jax_cache"))
    environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    port = free_port()
    command = [sys.executable, "-m", "jaxtsad", "run", *words]
    command += ["--hosts", str(number), "--coordinator", f"127.0.0.1:{port}"]
    return [
        subprocess.Popen(
            [*command, "--host", str(host)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for host in range(number)
    ]


def finish(processes: list[subprocess.Popen]) -> None:
    for process in processes:
        _, errors = process.communicate(timeout=400)
        assert process.returncode == 0, errors


def same(
    ours: pathlib.Path, theirs: pathlib.Path, rounding: float = 0.0
) -> dict[str, Any]:
    """Asserts that two runs found the same; returns the report of the first.

    Scores of several members are equal bit for bit on a host and on all. `rounding` is
    where the program is another one: of a lone member, and where hosts share a batch.
    """
    both = (ours, theirs)
    pairs = [run_directory.read_scores(each / run_directory.SCORES) for each in both]
    for one, other in zip(*pairs, strict=True):
        assert one[:3] == other[:3] and one.role == other.role
        rtol = rounding or 1e-6 * (one.detector == "zscore")
        np.testing.assert_allclose(one.score, other.score, rtol, rounding)
    events = [run_directory.read_events(folder) for folder in both]
    places = ["entity", "detector", "seed", "start", "stop", "channels"]
    assert events[0][places].equals(events[1][places]) and len(events[0])
    reports = [run_directory.read_report(folder) for folder in both]
    assert [row["detector"] for row in reports[0]["rows"]] == [
        row["detector"] for row in reports[1]["rows"]
    ]
    for one, other in zip(reports[0]["rows"], reports[1]["rows"], strict=True):
        for key in ("f1", "precision", "recall"):
            assert one["metrics"][key] == other["metrics"][key]
    for name in ("entities", "channels", "validation", "checksums", "notes"):
        assert reports[0][name] == reports[1][name]
    logs = []
    for folder in both:
        log = folder / "metrics.jsonl"  # none of a detector without epochs
        lines = map(json.loads, log.read_text().splitlines() if log.exists() else [])
        logs.append(sorted((line["epoch"], line["entity"]) for line in lines))
    assert logs[0] == logs[1]
    return reports[0]


def test_two_hosts_find_what_one_finds(
    tmp_path: pathlib.Path, monkeypatch: Any
) -> None:
    path = prepare(tmp_path, monkeypatch, epochs=2, entities=4)
    finish(start(2, str(path), "--out", str(tmp_path / "two")))
    run.run(toml.load(path), tmp_path / "one")
    report = same(tmp_path / "two", tmp_path / "one")
    assert [one["entities"] for one in report["hosts"]] == [2, 2]
    whole = sum(layout.STEPS * 2 + 60 * seed for seed in range(4))
    values = whole * layout.columns(NAME) * 8 + 4 * layout.STEPS
    assert sum(one["data_bytes"] for one in report["hosts"]) == values
    for one in report["hosts"]:
        assert one["data_bytes"] < one["read_bytes"] and one["peak_memory_bytes"] > 0
    assert not (tmp_path / "two" / hosts.PARTS).exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "name"),
    [(2, "pretrained_tcn"), (3, "pretrained_tcn"), (3, NAME), (2, "pca"), (3, "pca")],
)
def test_hosts_find_what_one_finds(
    number: int, name: str, tmp_path: pathlib.Path, monkeypatch: Any
) -> None:
    path = prepare(tmp_path, monkeypatch, epochs=3, name=name)
    finish(start(number, str(path), "--out", str(tmp_path / "several")))
    run.run(toml.load(path), tmp_path / "one")
    report = same(tmp_path / "several", tmp_path / "one", rounding=1e-6)
    shares = {2: [3, 2], 3: [2, 2, 1]}[number]
    assert [one["entities"] for one in report["hosts"]] == shares
    # What hosts began goes on on one, and has nothing left to train.
    again = run.run(toml.load(path), tmp_path / "several", resume=True)
    assert again["state_sha256"] == report["state_sha256"]
    same(tmp_path / "several", tmp_path / "one", rounding=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "pooling", "entities"),
    [
        (NAME, "pooled", 2),
        ("anomaly_transformer", "pooled", 2),
        (NAME, "federated", 5),
    ],
)
def test_hosts_train_one_model_together(
    name: str,
    pooling: str,
    entities: int,
    tmp_path: pathlib.Path,
    monkeypatch: Any,
) -> None:
    """They share its batches or average it; one of two is killed, and three go on."""
    path = prepare(tmp_path, monkeypatch, 6, entities, name, pooling)
    out = tmp_path / "several"
    processes = start(2, str(path), "--out", str(out))
    last = 1 if pooling == "federated" else 0  # which writes checkpoints
    while not list(out.glob(f"checkpoints/*/1-{last}-0/*/{shards.RECORD}")):
        assert all(one.poll() is None for one in processes)
        time.sleep(0.05)
    processes[1].send_signal(signal.SIGKILL)
    _, errors = processes[0].communicate(timeout=60)
    assert processes[0].returncode in (2, LOST), errors
    assert ENDED in errors and len(errors.strip().splitlines()) == 1, errors
    processes[1].communicate()
    finish(start(3, "--resume", str(out)))
    run.run(toml.load(path), tmp_path / "one")
    report = same(out, tmp_path / "one", rounding=1e-5)
    shares = [2, 2, 1] if pooling == "federated" else [entities] * 3
    assert [one["entities"] for one in report["hosts"]] == shares


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--hosts", "2"], "name --hosts N, --host I and --coordinator"),
        (["--hosts", "2", "--host", "0"], "--hosts 2 needs --coordinator"),
        (["--hosts", "two", "--host", "0"], "hosts='two' must be a whole number"),
        (["--host", "0"], "name --hosts N"),
        (["--hosts", "1", "--host", "1"], "host=1 must be a whole number from 0 to 0"),
    ],
)
def test_what_is_wrong_with_hosts_is_one_line(
    words: list[str],
    message: str,
    tmp_path: pathlib.Path,
    monkeypatch: Any,
    capsys: Any,
) -> None:
    from jaxtsad import cli

    path = prepare(tmp_path, monkeypatch, epochs=1)
    assert cli.main(["run", str(path), "--out", str(tmp_path / "out"), *words]) == 2
    errors = capsys.readouterr().err.strip().splitlines()
    assert len(errors) == 1 and message in errors[0]


def test_a_run_of_one_host_is_not_gone_on_with_by_two(
    tmp_path: pathlib.Path, monkeypatch: Any
) -> None:
    config = toml.load(prepare(tmp_path, monkeypatch, epochs=1))
    hosts.check(tmp_path / "out", config, resume=False)
    files.write_text(tmp_path / "out" / run_directory.CONFIG, toml.dump(config))
    with pytest.raises(ValueError, match="no run that was begun with --hosts"):
        hosts.run(
            config,
            tmp_path / "out",
            hosts.Hosts(2, 0),
            "127.0.0.1:1",
            resume=True,
            terminal=None,  # type: ignore[arg-type]
        )


@pytest.mark.slow
def test_killed_hosts_end_the_others_and_any_number_goes_on(
    tmp_path: pathlib.Path, monkeypatch: Any
) -> None:
    """`JAXTSAD_KILLS` hosts, 20 by default, are killed at random moments."""
    kills = int(os.environ.get("JAXTSAD_KILLS", "20"))
    rng = random.Random(int(os.environ.get("JAXTSAD_SEED", "0")))
    path = prepare(tmp_path, monkeypatch, epochs=400)
    run.run(toml.load(path), tmp_path / "one")
    out, done = tmp_path / "out", 0
    while done < kills and not (out / run_directory.REPORT).exists():
        number = rng.choice((2, 2, 3))
        first = not (out / hosts.MARKER).exists()
        words = [str(path), "--out", str(out)] if first else ["--resume", str(out)]
        processes = start(number, *words)
        told = time.monotonic()
        attempt = done + 1
        marker = f"checkpoints/*/{attempt}-*"
        while not list(out.glob(marker)) and time.monotonic() < told + 120:
            assert all(one.poll() is None for one in processes)
            time.sleep(0.05)
        time.sleep(rng.uniform(0.0, 2.0))
        victim = processes.pop(rng.randrange(number))
        victim.send_signal(signal.SIGKILL)
        victim.communicate()
        done += 1
        began = time.monotonic()
        for other in processes:
            _, errors = other.communicate(timeout=60)
            assert other.returncode in (0, 2, LOST), errors
            if other.returncode:
                assert ENDED in errors and len(errors.strip().splitlines()) == 1, errors
        assert time.monotonic() - began < 60
    if not (out / run_directory.REPORT).exists():
        finish(start(rng.choice((1, 2, 3)), "--resume", str(out)))
    assert done
    same(out, tmp_path / "one", rounding=1e-6)


AUTO = """
from jaxtsad.training import hosts
found = hosts.join(None, None, "/dev/null")
hosts.meet()
hosts.leave()
print(found.number, found.host)
"""
SLURM = {
    "SLURM_JOB_ID": "{job}",
    "SLURM_STEP_NODELIST": "localhost",
    "SLURM_NTASKS": "2",
    "SLURM_STEP_NUM_NODES": "1",
    "SLURM_PROCID": "{host}",
    "SLURM_LOCALID": "{host}",
}
OPEN_MPI = {
    "OMPI_MCA_orte_hnp_uri": "{mpi}.0;tcp://127.0.0.1:34911",
    "OMPI_COMM_WORLD_SIZE": "2",
    "OMPI_COMM_WORLD_RANK": "{host}",
    "OMPI_COMM_WORLD_LOCAL_RANK": "{host}",
}


@pytest.mark.slow
@pytest.mark.parametrize("scheduler", [SLURM, OPEN_MPI], ids=["slurm", "open_mpi"])
def test_hosts_meet_by_what_a_scheduler_says(scheduler: dict[str, str]) -> None:
    """A scheduler's variables, as it would set them; the port is of the job."""
    job = os.getpid() % 4096
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", AUTO],
            env=os.environ
            | {"PYTHONPATH": str(ROOT), "JAX_NUM_CPU_DEVICES": "1"}
            | {
                name: value.format(job=job, mpi=job * 4096, host=host)
                for name, value in scheduler.items()
            },
            stdout=subprocess.PIPE,
            text=True,
        )
        for host in range(2)
    ]
    told = [one.communicate(timeout=300)[0].splitlines()[-1] for one in processes]
    assert told == ["2 0", "2 1"]
