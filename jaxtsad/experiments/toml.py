"""Configs as TOML: read, overridden by dotted flags, and written back."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import tomllib
import typing
from collections.abc import Mapping, Sequence
from typing import Any

import tomli_w

from jaxtsad import detectors, validation
from jaxtsad.experiments.config import Config, DetectorChoice

SPELLINGS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}
"""Truth values of the command line, in any case; others are refused."""


def load(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Config:
    """Reads a config file and applies dotted overrides.

    Args:
        path: A TOML file.
        overrides: Flags and values in turn, such as `--training.epochs 3`.

    Raises:
        ValueError: If the file is missing or no TOML, a key is unknown, or a value is
            of the wrong type.
    """
    try:
        tree = tomllib.loads(pathlib.Path(path).read_text("utf-8-sig"))
    except FileNotFoundError:
        raise ValueError(f"there is no config file {str(path)!r}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"config {str(path)!r} is no readable TOML: {error}") from None
    # The detector's name comes first: what its options want depends on it.
    pairs = sorted(_pairs(overrides), key=lambda pair: pair[0] != "detector.name")
    for key, text in pairs:
        _put(tree, key, _meant(_wanted(key, tree), text))
    return parse(tree)


def parse(tree: Mapping[str, Any]) -> Config:
    """Makes a config of nested mappings; unknown keys are fatal.

    Example:
        >>> parse({"training": {"epochs": 3}}).training.epochs
        3
    """
    return validation.make(Config, tree, "config key")


def dump(config: Config) -> str:
    """A config as TOML that `load` reads back.

    Example:
        >>> parse(tomllib.loads(dump(Config()))) == Config()
        True
    """
    return tomli_w.dumps(_without_none(dataclasses.asdict(config)))


def _without_none(tree: Mapping[str, Any]) -> dict[str, Any]:
    """TOML has no None; an option left out is None, too."""
    return {
        key: _without_none(value) if isinstance(value, Mapping) else value
        for key, value in tree.items()
        if value is not None
    }


def assignments(texts: Sequence[str], detector: str | None = None) -> dict[str, Any]:
    """Reads `name=value` texts, values as in TOML.

    Args:
        texts: Options of a detector.
        detector: Its name; where it wants a truth value, `SPELLINGS` are read as one.

    Raises:
        ValueError: If a text has no `=`.

    Example:
        >>> assignments(["width=64", "score=reconstruction"])
        {'width': 64, 'score': 'reconstruction'}
        >>> assignments(["average=No"], "zscore")
        {'average': False}
    """
    hints = _option_hints(detector)
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"{text!r} must be NAME=VALUE")
        name = name.strip()
        found[name] = _truth(value) if hints.get(name) is bool else _value(value)
    return found


def _option_hints(detector: Any) -> dict[str, Any]:
    """What the options of a detector want; nothing where there is no such detector."""
    if detector not in detectors.available():
        return {}
    return typing.get_type_hints(detectors.module(detector).Config)


def _pairs(flags: Sequence[str]) -> list[tuple[str, str]]:
    pairs = []
    rest = list(flags)
    while rest:
        flag = rest.pop(0)
        if not flag.startswith("--") or len(flag) < 3:
            raise ValueError(f"{flag!r} is no override; write --training.epochs 3")
        key, equals, text = flag[2:].partition("=")
        if not equals:
            if not rest:
                raise ValueError(f"{flag} needs a value")
            text = rest.pop(0)
        pairs.append((key, text))
    return pairs


def _value(text: str) -> Any:
    """A TOML value, or the text itself where it is none (a bare word)."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _truth(text: str) -> Any:
    """A truth value as people spell it; anything else as `_value` reads it."""
    value = _value(text)
    word = value if isinstance(value, str) else text
    return SPELLINGS.get(word.strip().casefold(), value)


def _wanted(key: str, tree: Mapping[str, Any]) -> Any:
    """The type that a key of a config wants, or None where it is not known."""
    if key.startswith("detector.options."):
        chosen = tree.get("detector")
        name = chosen.get("name") if isinstance(chosen, Mapping) else None
        hints = _option_hints(name or DetectorChoice().name)
        return hints.get(key.removeprefix("detector.options."))
    hint: Any = Config
    for part in key.split("."):
        hints = typing.get_type_hints(hint) if dataclasses.is_dataclass(hint) else {}
        hint = hints.get(part)
    return hint


def _meant(hint: Any, text: str) -> Any:
    """A text of the command line as the value that is wanted.

    Where text is wanted, 7 is "7"; where a list is wanted, one value is a list of it;
    where a truth value is wanted, it may be spelled as in `SPELLINGS`.
    """
    if hint is bool:
        return _truth(text)
    value = _value(text)
    if typing.get_origin(hint) is tuple:
        words = typing.get_args(hint)[0] is str
        if not isinstance(value, list):
            return [text if words and not isinstance(value, str) else value]
        return [str(item) for item in value] if words else value
    return text if hint is str and not isinstance(value, str) else value


def _put(tree: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        tree = tree.setdefault(parent, {})
        if not isinstance(tree, dict):
            raise ValueError(f"--{key}: {parent} is a value, not a table")
    tree[last] = value
