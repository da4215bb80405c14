"""Freed memory is kept where nobody has chosen otherwise."""

from __future__ import annotations

import ctypes
import types

import pytest

from jaxtsad.training import memory


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    made: list[tuple[int, int]] = []
    library = types.SimpleNamespace(mallopt=lambda *words: made.append(words))
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    for name in memory.CHOSEN:
        monkeypatch.delenv(name, raising=False)
    return made


def test_large_pieces_are_kept(calls: list[tuple[int, int]]) -> None:
    memory.keep()
    assert sorted(calls) == [(-3, memory.MOST), (-1, memory.MOST)]


@pytest.mark.parametrize("name", memory.CHOSEN)
def test_what_the_user_chose_stays(
    name: str, calls: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "1")
    memory.keep()
    assert not calls


def test_another_c_library_is_left_alone(
    calls: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: types.SimpleNamespace())
    memory.keep()
    assert not calls
