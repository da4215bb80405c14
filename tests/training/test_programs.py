"""Options of the compiler: known ones compile, unknown ones are left out."""

from __future__ import annotations

import jax
import pytest

from jaxtsad import detectors
from jaxtsad.ops import products
from jaxtsad.training import programs
from jaxtsad.types import Detector

SIZES = {"window": 8, "channels": 3}


def of_windows() -> Detector:
    return detectors.load("zscore", SIZES)


@pytest.mark.parametrize("name", ["zscore", "pretrained_tcn"])
@pytest.mark.parametrize("once", [False, True])
def test_one_member_is_compiled_with_options_that_compile(
    name: str, once: bool
) -> None:
    found = programs.options_for(detectors.load(name, SIZES), 1, once)
    doubled = jax.jit(lambda x: 2 * x, compiler_options=found)
    assert doubled(3.0) == 6.0


def test_options_that_xla_does_not_know_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(products, "narrow_is_fast", lambda: False)
    monkeypatch.setattr(programs, "ALONE", {"xla_cpu_no_such_option": "1"})
    assert programs.options_for(of_windows(), 1) is None
    assert programs.options_for(of_windows(), 2) is None
    monkeypatch.setattr(programs, "QUICK", {"xla_cpu_no_such_option": "1"})
    assert programs.quick_options() is None
    assert programs.quick_options(once=True) == programs.ONCE


def test_products_are_left_to_xla_and_vectors_are_wide_where_it_multiplies_bfloat16(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(programs, "_supported", lambda name, value: True)
    for fast, found in ((False, programs.ALONE), (True, programs.WIDE)):
        monkeypatch.setattr(products, "narrow_is_fast", lambda fast=fast: fast)
        assert programs.options_for(of_windows(), 1) == found
