"""Files and folders are replaced whole or not at all."""

from __future__ import annotations

import functools
import json
import os
import pathlib
import stat
import subprocess
import sys

import numpy as np
import pytest

from jaxtsad import files


def test_a_failed_write_leaves_what_was_there(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "deep" / "a.txt"
    files.write_text(path, "old\r\n")

    def fail(file: object) -> None:
        raise OSError("no space")

    with pytest.raises(ValueError, match=r"cannot write .*no space"):
        files.write(path, fail)
    assert path.read_bytes() == b"old\r\n"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_json_holds_numbers_only_where_they_are_finite(tmp_path: pathlib.Path) -> None:
    tree = {"a": np.float32(0.5), "b": [float("inf"), np.int64(3)], "c": "ä"}
    files.write_json(tmp_path / "x.json", tree)
    found = json.loads((tmp_path / "x.json").read_text())
    assert found == {"a": 0.5, "b": [None, 3], "c": "ä"}


def test_arrays_of_any_name(tmp_path: pathlib.Path) -> None:
    files.write_arrays(tmp_path / "x.npz", {"file": np.arange(3), "a/b": np.ones(2)})
    with np.load(tmp_path / "x.npz", allow_pickle=False) as found:
        assert sorted(found.files) == ["a/b", "file"]
        np.testing.assert_array_equal(found["file"], np.arange(3))


def test_arrays_whose_file_was_changed_are_refused(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "x.npz"
    files.write_arrays(path, {"a": np.arange(3), "b": np.ones(2)})
    found = files.read_arrays(path, lambda name: name == "b")
    assert list(found) == ["b"] and found["b"].tolist() == [1, 1]
    whole = path.read_bytes()
    for content in (whole[:-1], whole[:50], b"", whole + b"x", b"\0" * 64):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="is not an archive of arrays"):
            files.read_arrays(path)


def test_a_sealed_record_is_read_back_and_a_changed_one_refused() -> None:
    record = {"a": [1.5, "ä"], "zeros": files.BLANK, "n": None}
    content = files.sealed(record)
    assert files.unsealed(content) == record
    assert json.loads(content)["zeros"] == files.BLANK
    for other in (b"[]", b"{}", content.replace(b"1.5", b"1.6"), b'{"sha256": 3}'):
        with pytest.raises(ValueError, match="checksum"):
            files.unsealed(other)


def test_a_link_is_followed_and_stays(tmp_path: pathlib.Path) -> None:
    (tmp_path / "far").mkdir()
    link = tmp_path / "link.txt"
    link.symlink_to("far/real.txt")
    for text in ("first", "second"):
        files.write_text(link, text)
        assert link.is_symlink()
        assert (tmp_path / "far" / "real.txt").read_text() == text
    assert len(list(tmp_path.rglob("*"))) == 3


def test_devices_pipes_and_streams_are_written_to(
    tmp_path: pathlib.Path, capfdbinary: pytest.CaptureFixture
) -> None:
    device = os.stat("/dev/null")
    files.write_text("/dev/null", "nothing")
    assert os.stat("/dev/null").st_ino == device.st_ino
    with pytest.raises(ValueError, match="No space left on device"):
        files.write_text("/dev/full", "too much")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    files.write_text(pipe, "through")
    assert os.read(reader, 100) == b"through" and pipe.is_fifo()
    os.close(reader)
    for name in ("-", "/dev/stdout"):
        print("before", end=" ")
        files.write_text(name, "content ")
        assert files.is_stream(name)
    assert capfdbinary.readouterr().out == b"before content " * 2


def test_modes_are_those_of_the_umask_or_of_what_was_there(
    tmp_path: pathlib.Path,
) -> None:
    before = os.umask(0o027)
    try:
        files.write_text(tmp_path / "deep" / "new", "x")
        with files.locked(tmp_path / "locked", "run"):
            files.write_text(tmp_path / "locked" / "new", "x")
    finally:
        os.umask(before)
    for folder in ("deep", "locked"):
        assert stat.S_IMODE((tmp_path / folder).stat().st_mode) == 0o750
        assert stat.S_IMODE((tmp_path / folder / "new").stat().st_mode) == 0o640
    (tmp_path / "deep" / "new").chmod(0o600)
    files.write_text(tmp_path / "deep" / "new", "y")
    assert stat.S_IMODE((tmp_path / "deep" / "new").stat().st_mode) == 0o600


def test_names_of_all_lengths(tmp_path: pathlib.Path) -> None:
    files.write_text(tmp_path / ("n" * 255), "x")
    assert (tmp_path / ("n" * 255)).read_text() == "x"
    with pytest.raises(ValueError, match="cannot write"):
        files.write_text(tmp_path / ("n" * 256), "x")
    with pytest.raises(ValueError, match="Is a directory"):
        files.write_text(tmp_path, "x")


def test_what_a_killed_process_leaves_is_removed_by_the_next(
    tmp_path: pathlib.Path,
) -> None:
    """One that is being written stays: its writer holds a lock on it."""

    def look(file: object) -> None:
        (alive,) = tmp_path.glob(f"{files.TEMPORARY}*")
        stale = tmp_path / f"{files.TEMPORARY}0123"
        stale.write_text("left")
        files.write_text(tmp_path / "other", "x")
        assert alive.exists() and not stale.exists()

    files.write(tmp_path / "one", look)
    assert {p.name for p in tmp_path.iterdir()} == {"one", "other"}


def test_a_folder_is_locked_for_one(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a" / "b"
    with files.locked(path, "run directory"):
        with pytest.raises(ValueError, match=r"run directory .* is in use by another"):
            with files.locked(path, "run directory"):
                pass
        assert path.is_dir()
    assert not (tmp_path / "a").exists(), "nothing was put into it"
    with files.locked(path, "run directory") as folder:
        (folder / "kept").write_text("x")
    with files.locked(path, "run directory"):
        pass
    assert (path / "kept").exists()
    (tmp_path / "file").write_text("x")
    with pytest.raises(ValueError, match="cannot write to"):
        with files.locked(tmp_path / "file", "run directory"):
            pass


def test_a_lock_ends_with_its_process(tmp_path: pathlib.Path) -> None:
    code = (
        "import os, sys; from jaxtsad import files\n"
        "with files.locked(sys.argv[1], 'x') as folder:\n"
        "    (folder / 'there').touch(); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "x")])
    assert done.returncode == -9 and (tmp_path / "x" / "there").exists()
    with files.locked(tmp_path / "x", "run"):
        pass


def test_folders_are_refused_before_anything_is_computed(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = functools.partial(
        files.check_folder, marker="mark", kind="model", parts=("part",)
    )
    mine = tmp_path / "mine"
    check(mine)
    mine.mkdir()
    check(mine)
    (mine / "part").touch()
    (mine / f"{files.TEMPORARY}12").touch()
    check(mine)
    (mine / "thesis.txt").touch()
    with pytest.raises(ValueError, match="is there, is not empty and is no model"):
        check(mine)
    (mine / "mark").touch()
    check(mine)
    for bad in (mine / "mark", mine / "mark" / "deep"):
        with pytest.raises(ValueError, match=r"Not a directory|is no folder"):
            check(bad)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ValueError, match="is read-only"):
        check(mine)
    with pytest.raises(ValueError, match="is read-only"):
        files.check_writable(tmp_path / "none" / "deep.csv")
    files.check_writable("-")
