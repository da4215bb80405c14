"""`jaxtsad watch` as people run it: real processes, killed and started again."""

from __future__ import annotations

import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from jaxtsad import cli
from jaxtsad.estimator import TimeSeriesDetector
from jaxtsad.streaming import journal

STEPS = 600


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> pathlib.Path:
    values = np.random.default_rng(0).normal(size=(300, 2))
    frame = pd.DataFrame(values, columns=["speed", "load"])
    folder = tmp_path_factory.mktemp("watch") / "model"
    TimeSeriesDetector("zscore", window=8).fit(frame).save(folder)
    return folder


@pytest.fixture(scope="module")
def rows() -> list[str]:
    values = np.random.default_rng(1).normal(size=(STEPS, 2))
    for first in range(30, STEPS, 40):
        values[first : first + 3] += 12.0
    stamps = pd.date_range("2026-01-01", periods=STEPS, freq="min")
    pairs = zip(stamps, values, strict=True)
    return [f"{stamp.isoformat()},{a:.6f},{b:.6f}\n" for stamp, (a, b) in pairs]


def start(*words: str | os.PathLike[str], **more) -> subprocess.Popen:
    command = [sys.executable, "-m", "jaxtsad", "watch", *map(os.fspath, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **more)


def write(path: pathlib.Path, lines: list[str]) -> pathlib.Path:
    path.write_text("time,speed,load\n" + "".join(lines))
    return path


def append(path: pathlib.Path, *lines: str) -> None:
    with path.open("a") as file:
        file.writelines(lines)


def saved(state: pathlib.Path) -> int | None:
    """When a watch last saved its state; None if it has not yet."""
    kept = state / journal.STATE
    return kept.stat().st_mtime_ns if kept.exists() else None


def alarms(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_pipe_and_file_give_the_same_alarms_with_stamps(model, rows, tmp_path):
    path = write(tmp_path / "feed.csv", [*rows[:100], "nonsense\n", *rows[100:]])
    own = start(model, path, stderr=subprocess.PIPE)
    out, err = own.communicate()
    assert own.returncode == 0
    assert err.splitlines()[-1] == f"{STEPS + 1} rows, 1 malformed"
    with path.open() as file:
        piped, _ = start(model, "-", stdin=file).communicate()
    assert piped == out
    first = alarms(out)[0]
    stamp = rows[first["start"]].split(",")[0] + "Z"
    assert (first["alarm"], first["start_time"]) == ("opened", stamp)
    human, _ = start(model, path, "--human").communicate()
    assert human.startswith(f"ALARM since {stamp}, severity {first['severity']:.2f}")


def test_a_watch_that_is_told_to_end_keeps_its_state(model, rows, tmp_path):
    path = write(tmp_path / "feed.csv", rows)
    once, _ = start(model, path, "--state", tmp_path / "once").communicate()
    path = write(tmp_path / "grown.csv", rows[:300])
    state = tmp_path / "state"
    ended = start(model, path, "--follow", "--state", state)
    kept, until = state / "alarms.jsonl", time.monotonic() + 120
    while not kept.exists() or not kept.read_text().count("\n"):
        assert ended.poll() is None and time.monotonic() < until
        time.sleep(0.1)
    ended.send_signal(signal.SIGTERM)
    first, _ = ended.communicate()
    assert ended.returncode == 0
    append(path, *rows[300:])
    rest, _ = start(model, path, "--state", state).communicate()
    assert alarms(first) + alarms(rest) == alarms(once)


@pytest.mark.parametrize("kills", [3, pytest.param(100, marks=pytest.mark.slow)])
def test_killed_watches_lose_and_double_no_alarm(model, rows, tmp_path, kills):
    draw = random.Random(kills)
    path = write(tmp_path / "whole.csv", rows)
    once = tmp_path / "once"
    start(model, path, "--state", once).communicate()
    path, state = write(tmp_path / "feed.csv", []), tmp_path / "state"
    place, said = 0, []
    for number in range(kills):
        words = ("--follow", "--state", state, "--save-every", "20")
        before = saved(state)
        watched = start(model, path, *words)
        more = STEPS // (kills + 1)
        # Some are killed before they have read anything, most amid the rows.
        if number % 4 == 3:
            time.sleep(draw.uniform(0.0, 4.0))
        else:
            append(path, rows[place])
            place, more, until = place + 1, more - 1, time.monotonic() + 120
            while saved(state) == before:
                assert watched.poll() is None and time.monotonic() < until
                time.sleep(0.01)
        for row in rows[place : place + more]:
            append(path, row)
            time.sleep(draw.uniform(0, 0.01))
        place += more
        time.sleep(draw.uniform(0, 0.5))
        watched.kill()
        out, _ = watched.communicate()
        said += alarms(out[: out.rfind("\n") + 1])
    append(path, *rows[place:])
    out, _ = start(model, path, "--state", state).communicate()
    said += alarms(out)
    kept = (state / "alarms.jsonl").read_text()
    assert kept == (once / "alarms.jsonl").read_text()
    assert len(alarms(kept)) >= 2 * STEPS // 40
    numbers = [row["number"] for row in said]
    assert len(set(numbers)) == len(numbers)
    assert len(alarms(kept)) - len(numbers) <= kills


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["nowhere.csv"], "cannot read 'nowhere.csv'"),
        (["-", "--follow"], "standard input is always followed"),
        (["-", "--save-every", "0"], "must be at least 1"),
        (["-", "--entity-column", "unit"], "lacks the column 'unit'"),
    ],
)
def test_bad_words_are_one_line(model, words, why, tmp_path, monkeypatch, capsys):
    path = write(tmp_path / "piped.csv", ["2026-01-01,1,2\n"])
    with path.open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert cli.main(["watch", str(model), *words]) == 2
    assert why in capsys.readouterr().err.splitlines()[-1]
