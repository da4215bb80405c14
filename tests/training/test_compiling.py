"""Options of the compiler: known ones compile, unknown ones are left out."""

from __future__ import annotations

import jax
import pytest

from jaxtsad.training import compiling


def test_one_member_is_compiled_with_options_that_compile() -> None:
    found = compiling.options()
    doubled = jax.jit(lambda x: 2 * x, compiler_options=found)
    assert doubled(3.0) == 6.0


def test_options_that_xla_does_not_know_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compiling, "ALONE", {"xla_cpu_no_such_option": "1"})
    compiling._supported.cache_clear()
    assert compiling.options() is None
    monkeypatch.undo()
    compiling._supported.cache_clear()
