"""Rows that are written down between two states come back as they were."""

from __future__ import annotations

import errno
import json
import os
import pathlib
import shutil

import numpy as np
import pandas as pd
import pytest

from jaxtsad.estimator import TimeSeriesDetector
from jaxtsad.serving import log
from jaxtsad.serving.log import Log
from jaxtsad.serving.service import Service
from jaxtsad.streaming import journal

REQUESTS: list[log.Request] = [
    (None, [b"time,speed\n", b"1,2.5\n"]),
    ("left/<b>", [bytes(range(256))]),
    ("right", []),
]


def test_requests_come_back_byte_for_byte(tmp_path: pathlib.Path) -> None:
    first = Log(tmp_path, 0)
    first.append(REQUESTS[:2])
    first.append(REQUESTS[2:])
    assert first.rows == 3
    first.close()
    again = Log(tmp_path, 0)
    assert list(again.requests()) == REQUESTS and again.rows == 3
    other = again.other()
    assert (other.current, list(other.requests())) == (1, [])
    again.close()
    other.close()


def test_half_a_request_is_cut_off(tmp_path: pathlib.Path) -> None:
    first = Log(tmp_path, 0)
    first.append(REQUESTS)
    first.close()
    path = tmp_path / log.NAMES[0]
    path.write_bytes(path.read_bytes()[:-5])
    again = Log(tmp_path, 0)
    assert list(again.requests()) == REQUESTS[:2]
    again.append(REQUESTS[2:])
    assert list(again.requests()) == REQUESTS
    again.close()


def test_what_a_full_disk_cuts_is_taken_back(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, write = Log(tmp_path, 0), os.write
    made.append(REQUESTS[:1])

    def full(number: int, content: bytes) -> int:
        write(number, content[:7])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(ValueError, match=r"cannot write .*rows_0.*No space left"):
        made.append(REQUESTS[1:])
    monkeypatch.undo()
    made.append(REQUESTS[1:])
    assert list(made.requests()) == REQUESTS
    made.close()


def test_the_state_is_saved_after_many_rows_and_a_killed_server_has_all(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "MOST", 30)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(300, 2)), columns=["speed", "load"])
    detector = TimeSeriesDetector("zscore", window=8).fit(frame)
    values = rng.normal(size=(200, 2))
    values[60:64] = values[150:155] = 30.0

    def lines(step: int) -> list[bytes]:
        rows = values[step : step + 4]
        cells = [f"{step + i},{a:.6f},{b:.6f}" for i, (a, b) in enumerate(rows)]
        return "\n".join(["time,speed,load", *cells, ""]).encode().splitlines(True)

    whole = Service(detector, tmp_path / "whole")
    folder = tmp_path / "killed_0"
    services, saved = [Service(detector, folder)], set()
    for step in range(0, 200, 4):
        whole.take(lines(step))
        services[-1].take(lines(step))
        services[-1].save()
        saved.add((folder / journal.STATE).read_bytes())
        if step % 28 == 24:  # What a kill leaves, and a server that goes on from it.
            later = tmp_path / f"killed_{len(services)}"
            shutil.copytree(folder, later)
            folder = later
            services.append(Service(detector, folder))
            assert services[-1].number == whole.number
            assert [*services[-1].alarms] == [*whole.alarms]
    for service in (whole, *services):
        service.close()
    assert 5 < len(saved) < 15  # By rows, not by request.
    both = [(at / journal.ALARMS).read_text() for at in (folder, tmp_path / "whole")]
    assert both[0] == both[1] and both[0].count('"alarm": "opened"') == 2


def test_a_kill_before_rows_are_written_down_leaves_no_alarm_of_them(
    tmp_path: pathlib.Path,
) -> None:
    """After it, requests may come in another order, as of several clients."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(300, 2)), columns=["speed", "load"])
    detector = TimeSeriesDetector("zscore", window=8).fit(frame)
    rows = [b"time,speed,load", b"1,0,0", b"2,99,99"]
    killed = tmp_path / "killed"
    first = Service(detector, killed)
    first.take(rows, "left")
    shutil.copytree(killed, tmp_path / "again")
    first.close()
    again = Service(detector, tmp_path / "again")
    for entity in ("right", "left"):
        made = again.take(rows, entity)
        again.save()
        assert [alarm["alarm"] for alarm in made.alarms] == ["opened"]
    again.close()
    lines = (tmp_path / "again" / journal.ALARMS).read_text().splitlines()
    written = [json.loads(line) for line in lines]
    assert [(row["number"], row["entity"]) for row in written] == [
        (1, "right"),
        (2, "left"),
    ]
