"""Options of the compiler: known ones compile, unknown ones are left out."""

from __future__ import annotations

import jax
import pytest

from jaxtsad.training import programs


def test_one_member_is_compiled_with_options_that_compile() -> None:
    found = programs.compiler_options()
    doubled = jax.jit(lambda x: 2 * x, compiler_options=found)
    assert doubled(3.0) == 6.0


def test_options_that_xla_does_not_know_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(programs, "ALONE", {"xla_cpu_no_such_option": "1"})
    programs._supported.cache_clear()
    assert programs.compiler_options() is None
    monkeypatch.undo()
    programs._supported.cache_clear()
