"""The contract: what every detector promises, checked for anybody's detector.

A detector is a module with a frozen dataclass `Config` (options `window` and `channels`
and its own), a function `build(config) -> Detector` and a small config `TINY` that
learns in a second; `LAYOUTS` names the kinds of input it can see: `window`, `image` or
`table` (windows alone where it is missing; others need an option `layout`).
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from jaxtsad.check.cases import Case, kinds, make, prepare
from jaxtsad.check.promises import CHECKS, members_together_equal_members_alone
from jaxtsad.types import Detector

__all__ = [
    "CHECKS",
    "Case",
    "check_detector",
    "kinds",
    "make",
    "members_together_equal_members_alone",
    "prepare",
]


def check_detector(
    detector: str | ModuleType | Callable[..., Detector], config: Any = None
) -> None:
    """Checks that a detector keeps the contract, for every kind of input it declares.

    Args:
        detector: A name of `jaxtsad.detectors.available()`, a detector's module (see
            above what it holds), or its `build`.
        config: A small config for windows; None for the module's `TINY`.

    Raises:
        AssertionError: Naming the detector, the kind of input and the broken promise.
        ValueError: If there is no such detector or no small config.

    Example:
        >>> check_detector("zscore")
    """
    for kind in kinds(detector):
        case = prepare(detector, kind, config)
        for check in CHECKS:
            try:
                check(case)
            except AssertionError as error:
                promise = check.__name__.replace("_", " ")
                raise AssertionError(
                    f"{case.name} on input of kind {kind}: {promise}: {error}"
                ) from None
