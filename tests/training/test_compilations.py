"""Compiled programs are kept on disk, unless the user says otherwise."""

from __future__ import annotations

import pathlib
from typing import Any

import jax
import pytest

from jaxtsad.training import compilations

CHOSEN = "jax_compilation_cache_dir"


def kept(monkeypatch: pytest.MonkeyPatch, chosen: str | None) -> dict[str, Any]:
    """What is changed where the user has chosen this place."""
    changed: dict[str, Any] = {}
    with monkeypatch.context() as patched:
        patched.setattr(type(jax.config), CHOSEN, chosen)
        patched.setattr(jax.config, "update", changed.__setitem__)
        compilations.keep()
    return changed


def test_they_are_kept_in_the_cache_folder_up_to_a_size(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    changed = kept(monkeypatch, None)
    assert changed[CHOSEN] == str(tmp_path / "jaxtsad")
    assert changed["jax_compilation_cache_max_size"] == compilations.MOST
    assert (tmp_path / "jaxtsad").is_dir()


def test_a_place_that_the_user_chose_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not kept(monkeypatch, "elsewhere")


def test_where_nothing_can_be_written_nothing_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert not kept(monkeypatch, None)
