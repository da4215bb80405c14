"""Files and folders are replaced whole or not at all."""

from __future__ import annotations

import json
import pathlib

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


def test_a_folder_is_replaced_when_it_is_complete(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "model"
    for text in ("old", "new"):
        with files.replaced_folder(path, "mark", "model") as folder:
            (folder / "mark").write_text(text)
    assert (path / "mark").read_text() == "new"
    with pytest.raises(KeyError):
        with files.replaced_folder(path, "mark", "model") as folder:
            (folder / "mark").write_text("half")
            raise KeyError
    assert (path / "mark").read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_a_folder_of_another_kind_is_not_replaced(tmp_path: pathlib.Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(ValueError, match="is there and is no model; name another"):
        with files.replaced_folder(tmp_path / "mine", "mark", "model"):
            pass
