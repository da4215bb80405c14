"""Checks of a config's values: one clear line naming the option and its value."""

from __future__ import annotations

import numbers
from typing import Any


def check_sizes(config: Any, *names: str) -> None:
    """Raises unless every named option is a whole number of at least 1.

    Raises:
        ValueError: Naming the option and its value.
    """
    for name in names:
        value = getattr(config, name)
        if not _whole(value) or value < 1:
            raise ValueError(f"{name}={value!r} must be a whole number of at least 1")


def check_counts(config: Any, *names: str) -> None:
    """Raises unless every named option is a whole number of at least 0.

    Raises:
        ValueError: Naming the option and its value.
    """
    for name in names:
        value = getattr(config, name)
        if not _whole(value) or value < 0:
            raise ValueError(f"{name}={value!r} must be a whole number of at least 0")


def check_not_negative(config: Any, *names: str) -> None:
    """Raises unless every named option is a number of at least 0.

    Raises:
        ValueError: Naming the option and its value.
    """
    for name in names:
        value = getattr(config, name)
        if not isinstance(value, numbers.Real) or not float(value) >= 0:
            raise ValueError(f"{name}={value!r} must be a number of at least 0")


def check_positive(config: Any, *names: str) -> None:
    """Raises unless every named option is a number above 0.

    Raises:
        ValueError: Naming the option and its value.
    """
    for name in names:
        value = getattr(config, name)
        if not isinstance(value, numbers.Real) or not float(value) > 0:
            raise ValueError(f"{name}={value!r} must be a number above 0")


def check_choice(config: Any, name: str, choices: tuple[Any, ...]) -> None:
    """Raises unless the named option is one of the choices.

    Raises:
        ValueError: Naming the option, its value and the choices.
    """
    value = getattr(config, name)
    if value not in choices:
        listed = ", ".join(map(str, choices))
        raise ValueError(f"{name}={value!r} is unknown; the choices are {listed}")


def _whole(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)
