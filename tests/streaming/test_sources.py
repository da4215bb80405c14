"""Lines of pipes and files, however they are cut."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest

from jaxtsad.streaming import sources


def test_lines_do_not_depend_on_how_bytes_come():
    content = b"one\n\ntwo three\nfour"
    rng = np.random.default_rng(0)
    for _ in range(20):
        made, lines = sources.Lines(), []
        cuts = np.sort(rng.integers(0, len(content), 4)).tolist()
        for first, last in zip([0, *cuts], [*cuts, len(content)], strict=True):
            lines += made.add(content[first:last])
        assert lines + made.last() == content.split(b"\n")


def test_a_line_without_end_is_cut_and_the_next_is_whole(monkeypatch):
    monkeypatch.setattr(sources, "LONGEST", 10)
    made = sources.Lines()
    assert made.add(b"x" * 25) == [b"x" * 10]
    assert made.add(b"x" * 25 + b"\nnext\n") == [b"next"]


def test_a_pipe_gives_what_is_written():
    reading, writing = os.pipe()
    wanted = [b"row %d" % n for n in range(30_000)]

    def write() -> None:
        with open(writing, "wb") as file:
            file.write(b"\n".join(wanted))

    thread = threading.Thread(target=write)
    thread.start()
    batches = list(sources.of_pipe(reading))
    thread.join()
    os.close(reading)
    assert [line for batch in batches for line in batch.lines] == wanted
    assert max(len(batch.lines) for batch in batches) * 5 < 2 * sources.READ


def test_a_file_is_read_on_from_a_place_and_followed_through_rotation(tmp_path):
    path = tmp_path / "feed.csv"
    path.write_bytes(b"one\ntwo\nthr")
    first, *_ = sources.of_file(str(path))
    assert first == sources.Batch([b"one", b"two"], 8)
    assert next(sources.of_file(str(path), 4)).lines == [b"two"]
    followed = sources.of_file(str(path), first.place, follow=True, pause=0.0)
    assert next(followed).lines == []
    with path.open("ab") as file:
        file.write(b"ee\nfour\n")
    assert next(batch for batch in followed if batch.lines).lines == [b"three", b"four"]
    other = tmp_path / "other"
    other.write_bytes(b"five\n")
    other.replace(path)
    assert next(batch for batch in followed if batch.lines).lines == [b"five"]
    path.write_bytes(b"6\n")
    assert next(batch for batch in followed if batch.lines).lines == [b"6"]


def test_a_missing_file_is_told():
    with pytest.raises(ValueError, match=r"cannot read 'nowhere.csv'"):
        next(sources.of_file("nowhere.csv"))
