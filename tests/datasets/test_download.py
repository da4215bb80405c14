"""Downloads from a server on the loopback that can break off and ignore ranges."""

from __future__ import annotations

import gzip
import http.server
import pathlib
import threading
from collections.abc import Iterator

import pytest

from jaxtsad.datasets import checksums
from jaxtsad.datasets.download import download

CONTENT = bytes(range(256)) * 4096
EXPECTED = checksums.of(CONTENT, "sha256")


class Server(http.server.ThreadingHTTPServer):
    """Serves `files`; breaks off after `budget` bytes; keeps what was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.budget = [10**9]
        self.ranges = True
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        content = self.server.files.get(self.path)
        wanted = self.headers.get("Range", "")
        self.server.asked.append(f"{self.path} {wanted}".strip())
        if content is None:
            self.send_error(404)
            return
        start = int(wanted[6:-1]) if wanted and self.server.ranges else 0
        if start and start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            span = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self.send_header("Content-Range", span)
        rest = content[start:]
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        budget = self.server.budget.pop(0) if self.server.budget else 10**9
        self.wfile.write(rest[:budget])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        server.files["/a.bin"] = CONTENT
        yield server
        server.shutdown()
        thread.join()


def test_a_file_arrives_whole_and_leaves_no_part(
    server: Server, tmp_path: pathlib.Path
) -> None:
    target = tmp_path / "deep" / "a.bin"
    download([f"{server.url}/a.bin"], target, EXPECTED)
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["a.bin"]


def test_an_interrupted_transfer_goes_on_where_it_broke_off(
    server: Server, tmp_path: pathlib.Path
) -> None:
    server.budget = [300_000, 200_000]
    download([f"{server.url}/a.bin"], tmp_path / "a.bin", EXPECTED)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert len(server.asked) == 3
    starts = [asked.partition("bytes=")[2] for asked in server.asked]
    assert starts[0] == "" and 0 < int(starts[1][:-1]) <= 300_000
    assert int(starts[1][:-1]) < int(starts[2][:-1]) <= 500_000


def test_a_later_call_goes_on_where_the_last_one_gave_up(
    server: Server, tmp_path: pathlib.Path
) -> None:
    target, part = tmp_path / "a.bin", tmp_path / "a.bin.part"
    server.budget = [400_000]
    with pytest.raises(ConnectionError, match=r"a\.bin.* bytes are kept") as caught:
        download([f"{server.url}/a.bin"], target, EXPECTED, attempts=1)
    assert "\n" not in str(caught.value)
    assert not target.exists()
    have = part.stat().st_size
    assert 0 < have <= 400_000 and part.read_bytes() == CONTENT[:have]
    download([f"{server.url}/a.bin"], target, EXPECTED, attempts=1)
    assert target.read_bytes() == CONTENT and not part.exists()
    assert server.asked[1] == f"/a.bin bytes={have}-"


def test_a_server_without_ranges_begins_again(
    server: Server, tmp_path: pathlib.Path
) -> None:
    server.budget, server.ranges = [100_000], False
    download([f"{server.url}/a.bin"], tmp_path / "a.bin", EXPECTED)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_a_part_longer_than_the_file_begins_again(
    server: Server, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "a.bin.part").write_bytes(CONTENT + b"more")
    download([f"{server.url}/a.bin"], tmp_path / "a.bin", EXPECTED)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_a_wrong_checksum_is_one_line_and_leaves_nothing(
    server: Server, tmp_path: pathlib.Path
) -> None:
    server.files["/a.bin"] = b"something else"
    actual = checksums.of(b"something else", "sha256")
    with pytest.raises(ValueError, match="wrong checksum") as caught:
        download([f"{server.url}/a.bin"], tmp_path / "a.bin", EXPECTED)
    message = str(caught.value)
    assert str(EXPECTED) in message and str(actual) in message and "\n" not in message
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_there_survives_a_failed_download(
    server: Server, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "a.bin").write_bytes(b"old")
    server.files["/a.bin"] = b"wrong"
    with pytest.raises(ValueError, match="wrong checksum"):
        download([f"{server.url}/a.bin"], tmp_path / "a.bin", EXPECTED)
    assert (tmp_path / "a.bin").read_bytes() == b"old"


def test_packed_files_are_checked_by_their_content(
    server: Server, tmp_path: pathlib.Path
) -> None:
    for level in (1, 9):
        server.files["/a.gz"] = gzip.compress(CONTENT, level)
        download([f"{server.url}/a.gz"], tmp_path / f"{level}.gz", EXPECTED)
    server.files["/a.gz"] = gzip.compress(CONTENT)[:-20]
    with pytest.raises(ValueError, match=r"cannot read x\.gz.*expected sha256"):
        download([f"{server.url}/a.gz"], tmp_path / "x.gz", EXPECTED)
    assert not (tmp_path / "x.gz").exists()


def test_the_next_address_is_tried_and_a_refusal_is_not_repeated(
    server: Server, tmp_path: pathlib.Path
) -> None:
    urls = [f"{server.url}/gone.bin", f"{server.url}/a.bin"]
    download(urls, tmp_path / "a.bin", EXPECTED)
    assert server.asked == ["/gone.bin", "/a.bin"]
    with pytest.raises(ConnectionError, match="404"):
        download(urls[:1], tmp_path / "b.bin", EXPECTED)
    assert server.asked.count("/gone.bin") == 2
    assert not (tmp_path / "b.bin.part").exists()


def test_no_server_is_one_clear_line(tmp_path: pathlib.Path) -> None:
    with Server() as gone:
        url = f"{gone.url}/a.bin"
    with pytest.raises(ConnectionError, match="cannot download") as caught:
        download([url], tmp_path / "a.bin", EXPECTED)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
