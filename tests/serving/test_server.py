"""`jaxtsad serve` as people run it: a real process, asked over the loopback."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jaxtsad.estimator import TimeSeriesDetector

for name in ("starlette", "uvicorn", "prometheus_client"):
    pytest.importorskip(name, reason=f"{name} of jaxtsad[serve] is not installed")

STEPS, CROWD = 600, 1000
STARTED: list[Client] = []


@pytest.fixture(scope="module", autouse=True)
def ended() -> Iterator[None]:
    with contextlib.suppress(ImportError, ValueError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 4 * CROWD if most == resource.RLIM_INFINITY else min(most, 4 * CROWD)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    yield
    for client in STARTED:
        if client.process.poll() is None:
            client.end(signal.SIGKILL)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> pathlib.Path:
    values = np.random.default_rng(0).normal(size=(300, 2))
    frame = pd.DataFrame(values, columns=["speed", "load"])
    folder = tmp_path_factory.mktemp("serve") / "model"
    TimeSeriesDetector("zscore", window=8).fit(frame).save(folder)
    return folder


@pytest.fixture(scope="module")
def fleet(tmp_path_factory) -> pathlib.Path:
    rng = np.random.default_rng(0)
    data = {
        name: pd.DataFrame(rng.normal(size=(300, 2)), columns=["speed", "load"])
        for name in ("left", "right/<b>")
    }
    folder = tmp_path_factory.mktemp("serve") / "fleet"
    TimeSeriesDetector("zscore", window=8).fit(data).save(folder)
    return folder


def batches(steps: int = STEPS, size: int = 10) -> list[bytes]:
    values = np.random.default_rng(1).normal(size=(steps, 2))
    for first in range(30, steps, 40):
        values[first : first + 3] += 12.0
    stamps = pd.date_range("2026-01-01", periods=steps, freq="min")
    pairs = zip(stamps, values, strict=True)
    rows = [f"{stamp.isoformat()},{a:.6f},{b:.6f}\n" for stamp, (a, b) in pairs]
    head = "time,speed,load\n"
    cut = range(0, steps, size)
    return [(head + "".join(rows[at : at + size])).encode() for at in cut]


def head_of(length: int) -> bytes:
    lines = ("POST /rows HTTP/1.1", "Host: localhost", f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode()


class Client:
    """A server's process and how it is asked."""

    def __init__(self, model: pathlib.Path, *words: Any, **environment: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "jaxtsad", "serve", str(model)]
        command += ["--port", str(self.port), *map(str, words)]
        self.process = subprocess.Popen(
            command,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )

    def ready(self) -> Client:
        STARTED.append(self)
        assert self.process.stderr is not None
        told = []
        for line in self.process.stderr:
            told.append(line)
            if "takes rows" in line:
                return self
        raise AssertionError(f"it ended with {self.process.wait()}: {told}")

    def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, Any]:
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            link.request(method, path, body, headers)
            answer = link.getresponse()
            text = answer.read()
        finally:
            link.close()
        kind = answer.headers.get("content-type", "")
        return answer.status, json.loads(text) if "json" in kind else text.decode()

    def end(self, how: int = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        code = self.process.wait(30)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code


@pytest.fixture(scope="module")
def client(model) -> Iterator[Client]:
    made = Client(model, "--body", 100_000).ready()
    yield made
    assert made.end() == 0


def test_rows_of_any_form_become_scores_and_alarms(client):
    status, answer = client.ask("POST", "/rows", batches(60, 60)[0])
    assert status == 200
    assert (answer["rows"], answer["malformed"]) == (60, 0)
    assert len(answer["scores"]) == len(answer["flags"]) == 60
    opened = [one for one in answer["alarms"] if one["alarm"] == "opened"]
    [large] = [one for one in opened if one["start"] == 30]
    assert large["start_time"] == "2026-01-01T00:30:00Z"
    # The same again is late, and changes nothing.
    status, again = client.ask("POST", "/rows", batches(60, 60)[0])
    assert (status, again["scores"], again["alarms"]) == (200, [], [])
    assert again["late"] + again["duplicated"] == 60
    for body in (
        b'{"time": "2026-01-02T00:00", "speed": 1, "load": null}\n'
        b'{"time": "2026-01-02T00:01", "speed": 1, "load": 2}',
        json.dumps(
            [
                {"time": "2026-01-02T00:02", "speed": 1, "load": 2},
                {"time": "2026-01-02T00:03", "speed": 1, "load": 2},
            ]
        ).encode(),
    ):
        status, answer = client.ask("POST", "/rows", body)
        assert (status, len(answer["scores"])) == (200, 2)
    status, answer = client.ask("GET", "/events")
    numbers = [one["number"] for one in answer["alarms"]]
    assert numbers == list(range(1, len(numbers) + 1))
    status, answer = client.ask("GET", f"/events?since={numbers[-2]}&most=5")
    assert [one["number"] for one in answer["alarms"]] == numbers[-1:]
    status, answer = client.ask("GET", "/recent")
    assert answer["channels"] == ["speed", "load"]
    assert answer["rules"]["opens"] == answer["threshold"] >= answer["rules"]["closes"]
    assert len(answer["steps"]) == 64
    assert answer["steps"][60]["values"] == [1.0, None]


def test_the_scores_are_those_of_a_stream(client, model):
    from jaxtsad import load

    name = "/entities/alone/rows"
    scores = []
    for body in batches(100, 7):
        scores += client.ask("POST", name, body)[1]["scores"]
    rows = [line.split(b",")[1:] for body in batches(100) for line in body.split()[1:]]
    values = pd.DataFrame(np.array(rows, float), columns=["speed", "load"])
    offline = load(model).decision_function(values, causal=True)
    np.testing.assert_allclose(scores, offline, rtol=1e-6)
    assert "alone" in client.ask("GET", "/entities")[1]["entities"]


def test_garbage_is_refused_and_counted(client):
    for body, status in (
        (b"garbage", 422),
        (b"\xff\xfe\x00", 422),
        (b"speed,wrong\n1,2", 422),
        (b'{"speed": "x", "load": 1}', 422),
        (b"[[1, 2], [3]", 422),
        (b"[" * 20_000, 422),
        (b"", 200),
    ):
        got, answer = client.ask("POST", "/rows", body)
        assert got == status, (body[:20], answer)
        assert got == 200 or "error" in answer or answer["notes"]
    assert client.ask("GET", "/nowhere")[0] == 404
    assert client.ask("GET", "/rows")[0] == 405
    assert client.ask("GET", "/events?since=-1")[0] == 422
    assert client.ask("GET", "/entities/nobody/recent")[0] == 404
    assert client.ask("POST", f"/entities/{'x' * 300}/rows", b"[1,2]")[0] == 404
    assert client.ask("GET", "/health")[1]["status"] == "ok"
    figures = client.ask("GET", "/metrics")[1]
    assert 'jaxtsad_rows_total{kind="malformed"}' in figures


def test_a_large_body_is_not_read(client):
    status, answer = client.ask("POST", "/rows", b"x" * 200_000)
    assert (status, "at most 100000 bytes" in answer["error"]) == (413, True)
    parts = (b"x" * 1_000_000 for _ in range(100))
    try:
        status, answer = client.ask("POST", "/rows", parts, **{"Expect": ""})
        assert status == 413
    except OSError:  # closed before all of it was sent
        pass
    with socket.create_connection(("127.0.0.1", client.port), timeout=30) as link:
        link.sendall(head_of(100_000_000))
        assert link.recv(100).startswith(b"HTTP/1.1 413")
    assert client.ask("GET", "/health")[0] == 200


def test_other_sites_and_names_are_refused(client):
    assert client.ask("GET", "/health", Host="evil.example")[0] == 421
    assert client.ask("POST", "/rows", b"[1,2]", Origin="http://evil.example")[0] == 403
    own = f"http://127.0.0.1:{client.port}"
    assert client.ask("POST", "/rows", b"nothing", Origin=own)[0] == 422


def test_a_thousand_requests_at_once_lose_nothing(client):
    # All are sent before the first answer is read.
    with contextlib.ExitStack() as stack:
        links = []
        for number in range(CROWD):
            link = http.client.HTTPConnection("127.0.0.1", client.port, timeout=120)
            stack.callback(link.close)
            rows = json.dumps([[number, 0.0]])
            link.request("POST", "/entities/crowd/rows", rows)
            links.append(link)
        answers = [link.getresponse() for link in links]
        assert {answer.status for answer in answers} == {200}
        for answer in answers:
            assert len(json.loads(answer.read())["scores"]) == 1
    steps = client.ask("GET", "/entities/crowd/recent")[1]["steps"]
    assert [step["step"] for step in steps] == list(range(CROWD))
    assert sorted(step["values"][0] for step in steps) == list(range(CROWD))


def test_the_live_feed_tells_steps_and_a_slow_reader_stops_nobody(client):
    with socket.create_connection(("127.0.0.1", client.port), timeout=30) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(b"GET /entities/seen/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        link = http.client.HTTPConnection("127.0.0.1", client.port, timeout=30)
        link.request("GET", "/entities/seen/live")
        feed = link.getresponse()
        assert feed.headers["content-type"].startswith("text/event-stream")
        assert feed.readline() == b"retry: 2000\n"
        rows = json.dumps([[0.0, 0.0]] * 500)
        client.ask("POST", "/entities/other/rows", rows)
        began = time.monotonic()
        client.ask("POST", "/entities/seen/rows", rows)
        news = next(line for line in feed if line.startswith(b"data: "))
        assert len(json.loads(news[6:])["steps"]) == 500
        # The slow one reads nothing of all this.
        for _ in range(300):
            client.ask("POST", "/entities/seen/rows", rows)
        assert time.monotonic() - began < 60
        link.close()


def test_the_page_asks_for_nothing_from_elsewhere(client):
    status, text = client.ask("GET", "/entities/%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    assert status == 200
    assert "<script>alert" not in text
    assert "https://" not in text.replace("https://github.com", "")


def test_a_token_is_needed_where_one_is_set(model, tmp_path):
    path = tmp_path / "token"
    path.write_text("correct-horse\n")
    client = Client(model, "--token-file", path, "--rate", 20).ready()
    assert client.ask("GET", "/health")[0] == 200
    assert client.ask("GET", "/")[0] == 200
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "é"}):
        status, answer = client.ask("POST", "/rows", b"[1,2]", **headers)
        assert (status, "token" in answer["error"]) == (401, True)
    # The page of an entity asks for the token; what it shows needs it.
    assert client.ask("GET", "/entities/left")[0] == 200
    for name in ("recent", "events", "live", "recent%0A", "a/recent", "rows"):
        assert client.ask("GET", f"/entities/left/{name}")[0] == 401
    assert client.ask("GET", "/entities")[0] == 401
    right = {"Authorization": "Bearer correct-horse"}
    assert client.ask("POST", "/rows", b"[1,2]", **right)[0] == 200
    statuses = [client.ask("GET", "/events", **right)[0] for _ in range(80)]
    assert set(statuses) == {200, 429}
    assert client.end() == 0


def test_entities_of_a_fleet_by_path(fleet):
    client = Client(fleet).ready()
    assert client.ask("POST", "/rows", b"[1,2]")[0] == 404
    assert client.ask("POST", "/entities/nobody/rows", b"[1,2]")[0] == 404
    assert client.ask("GET", "/entities")[1] == {"entities": ["left", "right/<b>"]}
    status, answer = client.ask("POST", "/entities/left/rows", b"[99, 99]")
    assert (status, answer["alarms"][0]["entity"]) == (200, "left")
    path = "/entities/right%2F%3Cb%3E/rows"
    assert client.ask("POST", path, b"[0, 0]")[0] == 200
    assert client.end() == 0


def test_bad_options_are_one_line(model, tmp_path, capsys):
    from jaxtsad import cli

    for words, line in (
        (["--host", "0.0.0.0"], "set a token"),
        (["--body", "0"], "--body=0 must be at least 1"),
        (["--state", str(model)], "holds something else"),
    ):
        assert cli.main(["serve", str(model), *words]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert line in error or "state" in line + error
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        own = [sys.executable, "-m", "jaxtsad", "serve", str(model), "--port", port]
        made = subprocess.run(own, capture_output=True, text=True)
    assert made.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in made.stderr


def alarms(folder: pathlib.Path) -> list[dict[str, Any]]:
    lines = (folder / "alarms.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_a_server_that_is_told_to_end_goes_on_where_it_was(model, tmp_path):
    rows = batches()
    first = Client(model, "--state", tmp_path / "once").ready()
    for body in rows:
        assert first.ask("POST", "/rows", body)[0] == 200
    assert first.end() == 0
    cut = Client(model, "--state", tmp_path / "cut").ready()
    for body in rows[:25]:
        cut.ask("POST", "/rows", body)
    assert cut.end(signal.SIGINT) == 0
    again = Client(model, "--state", tmp_path / "cut").ready()
    known = again.ask("GET", "/events")[1]["alarms"]
    assert known == alarms(tmp_path / "cut")
    for body in rows[25:]:
        again.ask("POST", "/rows", body)
    assert again.end() == 0
    assert alarms(tmp_path / "cut") == alarms(tmp_path / "once")


def test_a_full_disk_is_no_success_and_loses_nothing(model, tmp_path):
    resource = pytest.importorskip("resource", reason="limits are of POSIX systems")
    rows = batches()
    once = Client(model, "--state", tmp_path / "once").ready()
    for body in rows[:20]:
        once.ask("POST", "/rows", body)
    assert once.end() == 0
    client = Client(model, "--state", tmp_path / "full").ready()
    for body in rows[:8]:
        assert client.ask("POST", "/rows", body)[0] == 200
    none, most = 1, resource.RLIM_INFINITY
    resource.prlimit(client.process.pid, resource.RLIMIT_FSIZE, (none, most))
    for body in rows[8:10] * 2:
        status, answer = client.ask("POST", "/rows", body)
        assert status == 503 and "cannot write" in answer["error"]
    resource.prlimit(client.process.pid, resource.RLIMIT_FSIZE, (most, most))
    answers = [client.ask("POST", "/rows", body) for body in rows[8:20]]
    assert {status for status, _ in answers} == {200}
    # The first of them was scored already; the second was not let in.
    again = [answer["late"] + answer["duplicated"] for _, answer in answers[:3]]
    assert again == [10, 0, 0]
    assert client.end() == 0
    assert alarms(tmp_path / "full") == alarms(tmp_path / "once")


@pytest.mark.slow
def test_a_hundred_kills_lose_and_double_no_alarm(model, tmp_path):
    rows = batches(3000, 5)
    once = Client(model, "--state", tmp_path / "once").ready()
    for body in rows:
        once.ask("POST", "/rows", body)
    assert once.end() == 0
    rng = random.Random(0)
    done, kills = 0, 0
    seen: dict[int, dict[str, Any]] = {}
    while done < len(rows):
        client = Client(model, "--state", tmp_path / "killed").ready()
        until = done + rng.randint(1, 8) if kills < 100 else len(rows)
        while done < min(until, len(rows)):
            answer = client.ask("POST", "/rows", rows[done])[1]
            for alarm in answer["alarms"]:
                assert seen.setdefault(alarm["number"], alarm) == alarm
            done += 1
        if kills < 100 and done < len(rows):
            # One request more is under way when it dies.
            with socket.create_connection(("127.0.0.1", client.port)) as link:
                body = rows[done]
                link.sendall(head_of(len(body)) + body)
                time.sleep(rng.random() * 0.02)
                client.end(signal.SIGKILL)
            kills += 1
        else:
            assert client.end() == 0
    assert kills == 100
    assert alarms(tmp_path / "killed") == alarms(tmp_path / "once")
